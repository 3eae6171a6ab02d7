/**
 * The one state that popup and toolbar tell, from facts and from what the relay acked.
 *
 * Owns the choice of state and reason; words and pictures belong to the pages.
 */

import type { Tab } from "../browser.ts";
import { isReason, type PopupState, type Reason, type StateName } from "../shared/internal.ts";
import { namesOf } from "../shared/signals.ts";
import type { Activity } from "./activity.ts";
import type { Connection } from "./connection.ts";
import type { Facts } from "./facts.ts";
import { MAX_OUTBOX_BYTES, type Outbox } from "./outbox.ts";
import { type Place, placeOf } from "./places.ts";
import type { Recorder } from "./recorder.ts";
import type { Block, Standing } from "./standing.ts";

/** How long a batch may wait for its ack before the mark says so. */
const ACK_MS = 15_000;
/** Room of a few batches: with less the outbox lets its oldest go. */
const FULL_BYTES = MAX_OUTBOX_BYTES - 65_536;

export interface StateParts {
  readonly facts: Facts;
  readonly standing: Standing;
  readonly outbox: Outbox;
  readonly connection: Connection;
  readonly activity: Activity;
  readonly recorder: Recorder;
}

interface Verdict {
  readonly state: StateName;
  readonly reason: Reason;
  readonly since: number | null;
  readonly until: number | null;
}

function verdict(
  state: StateName,
  reason: Reason,
  since: number | null = null,
  until: number | null = null,
): Verdict {
  return { state, reason, since, until };
}

function unreachable(): "offline" | "relay_unreachable" {
  return navigator.onLine ? "relay_unreachable" : "offline";
}

function blocked(block: Block, { facts }: StateParts): Verdict {
  const { agreement, contact } = facts.now;
  const since = agreement?.at ?? null;
  switch (block) {
    case "problem": {
      const { code = "", since: from = null } = contact.problem ?? {};
      return verdict("problem", isReason(code) ? code : "unknown", from);
    }
    case "unconfirmed":
      return verdict("waiting", block, since);
    case "policy_changed":
    case "clock":
      return verdict("problem", block);
    case "stale":
      return verdict("problem", block, contact.welcomeAt);
    default:
      return verdict("off", block, since);
  }
}

function judge(place: Place | null, parts: StateParts, now: number): Verdict {
  const { facts, standing, outbox, connection, recorder } = parts;
  const block = standing.block(now);
  if (block !== null) return blocked(block, parts);
  const pause = standing.pause(place?.origin ?? null, now);
  if (pause !== null) return verdict("paused", pause.reason, pause.since, pause.until);
  if (standing.apps.length === 0) return verdict("off", "no_permission");
  if (recorder.fault !== null) return verdict("problem", recorder.fault);
  if (place === null) {
    return verdict("not_here", standing.closed.length > 0 ? "no_access" : "not_approved");
  }
  if (place.isExcluded) return verdict("not_here", "excluded_path");
  const { since, bytes } = outbox.waiting;
  if (bytes > FULL_BYTES) return verdict("problem", "outbox_full", since);
  const isLate = since !== null && now - since > ACK_MS;
  if (!connection.isReady || isLate) {
    return verdict("waiting", unreachable(), since ?? facts.now.contact.welcomeAt);
  }
  return verdict("recording", "granted", facts.now.agreement?.at ?? null);
}

/** What is shown while the worker cannot read what it stored: nothing is known, so nothing is recorded. */
export function brokenState(code: string): PopupState {
  return {
    ...verdict("problem", code === "disk_full" ? code : "storage_failed"),
    host: null,
    appName: null,
    signals: [],
    sentBatches: 0,
    sentEvents: 0,
    waitingBatches: 0,
    dots: [],
    costMs: 0,
    representative: null,
    demo: false,
    canPauseSite: false,
  };
}

/**
 * The state of a tab.
 *
 * @param tab null for any tab whose address the browser does not show.
 */
export function stateOf(tab: Tab | null, parts: StateParts, now: number): PopupState {
  const { facts, standing, outbox, activity } = parts;
  const place = tab?.url ? placeOf(tab.url, standing.apps) : null;
  const { state, reason, since, until } = judge(place, parts, now);
  const sent = activity.sent(now);
  const policy = facts.now.policy === null ? null : facts.parsed(facts.now.policy);
  const isHere = state === "recording" || state === "waiting";
  return {
    state,
    host: tab?.url && place !== null ? new URL(tab.url).host : null,
    appName: reason === "no_access" ? standing.closed.join(", ") : (place?.app.name ?? null),
    signals: place !== null && isHere ? namesOf(place.app.bits) : [],
    reason,
    until,
    since,
    sentBatches: sent.batches,
    sentEvents: sent.events,
    waitingBatches: outbox.waiting.batches,
    dots: activity.dots(tab?.id ?? null, now),
    costMs: activity.costMs(tab?.id ?? null, now),
    representative: policy?.contacts.representative ?? null,
    demo: policy?.mark === "demo",
    canPauseSite: place !== null,
  };
}
