/** Two keys drawn as two keys, and the words by which to compare them. */

import { h, svg } from "../shared/dom.ts";
import { text } from "../shared/text.ts";

const words = text.welcome;

/** Keys differ in shape, so that they are two without their colours. */
function drawKey(isRound: boolean): SVGElement {
  const bow = isRound
    ? svg("circle", { cx: 20, cy: 20, r: 14, fill: "none", "stroke-width": 5 })
    : svg("rect", { x: 6, y: 7, width: 27, height: 26, fill: "none", "stroke-width": 5 });
  return svg(
    "svg",
    { viewBox: "0 0 96 40", class: "key", "aria-hidden": "true" },
    bow,
    svg("path", { d: "M34 20H90M74 20V32M86 20V30", fill: "none", "stroke-width": 5 }),
  );
}

/** The two keys, each with its holder, and what they open. */
export function twoKeys(representative: string): HTMLElement {
  const one = (title: string, holder: string, isRound: boolean): HTMLElement =>
    h("div", {}, drawKey(isRound), h("strong", {}, title), h("span", { class: "soft" }, holder));
  return h(
    "div",
    { class: "keys" },
    one(words.keyOfRepresentative, words.heldBy(representative), true),
    h("span", { class: "plus", "aria-hidden": "true" }, "+"),
    one(words.keyOfResearch, words.heldByResearch, false),
    h(
      "span",
      { class: "opens" },
      h("span", { class: "plus", "aria-hidden": "true" }, "="),
      h("span", { class: "box-sealed" }, words.sealed),
    ),
  );
}

/** A key as words to compare. */
export function keyInWords(list: readonly string[], id: string): HTMLElement {
  return h("p", { class: "words", id, translate: "no" }, list.join(" "));
}
