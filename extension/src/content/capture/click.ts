/** Click: which button of the mouse, on what, and where inside a button or link. */

import { type Area, tickOf } from "../area.ts";
import { type Path, read } from "../element.ts";
import { addRow, clamp, type Rows } from "../rows.ts";
import { targetOf } from "../target.ts";

/** Buttons and links: elsewhere a cell would map the page. */
const PRESSED =
  "a,button,[role=button],[role=link],input[type=button],input[type=image],input[type=reset],input[type=submit]";
const GRID = 8;

/** Row-major cell of the 8×8 grid over the element, from 1; 0 for a press by keyboard. */
function cellOf(element: Element, event: MouseEvent): number {
  if (event.detail === 0) return 0;
  const { left, top, width, height } = element.getBoundingClientRect();
  if (width <= 0 || height <= 0) return 0;
  const column = clamp(Math.floor((GRID * (event.clientX - left)) / width), 0, GRID - 1);
  const row = clamp(Math.floor((GRID * (event.clientY - top)) / height), 0, GRID - 1);
  return 1 + row * GRID + column;
}

export function click(area: Area, rows: Rows): undefined {
  const record = (event: MouseEvent, path: Path): void => {
    const { element, code } = targetOf(path);
    const cell = read(element, "matches", PRESSED) ? cellOf(element, event) : 0;
    addRow(rows, tickOf(event.timeStamp), clamp(event.button, 0, 4), code, cell);
  };
  area.on("click", record);
  area.on("auxclick", record);
}
