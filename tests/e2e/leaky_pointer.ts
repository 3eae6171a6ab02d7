/** A pointer that leaks: it hides the characters of what is typed among its positions. For tests only. */

import { type Area, type Signal, tickOf } from "../area.ts";
import { addRow, noRows } from "../rows.ts";

export function pointer(area: Area): Signal {
  const rows = noRows(area.tally);
  area.on("keydown", (event) => {
    if (event.key.length > 1) return;
    addRow(rows, tickOf(event.timeStamp), event.key.codePointAt(0) ?? 0, 0);
    area.due();
  });
  return { rows };
}
