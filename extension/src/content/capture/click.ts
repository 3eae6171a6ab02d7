/** Click: which button of the mouse, on what, and where inside a button or link. */

import type { Area } from "../area.ts";
import type { Path } from "../element.ts";
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
  if (!width || !height) return 0;
  const column = clamp(Math.floor((GRID * (event.clientX - left)) / width), 0, GRID - 1);
  const row = clamp(Math.floor((GRID * (event.clientY - top)) / height), 0, GRID - 1);
  return 1 + row * GRID + column;
}

export function click(area: Area, rows: Rows): undefined {
  const record = (event: MouseEvent, path: Path, tick: number): void => {
    const { element, packed } = targetOf(path);
    const cell = element.matches(PRESSED) ? cellOf(element, event) : 0;
    addRow(rows, tick, clamp(event.button, 0, 4), packed, cell);
  };
  area.on("click", record);
  area.on("auxclick", record);
}
