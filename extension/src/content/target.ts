/** What was pointed at: an element as a code from closed vocabularies, never anything that the page wrote. */

import { LANDMARK_CODES, packTarget, ROLE_CODES } from "../shared/vocabulary.ts";
import { type Path, read } from "./element.ts";

/** Controls, by tag or role: what is inside one of them means the control. */
const CONTROLS = new Set(
  (
    "button checkbox combobox input label link menuitem menuitemcheckbox menuitemradio option radio searchbox select " +
    "slider spinbutton summary switch tab textarea textbox treeitem"
  ).split(" "),
);
/** Tags that are landmarks by themselves. */
const LANDMARK_TAGS: Readonly<Record<string, string>> = {
  header: "banner",
  aside: "complementary",
  footer: "contentinfo",
  nav: "navigation",
};
/** The header of an article is not the page's banner. */
const PART = ":is(article,aside,main,nav,section) :is(header,footer)";

/** The part of the interface that an event means: the nearest control, or else the innermost element. */
export interface Target {
  readonly element: Element;
  readonly packed: number;
}

function roleOf(element: Element): string {
  const roles = element.getAttribute("role")?.toLowerCase().split(/\s+/);
  return roles?.find((role) => ROLE_CODES.has(role)) ?? "";
}

/** The nearest landmark around. */
function landmarkOf(path: readonly Element[]): string {
  for (const element of path) {
    const tag = element.localName;
    const words = [
      roleOf(element),
      read(element, "matches", PART) ? "" : (LANDMARK_TAGS[tag] ?? tag),
    ];
    const found = words.find((word) => LANDMARK_CODES.has(word));
    if (found) return found;
  }
  return "";
}

/** Find what an event means. */
export function targetOf(path: Path): Target {
  const at = path.findIndex((one) => CONTROLS.has(one.localName) || CONTROLS.has(roleOf(one)));
  const around = path.slice(Math.max(at, 0));
  const element = around[0] ?? path[0];
  const tag = element.localName;
  const type = tag === "input" ? (element as HTMLInputElement).type : "";
  return { element, packed: packTarget(tag, roleOf(element), type, landmarkOf(around)) };
}
