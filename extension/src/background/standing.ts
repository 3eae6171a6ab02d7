/**
 * What may be recorded now, and if nothing may, why: grants ∩ policies ∩ permission, freshness, window, stops, pauses.
 *
 * Owns the decision from facts; whatever is unknown or stale means no.
 */

import { permittedOrigins } from "../browser.ts";
import { type ScopeApp, scopeApps, widenedFields, windowAt } from "../shared/scope.ts";
import { grantsInForce } from "./consent.ts";
import type { AgreementFact, Facts, PolicyFact } from "./facts.ts";
import { doubtAt, type PresenceReason } from "./presence.ts";

const DAY_MS = 86_400_000;
const FRESH_MS = DAY_MS;
/** How far the clock may step back, and how far it may be from the relay's, before it is no longer believed. */
const CLOCK_MS = 300_000;
const AHEAD_MS = 3_600_000;

/** Why nothing may be recorded anywhere; the reasons of `PopupState`. */
export type Block =
  | "not_enrolled"
  | "declined"
  | "withdrawn"
  | "unconfirmed"
  | "programme_ended"
  | "window_closed"
  | "stopped"
  | "policy_changed"
  | "clock"
  | "stale"
  | "problem";

export type PauseReason = "paused_site" | "paused_until" | "paused_resume" | PresenceReason;

/** A pause in force, with its times in ms since 1970. */
export interface Pause {
  readonly reason: PauseReason;
  readonly since: number;
  readonly until: number | null;
}

export class Standing {
  readonly #facts: Facts;
  #permitted: readonly string[] = [];
  #agreement: AgreementFact | null = null;
  #policy: PolicyFact | null = null;
  #granted: readonly ScopeApp[] = [];

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** Apps by grant and policies, whether or not the browser gives access. */
  get granted(): readonly ScopeApp[] {
    const { agreement, policy } = this.#facts.now;
    if (agreement !== this.#agreement || policy !== this.#policy) {
      this.#agreement = agreement;
      this.#policy = policy;
      const grants = grantsInForce(agreement);
      this.#granted =
        agreement === null || policy === null || grants.length === 0
          ? []
          : scopeApps(this.#facts.parsed(agreement.policy), this.#facts.parsed(policy), grants);
    }
    return this.#granted;
  }

  /** The same, cut to the origins that the browser gives access to. */
  get apps(): readonly ScopeApp[] {
    return this.granted.flatMap((app) => {
      const origins = app.origins.filter((origin) => this.#permitted.includes(origin));
      return origins.length > 0 ? [{ ...app, origins }] : [];
    });
  }

  /** Ask the browser anew what it gives access to. */
  async refresh(): Promise<void> {
    this.#permitted = await permittedOrigins(this.granted.flatMap((app) => app.origins));
  }

  /** Why nothing may be recorded anywhere, or null. */
  block(now: number): Block | null {
    const { agreement, policy, contact } = this.#facts.now;
    if (contact.problem !== null) return "problem";
    if (agreement === null || policy === null) return "not_enrolled";
    if (agreement.via === "decline") return "declined";
    if (agreement.via === "withdraw") return "withdrawn";
    if (!agreement.isConfirmed) return "unconfirmed";
    if (contact.stop !== null)
      return contact.stop === "programme_ended" ? "programme_ended" : "stopped";
    const { aheadMs = 0, welcomeAt } = contact;
    // Before all that is decided by days: a wrong clock must not end a programme.
    if (Math.abs(aheadMs) > AHEAD_MS || now < welcomeAt - CLOCK_MS) return "clock";
    if (now - welcomeAt > FRESH_MS) return "stale";
    const [agreed, current] = [agreement.policy, policy].map((fact) => this.#facts.parsed(fact));
    if (agreed === undefined || current === undefined) return "not_enrolled";
    const window = windowAt(agreed, current, Math.floor(now / DAY_MS));
    if (window !== "open") return window === "ended" ? "programme_ended" : "window_closed";
    return widenedFields(agreed, current).length > 0 ? "policy_changed" : null;
  }

  /** Names of the apps that were agreed to and that the browser gives no access to, not even to one origin. */
  get closed(): readonly string[] {
    const { apps } = this;
    return this.granted
      .filter(({ app }) => !apps.some((one) => one.app === app))
      .map(({ name }) => name);
  }

  /** The pause in force at an origin, or null; an hour that is over is none. Whoever is not the participant ends none. */
  pause(origin: string | null, now: number): Pause | null {
    const { presence } = this.#facts.now;
    const doubt = doubtAt(presence, now);
    if (doubt !== null) return { ...doubt, until: null };
    const { sites, hour, untilResumed } = this.#facts.now.pause;
    if (untilResumed !== null) {
      return { reason: "paused_resume", since: untilResumed.since, until: null };
    }
    if (hour !== null && now < hour.until) {
      return { reason: "paused_until", since: hour.since, until: hour.until };
    }
    const since = origin === null ? undefined : sites[origin];
    return since === undefined ? null : { reason: "paused_site", since, until: null };
  }
}
