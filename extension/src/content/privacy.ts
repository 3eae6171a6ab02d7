/**
 * Which parts of a page give nothing at all: sensitive fields and marked regions.
 *
 * What was sensitive once stays so in this document, even if the page shows the password as text later.
 */

import { openOrClosedShadowRoot } from "../browser.ts";
import { isElement, isShadowRoot, type Path, read } from "./element.ts";

const FIELDS = "input,select,textarea";
const SENSITIVE = "[type=password],[type=hidden]";
const SENSITIVE_PURPOSE = /(?<!\S)(?:(?:current|new)-password|one-time-code|cc-\S+)(?!\S)/i;

const sensitive = new WeakSet<Element>();

function rootOf(element: Element): ShadowRoot | null {
  return element instanceof HTMLElement ? openOrClosedShadowRoot(element) : null;
}

/** Tell whether an element shows dots in the place of its text; from then on it is sensitive. */
export function isMasked(element: Element): boolean {
  const style = getComputedStyle(element) as CSSStyleDeclaration & { webkitTextSecurity: string };
  const found = style.webkitTextSecurity !== "none";
  if (found) sensitive.add(element);
  return found;
}

/** Tell whether an element itself is a sensitive field, a label of one, or a marked region. */
function isPrivate(element: Element): boolean {
  const isLabel = read(element, "localName") === "label";
  const field = (isLabel && (element as HTMLLabelElement).control) || element;
  const found =
    sensitive.has(field) ||
    (read(field, "matches", FIELDS) &&
      (read(field, "matches", SENSITIVE) ||
        SENSITIVE_PURPOSE.test(read(field, "getAttribute", "autocomplete") ?? "") ||
        isMasked(field)));
  if (found) sensitive.add(field);
  return found || read(element, "hasAttribute", "data-candor-ignore");
}

/** Tell whether an element or anything around it is private, through slots and shadow roots. */
export function isWithinPrivate(element: Element): boolean {
  let node: Node | null = element;
  while (node) {
    if (isElement(node) && isPrivate(node)) return true;
    node = isShadowRoot(node)
      ? node.host
      : (read(node as Element, "assignedSlot") ?? read(node, "parentNode"));
  }
  return false;
}

/**
 * Look at the fields there are now, so that a later change of their type hides nothing.
 *
 * Kind by kind: this runs at each key, and browsers find one tag several times faster than a list of selectors.
 */
export function remember(root: Document | ShadowRoot): void {
  for (const tag of FIELDS.split(",")) read(root, "querySelectorAll", tag).forEach(isPrivate);
}

/**
 * Look for the innermost element, through shadow roots.
 *
 * @param outer Where to begin.
 * @param find What a shadow root says of itself.
 * @param roots Where to add the shadow roots on the way.
 * @returns Null where it cannot be known.
 */
function innermost(
  outer: Element,
  find: (root: ShadowRoot) => Element | null,
  roots: (Document | ShadowRoot)[] = [],
): Element | null {
  let inner = outer;
  for (let root = rootOf(inner); root; root = rootOf(inner)) {
    roots.push(root);
    const found = find(root);
    if (found === inner) break;
    if (!root.contains(found)) return null;
    inner = found as Element;
  }
  return inner;
}

/** Tell whether what stands at a point of the view now must give nothing. */
export function isPrivateAt(x: number, y: number): boolean {
  const outer = document.elementFromPoint(x, y);
  if (!outer) return false;
  const inner = innermost(outer, (root) => root.elementFromPoint(x, y));
  return !inner || isWithinPrivate(inner);
}

/**
 * The elements that an event passes, from its target outwards; null if it must give nothing.
 *
 * Call it while the event is being dispatched: afterwards its path is gone.
 */
export function visiblePath(event: Event): Path | null {
  const nodes = event.composedPath();
  const [target = read(document, "documentElement"), ...around] = nodes.filter(isElement);
  const roots = [document, ...nodes.filter(isShadowRoot)];
  let inner: Element | null = target;
  // An event's path leaves out what is inside of closed shadow roots, so look there.
  if (event.composed && rootOf(target)?.mode === "closed") {
    // A button pressed by keyboard is clicked as well, but at no point.
    const isAtPoint = event instanceof MouseEvent && (event.type !== "click" || event.detail > 0);
    inner = innermost(
      target,
      (root) =>
        isAtPoint ? root.elementFromPoint(event.clientX, event.clientY) : root.activeElement,
      roots,
    );
  }
  // These may be about to turn a password into text.
  if (/down$/.test(event.type)) roots.forEach(remember);
  const isHidden =
    !inner || [target, ...around].some(isPrivate) || (inner !== target && isWithinPrivate(inner));
  return isHidden ? null : [target, ...around];
}
