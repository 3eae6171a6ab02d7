/** Elements on the way of an event, whatever frame or shadow root they come from. */

/** Elements from the event's target outwards, through shadow roots. */
export type Path = readonly [Element, ...Element[]];

/** Tell elements from documents, shadow roots and windows; works across frames. */
export function isElement(node: EventTarget): node is Element {
  return (node as Node).nodeType === Node.ELEMENT_NODE;
}

/** Tell shadow roots from the rest; works across frames. */
export function isShadowRoot(node: EventTarget): node is ShadowRoot {
  return (node as Node).nodeType === Node.DOCUMENT_FRAGMENT_NODE;
}
