/** Hover: on what the pointer rested, and for how long. */

import { type Area, type Settle, tickOf } from "../area.ts";
import { MAX_TICKS, SHORTEST_HOVER_TICKS } from "../limits.ts";
import { addRow, type Rows } from "../rows.ts";
import { targetOf } from "../target.ts";

export function hover(area: Area, rows: Rows): Settle {
  let resting: { element: Element; code: number; since: number } | undefined;
  const finish = (now: number): void => {
    if (resting !== undefined && now - resting.since >= SHORTEST_HOVER_TICKS) {
      addRow(rows, resting.since, resting.code, Math.min(now - resting.since, MAX_TICKS));
    }
    resting = undefined;
  };
  area.onAny(area.root, "pointerover", (event: PointerEvent) => {
    if (!event.isTrusted) return;
    const path = area.pathOf(event);
    const found = path && targetOf(path);
    if (found !== null && found.element === resting?.element) return;
    const now = tickOf(event.timeStamp);
    finish(now);
    if (found !== null) resting = { element: found.element, code: found.code, since: now };
  });
  area.onAny(area.root, "pointerout", (event: PointerEvent) => {
    if (event.isTrusted && event.relatedTarget === null) finish(tickOf(event.timeStamp));
  });
  return (now, leaving) => {
    if (leaving) finish(now);
    return false;
  };
}
