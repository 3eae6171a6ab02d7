/**
 * Scroll: by how much the view moved, unless typing moved it.
 *
 * A field that follows its caret moves by the width of each letter, which would tell the text.
 */

import { type Area, type Signal, tickOf } from "../area.ts";
import { NO_FIELD } from "../codes.ts";
import { isElement, type Path } from "../element.ts";
import { classOf } from "../field.ts";
import { MAX_SCROLL } from "../limits.ts";
import { addRow, clamp, noRows } from "../rows.ts";

type Position = readonly [x: number, y: number];

function positionOf(element: Element): Position {
  return [Math.round(element.scrollLeft), Math.round(element.scrollTop)];
}

function bound(pixels: number): number {
  return clamp(pixels, -MAX_SCROLL, MAX_SCROLL);
}

export function scroll(area: Area): Signal {
  const rows = noRows(area.tally);
  const before = new WeakMap<Element, Position>();
  /** Whether the newest input went into a field, or where nothing may be told. */
  let typed = false;
  /** Know where things stand before they move: what is scrolled was pointed at or has the focus. */
  const look = (_: Event, path: Path): void => {
    for (const element of path) {
      if (!before.has(element)) before.set(element, positionOf(element));
    }
  };
  area.on("pointerover", look);
  area.on("keydown", look);
  for (const input of ["keydown", "beforeinput", "pointerdown", "wheel"]) {
    area.onAny(area.root, input, (event) => {
      const path = area.pathOf(event);
      typed = !(event instanceof MouseEvent) && (path === null || classOf(path[0]) !== NO_FIELD);
    });
  }
  area.on("scroll", ({ target, timeStamp }) => {
    const moved = target && isElement(target) ? target : document.scrollingElement;
    if (moved === null) return;
    const [x, y] = positionOf(moved);
    const [fromX, fromY] = before.get(moved) ?? [x, y];
    before.set(moved, [x, y]);
    if (typed || classOf(moved) !== NO_FIELD || (x === fromX && y === fromY)) return;
    addRow(rows, tickOf(timeStamp), bound(x - fromX), bound(y - fromY));
    area.due();
  });
  return { rows };
}
