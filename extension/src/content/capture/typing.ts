/** Typing: bursts of keys in recognised fields, as a start, a count and a duration. */

import type { Area, Settle } from "../area.ts";
import { SUBMIT, UNKNOWN_FIELD } from "../codes.ts";
import type { Path } from "../element.ts";
import { fieldOf } from "../field.ts";
import { classOf } from "../keys.ts";
import { LONGEST_BURST_TICKS, PAUSE_TICKS } from "../limits.ts";
import { addRow, type Rows } from "../rows.ts";

type Burst = [first: number, count: number, duration: number, field: number];

export function typing(area: Area, rows: Rows): Settle {
  let burst: Burst | undefined;
  let where: Element | undefined;
  /** An input method changes its text without keys; a key that was counted must not count again. */
  let counted = false;

  const isOver = (now: number): boolean =>
    !!burst && (now - burst[0] - burst[2] > PAUSE_TICKS || now - burst[0] > LONGEST_BURST_TICKS);
  const finish = (): void => {
    if (burst) addRow(rows, ...burst);
    burst = undefined;
  };
  const count = (path: Path, now: number): void => {
    const field = fieldOf(path);
    if (isOver(now) || where !== path[0] || burst?.[3] !== field) finish();
    where = path[0];
    if (field > UNKNOWN_FIELD) {
      burst ??= [now, 0, 0, field];
      burst[1] += 1;
      burst[2] = Math.max(now - burst[0], 0);
    }
    rows.due();
  };

  area.on("keydown", (event, path, tick) => {
    const kind = classOf(event);
    if (event.repeat || kind === 0 || kind > SUBMIT) return;
    counted = true;
    count(path, tick);
  });
  area.on("keyup", () => {
    counted = false;
  });
  area.on("beforeinput", (event, path, tick) => {
    if (event.inputType !== "insertCompositionText") return;
    if (!counted) count(path, tick);
    counted = false;
  });
  return (now, leaving) => {
    if (leaving || isOver(now)) finish();
    return !!burst;
  };
}
