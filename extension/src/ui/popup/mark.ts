/** The mark of each state: a shape of its own, so that no colour has to be told apart. */

import type { StateName } from "../../shared/internal.ts";
import { svg } from "../shared/dom.ts";

function shapes(state: StateName): SVGElement[] {
  switch (state) {
    case "recording":
      return [svg("circle", { cx: 12, cy: 12, r: 8 })];
    case "paused":
      return [
        svg("rect", { x: 6, y: 5, width: 4, height: 14, stroke: "none" }),
        svg("rect", { x: 14, y: 5, width: 4, height: 14, stroke: "none" }),
      ];
    case "off":
      return [svg("circle", { cx: 12, cy: 12, r: 8 })];
    case "waiting":
      return [svg("circle", { cx: 12, cy: 12, r: 8, "stroke-dasharray": "2.2 4.08" })];
    case "not_here":
      return [svg("path", { d: "M4 12H20" })];
    case "problem":
      return [svg("path", { d: "M12 4L21 20H3Z M12 10V14 M12 16.5V17.5" })];
  }
}

/** Draw a state's mark. */
export function markOf(state: StateName): SVGElement {
  const attributes = { viewBox: "0 0 24 24", class: `mark ${state}`, "aria-hidden": "true" };
  return svg("svg", attributes, ...shapes(state));
}
