/**
 * A real programme for tests: keys, a signed policy, a device, receipts.
 *
 * Owns fixtures only; keys are drawn anew in each run.
 */

import "fake-indexeddb/auto";
import { openDatabase } from "../src/background/database.ts";
import { newDevice, newStream } from "../src/background/enrolling.ts";
import { type AgreementFact, Facts, type PolicyFact } from "../src/background/facts.ts";
import { present } from "../src/background/presence.ts";
import { newDeviceKey, newParticipantKey, random, sha256, sign } from "../src/background/vault.ts";
import { base64url } from "../src/shared/bytes.ts";
import { canonical } from "../src/shared/canonical.ts";
import type { CapturedColumns } from "../src/shared/internal.ts";
import type { Policy } from "../src/shared/policy.ts";
import { POLICY_LABEL, parsePolicy } from "../src/shared/policy.ts";
import { type Grant, RECEIPT_LABEL, receiptBody } from "../src/shared/receipt.ts";

const [controller, representative, codes, cosigning, ledger, requests, inner, outer] =
  await Promise.all([
    newDeviceKey(),
    newDeviceKey(),
    newDeviceKey(),
    newDeviceKey(),
    newDeviceKey(),
    newDeviceKey(),
    newParticipantKey(),
    newParticipantKey(),
  ]);

export const KEYS = {
  controller,
  representative,
  codes,
  cosigning,
  ledger,
  requests,
  inner,
  outer,
};

/** A day in the window, ms since 1970. */
export const NOW = Date.UTC(2026, 10, 24, 12);

const contact = (name: string) => ({ email: `${name}@corp.example`, name });

/** A policy that keeps every rule. */
export const POLICY: Policy = {
  apps: [
    {
      app: 1,
      catalogue: "",
      excluded_paths: ["/payroll"],
      id: "crm",
      name: "CRM",
      origins: ["https://crm.corp.example"],
      signals: ["click", "key_timing", "pointer"],
    },
    {
      app: 2,
      catalogue: "",
      excluded_paths: [],
      id: "wiki",
      name: "Wiki",
      origins: ["https://wiki.corp.example"],
      signals: ["pointer", "scroll"],
    },
  ],
  backup_days: 7,
  contacts: {
    controller: contact("controller"),
    data_protection_officer: contact("dpo"),
    representative: contact("representative"),
  },
  eligible: "Everyone in sales",
  format: "candor-policy-v1",
  k: 10,
  keys: {
    codes: base64url(codes.publicKey),
    controller: base64url(controller.publicKey),
    cosigning: base64url(cosigning.publicKey),
    inner: base64url(inner.publicKey),
    ledger: base64url(ledger.publicKey),
    outer: base64url(outer.publicKey),
    representative: base64url(representative.publicKey),
    requests: base64url(requests.publicKey),
  },
  mark: "none",
  notice: "ab".repeat(32),
  number: 1,
  programme: "clearer-screens",
  purposes: ["Find slow screens"],
  relay: "https://candor.corp.example",
  retention_days: 183,
  window: { first_day: "2026-11-24", last_day: "2027-05-25" },
};

/** The same policy with changes, in canonical bytes. */
export function policyBody(changes: Partial<Policy> = {}) {
  return canonical({ ...POLICY, ...changes });
}

/** A policy signed by both. */
export async function signedPolicy(changes: Partial<Policy> = {}): Promise<PolicyFact> {
  const body = policyBody(changes);
  return {
    signed: {
      body,
      controller: await sign(controller, POLICY_LABEL, "controller", body),
      representative: await sign(representative, POLICY_LABEL, "representative", body),
    },
    hash: await sha256(body),
    notice: "",
  };
}

/** A device with a stream in a database of its own. */
export async function deviceFacts(): Promise<Facts> {
  const facts = await Facts.load(await openDatabase(new IDBFactory()));
  const device = await newDevice();
  await facts.put({
    device,
    stream: await newStream(device),
    policy: await signedPolicy(),
    contact: { welcomeAt: NOW, stop: null, problem: null },
    presence: present(NOW),
  });
  return facts;
}

/** An agreement of a device to the policy it has. */
export async function agreementOf(
  facts: Facts,
  grants: readonly Grant[],
  changes: Partial<AgreementFact> = {},
): Promise<AgreementFact> {
  const { device, policy } = facts.now;
  if (device === null || policy === null) throw new Error("no device");
  const parsed = parsePolicy(policy.signed.body);
  const body = receiptBody({
    deviceKey: device.key.publicKey,
    givenAt: Math.floor(NOW / 1_000),
    grants,
    language: "en",
    nonce: random(16),
    notice: parsed.notice,
    participantKeyId: device.participantKeyId,
    policyHash: policy.hash,
    previous: null,
    programme: parsed.programme,
  });
  return {
    body,
    signature: await sign(device.key, RECEIPT_LABEL, body),
    hash: await sha256(body),
    policy,
    via: grants.length > 0 ? "grant" : "decline",
    isConfirmed: true,
    at: NOW,
    ...changes,
  };
}

/** Columns without a signal but those given. */
export function captured(changes: Partial<CapturedColumns>): CapturedColumns {
  return {
    t0: 179_556_000_000,
    route: 0,
    pointer: null,
    click: null,
    hover: null,
    typing: null,
    key_timing: null,
    scroll: null,
    attention: null,
    navigation: null,
    ...changes,
  };
}
