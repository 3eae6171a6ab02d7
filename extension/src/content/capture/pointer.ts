/** Pointer: where it went, at most one point a tick, outside of what is private. */

import { type Area, tickOf } from "../area.ts";
import { MAX_POSITION } from "../limits.ts";
import { isPrivateAt } from "../privacy.ts";
import { addRow, clamp, type Row, type Rows } from "../rows.ts";

export function pointer(area: Area, rows: Rows): undefined {
  let newest: Row = [0];
  area.on("pointermove", (event) => {
    // Of several points in a tick the last one counts.
    const points = new Map<number, PointerEvent>();
    for (const point of [...event.getCoalescedEvents(), event]) {
      points.set(tickOf(point.timeStamp), point);
    }
    for (const [tick, { clientX, clientY }] of points) {
      // The event tells only where its last point is, and not even that of a pointer that something captured.
      if (isPrivateAt(clientX, clientY)) continue;
      const at = [clientX, clientY].map((place) => clamp(Math.floor(place), -MAX_POSITION));
      if (tick > newest[0]) newest = addRow(rows, tick, ...at);
      // A row that was taken is not changed.
      else newest.splice(1, 2, ...at);
    }
  });
}
