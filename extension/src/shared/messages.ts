/**
 * The frames of `candor.v1` as strict types, and the one codec for them (protocol.md section 4).
 *
 * Owns layout and bounds on the wire; never decides whether a message may come now or what it permits.
 */

import type { Bytes } from "./bytes.ts";
import { decode, encode, type Value } from "./msgpack.ts";
import { Problem } from "./problem.ts";
import { DROP_REASONS, type DropReason } from "./reasons.ts";

/** Longest frame. */
export const MAX_FRAME_BYTES = 65_536;
/** Seqs one "dropped" may span. */
export const MAX_DROPPED_RANGE = 1_048_576;
/** The subprotocol's name and its version number in hello and challenge. */
export const SUBPROTOCOL = "candor.v1";
export const PROTOCOL_VERSION = 1;
/** How a session's frames travel, as its hello says. */
export const TRANSPORT_WEBSOCKET = 1;
export const TRANSPORT_HTTPS = 2;

/** How one position is read and written. */
interface Field<T> {
  readonly read: (value: Value) => T;
  readonly write: (value: T) => Value;
}

function refuse(): never {
  throw new Problem(
    "malformed",
    "A frame is not a well-formed message. It was refused and nothing of it is used.",
  );
}

function both<T extends Value>(read: (value: Value) => T): Field<T> {
  return { read, write: read };
}

function int(min = 0, max = Number.MAX_SAFE_INTEGER): Field<number> {
  return both((value) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max
      ? value
      : refuse(),
  );
}

function bin(min: number, max = min): Field<Bytes> {
  return both((value) =>
    value instanceof Uint8Array && value.length >= min && value.length <= max
      ? (value as Bytes)
      : refuse(),
  );
}

function text<T extends string>(allowed: (text: string) => boolean): Field<T> {
  return both((value) =>
    typeof value === "string" && allowed(value) ? (value as T & Value) : refuse(),
  ) as Field<T>;
}

function optional<T>(field: Field<T>): Field<T | null> {
  return {
    read: (value) => (value === null ? null : field.read(value)),
    write: (value) => (value === null ? null : field.write(value)),
  };
}

function list<T>(field: Field<T>, most: number): Field<readonly T[]> {
  return {
    read: (value) =>
      Array.isArray(value) && value.length <= most ? value.map(field.read) : refuse(),
    write: (value) => (value.length <= most ? value.map(field.write) : refuse()),
  };
}

const nil = both((value) => (value === null ? null : refuse()));
const reason = text<string>((value) => /^[a-z_]{1,32}$/.test(value));
const programme = text<string>((value) => /^[a-z0-9-]{1,64}$/.test(value));
const dropReason = text<DropReason>((value) => (DROP_REASONS as readonly string[]).includes(value));
const hash = bin(32);
const id = bin(16);
const signature = bin(64);
const receiptBody = bin(1, 8_192);

/** A policy body with both signatures, exactly as published. */
export interface SignedPolicy {
  readonly body: Bytes;
  readonly controller: Bytes;
  readonly representative: Bytes;
}

const policyBody = bin(1, 32_768);

/** SignedPolicy as one position of a message, and as the answer to GET /v1/policy. */
export const signedPolicy: Field<SignedPolicy> = {
  read: (value) => {
    if (!Array.isArray(value) || value.length !== 3) refuse();
    const [body, controller, representative] = value as readonly Value[];
    return {
      body: policyBody.read(body ?? null),
      controller: signature.read(controller ?? null),
      representative: signature.read(representative ?? null),
    };
  },
  write: (value) => [
    policyBody.write(value.body),
    signature.write(value.controller),
    signature.write(value.representative),
  ],
};

/** One refused batch in an ack. */
export interface RefusedSeq {
  readonly seq: number;
  readonly reason: string;
}

const seqNumber = int(1);
const refusedSeq: Field<RefusedSeq> = {
  read: (value) => {
    if (!Array.isArray(value) || value.length !== 2) refuse();
    const [seq, why] = value as readonly Value[];
    return { seq: seqNumber.read(seq ?? null), reason: reason.read(why ?? null) };
  },
  write: (value) => [seqNumber.write(value.seq), reason.write(value.reason)],
};

const RELAY_LAYOUTS = {
  challenge: { type: 1, fields: { nonce: hash, version: int(1, 1), reserved: nil } },
  welcome: {
    type: 2,
    fields: {
      session: int(1),
      resume: int(),
      receipt: optional(hash),
      policy: optional(signedPolicy),
      nowMs: int(),
      credit: int(1, 1_024),
      checkpoint: nil,
      proof: nil,
    },
  },
  ack: { type: 3, fields: { through: int(), refused: list(refusedSeq, 1_024) } },
  retry: { type: 4, fields: { afterMs: int(), reason } },
  stop: { type: 5, fields: { reason } },
  policy: { type: 6, fields: { policy: signedPolicy } },
  enrolled: { type: 7, fields: { device: hash, day: int(), signature } },
  granted: { type: 8, fields: { receipt: hash, epoch: int(), signature } },
  withdrawn: { type: 9, fields: { receipt: hash, through: int(), epoch: int(), signature } },
  refusal: { type: 10, fields: { of: int(), reason } },
  pong: { type: 11, fields: { echo: int() } },
} as const;

const DEVICE_LAYOUTS = {
  hello: {
    type: 32,
    fields: {
      deviceKey: hash,
      streamSalt: id,
      programme,
      receipt: optional(hash),
      policy: hash,
      version: int(),
      transport: int(1, 2),
      lastEpoch: nil,
      signature,
    },
  },
  enrol: {
    type: 33,
    fields: {
      deviceKey: hash,
      participantKey: bin(1_216),
      programme,
      code: id,
      codeSignature: signature,
      sealedCode: bin(1, 2_048),
      identity: nil,
      signature,
    },
  },
  grant: { type: 34, fields: { body: receiptBody, signature } },
  withdraw: {
    type: 35,
    fields: { through: int(), body: receiptBody, receiptSignature: signature, signature },
  },
  segment: {
    type: 36,
    fields: {
      id,
      app: int(1, 65_535),
      group: int(0, 1),
      receipt: hash,
      policy: hash,
      innerKey: id,
      outerKey: id,
      participantKey: id,
      rootHash: hash,
      salt: hash,
      sealedRoot: bin(1, 4_096),
      sealedParticipantRoot: bin(1, 2_048),
    },
  },
  batch: {
    type: 37,
    fields: {
      seq: seqNumber,
      segment: id,
      signals: int(1, 255),
      nonce: bin(12),
      ciphertext: bin(1, 65_000),
    },
  },
  dropped: { type: 38, fields: { first: int(1), last: int(1), reason: dropReason } },
  ping: { type: 39, fields: { echo: int() } },
} as const;

const LAYOUTS = { ...RELAY_LAYOUTS, ...DEVICE_LAYOUTS };

interface Layout {
  readonly type: number;
  readonly fields: Readonly<
    Record<
      string,
      { readonly read: (value: Value) => unknown; readonly write: (value: never) => Value }
    >
  >;
}

type Contents<L extends { readonly fields: object }> = {
  readonly [F in keyof L["fields"]]: L["fields"][F] extends Field<infer T> ? T : never;
};
type MessageOf<Table, Kind extends keyof Table> = Kind extends keyof Table
  ? Table[Kind] extends { readonly fields: object }
    ? { readonly kind: Kind } & Contents<Table[Kind]>
    : never
  : never;

/** What the relay sends. */
export type RelayMessage = MessageOf<typeof RELAY_LAYOUTS, keyof typeof RELAY_LAYOUTS>;
/** What a device sends. */
export type DeviceMessage = MessageOf<typeof DEVICE_LAYOUTS, keyof typeof DEVICE_LAYOUTS>;
export type Message = RelayMessage | DeviceMessage;
/** The message of one kind. */
export type MessageKind<Kind extends Message["kind"]> = Extract<Message, { readonly kind: Kind }>;

/** The number in position 0 of a message's frames. */
export function typeOf(kind: Message["kind"]): number {
  return LAYOUTS[kind].type;
}

function checkRange(message: Message): void {
  if (message.kind !== "dropped") return;
  const span = message.last - message.first;
  if (span < 0 || span >= MAX_DROPPED_RANGE) refuse();
}

/**
 * Encode a message as one frame.
 *
 * @throws Problem "malformed" if a field is out of its bounds.
 */
export function encodeMessage(message: Message): Bytes {
  checkRange(message);
  const layout: Layout = LAYOUTS[message.kind];
  const contents = message as unknown as Readonly<Record<string, never>>;
  const positions = Object.entries(layout.fields).map(([name, field]) => {
    const value = contents[name];
    return value === undefined ? refuse() : field.write(value);
  });
  const frame = encode([layout.type, ...positions]);
  return frame.length <= MAX_FRAME_BYTES ? frame : refuse();
}

function decodeAs(frame: Uint8Array, table: Readonly<Record<string, Layout>>): Message {
  if (frame.length > MAX_FRAME_BYTES) refuse();
  const value = decode(frame);
  if (!Array.isArray(value)) refuse();
  const [type, ...positions] = value as readonly Value[];
  const found = Object.entries(table).find(([, layout]) => layout.type === type);
  if (found === undefined) refuse();
  const [kind, layout] = found;
  const fields = Object.entries(layout.fields);
  if (positions.length !== fields.length) refuse();
  const contents = fields.map(([name, field], at) => [name, field.read(positions[at] ?? null)]);
  const message = { kind, ...Object.fromEntries(contents) } as Message;
  checkRange(message);
  return message;
}

/**
 * Decode what the relay sent.
 *
 * @throws Problem "malformed": not exactly one well-formed message.
 */
export function decodeRelay(frame: Uint8Array): RelayMessage {
  return decodeAs(frame, RELAY_LAYOUTS) as RelayMessage;
}

/**
 * Look whether a first frame is the challenge of another version, however the rest of it is laid out.
 *
 * @throws Problem "upgrade_required"; "malformed" if it is no msgpack at all.
 */
export function checkVersion(frame: Uint8Array): void {
  const value = decode(frame);
  const [type, , version] = Array.isArray(value) ? (value as readonly Value[]) : [];
  if (type !== RELAY_LAYOUTS.challenge.type || typeof version !== "number") return;
  if (version === PROTOCOL_VERSION) return;
  throw new Problem(
    "upgrade_required",
    "Candor here and at the receiving side are of versions that do not fit together. Update the extension.",
  );
}

/**
 * Decode what a device sent; the worker never needs it, the vectors do.
 *
 * @throws Problem "malformed": not exactly one well-formed message.
 */
export function decodeDevice(frame: Uint8Array): DeviceMessage {
  return decodeAs(frame, DEVICE_LAYOUTS) as DeviceMessage;
}

/** Read the answer to GET /v1/policy. */
export function decodeSignedPolicy(body: Uint8Array): SignedPolicy {
  return signedPolicy.read(decode(body));
}
