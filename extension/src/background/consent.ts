/**
 * Yes, no and leaving: receipts made here, told to the relay, and believed only when it signed that it has them.
 *
 * Owns the agreement; a withdrawal holds here from the click on, whatever the network does.
 */

import { equal } from "../shared/bytes.ts";
import { parseEnrolment } from "../shared/enrolment.ts";
import type { DeviceMessage, MessageKind } from "../shared/messages.ts";
import { policyKey, successorFault } from "../shared/policy.ts";
import { Problem } from "../shared/problem.ts";
import { type Grant, parseReceipt, RECEIPT_LABEL, receiptBody } from "../shared/receipt.ts";
import { newDevice, newStream } from "./enrolling.ts";
import type { AgreementFact, DeviceFact, Facts, PolicyFact } from "./facts.ts";
import type { Outbox } from "./outbox.ts";
import { fetchOffer } from "./policies.ts";
import { present } from "./presence.ts";
import type { Sealer } from "./sealer.ts";
import { isSigned, random, sha256, sign } from "./vault.ts";

const NONCE_BYTES = 16;
const CONFIRM_MS = 20_000;
const ASK_AGAIN_MS = 90 * 86_400_000;

/** Somebody waiting for the relay's answer. */
interface Waiter {
  readonly resolve: () => void;
  readonly reject: (problem: Problem) => void;
}

const REFUSALS: Readonly<Record<string, string>> = {
  code_spent:
    "This enrolment string was used before, and each works once. Nothing was agreed. Ask your representative for a new one.",
  code_invalid:
    "This enrolment string was not issued for this programme. Nothing was agreed. Ask your representative for a new one.",
  policy_superseded:
    "The programme's policy changed while you were reading. Nothing was agreed. Open this page again and read the new one.",
};

function refusal(reason: string): Problem {
  return new Problem(
    reason,
    REFUSALS[reason] ??
      "The programme's server refused, so nothing was agreed. Tell your representative the code below.",
  );
}

export class Consent {
  readonly #facts: Facts;
  readonly #outbox: Outbox;
  readonly #sealer: Sealer;
  readonly #push: () => void;
  readonly #reconnect: () => void;
  #waiter: Waiter | null = null;

  /** @param push Tells the connection that something is due; it connects anew where the stream changed. */
  constructor(facts: Facts, outbox: Outbox, sealer: Sealer, push: (isNewStream: boolean) => void) {
    this.#facts = facts;
    this.#outbox = outbox;
    this.#sealer = sealer;
    this.#push = () => push(false);
    this.#reconnect = () => push(true);
  }

  /** When somebody who said no or left may be asked again, ms since 1970; null for now. */
  get askAgainAfter(): number | null {
    const { agreement } = this.#facts.now;
    return agreement === null || agreement.via === "grant" ? null : agreement.at + ASK_AGAIN_MS;
  }

  /**
   * Read an enrolment string and fetch and verify what it leads to; nothing is agreed by that.
   *
   * @throws Problem as `parseEnrolment` and `fetchOffer`; "already_enrolled".
   */
  async offer(text: string): Promise<PolicyFact> {
    const enrolment = parseEnrolment(text);
    const policy = await fetchOffer(enrolment);
    const { agreement, contact } = this.#facts.now;
    const isStuck = contact.problem !== null;
    if (agreement?.via === "grant" && !isStuck && !this.#continues(policy)) {
      throw new Problem(
        "already_enrolled",
        "This browser profile takes part in another programme, and one profile takes part in one only. Leave that one first, or use another profile; then paste this string again.",
      );
    }
    await this.#facts.put({ offer: { enrolment, policy } });
    return policy;
  }

  /** The policy a yes or no would be for: the offer just read, else the current one. */
  get offered(): PolicyFact | null {
    return this.#facts.now.offer?.policy ?? this.#facts.now.policy;
  }

  /**
   * Say yes to exactly these grants, or no with none, and wait for the relay's confirmation.
   *
   * @throws Problem "nothing_offered", "exceeds_policy", "unconfirmed" if the relay did not answer in time (it is told again
   * later), or the relay's refusal.
   */
  async answer(grants: readonly Grant[], language: string, now: number): Promise<AgreementFact> {
    const policy = this.offered;
    if (policy === null) {
      throw new Problem("nothing_offered", "Paste your enrolment string first, then answer.");
    }
    this.#checkGrants(grants, policy);
    const isContinued = this.#continues(policy);
    const known = isContinued ? this.#facts.now.agreement : null;
    if (known?.via === "grant" && grants.length === 0) {
      await this.leave(language, now);
      await this.leaving();
      return this.#facts.now.agreement ?? known;
    }
    this.#checkLeft();
    if (known?.via === "withdraw") {
      await this.restartStream();
      this.#reconnect();
    }
    if (!isContinued) {
      await this.#facts.count("dropped", "lost_with_stream", await this.#outbox.discard());
    }
    this.#sealer.clear();
    const { offer, enrolment } = this.#facts.now;
    const device = (isContinued ? this.#facts.now.device : null) ?? (await newDevice());
    const stream = (isContinued ? this.#facts.now.stream : null) ?? (await newStream(device));
    const via = grants.length > 0 ? "grant" : "decline";
    const agreement = await this.#sign(device, policy, grants, known, via, language, now);
    // One transaction, so that no stop of the worker enrols a device that has not answered.
    await this.#facts.put({
      device,
      stream,
      policy,
      agreement,
      offer: null,
      enrolment: isContinued || offer === null ? enrolment : { ...offer.enrolment, isDone: false },
      contact: { ...this.#facts.now.contact, problem: null },
      presence: present(now),
    });
    if (!isContinued) this.#reconnect();
    await this.#confirmation();
    return this.#facts.now.agreement ?? agreement;
  }

  /**
   * Leave: when this resolves nothing is recorded any more and what waited is thrown away; the relay is told by `leaving`.
   *
   * @throws Problem "not_enrolled".
   */
  async leave(language: string, now: number): Promise<void> {
    const { agreement: before, device } = this.#facts.now;
    if (before === null || device === null) {
      throw new Problem(
        "not_enrolled",
        "You have agreed to nothing, so there is nothing to leave.",
      );
    }
    if (before.via === "withdraw") return;
    const agreement = await this.#sign(
      device,
      before.policy,
      [],
      before,
      "withdraw",
      language,
      now,
    );
    await this.#facts.put({ agreement, offer: null });
    this.#sealer.clear();
    await this.#facts.count("dropped", "withdrawn", await this.#outbox.purge(now));
  }

  /** Tell the relay of the leaving; false if it did not confirm within the time a person waits. */
  async leaving(): Promise<boolean> {
    if (this.#facts.now.agreement?.isConfirmed === true) return true;
    try {
      await this.#confirmation();
      return true;
    } catch {
      return false;
    }
  }

  /** The consent message that is due, or null. */
  async pending(announced: number): Promise<DeviceMessage | null> {
    const { agreement, device, stream, policy } = this.#facts.now;
    if (agreement === null || agreement.isConfirmed) return null;
    if (device === null || stream === null || policy === null) return null;
    const { body, signature: receiptSignature } = agreement;
    if (agreement.via !== "withdraw") return { kind: "grant", body, signature: receiptSignature };
    const { programme } = this.#facts.parsed(policy);
    const parts = [programme, stream.id, announced, agreement.hash] as const;
    const signature = await sign(device.key, "candor/v1/withdraw", ...parts);
    return { kind: "withdraw", through: announced, body, receiptSignature, signature };
  }

  /** The relay holds another receipt than ours, or none: tell it again. */
  async relayHolds(receipt: Uint8Array | null): Promise<void> {
    const { agreement } = this.#facts.now;
    if (agreement === null || !agreement.isConfirmed) return;
    if (receipt !== null && equal(receipt, agreement.hash)) return;
    await this.#facts.put({ agreement: { ...agreement, isConfirmed: false } });
  }

  /**
   * Believe a confirmation.
   *
   * @throws Problem "bad_signature" if the ledger key did not sign exactly this.
   */
  async confirmed(message: MessageKind<"granted" | "withdrawn">): Promise<void> {
    const { agreement, policy, stream } = this.#facts.now;
    if (agreement === null || policy === null || stream === null) return;
    if (!equal(message.receipt, agreement.hash)) return;
    const ledger = policyKey(this.#facts.parsed(policy), "ledger");
    const tail = message.kind === "withdrawn" ? [message.through, message.epoch] : [message.epoch];
    const parts = [stream.id, message.receipt, ...tail];
    const label = `candor/v1/${message.kind}`;
    const fits = (message.kind === "withdrawn") === (agreement.via === "withdraw");
    if (!fits || !(await isSigned(ledger, message.signature, label, ...parts))) {
      throw new Problem(
        "bad_signature",
        "The confirmation is not genuine, so it is not believed. Tell your representative.",
      );
    }
    await this.#facts.put({ agreement: { ...agreement, isConfirmed: true } });
    this.#waiter?.resolve();
  }

  /** Take the relay's refusal of a grant under way: nothing was granted. What was confirmed, or is a leaving, stands. */
  async grantRefused(reason: string): Promise<void> {
    const { agreement } = this.#facts.now;
    if (agreement === null || agreement.isConfirmed || agreement.via === "withdraw") return;
    await this.#facts.put({ agreement: null });
    this.#waiter?.reject(refusal(reason));
  }

  /** Take the relay's refusal of the enrolment: everything is as before it. */
  async enrolRefused(reason: string): Promise<void> {
    await this.#facts.put({ enrolment: null, policy: null, agreement: null, stream: null });
    this.#waiter?.reject(refusal(reason));
  }

  /** A new stream instead of the one in use; what waited in it is lost and counted. */
  async restartStream(): Promise<void> {
    const { device } = this.#facts.now;
    this.#sealer.clear();
    await this.#facts.count("dropped", "lost_with_stream", await this.#outbox.discard());
    await this.#facts.put({ stream: device === null ? null : await newStream(device) });
  }

  /** Tell whether an answer to this policy goes on with the enrolment in use. */
  #continues(policy: PolicyFact): boolean {
    const { enrolment, policy: current, contact } = this.#facts.now;
    if (enrolment === null || current === null) return false;
    if (contact.problem?.code === "enrolment_lost") return false;
    if (equal(policy.hash, current.hash)) return true;
    return successorFault(this.#facts.parsed(policy), this.#facts.parsed(current)) === null;
  }

  #checkGrants(grants: readonly Grant[], policy: PolicyFact): void {
    const { apps } = this.#facts.parsed(policy);
    const isWithin = grants.every((grant) => {
      const allowed = apps.find((app) => app.app === grant.app)?.signals ?? [];
      return grant.signals.every((signal) => allowed.includes(signal));
    });
    if (!isWithin) {
      throw new Problem(
        "exceeds_policy",
        "These choices go beyond the policy, so they were not taken. Open this page again.",
      );
    }
  }

  /** Make sure that no new answer overtakes a leaving. */
  #checkLeft(): void {
    const { agreement } = this.#facts.now;
    if (agreement?.via === "withdraw" && !agreement.isConfirmed) {
      throw new Problem(
        "withdrawal_pending",
        "Your leaving was not confirmed yet, because the server could not be reached. It comes first; try again when you are online.",
      );
    }
  }

  async #sign(
    device: DeviceFact,
    policy: PolicyFact,
    grants: readonly Grant[],
    before: AgreementFact | null,
    via: AgreementFact["via"],
    language: string,
    now: number,
  ): Promise<AgreementFact> {
    const { notice, programme } = this.#facts.parsed(policy);
    const body = receiptBody({
      deviceKey: device.key.publicKey,
      givenAt: Math.floor(now / 1_000),
      grants,
      language,
      nonce: random(NONCE_BYTES),
      notice,
      participantKeyId: device.participantKeyId,
      policyHash: policy.hash,
      previous: before?.hash ?? null,
      programme,
    });
    const signature = await sign(device.key, RECEIPT_LABEL, body);
    const hash = await sha256(body);
    return { body, signature, hash, policy, via, isConfirmed: false, at: now };
  }

  #confirmation(): Promise<void> {
    return new Promise((resolve, reject) => {
      const problem = new Problem(
        "unconfirmed",
        "The programme's server did not confirm yet. Nothing is recorded until it does; your answer is kept here and told again.",
      );
      const timer = setTimeout(() => this.#waiter?.reject(problem), CONFIRM_MS);
      const over = (): void => {
        clearTimeout(timer);
        this.#waiter = null;
      };
      this.#waiter?.reject(problem);
      this.#waiter = {
        resolve: () => {
          over();
          resolve();
        },
        reject: (why) => {
          over();
          reject(why);
        },
      };
      this.#push();
    });
  }
}

/** The grants of an agreement that is in force; none after a no, a withdrawal, or before the confirmation. */
export function grantsInForce(agreement: AgreementFact | null): readonly Grant[] {
  if (agreement === null || agreement.via !== "grant" || !agreement.isConfirmed) return [];
  return parseReceipt(agreement.body).grants;
}
