/**
 * Where a message comes from: which app, excluded path or outside, as the browser itself says it.
 *
 * Owns the check of senders and the memory of which app each tab was in; a content script's own word counts for nothing
 * here.
 */

import { recall, remember, type Sender } from "../browser.ts";
import { matchPage, originOf } from "../shared/allowlist.ts";
import type { ScopeApp } from "../shared/scope.ts";

/** A place under an approved app, or null for outside. */
export interface Place {
  readonly app: ScopeApp;
  readonly origin: string;
  /** The frame or the page around it lies on an excluded path. */
  readonly isExcluded: boolean;
}

/** Find an address among the apps. */
export function placeOf(url: string, apps: readonly ScopeApp[]): Place | null {
  const origin = originOf(url);
  const app = apps.find(({ origins }) => origin !== null && origins.includes(origin));
  if (origin === null || app === undefined) return null;
  return { app, origin, isExcluded: matchPage(url, apps).reason !== null };
}

/** The address that stands for a frame without one of its own, such as about:srcdoc. */
function addressOf({ url, origin, tabUrl }: Sender): string | null {
  if (url === null || !/^(?:about|blob):/.test(url)) return url;
  if (origin === null || originOf(`${origin}/`) === null) return null;
  return tabUrl !== null && originOf(tabUrl) === origin ? tabUrl : `${origin}/`;
}

/**
 * Check a sender: a content script of this extension, in a tab, in an approved app, within a page of an approved app.
 *
 * @param ownId Id of this extension.
 * @returns null for outside.
 */
export function locate(sender: Sender, apps: readonly ScopeApp[], ownId: string): Place | null {
  if (sender.id !== ownId || sender.tabId === null) return null;
  const address = addressOf(sender);
  const place = address === null ? null : placeOf(address, apps);
  if (place === null || (sender.origin !== null && sender.origin !== place.origin)) return null;
  if (sender.frameId === 0) return place;
  const around = sender.tabUrl === null ? null : placeOf(sender.tabUrl, apps);
  if (around === null) return null;
  return { ...place, isExcluded: place.isExcluded || around.isExcluded };
}

/** Where a tab is, and where it came from. */
interface Stay {
  readonly app: number;
  readonly document: number;
  readonly since: number;
  readonly fromApp: number;
  readonly fromDwell: number;
}

/** The app a tab came from, and the ticks spent there. */
export type Arrival = Pick<Stay, "fromApp" | "fromDwell">;

const STORED_AS = "stays";
const TICK_MS = 10;
const MAX_DWELL = 10_000_000;
/** From outside. */
export const NOWHERE: Arrival = { fromApp: 0, fromDwell: 0 };

export class Stays {
  #stays: Map<number, Stay>;

  private constructor(stays: Map<number, Stay>) {
    this.#stays = stays;
  }

  /** Take up what this browser session remembers. */
  static async load(): Promise<Stays> {
    const stored = await recall(STORED_AS);
    return new Stays(new Map(Array.isArray(stored) ? (stored as [number, Stay][]) : []));
  }

  /** A top document begins in an app; asked again, the answer stays the same. */
  arrive(tabId: number, app: number, document: number, now: number): Arrival {
    const before = this.#stays.get(tabId);
    if (before?.document === document && before.app === app) return before;
    const dwell = before === undefined ? 0 : Math.floor((now - before.since) / TICK_MS);
    const arrival =
      before === undefined
        ? NOWHERE
        : { fromApp: before.app, fromDwell: Math.max(0, Math.min(MAX_DWELL, dwell)) };
    this.#stays.set(tabId, { app, document, since: now, ...arrival });
    this.#store();
    return arrival;
  }

  /** A tab went outside, or is gone. */
  leave(tabId: number): void {
    if (this.#stays.delete(tabId)) this.#store();
  }

  /** Forget all. */
  clear(): void {
    this.#stays = new Map();
    this.#store();
  }

  #store(): void {
    void remember(STORED_AS, [...this.#stays]);
  }
}
