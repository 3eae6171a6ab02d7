/** Scroll: by how much the view moved. */

import { type Area, type Signal, tickOf } from "../area.ts";
import { isElement, type Path } from "../element.ts";
import { MAX_SCROLL } from "../limits.ts";
import { addRow, clamp, noRows } from "../rows.ts";

type Position = readonly [x: number, y: number];

function positionOf(element: Element): Position {
  return [Math.round(element.scrollLeft), Math.round(element.scrollTop)];
}

export function scroll(area: Area): Signal {
  const rows = noRows(area.tally);
  const before = new WeakMap<Element, Position>();
  /** Know where things stand before they move: what is scrolled was pointed at or has the focus. */
  const look = (_: Event, path: Path): void => {
    for (const element of path) {
      if (!before.has(element)) before.set(element, positionOf(element));
    }
  };
  area.on("pointerover", look);
  area.on("keydown", look);
  area.on("scroll", ({ target, timeStamp }) => {
    const moved = target && isElement(target) ? target : document.scrollingElement;
    if (moved === null) return;
    const [x, y] = positionOf(moved);
    const [fromX, fromY] = before.get(moved) ?? [x, y];
    before.set(moved, [x, y]);
    if (x === fromX && y === fromY) return;
    const dx = clamp(x - fromX, -MAX_SCROLL, MAX_SCROLL);
    addRow(rows, tickOf(timeStamp), dx, clamp(y - fromY, -MAX_SCROLL, MAX_SCROLL));
    area.due();
  });
  return { rows };
}
