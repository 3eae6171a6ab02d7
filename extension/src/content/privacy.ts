/**
 * Which parts of a page give nothing at all: sensitive fields and marked regions.
 *
 * What was sensitive once stays so in this document, even if the page shows the password as text later.
 */

import { openOrClosedShadowRoot } from "../browser.ts";
import { isElement, isShadowRoot, type Path } from "./element.ts";

const FIELDS = "input,select,textarea";
const SENSITIVE_TYPE = /^(?:password|hidden)$/;
const SENSITIVE_PURPOSE = /(?:^|\s)(?:one-time-code|current-password|new-password|cc-\S+)(?=\s|$)/i;

const sensitive = new WeakSet<Element>();

/** Mark an element as sensitive for the rest of this document. */
export function markSensitive(element: Element): void {
  sensitive.add(element);
}

function rootOf(element: Element): ShadowRoot | null {
  return element instanceof HTMLElement ? openOrClosedShadowRoot(element) : null;
}

/** Tell whether an element itself is a sensitive field, a label of one, or a marked region. */
function isPrivate(element: Element): boolean {
  const field = (element as HTMLLabelElement).control ?? element;
  const found =
    sensitive.has(field) ||
    (field.matches(FIELDS) &&
      (SENSITIVE_TYPE.test((field as HTMLInputElement).type) ||
        SENSITIVE_PURPOSE.test(field.getAttribute("autocomplete") ?? "")));
  if (found) sensitive.add(field);
  return found || element.hasAttribute("data-candor-ignore");
}

/** Tell whether an element or anything around it is private, through slots and shadow roots. */
export function isWithinPrivate(element: Element): boolean {
  let node: Node | null = element;
  while (node !== null) {
    if (isElement(node) && isPrivate(node)) return true;
    node = isShadowRoot(node) ? node.host : ((node as Element).assignedSlot ?? node.parentNode);
  }
  return false;
}

/** Look at the fields there are now, so that a later change of their type hides nothing. */
export function remember(root: ParentNode): void {
  for (const field of root.querySelectorAll(FIELDS)) isPrivate(field);
}

/**
 * The elements that an event passes, from its target outwards; null if it must give nothing.
 *
 * Call it while the event is being dispatched: afterwards its path is gone.
 */
export function visiblePath(event: Event): Path | null {
  const nodes = event.composedPath();
  const [target = document.documentElement, ...around] = nodes.filter(isElement);
  // These may be about to turn a password into text.
  const roots: ParentNode[] =
    event.type === "pointerdown" || event.type === "keydown"
      ? [document, ...nodes.filter(isShadowRoot)]
      : [];
  // An event's path leaves out what is inside of closed shadow roots, so look there.
  let inner: Element | null = target;
  for (let root = rootOf(inner); root !== null; root = rootOf(inner)) {
    if (roots.length > 0) roots.push(root);
    const found: Element | null =
      event instanceof MouseEvent
        ? root.elementFromPoint(event.clientX, event.clientY)
        : root.activeElement;
    if (found?.getRootNode() !== root) break;
    inner = found;
  }
  roots.forEach(remember);
  const isHidden =
    [target, ...around].some(isPrivate) || (inner !== target && isWithinPrivate(inner));
  return isHidden ? null : [target, ...around];
}
