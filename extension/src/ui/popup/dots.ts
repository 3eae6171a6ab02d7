/** The last ten seconds as dots: one a quarter of a second, larger where more happened. */

import { svg } from "../shared/dom.ts";

const WIDTH = 328;
const HEIGHT = 22;
const SMALLEST = 1;
const LARGEST = 4;

/** Draw counts, oldest left. What is drawn is said in words beside it. */
export function dotsOf(counts: readonly number[]): SVGElement {
  const step = WIDTH / Math.max(1, counts.length);
  const dots = counts.map((count, at) =>
    svg("circle", {
      cx: (at + 0.5) * step,
      cy: HEIGHT / 2,
      r: count === 0 ? SMALLEST : Math.min(LARGEST, SMALLEST + 0.75 * Math.sqrt(count)),
      class: count === 0 ? "none" : "some",
    }),
  );
  const attributes = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "dots", "aria-hidden": "true" };
  return svg("svg", attributes, ...dots);
}
