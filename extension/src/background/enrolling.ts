/**
 * Becoming a device: keys, streams, and the first message of each connection (protocol.md sections 2 and 4).
 *
 * Owns enrol and hello; what is granted is decided elsewhere.
 */

import { type Bytes, equal } from "../shared/bytes.ts";
import { type DeviceMessage, type MessageKind, PROTOCOL_VERSION } from "../shared/messages.ts";
import { policyKey } from "../shared/policy.ts";
import { Problem } from "../shared/problem.ts";
import { deviceHash, keyId, streamId, transcript } from "../shared/transcript.ts";
import type { TransportNumber } from "../shared/transports.ts";
import type { DeviceFact, EnrolmentFact, Facts, PolicyFact, StreamFact } from "./facts.ts";
import { isSigned, newDeviceKey, newParticipantKey, random, seal, sha256, sign } from "./vault.ts";

const SALT_BYTES = 16;

/** Draw the keys of this installation. */
export async function newDevice(): Promise<DeviceFact> {
  const [key, participant] = [await newDeviceKey(), await newParticipantKey()];
  return {
    key,
    hash: await deviceHash(sha256, key.publicKey),
    participant,
    participantKeyId: await keyId(sha256, participant.publicKey),
  };
}

/** Begin a stream of this device. */
export async function newStream(device: DeviceFact): Promise<StreamFact> {
  const salt = random(SALT_BYTES);
  return { salt, id: await streamId(sha256, device.key.publicKey, salt), nextSeq: 1 };
}

interface Enrolled {
  readonly device: DeviceFact;
  readonly enrolment: EnrolmentFact;
  readonly policy: PolicyFact;
  readonly stream: StreamFact;
}

export class Enrolling {
  readonly #facts: Facts;
  /** Nonce of the enrol under way. */
  #nonce: Bytes | null = null;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /**
   * Answer a challenge: enrol if the relay does not know this device yet, else hello.
   *
   * @throws Problem "not_enrolled" if there is nothing to answer with.
   */
  async greet(nonce: Uint8Array, transport: TransportNumber): Promise<DeviceMessage> {
    const own = this.#own();
    const challenge = nonce as Bytes;
    if (own.enrolment.isDone) return this.#hello(own, challenge, transport);
    this.#nonce = challenge;
    return this.#enrol(own, challenge);
  }

  /**
   * Believe a confirmation of the enrolment.
   *
   * @throws Problem "bad_signature" if the ledger key did not sign exactly this.
   */
  async enrolled({ device, day, signature }: MessageKind<"enrolled">): Promise<void> {
    const own = this.#own();
    const ledger = policyKey(this.#facts.parsed(own.policy), "ledger");
    const parts = [this.#nonce, device, day] as const;
    const isGenuine =
      this.#nonce !== null &&
      equal(device, own.device.hash) &&
      (await isSigned(ledger, signature, "candor/v1/enrolled", ...parts));
    if (!isGenuine) {
      throw new Problem(
        "bad_signature",
        "The confirmation of the enrolment is not genuine. Nothing is recorded. Tell your representative.",
      );
    }
    await this.#done();
  }

  /** Take a refusal; true if the device is known already, because the confirmation got lost. */
  async refused(reason: string): Promise<boolean> {
    if (reason !== "device_exists") return false;
    await this.#done();
    return true;
  }

  async #done(): Promise<void> {
    this.#nonce = null;
    const { enrolment } = this.#own();
    await this.#facts.put({
      enrolment: { ...enrolment, code: null, codeSignature: null, isDone: true },
    });
  }

  #own(): Enrolled {
    const { device, enrolment, policy, stream } = this.#facts.now;
    if (device === null || enrolment === null || policy === null || stream === null) {
      throw new Problem("not_enrolled", "This browser is not enrolled. Open Candor's first page.");
    }
    return { device, enrolment, policy, stream };
  }

  async #hello(own: Enrolled, nonce: Bytes, transport: TransportNumber): Promise<DeviceMessage> {
    const { device, stream } = own;
    const policy = this.#facts.parsed(own.policy);
    const { programme } = policy;
    const agreement = this.#facts.now.agreement;
    const receipt = agreement?.isConfirmed ? agreement.hash : null;
    const version = PROTOCOL_VERSION;
    const signature = await sign(
      device.key,
      "candor/v1/hello",
      nonce,
      policy.relay,
      programme,
      stream.id,
      device.hash,
      receipt,
      own.policy.hash,
      version,
      transport,
      null,
    );
    return {
      kind: "hello",
      deviceKey: device.key.publicKey,
      streamSalt: stream.salt,
      programme,
      receipt,
      policy: own.policy.hash,
      version,
      transport,
      lastEpoch: null,
      signature,
    };
  }

  async #enrol(own: Enrolled, nonce: Bytes): Promise<DeviceMessage> {
    const { device, enrolment } = own;
    const policy = this.#facts.parsed(own.policy);
    const { programme } = policy;
    const deviceKey = device.key.publicKey;
    const participantKey = device.participant.publicKey;
    const { code, codeSignature } = enrolment;
    if (code === null || codeSignature === null) {
      throw new Problem(
        "not_enrolled",
        "The enrolment string is needed again. Paste it once more.",
      );
    }
    const info = transcript("candor/v1/seal/code", programme, device.hash);
    const sealedCode = await seal(policyKey(policy, "outer"), info, code);
    const signature = await sign(
      device.key,
      "candor/v1/enrol",
      nonce,
      policy.relay,
      programme,
      deviceKey,
      participantKey,
      code,
      sealedCode,
    );
    return {
      kind: "enrol",
      deviceKey,
      participantKey,
      programme,
      code,
      codeSignature,
      sealedCode,
      identity: null,
      signature,
    };
  }
}
