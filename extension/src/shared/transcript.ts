/**
 * The one way bytes are joined before they are signed, hashed or bound (protocol.md sections 1 and 2).
 *
 * Owns the encoding and the ids made of it; hashing is an argument, keys are elsewhere.
 */

import { type Bytes, concat, type Sha256, utf8 } from "./bytes.ts";

/** A part of a transcript: bytes, UTF-8 text, an integer as 8 bytes, or null as length 0. */
export type Part = Uint8Array | string | number | null;

function u32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function partBytes(part: Part): Uint8Array {
  if (part === null) return new Uint8Array(0);
  if (typeof part === "string") return utf8(part);
  if (typeof part !== "number") return part;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(part));
  return bytes;
}

/**
 * Join a label and parts unambiguously.
 *
 * @param label ASCII name of the one use these bytes have.
 * @param parts See {@link Part}; integers are 0 to 2^53-1.
 * @returns u16 length and label, then u32 length and bytes of each part, big-endian.
 */
export function transcript(label: string, ...parts: readonly Part[]): Bytes {
  const name = utf8(label);
  const pieces: Uint8Array[] = [new Uint8Array([name.length >> 8, name.length & 255]), name];
  for (const part of parts) {
    const bytes = partBytes(part);
    pieces.push(u32(bytes.length), bytes);
  }
  return concat(...pieces);
}

/** SHA-256 of the transcript, 32 bytes. */
export function labelledHash(
  sha256: Sha256,
  label: string,
  ...parts: readonly Part[]
): Promise<Bytes> {
  return sha256(transcript(label, ...parts));
}

/** The 16-byte id of a public key (Ed25519, 32 bytes, or X-Wing, 1216 bytes). */
export async function keyId(sha256: Sha256, publicKey: Uint8Array): Promise<Bytes> {
  return (await labelledHash(sha256, "candor/v1/key-id", publicKey)).slice(0, 16);
}

/** The 32-byte hash that stands for a device's key. */
export function deviceHash(sha256: Sha256, deviceKey: Uint8Array): Promise<Bytes> {
  return labelledHash(sha256, "candor/v1/device", deviceKey);
}

/** The id of the stream that this device makes from a 16-byte random salt. */
export function streamId(sha256: Sha256, deviceKey: Uint8Array, salt: Uint8Array): Promise<Bytes> {
  return labelledHash(sha256, "candor/v1/stream", deviceKey, salt);
}

/** The 32-byte commitment to a segment's root key. */
export function rootHash(sha256: Sha256, root: Uint8Array): Promise<Bytes> {
  return labelledHash(sha256, "candor/v1/root", root);
}

/** The 32 bytes by which an enrolment string pins both policy keys. */
export function fingerprint(
  sha256: Sha256,
  controllerKey: Uint8Array,
  representativeKey: Uint8Array,
): Promise<Bytes> {
  return labelledHash(sha256, "candor/v1/fingerprint", controllerKey, representativeKey);
}

/** The associated data of a sealed batch (protocol.md section 10). */
export function batchBinding(
  stream: Uint8Array,
  segment: Uint8Array,
  seq: number,
  signals: number,
): Bytes {
  return transcript("candor/v1/batch", stream, segment, seq, signals);
}

/** What one layer of a sealed root is bound to. */
export interface RootBinding {
  readonly programme: string;
  readonly recipient: Uint8Array;
  readonly stream: Uint8Array;
  readonly segment: Uint8Array;
  /** App number and group, so that no relay can pass a segment off as another app's. */
  readonly app: number;
  readonly group: number;
  readonly receipt: Uint8Array;
  readonly policy: Uint8Array;
  readonly rootHash: Uint8Array;
}

/** The HPKE info of one layer of a sealed root. */
export function rootBinding(layer: "inner" | "outer" | "participant", of: RootBinding): Bytes {
  return transcript(
    `candor/v1/seal/${layer}`,
    of.programme,
    of.recipient,
    of.stream,
    of.segment,
    of.app,
    of.group,
    of.receipt,
    of.policy,
    of.rootHash,
  );
}
