/**
 * Fetching policies and believing them only after every check (protocol.md sections 2 and 8).
 *
 * Owns the verification; what follows from a policy is decided elsewhere.
 */

import { type Bytes, equal, fromUtf8, hex } from "../shared/bytes.ts";
import type { Enrolment } from "../shared/enrolment.ts";
import { decodeSignedPolicy, type SignedPolicy } from "../shared/messages.ts";
import { isLoopback } from "../shared/origins.ts";
import {
  POLICY_LABEL,
  POLICY_ROLES,
  type Policy,
  parsePolicy,
  policyKey,
  successorFault,
} from "../shared/policy.ts";
import { Problem } from "../shared/problem.ts";
import { fingerprint } from "../shared/transcript.ts";
import type { PolicyFact } from "./facts.ts";
import { isSigned, sha256 } from "./vault.ts";

const FETCH_MS = 15_000;
const MAX_FETCHED_BYTES = 262_144;

async function fetchBytes(url: string): Promise<Bytes> {
  let body: ArrayBuffer;
  try {
    const response = await fetch(url, {
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(FETCH_MS),
    });
    if (!response.ok) throw new Error("status");
    body = await response.arrayBuffer();
  } catch {
    throw new Problem(
      "relay_unreachable",
      "The programme's server did not answer, so its policy could not be read. Nothing was agreed. Try again later.",
    );
  }
  if (body.byteLength > MAX_FETCHED_BYTES) {
    throw new Problem(
      "malformed",
      "The programme's server sent too much. Tell your representative.",
    );
  }
  return new Uint8Array(body);
}

async function checkSignatures(policy: Policy, signed: SignedPolicy): Promise<void> {
  for (const role of POLICY_ROLES) {
    const key = policyKey(policy, role);
    if (!(await isSigned(key, signed[role], POLICY_LABEL, role, signed.body))) {
      throw new Problem(
        "bad_signature",
        `The ${role}'s signature does not fit this policy, so it is not used. Tell your representative.`,
      );
    }
  }
}

/** Fetch a notice and check that it is the one the policy names. */
export async function fetchNotice(relay: string, notice: string): Promise<string> {
  const text = await fetchBytes(`${relay}/v1/notices/${notice}`);
  if (hex(await sha256(text)) !== notice) {
    throw new Problem(
      "notice_mismatch",
      "The notice is not the one that was signed, so it is not shown. Tell your representative.",
    );
  }
  return fromUtf8(text);
}

/**
 * Fetch what an enrolment string leads to and verify all of it before anything is shown.
 *
 * @throws Problem "relay_unreachable", "malformed", "not_canonical", "policy", "wrong_fingerprint", "bad_signature",
 * "wrong_relay", "demo_elsewhere", "notice_mismatch".
 */
export async function fetchOffer(enrolment: Enrolment): Promise<PolicyFact> {
  const { relay } = enrolment;
  const signed = decodeSignedPolicy(await fetchBytes(`${relay}/v1/policy`));
  const policy = parsePolicy(signed.body);
  const pinned = await fingerprint(
    sha256,
    policyKey(policy, "controller"),
    policyKey(policy, "representative"),
  );
  if (!equal(pinned, enrolment.fingerprint)) {
    throw new Problem(
      "wrong_fingerprint",
      "The policy was signed by other keys than your representative's string names. Nothing was agreed. Ask them which is right.",
    );
  }
  await checkSignatures(policy, signed);
  if (policy.relay !== relay) {
    throw new Problem(
      "wrong_relay",
      "The policy belongs to another address than your representative's string names. Nothing was agreed. Ask them which is right.",
    );
  }
  if (policy.mark === "demo" && !isLoopback(relay)) {
    throw new Problem(
      "demo_elsewhere",
      "This is a demonstration whose keys lie on one machine; it is refused from any other. Ask for a real enrolment string.",
    );
  }
  const hash = await sha256(signed.body);
  return { signed, hash, notice: await fetchNotice(relay, policy.notice) };
}

/**
 * Verify a policy that the relay sent against the pinned keys of the current one.
 *
 * @returns The policy, or null if it is the current one again. Its notice is "" until it is fetched.
 * @throws Problem "policy_changed" if it may not follow; "bad_signature", "policy", "not_canonical".
 */
export async function verifySuccessor(
  signed: SignedPolicy,
  current: PolicyFact,
  parsed: Policy,
): Promise<PolicyFact | null> {
  if (equal(signed.body, current.signed.body)) return null;
  const policy = parsePolicy(signed.body);
  await checkSignatures(policy, signed);
  const fault = successorFault(policy, parsed);
  if (fault !== null) {
    throw new Problem(
      "policy_changed",
      "The programme's keys, address or numbering changed, which makes it another programme. All recording is off. Ask your representative.",
    );
  }
  return { signed, hash: await sha256(signed.body), notice: "" };
}
