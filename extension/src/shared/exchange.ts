/**
 * Requests and answers of transport 2 (protocol.md section 3).
 *
 * Owns their layout and bounds; never posts, signs or looks into a frame.
 */

import type { Bytes } from "./bytes.ts";
import { MAX_FRAME_BYTES } from "./messages.ts";
import { decode, encode, type Value } from "./msgpack.ts";
import { Problem } from "./problem.ts";

/** Label of a request's signature. */
export const FRAMES_LABEL = "candor/v1/frames";
const MAX_FRAMES = 256;
/** Frames of one request together, so that with its head it stays within the relay's 262 144 bytes. */
const MAX_FRAMES_BYTES = 3 * MAX_FRAME_BYTES;
const MAX_CLOSE = 4_999;
const NONCE_BYTES = 32;

/** What the relay says to a request. */
export interface Answer {
  readonly frames: readonly Bytes[];
  /** Close code of the session if it has ended. */
  readonly close: number | null;
}

/** How many of these frames, oldest first, go into the next request. */
export function fitting(frames: readonly Uint8Array[]): number {
  let [count, size] = [0, 0];
  for (const frame of frames.slice(0, MAX_FRAMES)) {
    size += frame.length;
    if (count > 0 && size > MAX_FRAMES_BYTES) break;
    count += 1;
  }
  return count;
}

/** The body by which a device asks for a challenge. */
export function encodeOpening(deviceKey: Uint8Array): Bytes {
  return encode([deviceKey]);
}

/** The part of a request that is signed: its frames. */
export function encodeBody(frames: readonly Uint8Array[]): Bytes {
  return encode(frames);
}

/** A whole request. */
export function encodeRequest(
  exchange: Uint8Array,
  counter: number,
  signature: Uint8Array,
  body: Uint8Array,
): Bytes {
  return encode([exchange, counter, signature, body]);
}

/**
 * Read an answer.
 *
 * @throws Problem "malformed": it is no such answer, whoever gave it.
 */
export function decodeAnswer(answer: Uint8Array): Answer {
  const value = decode(answer);
  const [frames, close] = Array.isArray(value) ? (value as readonly Value[]) : [];
  const isFrames = Array.isArray(frames) && frames.every((frame) => frame instanceof Uint8Array);
  const isClose = close === null || (typeof close === "number" && close > 0 && close <= MAX_CLOSE);
  if (!isFrames || !isClose || (value as readonly Value[]).length !== 2) {
    throw new Problem("malformed", "The answer to a request is not a relay's. It is not used.");
  }
  return { frames: frames as unknown as readonly Bytes[], close };
}

/**
 * The name of the exchange that an answer opens: the nonce of the challenge it begins with, whatever its version.
 *
 * @returns null if it begins with something else.
 */
export function exchangeOf({ frames }: Answer): Bytes | null {
  const value = frames[0] === undefined ? null : decode(frames[0]);
  const nonce = Array.isArray(value) ? (value as readonly Value[])[1] : null;
  return nonce instanceof Uint8Array && nonce.length === NONCE_BYTES ? (nonce as Bytes) : null;
}
