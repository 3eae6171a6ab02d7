/** Elements on the way of an event, whatever frame or shadow root they come from, and how to read them. */

/** Elements from the event's target outwards, through shadow roots. */
export type Path = readonly [Element, ...Element[]];

type Value<M> = M extends (...args: never[]) => infer R ? R : M;

/**
 * Read a property or call a method as the browser made it.
 *
 * Fields and images of a page hide the properties of their form and of the document that are called like them, from
 * extensions as well: `<input name=parentNode>` would otherwise stand for the parent of its form.
 */
export function read<N extends object, K extends keyof N>(
  node: N,
  name: K,
  ...args: unknown[]
): Value<N[K]> {
  const value = Reflect.get(Reflect.getPrototypeOf(node) as object, name, node);
  return typeof value === "function" ? value.apply(node, args) : value;
}

/** Tell elements from documents, shadow roots and windows; works across frames. */
export function isElement(node: EventTarget): node is Element {
  return read(node as Node, "nodeType") === Node.ELEMENT_NODE;
}

/** Tell shadow roots from the rest; works across frames. */
export function isShadowRoot(node: EventTarget): node is ShadowRoot {
  return read(node as Node, "nodeType") === Node.DOCUMENT_FRAGMENT_NODE;
}
