/**
 * The enrolment string a representative hands out: relay, fingerprint, single-use code (protocol.md section 2).
 *
 * Owns its form; never fetches or verifies what it names.
 */

import { type Bytes, equal, fromBase64url } from "./bytes.ts";
import { decode, encode, type Value } from "./msgpack.ts";
import { isExactOrigin, isLoopback } from "./origins.ts";
import { Problem } from "./problem.ts";

export interface Enrolment {
  /** Exact origin of the relay. */
  readonly relay: string;
  /** Hash over both policy keys. */
  readonly fingerprint: Bytes;
  readonly code: Bytes;
  readonly codeSignature: Bytes;
}

const PREFIX = "candor1.";
const MAX_RELAY_BYTES = 255;

function refuse(): never {
  throw new Problem(
    "enrolment_malformed",
    "This is not a complete enrolment string. Copy it again, from “candor1.” to its end, as your representative gave it.",
  );
}

function bytes(value: Value | undefined, size: number): Bytes {
  return value instanceof Uint8Array && value.length === size ? (value as Bytes) : refuse();
}

/**
 * Read an enrolment string; white space around it is ignored.
 *
 * @throws Problem "enrolment_malformed".
 */
export function parseEnrolment(text: string): Enrolment {
  const given = text.trim();
  if (!given.startsWith(PREFIX) || given.length > 1_024) refuse();
  const packed = fromBase64url(given.slice(PREFIX.length));
  if (packed === null) refuse();
  let value: Value;
  try {
    value = decode(packed);
  } catch {
    refuse();
  }
  if (!Array.isArray(value) || value.length !== 4 || !equal(encode(value), packed)) refuse();
  const [relay, fingerprint, code, codeSignature] = value as readonly Value[];
  if (typeof relay !== "string" || relay.length > MAX_RELAY_BYTES) refuse();
  if (!isExactOrigin(relay, isLoopback(relay))) refuse();
  return {
    relay,
    fingerprint: bytes(fingerprint, 32),
    code: bytes(code, 16),
    codeSignature: bytes(codeSignature, 64),
  };
}
