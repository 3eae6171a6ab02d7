/**
 * Reading a policy: its bytes, its rules, what may follow it (protocol.md section 8).
 *
 * Owns the way from bytes to a `Policy` that may be relied on; never checks a signature itself.
 */

import { type Bytes, fromBase64url, utf8 } from "./bytes.ts";
import { type Document, readCanonical } from "./canonical.ts";
import { isExactOrigin, isLoopback } from "./origins.ts";
import { Problem } from "./problem.ts";
import { isSignal, type SignalName } from "./signals.ts";

/** Longest policy body. */
export const MAX_POLICY_BYTES = 32_768;
export const POLICY_LABEL = "candor/v1/policy";
/** The two who sign a policy, by the names that their signatures carry. */
export const POLICY_ROLES = ["controller", "representative"] as const;

export interface PolicyApp {
  readonly app: number;
  readonly catalogue: string;
  readonly excluded_paths: readonly string[];
  readonly id: string;
  readonly name: string;
  readonly origins: readonly string[];
  readonly signals: readonly SignalName[];
}

export interface Contact {
  readonly email: string;
  readonly name: string;
}

/** Names of the keys in a policy and the bytes each has. */
export const KEY_BYTES = {
  codes: 32,
  controller: 32,
  cosigning: 32,
  inner: 1_216,
  ledger: 32,
  outer: 1_216,
  representative: 32,
  requests: 32,
} as const;
export type KeyName = keyof typeof KEY_BYTES;

/** A policy as parsed; names are those of its JSON. */
export interface Policy {
  readonly apps: readonly PolicyApp[];
  readonly backup_days: number;
  readonly contacts: {
    readonly controller: Contact;
    readonly data_protection_officer: Contact;
    readonly representative: Contact;
  };
  readonly eligible: string;
  readonly format: "candor-policy-v1";
  readonly k: number;
  readonly keys: Readonly<Record<KeyName, string>>;
  readonly mark: "none" | "demo" | "simulation";
  readonly notice: string;
  readonly number: number;
  readonly programme: string;
  readonly purposes: readonly string[];
  readonly relay: string;
  readonly retention_days: number;
  readonly window: { readonly first_day: string; readonly last_day: string };
}

type Fields = Readonly<Record<string, Document>>;
type Rule = (value: Document | undefined) => boolean;

const whole =
  (min: number, max: number): Rule =>
  (value) =>
    typeof value === "number" && value >= min && value <= max;
const matching =
  (pattern: RegExp): Rule =>
  (value) =>
    typeof value === "string" && pattern.test(value);
/** One line of printable text without white space at its edges. */
const line =
  (most: number): Rule =>
  (value) =>
    typeof value === "string" &&
    value === value.trim() &&
    /^(?:[^\p{C}\p{Z}]| )+$/u.test(value) &&
    [...value].length <= most;
const object =
  (fields: Readonly<Record<string, Rule>>): Rule =>
  (value) => {
    if (typeof value !== "object" || Array.isArray(value)) return false;
    const given = value as Fields;
    const names = Object.keys(fields);
    return (
      Object.keys(given).length === names.length &&
      names.every((name) => Object.hasOwn(given, name) && fields[name]?.(given[name]) === true)
    );
  };
const list =
  (item: Rule, least: number, most: number): Rule =>
  (value) =>
    Array.isArray(value) && value.length >= least && value.length <= most && value.every(item);

/** Order by code point, as every other reader sorts. */
function before(one: string, other: string): boolean {
  const [left, right] = [utf8(one), utf8(other)];
  const at = left.findIndex((byte, place) => byte !== right[place]);
  if (at < 0) return left.length < right.length;
  const [mine = 0, theirs] = [left[at], right[at]];
  return theirs !== undefined && mine < theirs;
}

function isRising(values: readonly string[]): boolean {
  return values.every((value, at) => at === 0 || before(values[at - 1] ?? "", value));
}

const sorted =
  (item: Rule, least: number, most: number): Rule =>
  (value) =>
    list(item, least, most)(value) && isRising(value as readonly string[]);

function isExcludablePath(value: Document | undefined): boolean {
  if (typeof value !== "string" || [...value].length > 200) return false;
  if (!value.startsWith("/") || value === "/") return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
  if (/[%;?#\\\x00-\x20\x7f]/.test(value) || /[A-Z]/.test(value)) return false;
  if (value !== value.normalize("NFC")) return false;
  return value
    .slice(1)
    .split("/")
    .every((part) => part !== "" && !part.endsWith("."));
}

/** Days since 1970 of a day written YYYY-MM-DD; null for anything else. */
export function dayNumber(day: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || day.startsWith("0000")) return null;
  const ms = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== day) return null;
  return ms / 86_400_000;
}

const key =
  (bytes: number): Rule =>
  (value) =>
    typeof value === "string" && fromBase64url(value)?.length === bytes;
const contact = object({
  email: matching(/^[^\p{C}\p{Z}@<>]{1,64}@[^\p{C}\p{Z}@<>]{1,190}$/u),
  name: line(80),
});
const day: Rule = (value) => typeof value === "string" && dayNumber(value) !== null;
const origin =
  (demo: boolean): Rule =>
  (value) =>
    typeof value === "string" && isExactOrigin(value, demo);

function fieldRules(demo: boolean): Readonly<Record<keyof Policy, Rule>> {
  return {
    apps: list(
      object({
        app: whole(1, 65_535),
        catalogue: (value) => value === "",
        excluded_paths: sorted(isExcludablePath, 0, 64),
        id: matching(/^[a-z0-9-]{1,32}$/),
        name: line(80),
        origins: sorted(origin(demo), 1, 32),
        signals: sorted((value) => typeof value === "string" && isSignal(value), 1, 8),
      }),
      1,
      64,
    ),
    backup_days: whole(0, 90),
    contacts: object({
      controller: contact,
      data_protection_officer: contact,
      representative: contact,
    }),
    eligible: line(500),
    format: (value) => value === "candor-policy-v1",
    k: whole(2, 1_000),
    keys: object(
      Object.fromEntries(Object.entries(KEY_BYTES).map(([name, bytes]) => [name, key(bytes)])),
    ),
    mark: matching(/^(?:none|demo|simulation)$/),
    notice: matching(/^[0-9a-f]{64}$/),
    number: whole(1, 2_147_483_647),
    programme: matching(/^[a-z0-9-]{1,64}$/),
    purposes: list(line(500), 1, 16),
    relay: origin(demo),
    retention_days: whole(1, 1_096),
    window: object({ first_day: day, last_day: day }),
  };
}

function areDistinct(values: readonly (string | number)[]): boolean {
  return new Set(values).size === values.length;
}

/** The first rule that spans fields and is broken. */
function spanningFault(policy: Policy): string | null {
  const numbers = policy.apps.map((app) => app.app);
  if (!numbers.every((number, at) => at === 0 || number > (numbers[at - 1] ?? 0))) return "apps";
  if (!areDistinct(policy.apps.map((app) => app.id))) return "apps";
  if (!areDistinct(policy.apps.flatMap((app) => app.origins))) return "apps";
  if (!areDistinct(Object.values(policy.keys))) return "keys";
  if (policy.mark === "demo" && !isLoopback(policy.relay)) return "relay";
  const length = lastDay(policy) - firstDay(policy) + 1;
  return length >= 1 && length <= 1_096 ? null : "window";
}

/**
 * Read a policy and check every rule of protocol.md section 8.
 *
 * @throws Problem "policy", naming the field; "not_canonical".
 */
export function parsePolicy(body: Uint8Array): Policy {
  const document = readCanonical(body, MAX_POLICY_BYTES);
  const isObject = typeof document === "object" && !Array.isArray(document);
  const fields = (isObject ? document : {}) as Fields;
  const { mark } = fields;
  const rules = fieldRules(mark === "demo");
  const unknown = Object.keys(fields).find((name) => !Object.hasOwn(rules, name));
  const fault =
    unknown === undefined
      ? Object.entries(rules).find(([name, rule]) => !rule(fields[name]))?.[0]
      : "an unknown field";
  const found = fault ?? spanningFault(fields as unknown as Policy);
  if (found !== null) {
    throw new Problem(
      "policy",
      `The programme's policy breaks a rule at ${found}, so it is not used. Tell your representative.`,
    );
  }
  return fields as unknown as Policy;
}

/** First and last day of the window, in days since 1970. */
export function firstDay(policy: Policy): number {
  return dayNumber(policy.window.first_day) ?? Number.POSITIVE_INFINITY;
}
export function lastDay(policy: Policy): number {
  return dayNumber(policy.window.last_day) ?? Number.NEGATIVE_INFINITY;
}

/** A public key of a parsed policy. */
export function policyKey(policy: Policy, name: KeyName): Bytes {
  const bytes = fromBase64url(policy.keys[name]);
  if (bytes === null) throw new Problem("policy", `The policy's key ${name} is malformed.`);
  return bytes;
}

/**
 * Tell whether one policy may follow another in the same programme.
 *
 * @returns null if it may, else the field that forbids it: its number does not rise, or something changed that makes a
 * new programme.
 */
export function successorFault(policy: Policy, current: Policy): string | null {
  if (policy.number <= current.number) return "number";
  for (const name of ["programme", "relay", "mark"] as const) {
    if (policy[name] !== current[name]) return name;
  }
  const keys = Object.keys(KEY_BYTES) as KeyName[];
  if (keys.some((name) => policy.keys[name] !== current.keys[name])) return "keys";
  const ids = new Map(current.apps.map((app) => [app.app, app.id]));
  const isRenamed = policy.apps.some((app) => (ids.get(app.app) ?? app.id) !== app.id);
  return isRenamed ? "apps" : null;
}
