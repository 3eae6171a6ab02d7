/**
 * Segments: a root key and a shred salt for at most ten minutes of one app, and the batches sealed under them
 * (protocol.md section 10).
 *
 * Owns the open segments, in memory only: after a stop of the worker new ones begin, and what was sealed before can no
 * longer be opened on this side except by the participant key.
 */

import { type Bytes, hex } from "../shared/bytes.ts";
import { type Columns, encodeColumns } from "../shared/columns.ts";
import type { CapturedColumns } from "../shared/internal.ts";
import type { MessageKind } from "../shared/messages.ts";
import { policyKey } from "../shared/policy.ts";
import type { Group } from "../shared/signals.ts";
import { batchBinding, keyId, rootBinding, rootHash } from "../shared/transcript.ts";
import type { AgreementFact, Facts } from "./facts.ts";
import { frameKey, random, seal, sealBatch, sha256 } from "./vault.ts";

const SEGMENT_MS = 600_000;
const ROOT_BYTES = 32;
const SALT_BYTES = 32;
const ID_BYTES = 16;

interface Segment {
  readonly message: MessageKind<"segment">;
  readonly key: CryptoKey;
  readonly since: number;
  /** Stream, receipt and declared signals it stands on. */
  readonly basis: string;
}

/** What is sealed under one seq. */
export interface Sealed {
  readonly segment: MessageKind<"segment">;
  readonly batch: MessageKind<"batch">;
}

/** Where columns come from and what their segment may contain. */
export interface Origin {
  readonly app: number;
  readonly group: Group;
  /** Every signal that may stand in this app's segments of the group. */
  readonly signals: number;
  readonly document: number;
}

export class Sealer {
  readonly #facts: Facts;
  readonly #segments = new Map<string, Segment>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** Forget every open segment. */
  clear(): void {
    this.#segments.clear();
  }

  /**
   * Seal columns under a seq.
   *
   * @param now ms since 1970.
   * @throws Problem if the columns break a rule, or a policy key cannot be sealed to.
   */
  async seal(seq: number, origin: Origin, captured: CapturedColumns, now: number): Promise<Sealed> {
    const { app, group, signals, document } = origin;
    const columns: Columns = { ...captured, app, group, signals, document };
    const plaintext = encodeColumns(columns);
    const segment = await this.#segment(origin, now);
    const stream = this.#required("stream").id;
    const id = segment.message.id;
    const binding = batchBinding(stream, id, seq, signals);
    const { nonce, ciphertext } = await sealBatch(segment.key, binding, plaintext);
    const batch = { kind: "batch", seq, segment: id, signals, nonce, ciphertext } as const;
    return { segment: segment.message, batch };
  }

  #required<Name extends "stream" | "agreement" | "device">(
    name: Name,
  ): NonNullable<Facts["now"][Name]> {
    const fact = this.#facts.now[name];
    if (fact === null) throw new Error(`no ${name}`);
    return fact as NonNullable<Facts["now"][Name]>;
  }

  async #segment(origin: Origin, now: number): Promise<Segment> {
    const agreement = this.#required("agreement");
    const stream = this.#required("stream").id;
    // The receipt names its policy, so a newer one changes the declared signals at most.
    const basis = `${hex(stream)} ${hex(agreement.hash)} ${origin.signals}`;
    const place = `${origin.app}/${origin.group}`;
    const found = this.#segments.get(place);
    const age = now - (found?.since ?? 0);
    if (found?.basis === basis && age >= 0 && age < SEGMENT_MS) return found;
    const fresh = { ...(await this.#draw(origin, stream, agreement)), since: now, basis };
    this.#segments.set(place, fresh);
    return fresh;
  }

  async #draw(
    origin: Origin,
    stream: Bytes,
    agreement: AgreementFact,
  ): Promise<Pick<Segment, "message" | "key">> {
    const { participant, participantKeyId } = this.#required("device");
    const { policy } = agreement;
    const parsed = this.#facts.parsed(policy);
    const [root, salt, id] = [random(ROOT_BYTES), random(SALT_BYTES), random(ID_BYTES)];
    const inner = policyKey(parsed, "inner");
    const outer = policyKey(parsed, "outer");
    const [innerKey, outerKey] = [await keyId(sha256, inner), await keyId(sha256, outer)];
    const bound = {
      programme: parsed.programme,
      stream,
      segment: id,
      app: origin.app,
      group: origin.group,
      receipt: agreement.hash,
      policy: policy.hash,
      rootHash: await rootHash(sha256, root),
    };
    const info = (layer: "inner" | "outer" | "participant", recipient: Bytes): Bytes =>
      rootBinding(layer, { ...bound, recipient });
    const sealedInner = await seal(inner, info("inner", innerKey), root);
    const sealedRoot = await seal(outer, info("outer", outerKey), sealedInner);
    const ownInfo = info("participant", participantKeyId);
    const message = {
      kind: "segment",
      id,
      app: origin.app,
      group: origin.group,
      receipt: agreement.hash,
      policy: policy.hash,
      innerKey,
      outerKey,
      participantKey: participantKeyId,
      rootHash: bound.rootHash,
      salt,
      sealedRoot,
      sealedParticipantRoot: await seal(participant.publicKey, ownInfo, root),
    } as const;
    const key = await frameKey(root, salt);
    root.fill(0);
    return { message, key };
  }
}
