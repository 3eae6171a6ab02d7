/**
 * The device's cryptography: Ed25519, X-Wing HPKE, AES-256-GCM with padding (protocol.md sections 1 and 10).
 *
 * Owns the operations only; keys are kept by `facts.ts`, and nothing here says what a valid signature permits.
 */

import { Aes256Gcm, CipherSuite, HkdfSha256 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";
import { type Bytes, concat, utf8 } from "../shared/bytes.ts";
import { Problem } from "../shared/problem.ts";
import { type Part, transcript } from "../shared/transcript.ts";

const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const MIN_PADDED_BYTES = 256;
const NONCE_BYTES = 12;

/** Draw random bytes from the browser. */
export function random(bytes: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

/** SHA-256. */
export async function sha256(data: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data));
}

/** The key by which a device signs; its private half cannot be read out. */
export interface DeviceKey {
  readonly pair: CryptoKeyPair;
  readonly publicKey: Bytes;
}

/** Draw a device key. */
export async function newDeviceKey(): Promise<DeviceKey> {
  const pair = (await crypto.subtle.generateKey("Ed25519", false, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  return { pair, publicKey: new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)) };
}

/** Sign a transcript, 64 bytes. */
export async function sign(
  key: DeviceKey,
  label: string,
  ...parts: readonly Part[]
): Promise<Bytes> {
  const signed = transcript(label, ...parts);
  return new Uint8Array(await crypto.subtle.sign("Ed25519", key.pair.privateKey, signed));
}

/** Tell whether a signature is this key's over label and parts; false for malformed keys too. */
export async function isSigned(
  publicKey: Bytes,
  signature: Bytes,
  label: string,
  ...parts: readonly Part[]
): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, signature, transcript(label, ...parts));
  } catch {
    return false;
  }
}

/** The key with which a participant opens their own copy. */
export interface ParticipantKey {
  /** The 32-byte X-Wing seed. */
  readonly seed: Bytes;
  readonly publicKey: Bytes;
}

/** Draw a participant key. */
export async function newParticipantKey(): Promise<ParticipantKey> {
  const pair = await suite.kem.generateKeyPair();
  const seed = new Uint8Array(await suite.kem.serializePrivateKey(pair.privateKey));
  return { seed, publicKey: new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey)) };
}

/**
 * Seal to an X-Wing public key of 1216 bytes.
 *
 * @returns enc ‖ ciphertext: 1120 + plaintext + 16 bytes.
 * @throws Problem "key_invalid".
 */
export async function seal(publicKey: Bytes, info: Bytes, plaintext: Bytes): Promise<Bytes> {
  let recipientPublicKey: CryptoKey;
  try {
    recipientPublicKey = await suite.kem.deserializePublicKey(publicKey);
  } catch {
    throw new Problem(
      "key_invalid",
      "A key in the policy cannot be sealed to, so nothing is recorded. Tell your representative.",
    );
  }
  const sender = await suite.createSenderContext({ recipientPublicKey, info });
  return concat(new Uint8Array(sender.enc), new Uint8Array(await sender.seal(plaintext)));
}

/** Open what was sealed to a participant key; the worker needs it for "my data", the interop test now. */
export async function open(seed: Bytes, info: Bytes, sealed: Bytes): Promise<Bytes> {
  const recipientKey = await suite.kem.deserializePrivateKey(seed);
  const enc = sealed.slice(0, suite.kem.encSize);
  const recipient = await suite.createRecipientContext({ recipientKey, enc, info });
  return new Uint8Array(await recipient.open(sealed.slice(suite.kem.encSize)));
}

/** Derive a segment's frame key from its root key and shred salt. */
export async function frameKey(root: Bytes, salt: Bytes): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", root, "HKDF", false, ["deriveKey"]);
  const derivation = { name: "HKDF", hash: "SHA-256", salt, info: utf8("candor/v1/frame") };
  return crypto.subtle.deriveKey(derivation, base, { name: "AES-GCM", length: 256 }, false, [
    "encrypt",
  ]);
}

/**
 * The Padmé size for a length, at least 256.
 *
 * Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", PETS 2019, section 4.
 */
export function paddedLength(length: number): number {
  const size = Math.max(length, MIN_PADDED_BYTES);
  const exponent = 31 - Math.clz32(size);
  const step = 2 ** (exponent - (32 - Math.clz32(exponent)));
  return Math.ceil(size / step) * step;
}

/** Prefix the length and append zeros up to the Padmé size. */
export function pad(plaintext: Bytes): Bytes {
  const padded = new Uint8Array(paddedLength(4 + plaintext.length));
  new DataView(padded.buffer).setUint32(0, plaintext.length);
  padded.set(plaintext, 4);
  return padded;
}

/** Pad and encrypt one batch under a fresh nonce. */
export async function sealBatch(
  key: CryptoKey,
  binding: Bytes,
  plaintext: Bytes,
): Promise<{ readonly nonce: Bytes; readonly ciphertext: Bytes }> {
  const nonce = random(NONCE_BYTES);
  const parameters = { name: "AES-GCM", iv: nonce, additionalData: binding };
  const sealed = await crypto.subtle.encrypt(parameters, key, pad(plaintext));
  return { nonce, ciphertext: new Uint8Array(sealed) };
}
