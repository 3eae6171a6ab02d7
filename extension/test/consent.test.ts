import { beforeEach, describe, expect, it } from "vitest";
import { Consent, grantsInForce } from "../src/background/consent.ts";
import { openDatabase } from "../src/background/database.ts";
import { Enrolling } from "../src/background/enrolling.ts";
import { Facts } from "../src/background/facts.ts";
import { Outbox } from "../src/background/outbox.ts";
import { Sealer } from "../src/background/sealer.ts";
import { type DeviceKey, isSigned, random, sign } from "../src/background/vault.ts";
import type { Bytes } from "../src/shared/bytes.ts";
import type { DeviceMessage, MessageKind } from "../src/shared/messages.ts";
import { parseReceipt, RECEIPT_LABEL } from "../src/shared/receipt.ts";
import { captured, KEYS, NOW, POLICY, signedPolicy } from "./fixtures.ts";

const GRANTS = [{ app: 1, signals: ["click", "pointer"] }] as const;
const ORIGIN = { app: 1, group: 0, signals: 3, document: 9 } as const;

let facts: Facts;
let outbox: Outbox;
let sealer: Sealer;
let consent: Consent;
let enrolling: Enrolling;
/** What the relay does when the device has something for it. */
let relay: () => Promise<void>;

beforeEach(async () => {
  facts = await Facts.load(await openDatabase(new IDBFactory()));
  outbox = new Outbox(facts);
  sealer = new Sealer(facts);
  enrolling = new Enrolling(facts);
  consent = new Consent(facts, outbox, sealer, () => void relay());
  const enrolment = {
    relay: POLICY.relay,
    fingerprint: random(32),
    code: random(16),
    codeSignature: random(64),
  };
  await facts.put({ offer: { enrolment, policy: await signedPolicy() } });
  relay = confirm;
});

async function granted(key: DeviceKey, receipt: Bytes): Promise<MessageKind<"granted">> {
  const stream = facts.now.stream?.id ?? random(32);
  const signature = await sign(key, "candor/v1/granted", stream, receipt, 1);
  return { kind: "granted", receipt, epoch: 1, signature };
}

/** Confirm whatever is pending, as an honest relay does. */
async function confirm(): Promise<void> {
  const message = await consent.pending(0);
  const { agreement, stream } = facts.now;
  if (message === null || agreement === null || stream === null) return;
  if (message.kind === "grant") {
    await consent.confirmed(await granted(KEYS.ledger, agreement.hash));
    return;
  }
  const parts = [stream.id, agreement.hash, 0, 2] as const;
  const signature = await sign(KEYS.ledger, "candor/v1/withdrawn", ...parts);
  const receipt = agreement.hash;
  await consent.confirmed({ kind: "withdrawn", receipt, through: 0, epoch: 2, signature });
}

async function keepOne(): Promise<void> {
  const seq = facts.now.stream?.nextSeq ?? 1;
  const sealed = await sealer.seal(seq, ORIGIN, captured({ pointer: [[0], [1], [1]] }), NOW);
  await outbox.keep([sealed], [1], { document: 1, flush: seq }, NOW);
}

describe("saying yes", () => {
  it("is in force once the relay confirmed it, and is signed by the device", async () => {
    const agreement = await consent.answer(GRANTS, "en", NOW);
    expect(agreement.isConfirmed).toBe(true);
    expect(grantsInForce(facts.now.agreement)).toEqual(GRANTS);
    const { device } = facts.now;
    if (device === null) throw new Error("no device");
    const signed = [agreement.signature, RECEIPT_LABEL, agreement.body] as const;
    expect(await isSigned(device.key.publicKey, ...signed)).toBe(true);
    expect(parseReceipt(agreement.body)).toMatchObject({ kind: "grant", previous: "" });
    expect(consent.askAgainAfter).toBeNull();
  });

  it("is not in force while nobody confirmed", async () => {
    let message: DeviceMessage | null = null;
    relay = async () => {
      message = await consent.pending(0);
    };
    const waiting = consent.answer(GRANTS, "en", NOW);
    await expect.poll(() => message).not.toBeNull();
    expect(grantsInForce(facts.now.agreement)).toEqual([]);
    await confirm();
    await waiting;
  });

  it("does not believe a confirmation that the ledger key did not sign", async () => {
    relay = async () => {
      const hash = facts.now.agreement?.hash ?? random(32);
      const forged = await granted(KEYS.controller, hash);
      await expect(consent.confirmed(forged)).rejects.toThrow(
        expect.objectContaining({ code: "bad_signature" }),
      );
      expect(grantsInForce(facts.now.agreement)).toEqual([]);
      await confirm();
    };
    await consent.answer(GRANTS, "en", NOW);
  });

  it("is nothing when the relay refuses", async () => {
    relay = () => consent.grantRefused("policy_superseded");
    await expect(consent.answer(GRANTS, "en", NOW)).rejects.toThrow(
      expect.objectContaining({ code: "policy_superseded" }),
    );
    expect(facts.now.agreement).toBeNull();
  });

  it("stands against a refusal that comes after its confirmation", async () => {
    await consent.answer(GRANTS, "en", NOW);
    await consent.grantRefused("policy_superseded");
    expect(grantsInForce(facts.now.agreement)).toEqual(GRANTS);
  });

  it("cannot go beyond the policy", async () => {
    const beyond = [{ app: 2, signals: ["click"] }] as const;
    await expect(consent.answer(beyond, "en", NOW)).rejects.toThrow(
      expect.objectContaining({ code: "exceeds_policy" }),
    );
    expect(facts.now.device).toBeNull();
  });

  it("leaves no trace when the enrolment is refused", async () => {
    relay = () => consent.enrolRefused("code_spent");
    await expect(consent.answer(GRANTS, "en", NOW)).rejects.toThrow(
      expect.objectContaining({ code: "code_spent" }),
    );
    expect(facts.now).toMatchObject({ enrolment: null, agreement: null, stream: null });
  });
});

describe("saying no", () => {
  it("is a receipt too, and is not asked again for 90 days", async () => {
    const { body, via } = await consent.answer([], "en", NOW);
    expect(via).toBe("decline");
    expect(parseReceipt(body)).toMatchObject({ kind: "none", grants: [] });
    expect(consent.askAgainAfter).toBe(NOW + 90 * 86_400_000);
    expect(grantsInForce(facts.now.agreement)).toEqual([]);
  });
});

describe("leaving", () => {
  beforeEach(async () => {
    await consent.answer(GRANTS, "en", NOW);
    await keepOne();
    await keepOne();
  });

  it("holds at once without a network, and leaves nothing sealed behind", async () => {
    relay = async () => undefined;
    await consent.leave("en", NOW);
    expect(grantsInForce(facts.now.agreement)).toEqual([]);
    expect(outbox.waiting.batches).toBe(0);
    expect(await outbox.after(0)).toMatchObject([{ kind: "dropped", first: 1, last: 2 }]);
    const again = await Facts.load(facts.database);
    expect(again.now.agreement?.via).toBe("withdraw");
    await expect(consent.answer(GRANTS, "en", NOW)).rejects.toThrow(
      expect.objectContaining({ code: "withdrawal_pending" }),
    );
  });

  it("survives a refusal that nobody asked for", async () => {
    relay = async () => undefined;
    await consent.leave("en", NOW);
    const leaving = facts.now.agreement;
    await consent.grantRefused("policy_superseded");
    expect(facts.now.agreement).toEqual(leaving);
  });

  it("is told with the receipt it follows and how far the stream went", async () => {
    const given = facts.now.agreement;
    await consent.leave("en", NOW);
    const message = await consent.pending(2);
    if (message?.kind !== "withdraw") throw new Error("no withdrawal");
    expect(message.through).toBe(2);
    const { previous, grants } = parseReceipt(message.body);
    expect(grants).toEqual([]);
    expect(previous).toBe(Buffer.from(given?.hash ?? []).toString("hex"));
    expect(await consent.leaving()).toBe(true);
    expect(await consent.pending(2)).toBeNull();
    expect(await consent.leaving()).toBe(true);
  });

  it("makes a new yes begin a new stream", async () => {
    const before = facts.now.stream;
    await consent.leave("en", NOW);
    await consent.leaving();
    await consent.answer(GRANTS, "en", NOW);
    expect(facts.now.stream?.id).not.toEqual(before?.id);
    expect(facts.now.stream?.nextSeq).toBe(1);
    expect(await outbox.after(0)).toEqual([]);
  });

  it("is what a no after a yes means", async () => {
    const { via } = await consent.answer([], "en", NOW);
    expect(via).toBe("withdraw");
    expect(outbox.waiting.batches).toBe(0);
  });

  it("is told again when the relay holds an older receipt", async () => {
    const older = facts.now.agreement?.hash ?? null;
    await consent.leave("en", NOW);
    await consent.leaving();
    await consent.relayHolds(older);
    expect((await consent.pending(0))?.kind).toBe("withdraw");
  });
});

describe("enrolling", () => {
  it("enrols first, forgets the code once confirmed, then says hello", async () => {
    await consent.answer(GRANTS, "en", NOW);
    const nonce = random(32);
    const enrol = await enrolling.greet(nonce, 1);
    expect(enrol.kind).toBe("enrol");
    const device = facts.now.device?.hash ?? random(32);
    const signature = await sign(KEYS.ledger, "candor/v1/enrolled", nonce, device, 20_000);
    const answer = { kind: "enrolled", device, day: 20_000, signature } as const;
    await expect(enrolling.enrolled({ ...answer, day: 20_001 })).rejects.toThrow(
      expect.objectContaining({ code: "bad_signature" }),
    );
    await enrolling.enrolled(answer);
    expect(facts.now.enrolment).toMatchObject({ isDone: true, code: null, codeSignature: null });
    const hello = await enrolling.greet(random(32), 1);
    expect(hello).toMatchObject({ kind: "hello", receipt: facts.now.agreement?.hash });
  });

  it("goes on when the confirmation got lost", async () => {
    await consent.answer(GRANTS, "en", NOW);
    expect(await enrolling.refused("code_spent")).toBe(false);
    expect(await enrolling.refused("device_exists")).toBe(true);
    expect((await enrolling.greet(random(32), 1)).kind).toBe("hello");
  });

  it("has nothing to say before an answer", async () => {
    await expect(enrolling.greet(random(32), 1)).rejects.toThrow(
      expect.objectContaining({ code: "not_enrolled" }),
    );
  });
});
