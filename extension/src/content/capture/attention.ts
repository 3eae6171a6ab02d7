/** Attention: whether the tab is visible, has the focus, and is in use. Only the tab's own frame tells. */

import { type Area, tickOf } from "../area.ts";
import { ACTIVE, BLURRED, FOCUSED, HIDDEN, IDLE, VISIBLE } from "../codes.ts";
import { IDLE_TICKS, LOOK_IDLE_MS } from "../limits.ts";
import { isTop } from "../place.ts";
import { addRow, type Rows } from "../rows.ts";

export function attention(area: Area, rows: Rows): undefined {
  if (!isTop) return;
  const record = (state: number, tick = tickOf()): void => {
    if (area.isOpen()) addRow(rows, tick, state);
  };

  let before: number[] = [];
  /** Record what changed; moving into a frame of the page is no loss of focus. */
  const look = (): void => {
    const visible = document.visibilityState === "visible";
    const now = [visible ? VISIBLE : HIDDEN, document.hasFocus() ? FOCUSED : BLURRED];
    for (const state of now) if (!before.includes(state)) record(state);
    before = now;
  };
  for (const change of ["visibilitychange", "focus", "blur"]) area.onAny(window, change, look);
  look();

  let last = tickOf();
  let idle = false;
  const timer = setInterval(() => {
    if (idle || tickOf() - last < IDLE_TICKS) return;
    idle = true;
    area.run(() => record(IDLE));
  }, LOOK_IDLE_MS);
  area.stopped.onabort = () => clearInterval(timer);
  for (const input of ["pointermove", "pointerdown", "keydown", "wheel"] as const) {
    area.on(input, (_, __, tick) => {
      last = tick;
      if (idle) record(ACTIVE, last);
      idle = false;
    });
  }
}
