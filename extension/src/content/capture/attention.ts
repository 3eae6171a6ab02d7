/** Attention: whether the tab is visible, has the focus, and is in use. Only the tab's own frame tells. */

import { type Area, tickOf } from "../area.ts";
import { ACTIVE, BLURRED, FOCUSED, HIDDEN, IDLE, VISIBLE } from "../codes.ts";
import { IDLE_MS } from "../limits.ts";
import { isTop } from "../place.ts";
import { addRow, type Rows } from "../rows.ts";

export function attention(area: Area, rows: Rows): undefined {
  if (!isTop) return;
  const record = (state: number, at = performance.now()): void => {
    if (!area.isOpen()) return;
    addRow(rows, tickOf(at), state);
  };

  let before: number[] = [];
  /** Record what changed; moving into a frame of the page is no loss of focus. */
  const look = (): void => {
    const visible = document.visibilityState === "visible";
    const now = [visible ? VISIBLE : HIDDEN, document.hasFocus() ? FOCUSED : BLURRED];
    for (const state of now) if (!before.includes(state)) record(state);
    before = now;
  };
  area.onAny(document, "visibilitychange", look);
  area.onAny(window, "focus", look);
  area.onAny(window, "blur", look);
  look();

  let last = performance.now();
  let idle = false;
  const timer = setInterval(() => {
    if (idle || performance.now() - last < IDLE_MS) return;
    idle = true;
    area.run(() => record(IDLE));
  }, IDLE_MS / 4);
  area.stopped.onabort = () => clearInterval(timer);
  for (const input of ["pointermove", "pointerdown", "keydown", "wheel"] as const) {
    area.on(input, (event) => {
      last = event.timeStamp;
      if (idle) record(ACTIVE, last);
      idle = false;
    });
  }
}
