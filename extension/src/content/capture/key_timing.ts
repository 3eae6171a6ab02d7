/** Key timing: when a key went down and how long it was held, by class; never which key. */

import type { Area, Settle } from "../area.ts";
import { CORRECT, NO_FIELD, UNKNOWN_FIELD } from "../codes.ts";
import { fieldOf } from "../field.ts";
import { classOf } from "../keys.ts";
import { LONGEST_HELD_TICKS, MAX_TICKS, NEVER } from "../limits.ts";
import { addRow, clamp, type Row, type Rows } from "../rows.ts";

export function keyTiming(area: Area, rows: Rows): Settle {
  /** Rows of the keys held at this moment, by place on the keyboard; emptied at release. */
  const held = new Map<string, Row>();

  const giveUp = (): void => {
    rows.tally.lost += held.size;
    held.clear();
    rows.all = rows.all.filter((row) => row[1] !== NEVER);
  };
  area.on("keydown", (event, path, tick) => {
    const kind = classOf(event);
    if (event.repeat || kind === 0) return;
    const field = fieldOf(path);
    // Outside of fields, letters may belong to something that only looks like no password box.
    if (field === UNKNOWN_FIELD || (field === NO_FIELD && kind <= CORRECT)) return;
    if (held.has(event.code)) giveUp();
    held.set(event.code, addRow(rows, tick, NEVER, kind));
  });
  // Unguarded, since the release of a key says nothing about where the focus went meanwhile.
  area.onAny(area.root, "keyup", (event: KeyboardEvent, tick) => {
    const row = held.get(event.code);
    if (!row) return;
    row[1] = clamp(tick - row[0], 0, MAX_TICKS);
    held.delete(event.code);
    rows.due();
  });
  // Every element that loses the focus is heard here, as when Tab moves it: the key is still held.
  area.onAny(window, "blur", ({ target }) => target === window && giveUp());
  return (now, leaving) => {
    if (leaving || now - (rows.all[0]?.[0] ?? now) > LONGEST_HELD_TICKS) giveUp();
    return held.size > 0;
  };
}
