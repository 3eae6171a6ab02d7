/** Which fields typing is recorded in: recognised, visible ones, each as a class from 1 to 8. */

import { MULTI_LINE, NO_FIELD, OTHER_FIELD, RICH_TEXT, UNKNOWN_FIELD } from "./codes.ts";
import { type Path, read } from "./element.ts";
import { LOOK_AGAIN_MS } from "./limits.ts";
import { isMasked } from "./privacy.ts";

/** Types of inputs by class, from 1; what is missing here is not typed in. */
const INPUT_TYPES = [
  "text",
  "",
  "",
  "search",
  "email url tel",
  "number",
  "date datetime-local month time week",
];

let checked: { element: Element; until: number; visible: boolean } | undefined;

/** The class of an element as a field, seen or not: 1-8, `UNKNOWN_FIELD` or `NO_FIELD`. */
export function classOf(element: Element): number {
  switch (element.localName) {
    case "input": {
      const { type } = element as HTMLInputElement;
      return INPUT_TYPES.findIndex((types) => types.split(" ").includes(type)) + 1 || NO_FIELD;
    }
    case "textarea":
      return MULTI_LINE;
    case "select":
      return OTHER_FIELD;
    default:
      return read(element as HTMLElement, "isContentEditable") ? RICH_TEXT : NO_FIELD;
  }
}

/** Fields that hide what they hold, or themselves, are none that a person agreed to. */
function isVisible(element: Element): boolean {
  if (isMasked(element)) return false;
  const shown = element.checkVisibility({
    opacityProperty: true,
    visibilityProperty: true,
  });
  const { width, height, left, top, right, bottom } = element.getBoundingClientRect();
  const onScreen = right > 0 && bottom > 0 && left < innerWidth && top < innerHeight;
  return shown && width > 1 && height > 1 && onScreen;
}

/**
 * The class of the field that a key went to: 1-8, `UNKNOWN_FIELD` or `NO_FIELD`.
 *
 * Visibility is looked at once a second at most, since looking costs the page a layout.
 */
export function fieldOf(path: Path): number {
  const element = path[0];
  const found = classOf(element);
  if (found <= UNKNOWN_FIELD) return found;
  const now = performance.now();
  if (checked?.element !== element || now > checked.until) {
    checked = { element, until: now + LOOK_AGAIN_MS, visible: isVisible(element) };
  }
  return checked.visible ? found : UNKNOWN_FIELD;
}
