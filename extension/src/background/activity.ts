/**
 * What happened in the last minute: events and cost by tab, batches the relay acked.
 *
 * Owns short-lived counts for the popup, in memory; nothing here is stored or sent.
 */

import { eventTicks } from "../shared/columns.ts";
import type { CapturedColumns } from "../shared/internal.ts";
import { SIGNALS } from "../shared/signals.ts";

const MINUTE_MS = 60_000;
const DOTS = 40;
const DOT_MS = 250;
const TICK_MS = 10;

interface Stamped {
  readonly at: number;
  readonly amount: number;
}

interface TabActivity {
  /** Events by the 250 ms in which they happened. */
  readonly dots: Map<number, number>;
  cost: Stamped[];
}

function recent(list: readonly Stamped[], now: number): Stamped[] {
  return list.filter(({ at }) => Math.abs(now - at) < MINUTE_MS);
}

function sum(list: readonly Stamped[]): number {
  return list.reduce((total, { amount }) => total + amount, 0);
}

export class Activity {
  readonly #tabs = new Map<number, TabActivity>();
  #batches: Stamped[] = [];
  #events: Stamped[] = [];

  /** Note columns that were kept, and the main-thread ms they cost. */
  recorded(tabId: number, columns: CapturedColumns | null, costMs: number, now: number): void {
    const tab = this.#tabs.get(tabId) ?? { dots: new Map(), cost: [] };
    this.#tabs.set(tabId, tab);
    tab.cost = [...recent(tab.cost, now), { at: now, amount: costMs }];
    const oldest = Math.floor(now / DOT_MS) - DOTS;
    for (const slot of tab.dots.keys()) {
      if (slot < oldest) tab.dots.delete(slot);
    }
    if (columns === null) return;
    for (const signal of SIGNALS) {
      for (const tick of eventTicks(columns[signal] ?? [])) {
        const slot = Math.floor(((columns.t0 + tick) * TICK_MS) / DOT_MS);
        if (slot >= oldest) tab.dots.set(slot, (tab.dots.get(slot) ?? 0) + 1);
      }
    }
  }

  /** Note what the relay acked as stored. */
  acked(batches: number, events: number, now: number): void {
    this.#batches = [...recent(this.#batches, now), { at: now, amount: batches }];
    this.#events = [...recent(this.#events, now), { at: now, amount: events }];
  }

  /** A tab is gone. */
  forget(tabId: number): void {
    this.#tabs.delete(tabId);
  }

  /** Forget all. */
  clear(): void {
    this.#tabs.clear();
    this.#batches = [];
    this.#events = [];
  }

  /** Batches and events acked as stored in the last minute. */
  sent(now: number): { readonly batches: number; readonly events: number } {
    return { batches: sum(recent(this.#batches, now)), events: sum(recent(this.#events, now)) };
  }

  /** Events of a tab by 250 ms over the last ten seconds, oldest first. */
  dots(tabId: number | null, now: number): number[] {
    const slots = tabId === null ? undefined : this.#tabs.get(tabId)?.dots;
    const newest = Math.floor(now / DOT_MS);
    return Array.from({ length: DOTS }, (_, at) => slots?.get(newest - DOTS + 1 + at) ?? 0);
  }

  /** Main-thread ms used in a tab in the last minute. */
  costMs(tabId: number | null, now: number): number {
    const cost = tabId === null ? undefined : this.#tabs.get(tabId)?.cost;
    return Math.round(sum(recent(cost ?? [], now)) * 10) / 10;
  }
}
