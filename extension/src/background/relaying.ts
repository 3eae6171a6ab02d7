/**
 * What the worker does with each message of the relay: the connection's partner.
 *
 * Owns policies, stops, problems and counts as the relay makes them change; consent and enrolment have their own modules.
 */

import { FRAMES_LABEL } from "../shared/exchange.ts";
import type { DeviceMessage, MessageKind, SignedPolicy } from "../shared/messages.ts";
import { typeOf } from "../shared/messages.ts";
import { describe } from "../shared/problem.ts";
import type { AfterClose } from "../shared/reasons.ts";
import type { TransportNumber } from "../shared/transports.ts";
import type { Activity } from "./activity.ts";
import type { Partner } from "./connection.ts";
import type { Consent } from "./consent.ts";
import type { Enrolling } from "./enrolling.ts";
import type { Signer } from "./exchange.ts";
import type { ContactFact, Facts } from "./facts.ts";
import type { Outbox } from "./outbox.ts";
import { verifySuccessor } from "./policies.ts";
import type { Sealer } from "./sealer.ts";
import { sha256, sign } from "./vault.ts";

/** Refusals that concern all that would follow; recording stops until the next welcome says otherwise. */
const STOPPING = ["withdrawn", "programme_ended", "window_closed", "stopped"];
/** Problems that a new welcome does not solve. */
const LASTING = ["grant_lapsed"];

export interface RelayingParts {
  readonly facts: Facts;
  readonly outbox: Outbox;
  readonly sealer: Sealer;
  readonly activity: Activity;
  readonly consent: Consent;
  readonly enrolling: Enrolling;
  /** What may be recorded changed; `isNew` if open pages may need a script. */
  readonly scopeChanged: (isNew: boolean) => void;
  /** Only what is shown changed. */
  readonly changed: () => void;
}

export class Relaying implements Partner {
  readonly #parts: RelayingParts;

  constructor(parts: RelayingParts) {
    this.#parts = parts;
  }

  get relay(): string | null {
    const { enrolment, agreement } = this.#parts.facts.now;
    return enrolment === null || agreement === null ? null : enrolment.relay;
  }

  get outbox(): Outbox {
    return this.#parts.outbox;
  }

  get signer(): Signer | null {
    const { facts } = this.#parts;
    const { device, policy } = facts.now;
    if (device === null || policy === null) return null;
    const { relay } = facts.parsed(policy);
    return {
      deviceKey: device.key.publicKey,
      sign: async (exchange, counter, body) =>
        sign(device.key, FRAMES_LABEL, relay, exchange, counter, await sha256(body)),
    };
  }

  greet(nonce: Uint8Array, transport: TransportNumber): Promise<DeviceMessage> {
    return this.#parts.enrolling.greet(nonce, transport);
  }

  enrolled(message: MessageKind<"enrolled">): Promise<void> {
    return this.#parts.enrolling.enrolled(message);
  }

  async enrolRefused(reason: string): Promise<boolean> {
    if (await this.#parts.enrolling.refused(reason)) return true;
    await this.#parts.consent.enrolRefused(reason);
    this.#parts.changed();
    return false;
  }

  async welcomed(message: MessageKind<"welcome">): Promise<void> {
    const { facts, consent, scopeChanged } = this.#parts;
    const { problem } = facts.now.contact;
    const isLasting = problem !== null && LASTING.includes(problem.code);
    const [welcomeAt, stop] = [Date.now(), null];
    const aheadMs = welcomeAt - message.nowMs;
    await facts.put({ contact: { welcomeAt, aheadMs, stop, problem: isLasting ? problem : null } });
    if (message.policy !== null) await this.#adopt(message.policy);
    await consent.relayHolds(message.receipt);
    scopeChanged(false);
  }

  consent(announced: number): Promise<DeviceMessage | null> {
    return this.#parts.consent.pending(announced);
  }

  async confirmed(message: MessageKind<"granted" | "withdrawn">): Promise<void> {
    const { consent, facts } = this.#parts;
    await consent.confirmed(message);
    // The relay said "withdrawn" of the receipt before; this one is newer.
    const isNewer = message.kind === "granted" && facts.now.contact.stop === "withdrawn";
    if (isNewer) await this.#contact({ stop: null });
    this.#parts.scopeChanged(true);
  }

  async refused({ of, reason }: MessageKind<"refusal">): Promise<void> {
    const { facts, consent, sealer, changed } = this.#parts;
    if (of === typeOf("grant")) await consent.grantRefused(reason);
    if (of === typeOf("segment")) sealer.clear();
    await facts.count("refused", reason);
    changed();
  }

  async acked({ through, refused }: MessageKind<"ack">): Promise<void> {
    const { facts, outbox, activity, sealer, changed } = this.#parts;
    const gone = await outbox.settle(through);
    const reasons = new Map(refused.map(({ seq, reason }) => [seq, reason]));
    const stored = gone.filter(({ first }) => !reasons.has(first));
    const events = stored.reduce((sum, entry) => sum + entry.events, 0);
    activity.acked(stored.length, events, Date.now());
    for (const reason of reasons.values()) await facts.count("refused", reason);
    const why = [...reasons.values()];
    if (why.includes("segment_unknown")) sealer.clear();
    const stop = why.find((reason) => STOPPING.includes(reason));
    if (stop !== undefined) await this.stopped(stop);
    if (why.includes("grant_lapsed")) await this.#problem("grant_lapsed");
    changed();
  }

  async policy(message: MessageKind<"policy">): Promise<void> {
    await this.#adopt(message.policy);
    this.#parts.scopeChanged(false);
  }

  async stopped(reason: string): Promise<void> {
    await this.#contact({ stop: reason });
    this.#parts.scopeChanged(false);
  }

  newStream(): Promise<void> {
    return this.#parts.consent.restartStream();
  }

  async closed(what: AfterClose): Promise<void> {
    if (what === "new_stream") await this.newStream();
    if (what === "upgrade") await this.#problem("upgrade_required");
    if (what === "enrol" && this.#parts.facts.now.enrolment?.isDone) {
      await this.#problem("enrolment_lost");
    }
  }

  changed(): void {
    this.#parts.changed();
  }

  /**
   * Take a policy over after every check; one that may not follow turns everything off.
   *
   * @throws Problem "bad_signature" and such: the relay or something on the way forged it; the current one stays.
   */
  async #adopt(signed: SignedPolicy): Promise<void> {
    const { facts, sealer } = this.#parts;
    const current = facts.now.policy;
    if (current === null) return;
    try {
      const next = await verifySuccessor(signed, current, facts.parsed(current));
      if (next === null) return;
      await facts.put({ policy: next });
      sealer.clear();
    } catch (error) {
      if (describe(error).code !== "policy_changed") throw error;
      await this.#problem("policy_changed");
    }
  }

  async #problem(code: string): Promise<void> {
    await this.#contact({ problem: { code, since: Date.now() } });
    this.#parts.scopeChanged(false);
  }

  async #contact(change: Partial<ContactFact>): Promise<void> {
    const { facts } = this.#parts;
    await facts.put({ contact: { ...facts.now.contact, ...change } });
  }
}
