/** Two keys drawn as two keys, and the words by which to compare them. */

import { h, svg } from "../shared/dom.ts";
import { text } from "../shared/text.ts";

const words = text.welcome;

function drawKey(): SVGElement {
  return svg(
    "svg",
    { viewBox: "0 0 96 40", class: "key", "aria-hidden": "true" },
    svg("circle", { cx: 20, cy: 20, r: 14, fill: "none", "stroke-width": 5 }),
    svg("path", { d: "M34 20H90M74 20V32M86 20V30", fill: "none", "stroke-width": 5 }),
  );
}

/** The two keys, each with its holder, and what they open. */
export function twoKeys(representative: string): HTMLElement {
  const one = (title: string, holder: string): HTMLElement =>
    h("div", {}, drawKey(), h("strong", {}, title), h("span", { class: "soft" }, holder));
  return h(
    "div",
    { class: "keys", role: "group", "aria-label": words.twoKeys },
    one(words.keyOfRepresentative, words.heldBy(representative)),
    h("span", { class: "plus", "aria-hidden": "true" }, "+"),
    one(words.keyOfResearch, words.heldByResearch),
    h("span", { class: "plus", "aria-hidden": "true" }, "="),
    h("div", { class: "box-sealed" }, words.sealed),
  );
}

/** A key as words to compare. */
export function keyInWords(list: readonly string[], id: string): HTMLElement {
  return h("p", { class: "words", id, translate: "no" }, list.join(" "));
}
