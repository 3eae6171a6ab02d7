import { beforeEach, describe, expect, it } from "vitest";
import type { Facts } from "../src/background/facts.ts";
import { verifySuccessor } from "../src/background/policies.ts";
import { present } from "../src/background/presence.ts";
import { Standing } from "../src/background/standing.ts";
import { type Policy, parsePolicy, successorFault } from "../src/shared/policy.ts";
import type { Grant } from "../src/shared/receipt.ts";
import { scopeApps, widenedFields, windowAt } from "../src/shared/scope.ts";
import { agreementOf, deviceFacts, NOW, POLICY, policyBody, signedPolicy } from "./fixtures.ts";

const GRANTS: Grant[] = [
  { app: 1, signals: ["click", "pointer"] },
  { app: 2, signals: ["pointer"] },
];
const DAY = 86_400_000;

function changed(changes: Partial<Policy>): Policy {
  return parsePolicy(policyBody({ number: 2, ...changes }));
}

function withApp(changes: Partial<Policy["apps"][number]>): Policy {
  const [crm, ...others] = POLICY.apps;
  if (crm === undefined) throw new Error("fixture");
  return changed({ apps: [{ ...crm, ...changes }, ...others] });
}

describe("scope", () => {
  it("is what was granted, and no more", () => {
    const [crm, wiki] = scopeApps(POLICY, POLICY, GRANTS);
    expect(crm).toMatchObject({ app: 1, bits: 3, origins: ["https://crm.corp.example"] });
    expect(wiki).toMatchObject({ app: 2, bits: 1 });
    expect(scopeApps(POLICY, POLICY, [])).toEqual([]);
  });

  it("narrows at once with a newer policy", () => {
    const [crm] = scopeApps(POLICY, withApp({ signals: ["pointer"] }), GRANTS);
    expect(crm?.bits).toBe(1);
    const without = changed({ apps: POLICY.apps.slice(1) });
    expect(scopeApps(POLICY, without, GRANTS).map(({ app }) => app)).toEqual([2]);
    const paths = withApp({ excluded_paths: ["/salaries"] });
    expect(scopeApps(POLICY, paths, GRANTS)[0]?.excluded_paths).toEqual(["/payroll", "/salaries"]);
  });

  it("does not widen with a newer policy", () => {
    const origins = ["https://crm.corp.example", "https://crm2.corp.example"];
    const wider = withApp({ origins, signals: ["click", "key_timing", "pointer", "typing"] });
    expect(scopeApps(POLICY, wider, GRANTS)[0]).toMatchObject({
      bits: 3,
      origins: ["https://crm.corp.example"],
    });
    const paths = withApp({ excluded_paths: [] });
    expect(scopeApps(POLICY, paths, GRANTS)[0]?.excluded_paths).toEqual(["/payroll"]);
  });

  it.each<[string, Partial<Policy>]>([
    ["purposes", { purposes: ["Find slow screens", "Rank people"] }],
    ["retention_days", { retention_days: 184 }],
    ["backup_days", { backup_days: 8 }],
    ["k", { k: 9 }],
    ["eligible", { eligible: "Everyone" }],
  ])("is empty once a newer policy widens %s", (field, changes) => {
    const wider = changed(changes);
    expect(widenedFields(POLICY, wider)).toEqual([field]);
    expect(scopeApps(POLICY, wider, GRANTS)).toEqual([]);
  });

  it("keeps to both windows", () => {
    const day = NOW / DAY;
    const later = changed({ window: { first_day: "2026-11-24", last_day: "2027-06-30" } });
    expect(windowAt(POLICY, later, Math.floor(day))).toBe("open");
    expect(windowAt(POLICY, later, Math.floor(day) - 1)).toBe("not_begun");
    expect(windowAt(POLICY, later, Date.UTC(2027, 4, 26) / DAY)).toBe("ended");
  });
});

describe("a newer policy", () => {
  it.each<[string, Partial<Policy>, string | null]>([
    ["may follow", {}, null],
    ["may not have the same number", { number: 1 }, "number"],
    ["may not have another relay", { relay: "https://other.corp.example" }, "relay"],
    ["may not have another mark", { mark: "simulation" }, "mark"],
    ["may not have another programme", { programme: "other" }, "programme"],
    [
      "may not have other keys",
      { keys: { ...POLICY.keys, ledger: POLICY.keys.codes, codes: POLICY.keys.ledger } },
      "keys",
    ],
    [
      "may not give a number to another app",
      { apps: POLICY.apps.map((app) => ({ ...app, id: `${app.id}-2` })) },
      "apps",
    ],
  ])("%s", (_, changes, fault) => {
    expect(successorFault(changed(changes), POLICY)).toBe(fault);
  });

  it("is believed only with both signatures", async () => {
    const current = await signedPolicy();
    const next = await signedPolicy({ number: 2 });
    expect(await verifySuccessor(current.signed, current, POLICY)).toBeNull();
    expect((await verifySuccessor(next.signed, current, POLICY))?.hash).toEqual(next.hash);
    for (const role of ["controller", "representative"] as const) {
      const forged = { ...next.signed, [role]: current.signed[role] };
      await expect(verifySuccessor(forged, current, POLICY)).rejects.toThrow(
        expect.objectContaining({ code: "bad_signature" }),
      );
    }
    const swapped = {
      ...next.signed,
      controller: next.signed.representative,
      representative: next.signed.controller,
    };
    await expect(verifySuccessor(swapped, current, POLICY)).rejects.toThrow();
    const other = await signedPolicy({ number: 2, relay: "https://other.corp.example" });
    await expect(verifySuccessor(other.signed, current, POLICY)).rejects.toThrow(
      expect.objectContaining({ code: "policy_changed" }),
    );
  });
});

describe("standing", () => {
  let facts: Facts;
  let standing: Standing;
  beforeEach(async () => {
    facts = await deviceFacts();
    standing = new Standing(facts);
  });

  it("records nothing before an answer is confirmed", async () => {
    expect(standing.block(NOW)).toBe("not_enrolled");
    const agreement = await agreementOf(facts, GRANTS);
    await facts.put({ agreement: { ...agreement, isConfirmed: false } });
    expect(standing.block(NOW)).toBe("unconfirmed");
    expect(standing.granted).toEqual([]);
    await facts.put({ agreement });
    expect(standing.block(NOW)).toBeNull();
    expect(standing.granted).toHaveLength(2);
  });

  it("records nothing where the browser gives no access, whatever was granted", async () => {
    await facts.put({ agreement: await agreementOf(facts, GRANTS) });
    expect(standing.apps).toEqual([]);
  });

  it("records nothing after a no or a withdrawal, confirmed or not", async () => {
    await facts.put({ agreement: await agreementOf(facts, []) });
    expect(standing.block(NOW)).toBe("declined");
    const changes = { via: "withdraw", isConfirmed: false } as const;
    await facts.put({ agreement: await agreementOf(facts, [], changes) });
    expect(standing.block(NOW)).toBe("withdrawn");
    expect(standing.granted).toEqual([]);
  });

  it("records nothing once the last welcome is a day old, or the clock went back", async () => {
    await facts.put({ agreement: await agreementOf(facts, GRANTS) });
    expect(standing.block(NOW + DAY)).toBeNull();
    expect(standing.block(NOW + DAY + 1)).toBe("stale");
    expect(standing.block(NOW - 300_001)).toBe("clock");
  });

  it("records nothing after the last day, a stop, a problem, or a widened policy", async () => {
    await facts.put({ agreement: await agreementOf(facts, GRANTS) });
    const { contact } = facts.now;
    await facts.put({ contact: { ...contact, stop: "stopped" } });
    expect(standing.block(NOW)).toBe("stopped");
    await facts.put({ contact: { ...contact, problem: { code: "x", since: NOW } } });
    expect(standing.block(NOW)).toBe("problem");
    const after = Date.UTC(2027, 4, 26);
    await facts.put({ contact: { ...contact, welcomeAt: after } });
    expect(standing.block(after)).toBe("programme_ended");
    await facts.put({ contact, policy: await signedPolicy({ number: 2, retention_days: 400 }) });
    expect(standing.block(NOW)).toBe("policy_changed");
    expect(standing.granted).toEqual([]);
  });

  it("does not believe a clock that is an hour off, before it believes any day of it", async () => {
    await facts.put({ agreement: await agreementOf(facts, GRANTS) });
    const { contact } = facts.now;
    for (const aheadMs of [365 * DAY, -7 * DAY]) {
      const welcomeAt = NOW + aheadMs;
      await facts.put({ contact: { ...contact, welcomeAt, aheadMs } });
      expect(standing.block(welcomeAt)).toBe("clock");
    }
    await facts.put({ contact: { ...contact, aheadMs: 3_600_000 } });
    expect(standing.block(NOW)).toBeNull();
  });

  it("pauses a site, an hour, or until resumed", async () => {
    const site = "https://crm.corp.example";
    const { pause } = facts.now;
    expect(standing.pause(site, NOW)).toBeNull();
    await facts.put({ pause: { ...pause, sites: { [site]: NOW } } });
    expect(standing.pause(site, NOW)?.reason).toBe("paused_site");
    expect(standing.pause("https://wiki.corp.example", NOW)).toBeNull();
    await facts.put({ pause: { ...pause, hour: { since: NOW, until: NOW + 3_600_000 } } });
    expect(standing.pause(null, NOW + 3_599_999)).toMatchObject({
      reason: "paused_until",
      until: NOW + 3_600_000,
    });
    expect(standing.pause(null, NOW + 3_600_000)).toBeNull();
    await facts.put({ pause: { ...pause, untilResumed: { since: NOW } } });
    await facts.put({ presence: present(NOW + 30 * DAY) });
    expect(standing.pause(null, NOW + 30 * DAY)?.reason).toBe("paused_resume");
  });
});
