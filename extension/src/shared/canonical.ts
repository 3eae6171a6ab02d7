/**
 * Canonical JSON: the one byte form of every document that is signed or hashed.
 *
 * Owns the encoding and its strict reading; never knows what a document means.
 *
 * Source: RFC 8785, restricted to values whose form no two libraries disagree on.
 */

import { type Bytes, equal, fromUtf8, utf8 } from "./bytes.ts";
import { Problem } from "./problem.ts";

/** A document: objects, lists, text, booleans and whole numbers of 53 bits. */
export type Document =
  | string
  | number
  | boolean
  | readonly Document[]
  | { readonly [key: string]: Document };

function refuse(): never {
  throw new Problem(
    "not_canonical",
    "A signed document is not in its canonical form, so its signatures mean nothing. It was refused.",
  );
}

/** Lists and objects inside one another; no document of ours has more than five. */
const MAX_DEPTH = 16;
const ASCII = /^[\0-\x7f]*$/;

function plain(value: unknown, depth: number): Document {
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : refuse();
  if (typeof value === "string") return value.isWellFormed() ? value : refuse();
  if (typeof value !== "object" || value === null || depth === 0) return refuse();
  if (Array.isArray(value)) return value.map((item) => plain(item, depth - 1));
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  if (!entries.every(([key]) => ASCII.test(key))) return refuse();
  return Object.fromEntries(entries.map(([key, item]) => [key, plain(item, depth - 1)]));
}

function write(value: Document): string {
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  // Written by hand, since an object would put keys that look like numbers first.
  const keys = Object.keys(value).sort();
  const fields = value as { readonly [key: string]: Document };
  return `{${keys.map((key) => `${JSON.stringify(key)}:${write(fields[key] as Document)}`).join(",")}}`;
}

/**
 * Encode a document in its only form.
 *
 * @throws Problem "not_canonical" if something in it has no canonical form.
 */
export function canonical(value: unknown): Bytes {
  return utf8(write(plain(value, MAX_DEPTH)));
}

/**
 * Decode a document and make sure that these are the only bytes that say this.
 *
 * @param maxBytes Longest body that is looked at.
 * @throws Problem "not_canonical": too long, no JSON, or not canonical.
 */
export function readCanonical(body: Uint8Array, maxBytes: number): Document {
  if (body.length > maxBytes) refuse();
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(body));
  } catch {
    refuse();
  }
  return equal(canonical(value), body) ? (value as Document) : refuse();
}
