/**
 * The worker's answers to the extension's own pages.
 *
 * Owns the translation between what a page asks and what the worker does; it has no words but those of its errors.
 */

import { frontTab, giveBackAccess, ownId, ownOrigin, type Sender } from "../browser.ts";
import { hex } from "../shared/bytes.ts";
import type { FromPage, Offer, PageReplies, PageReply, PopupState } from "../shared/internal.ts";
import { LANGUAGE } from "../shared/language.ts";
import { policyKey } from "../shared/policy.ts";
import { describe, Problem } from "../shared/problem.ts";
import { parseReceipt, sortedGrants } from "../shared/receipt.ts";
import { keyWords } from "../shared/words.ts";
import type { Consent } from "./consent.ts";
import { diagnose } from "./diagnostics.ts";
import type { PauseFact, PolicyFact } from "./facts.ts";
import { placeOf } from "./places.ts";
import { fetchNotice } from "./policies.ts";
import { denied, present } from "./presence.ts";
import { type StateParts, stateOf } from "./state.ts";
import { sha256 } from "./vault.ts";

const HOUR_MS = 3_600_000;
/** How long a page waits for the relay before it says what has happened here. */
const PATIENCE_MS = 1_500;

export interface PageParts extends StateParts {
  readonly consent: Consent;
  /** Stop every content script at once. */
  readonly detach: () => Promise<void>;
  /** What may be recorded changed; resolves when the browser's scripts are as that says. */
  readonly scopeChanged: (isNew: boolean) => Promise<void>;
}

/** Tell whether a message comes from one of the extension's own pages. */
export function isOwnPage(sender: Sender): boolean {
  return sender.id === ownId() && sender.url?.startsWith(ownOrigin()) === true;
}

export class Pages {
  readonly #parts: PageParts;

  constructor(parts: PageParts) {
    this.#parts = parts;
  }

  /** Answer a page; never throws. */
  async answer(message: FromPage): Promise<PageReply<PageReplies[FromPage["kind"]]>> {
    try {
      return { ok: true, value: await this.#answer(message, Date.now()) };
    } catch (error) {
      return { ok: false, ...describe(error) };
    }
  }

  async #answer(message: FromPage, now: number): Promise<PageReplies[FromPage["kind"]]> {
    const { consent, scopeChanged } = this.#parts;
    switch (message.kind) {
      case "state":
        return this.#state();
      case "offer":
        return this.#offer(await consent.offer(message.enrolment));
      case "grant": {
        const grants = sortedGrants(message.grants);
        if (grants.length === 0) {
          throw new Problem(
            "nothing_granted",
            "You switched nothing on, so there is nothing to say yes to. Switch a signal on, or choose “No thanks”.",
          );
        }
        try {
          const { hash } = await consent.answer(grants, LANGUAGE, now);
          return { receipt: hex(hash) };
        } finally {
          await this.#giveBack();
          await scopeChanged(true);
        }
      }
      case "decline": {
        await consent.answer([], LANGUAGE, now);
        await this.#parts.detach();
        await this.#giveBack();
        return { askAgainAfter: consent.askAgainAfter ?? now };
      }
      case "pause":
        await this.#pause(message.scope, now);
        return this.#state();
      case "resume":
        await this.#resume();
        return this.#state();
      case "presence": {
        const { facts } = this.#parts;
        const { presence } = facts.now;
        const next = message.isParticipant ? present(now) : denied(presence, now);
        // A no counts at once, even should the disk refuse it.
        if (!message.isParticipant) facts.adopt({ presence: next });
        await facts.put({ presence: next });
        void scopeChanged(false);
        return this.#state();
      }
      case "withdraw":
        return { confirmed: await this.#withdraw(now) };
      case "diagnostics":
        return diagnose(this.#parts, now);
      case "agreement":
        return this.#agreement();
    }
  }

  async #state(): Promise<PopupState> {
    return stateOf(await frontTab(), this.#parts, Date.now());
  }

  async #withdraw(now: number): Promise<boolean> {
    const { consent, detach, activity, scopeChanged } = this.#parts;
    // Scripts stop at once, even should the disk refuse the receipt.
    await Promise.all([detach(), consent.leave(LANGUAGE, now)]);
    activity.clear();
    await this.#giveBack();
    void scopeChanged(false);
    // Whoever leaves sees at once that it has stopped; the page asks again for the confirmation.
    const patience = new Promise<false>((done) => setTimeout(() => done(false), PATIENCE_MS));
    return Promise.race([consent.leaving(), patience]);
  }

  /** Without a yes in force, Candor keeps no access to any page. */
  async #giveBack(): Promise<void> {
    if (this.#parts.facts.now.agreement?.via !== "grant") await giveBackAccess();
  }

  async #siteOf(): Promise<string | null> {
    const tab = await frontTab();
    return tab?.url ? (placeOf(tab.url, this.#parts.standing.apps)?.origin ?? null) : null;
  }

  async #pause(scope: "site" | "hour" | "until_resumed", now: number): Promise<void> {
    const { pause } = this.#parts.facts.now;
    if (scope === "hour") {
      await this.#setPause({ ...pause, hour: { since: now, until: now + HOUR_MS } });
    } else if (scope === "until_resumed") {
      await this.#setPause({ ...pause, untilResumed: { since: now } });
    } else {
      const site = await this.#siteOf();
      if (site === null) {
        throw new Problem(
          "not_here",
          "This tab is not in an approved app, so there is nothing to pause here. Nothing is recorded here.",
        );
      }
      await this.#setPause({ ...pause, sites: { ...pause.sites, [site]: now } });
    }
  }

  async #resume(): Promise<void> {
    const site = await this.#siteOf();
    const sites = Object.entries(this.#parts.facts.now.pause.sites);
    const others = Object.fromEntries(sites.filter(([origin]) => origin !== site));
    await this.#setPause({ sites: others, hour: null, untilResumed: null });
  }

  async #setPause(pause: PauseFact): Promise<void> {
    await this.#parts.facts.put({ pause });
    void this.#parts.scopeChanged(false);
  }

  async #offer(policy: PolicyFact): Promise<Offer> {
    const parsed = this.#parts.facts.parsed(policy);
    return {
      policy: parsed,
      policyHash: hex(policy.hash),
      notice: policy.notice || (await fetchNotice(parsed.relay, parsed.notice)),
      representativeWords: await keyWords(sha256, policyKey(parsed, "representative")),
      controllerWords: await keyWords(sha256, policyKey(parsed, "controller")),
    };
  }

  async #agreement(): Promise<PageReplies["agreement"]> {
    const { agreement, policy } = this.#parts.facts.now;
    if (agreement === null || policy === null) return null;
    const { grants } = parseReceipt(agreement.body);
    return { offer: await this.#offer(policy), grants };
  }
}
