/**
 * Scroll: by how much the view moved, where a person moved it.
 *
 * A field that follows its caret moves by the width of each letter, which would tell the text; and what a page moves by
 * itself could tell anything.
 */

import type { Area } from "../area.ts";
import { NO_FIELD } from "../codes.ts";
import { isElement, read } from "../element.ts";
import { classOf } from "../field.ts";
import { MAX_SCROLL, NEVER, SCROLLS_MS } from "../limits.ts";
import { addRow, clamp, type Rows } from "../rows.ts";

const INPUTS =
  "pointermove pointerdown pointerup pointercancel wheel touchmove keydown beforeinput".split(" ");
/** What scrolls: events by type, keys by name. */
const MOVERS = /^(?:wheel|touch|pointerdown| |Arrow|Page|Home|End)/;

type Position = readonly [x: number, y: number];

function positionOf(element: Element): Position {
  return [Math.round(read(element, "scrollLeft")), Math.round(read(element, "scrollTop"))];
}

export function scroll(area: Area, rows: Rows): undefined {
  const before = new WeakMap<Element, Position>();
  /** What the newest input may move, and until when: NEVER while a pointer is pressed. */
  let movable = new Set<Element>();
  let until = 0;
  const hear = (event: Event): void => {
    const path = area.pathOf(event) ?? [];
    // Know where things stand before they move: what is scrolled was pointed at or has the focus.
    for (const element of path) {
      if (!before.has(element)) before.set(element, positionOf(element));
    }
    const { key, type, buttons } = event as Event & { key?: string; buttons?: number };
    const end = performance.now() + SCROLLS_MS;
    if (!path[0] || (!(event instanceof MouseEvent) && classOf(path[0]) !== NO_FIELD)) until = 0;
    else if (MOVERS.test(key ?? type)) {
      // If nothing has the focus, keys move what was pressed last.
      movable = new Set(key ? [...movable, ...path] : path);
      until = buttons ? NEVER : end;
    } else if (until === NEVER && buttons === 0) until = end;
  };
  for (const input of INPUTS) area.onAny(area.root, input, hear);
  area.on("scroll", ({ target }, _, tick) => {
    const moved = target && isElement(target) ? target : document.scrollingElement;
    if (!moved) return;
    const [x, y] = positionOf(moved);
    const [fromX, fromY] = before.get(moved) ?? [x, y];
    before.set(moved, [x, y]);
    const isMoved = performance.now() < until && movable.has(moved) && classOf(moved) === NO_FIELD;
    if (!isMoved || (x === fromX && y === fromY)) return;
    addRow(rows, tick, clamp(x - fromX, -MAX_SCROLL), clamp(y - fromY, -MAX_SCROLL));
  });
}
