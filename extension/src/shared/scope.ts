/**
 * What may be recorded where: agreed policy, current policy and grants, cut to what all of them allow.
 *
 * Owns the cut; whatever a newer policy widens stays off until it is agreed to. Permissions, pauses and freshness come
 * on top of it elsewhere.
 */

import { firstDay, lastDay, type Policy, type PolicyApp } from "./policy.ts";
import type { Grant } from "./receipt.ts";
import { bitsOf } from "./signals.ts";

/** An app as it may be recorded now: a policy's app whose signals are the granted ones. */
export interface ScopeApp extends PolicyApp {
  /** Granted and allowed signals as bits, never 0. */
  readonly bits: number;
}

/** What a newer policy widens for a person beyond apps and signals; empty if nothing. */
export function widenedFields(agreed: Policy, current: Policy): string[] {
  const widened: Record<string, boolean> = {
    programme: current.programme !== agreed.programme,
    mark: current.mark !== agreed.mark,
    eligible: current.eligible !== agreed.eligible,
    purposes: !current.purposes.every((purpose) => agreed.purposes.includes(purpose)),
    retention_days: current.retention_days > agreed.retention_days,
    backup_days: current.backup_days > agreed.backup_days,
    k: current.k < agreed.k,
  };
  return Object.keys(widened).filter((field) => widened[field]);
}

/**
 * Cut the grants to what both the agreed and the current policy allow.
 *
 * Origins and signals must stand in both, excluded paths in either; an app that changed its id is gone.
 */
export function scopeApps(
  agreed: Policy,
  current: Policy,
  grants: readonly Grant[],
): readonly ScopeApp[] {
  if (widenedFields(agreed, current).length > 0) return [];
  return grants.flatMap((grant) => {
    const before = agreed.apps.find((app) => app.app === grant.app);
    const now = current.apps.find((app) => app.app === grant.app);
    if (before === undefined || now === undefined || before.id !== now.id) return [];
    const origins = now.origins.filter((origin) => before.origins.includes(origin));
    const signals = grant.signals.filter(
      (signal) => before.signals.includes(signal) && now.signals.includes(signal),
    );
    const excluded = [...new Set([...before.excluded_paths, ...now.excluded_paths])];
    if (origins.length === 0 || signals.length === 0) return [];
    return [{ ...now, origins, signals, excluded_paths: excluded, bits: bitsOf(signals) }];
  });
}

/** Tell where a day (since 1970, UTC) lies against the windows of both policies. */
export function windowAt(
  agreed: Policy,
  current: Policy,
  day: number,
): "open" | "not_begun" | "ended" {
  if (day > Math.min(lastDay(agreed), lastDay(current))) return "ended";
  return day < Math.max(firstDay(agreed), firstDay(current)) ? "not_begun" : "open";
}
