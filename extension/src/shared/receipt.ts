/**
 * The consent receipt: the device-signed record of what was granted (protocol.md section 8).
 *
 * Owns its form; never signs, never decides whether it is accepted.
 */

import { type Bytes, base64url, fromBase64url, hex } from "./bytes.ts";
import { canonical, readCanonical } from "./canonical.ts";
import { Problem } from "./problem.ts";
import { isSignal, type SignalName } from "./signals.ts";

export const RECEIPT_LABEL = "candor/v1/receipt";
/** Longest receipt body. */
export const MAX_RECEIPT_BYTES = 8_192;

/** The signals granted in one app. */
export interface Grant {
  readonly app: number;
  /** Sorted by name, each once, never empty. */
  readonly signals: readonly SignalName[];
}

/** A receipt as parsed; names are those of its JSON. */
export interface Receipt {
  readonly device: string;
  readonly format: "candor-receipt-v1";
  readonly given_at: number;
  readonly grants: readonly Grant[];
  readonly kind: "grant" | "none";
  readonly language: string;
  readonly nonce: string;
  readonly notice: string;
  readonly participant_key: string;
  readonly policy: string;
  readonly previous: string;
  readonly programme: string;
}

/** What a new receipt says. */
export interface ReceiptFacts {
  readonly deviceKey: Uint8Array;
  /** Seconds since 1970 by the device's clock; shown, never decided by. */
  readonly givenAt: number;
  readonly grants: readonly Grant[];
  /** BCP 47 tag of the language the notice was read in. */
  readonly language: string;
  /** 16 random bytes. */
  readonly nonce: Uint8Array;
  readonly notice: string;
  readonly participantKeyId: Uint8Array;
  readonly policyHash: Uint8Array;
  /** Hash of the receipt before, or null for the first. */
  readonly previous: Uint8Array | null;
  readonly programme: string;
}

const FIELDS: Readonly<Record<keyof Receipt, (value: unknown) => boolean>> = {
  device: (value) => typeof value === "string" && fromBase64url(value)?.length === 32,
  format: (value) => value === "candor-receipt-v1",
  given_at: (value) => typeof value === "number" && value >= 0,
  grants: areGrants,
  kind: (value) => value === "grant" || value === "none",
  language: matching(/^[a-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}$/),
  nonce: matching(/^[0-9a-f]{32}$/),
  notice: matching(/^[0-9a-f]{64}$/),
  participant_key: matching(/^[0-9a-f]{32}$/),
  policy: matching(/^[0-9a-f]{64}$/),
  previous: matching(/^(?:[0-9a-f]{64})?$/),
  programme: matching(/^[a-z0-9-]{1,64}$/),
};

function matching(pattern: RegExp): (value: unknown) => boolean {
  return (value) => typeof value === "string" && pattern.test(value);
}

function isRising<T extends string | number>(values: readonly T[]): boolean {
  return values.slice(1).every((value, at) => (values[at] as T) < value);
}

function isGrant(value: unknown): value is Grant {
  if (typeof value !== "object" || value === null || Object.keys(value).length !== 2) return false;
  const { app, signals } = value as { app?: unknown; signals?: unknown };
  return (
    typeof app === "number" &&
    app >= 1 &&
    app <= 65_535 &&
    Array.isArray(signals) &&
    signals.length > 0 &&
    signals.every((name) => typeof name === "string" && isSignal(name)) &&
    isRising(signals as readonly string[])
  );
}

function areGrants(value: unknown): boolean {
  return (
    Array.isArray(value) && value.every(isGrant) && isRising(value.map((grant: Grant) => grant.app))
  );
}

/** The canonical bytes of a new receipt, which are what the device signs. */
export function receiptBody(facts: ReceiptFacts): Bytes {
  const receipt: Receipt = {
    device: base64url(facts.deviceKey),
    format: "candor-receipt-v1",
    given_at: facts.givenAt,
    grants: facts.grants,
    kind: facts.grants.length > 0 ? "grant" : "none",
    language: facts.language,
    nonce: hex(facts.nonce),
    notice: facts.notice,
    participant_key: hex(facts.participantKeyId),
    policy: hex(facts.policyHash),
    previous: facts.previous === null ? "" : hex(facts.previous),
    programme: facts.programme,
  };
  const body = canonical(receipt);
  parseReceipt(body);
  return body;
}

/**
 * Read a receipt and check its form.
 *
 * @throws Problem "receipt_malformed", naming the field and never its value; "not_canonical".
 */
export function parseReceipt(body: Uint8Array): Receipt {
  const document = readCanonical(body, MAX_RECEIPT_BYTES);
  const fields = document as unknown as Readonly<Record<string, unknown>>;
  const names = Object.keys(FIELDS) as (keyof Receipt)[];
  const isComplete =
    typeof document === "object" &&
    !Array.isArray(document) &&
    Object.keys(fields).length === names.length;
  const fault = isComplete ? names.find((name) => !FIELDS[name](fields[name])) : "form";
  const receipt = fields as unknown as Receipt;
  const isOdd = fault === undefined && (receipt.kind === "none") !== (receipt.grants.length === 0);
  if (fault !== undefined || isOdd) {
    throw new Problem(
      "receipt_malformed",
      `The receipt's ${fault ?? "kind"} has the wrong form, so nothing was granted. Ask again; if it repeats, update Candor.`,
    );
  }
  return receipt;
}

/** Put what a page sent into a receipt's order; apps without signals are left out. */
export function sortedGrants(
  grants: readonly { readonly app: number; readonly signals: readonly string[] }[],
): Grant[] {
  return grants
    .map(({ app, signals }) => ({ app, signals: [...new Set(signals)].filter(isSignal).sort() }))
    .filter(({ signals }) => signals.length > 0)
    .sort((one, other) => one.app - other.app);
}
