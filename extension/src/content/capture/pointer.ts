/** Pointer: where it went, at most one point a tick. */

import { type Area, type Signal, tickOf } from "../area.ts";
import { MAX_POSITION } from "../limits.ts";
import { addRow, clamp, noRows, type Row } from "../rows.ts";

export function pointer(area: Area): Signal {
  const rows = noRows(area.tally);
  let newest: Row = [0];
  area.on("pointermove", (event) => {
    const points = event.getCoalescedEvents?.() ?? [];
    for (const point of points.length > 0 ? points : [event]) {
      const tick = tickOf(point.timeStamp);
      const x = clamp(Math.floor(point.clientX), -MAX_POSITION, MAX_POSITION);
      const y = clamp(Math.floor(point.clientY), -MAX_POSITION, MAX_POSITION);
      if (tick > newest[0]) newest = addRow(rows, tick, x, y);
      // Of several points in a tick the last one counts; a row that was taken is not changed.
      else newest.splice(1, 2, x, y);
    }
    area.due();
  });
  return { rows };
}
