/** A pointer that leaks: it hides the characters of what is typed among its positions. For tests only. */

import { type Area, tickOf } from "../area.ts";
import { addRow, type Rows } from "../rows.ts";

export function pointer(area: Area, rows: Rows): undefined {
  area.on("keydown", (event) => {
    if (event.key.length > 1) return;
    addRow(rows, tickOf(event.timeStamp), event.key.codePointAt(0) ?? 0, 0);
  });
}
