/** Hover: on what the pointer rested, and for how long. */

import type { Area, Settle } from "../area.ts";
import { MAX_TICKS, SHORTEST_HOVER_TICKS } from "../limits.ts";
import { addRow, type Rows } from "../rows.ts";
import { targetOf } from "../target.ts";

export function hover(area: Area, rows: Rows): Settle {
  let resting: { element: Element; packed: number; since: number } | undefined;
  const finish = (now: number): void => {
    if (resting && now - resting.since >= SHORTEST_HOVER_TICKS) {
      addRow(rows, resting.since, resting.packed, Math.min(now - resting.since, MAX_TICKS));
    }
    resting = undefined;
  };
  area.onAny(area.root, "pointerover", (event: PointerEvent, now) => {
    const path = area.pathOf(event);
    const found = path && targetOf(path);
    if (found?.element === resting?.element) return;
    finish(now);
    if (found) resting = { ...found, since: now };
  });
  area.onAny(area.root, "pointerout", (event: PointerEvent, now) => {
    if (!event.relatedTarget) finish(now);
  });
  return (now, leaving) => leaving && finish(now);
}
