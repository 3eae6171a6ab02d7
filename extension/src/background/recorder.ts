/**
 * What content scripts may do and what becomes of their columns: checked, cut to the grant, sealed, kept.
 *
 * Owns the replies to content scripts; a reply "kept" is given only once the outbox holds the flush on disk.
 */

import { ownId, type Sender } from "../browser.ts";
import { countEvents, encodeColumns, keepSignals, splitColumns } from "../shared/columns.ts";
import type {
  CaptureConfig,
  CapturedColumns,
  ContentReply,
  FromContent,
} from "../shared/internal.ts";
import { describe } from "../shared/problem.ts";
import type { ScopeApp } from "../shared/scope.ts";
import { bitOf, GENERAL_GROUP, groupSignals, KEY_TIMING_GROUP } from "../shared/signals.ts";
import type { Activity } from "./activity.ts";
import type { Facts } from "./facts.ts";
import type { Outbox } from "./outbox.ts";
import { type Arrival, locate, NOWHERE, type Place, type Stays } from "./places.ts";
import type { Origin, Sealed, Sealer } from "./sealer.ts";
import type { Standing } from "./standing.ts";
import { paddedLength } from "./vault.ts";

const MAX_CIPHERTEXT_BYTES = 16_384;
const OVERHEAD_BYTES = 20;

type Flush = Extract<FromContent, { readonly kind: "columns" }>;

/** A part of a flush that goes under one seq. */
interface Part {
  readonly origin: Origin;
  readonly columns: CapturedColumns;
}

/** What the recorder works with. */
export interface RecorderParts {
  readonly facts: Facts;
  readonly standing: Standing;
  readonly sealer: Sealer;
  readonly outbox: Outbox;
  readonly activity: Activity;
  readonly stays: Stays;
  /** Somebody was told to record nothing for now, and has to be told when that is over. */
  readonly held: () => void;
  /** Tell the connection that something waits, and the marks that something changed. */
  readonly kept: () => void;
}

export class Recorder {
  readonly #parts: RecorderParts;
  /** Flushes are sealed one after the other, since each needs the next seq. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Why the disk refused the newest flush; null once it took one again. */
  fault: "disk_full" | "storage_failed" | null = null;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
  }

  /** Answer a content script; never throws. */
  async answer(message: FromContent, sender: Sender, now: number): Promise<ContentReply> {
    const place = this.#locate(sender);
    const kept = message.kind === "columns" && (await this.#take(message, sender, place, now));
    const config = this.#config(message, sender, this.#locate(sender), now);
    // What cannot be kept is not recorded either, until the flush that the page holds is taken.
    const isStuck = message.kind === "columns" && !kept;
    return { kept, config: isStuck && config !== null ? { ...config, signals: 0 } : config };
  }

  #locate(sender: Sender): Place | null {
    return locate(sender, this.#parts.standing.apps, ownId());
  }

  #mayRecord(place: Place | null, now: number): place is Place {
    const { standing } = this.#parts;
    return (
      place !== null &&
      !place.isExcluded &&
      standing.block(now) === null &&
      standing.pause(place.origin, now) === null
    );
  }

  #config(
    message: FromContent,
    sender: Sender,
    place: Place | null,
    now: number,
  ): CaptureConfig | null {
    if (place === null) return null;
    const { app } = place;
    const signals = this.#mayRecord(place, now) ? app.bits : 0;
    if (signals === 0) this.#parts.held();
    const arrival =
      message.kind === "start" ? this.#arrive(message, sender, app, signals, now) : NOWHERE;
    return {
      app: app.app,
      signals,
      excludedPaths: app.excluded_paths,
      fromApp: arrival.fromApp,
      fromDwell: arrival.fromDwell,
    };
  }

  /** Where the tab came from; a place where navigation may not be recorded counts as outside. */
  #arrive(
    { document }: FromContent,
    { tabId, frameId }: Sender,
    { app }: ScopeApp,
    signals: number,
    now: number,
  ): Arrival {
    if (tabId === null || frameId !== 0) return NOWHERE;
    if ((signals & bitOf("navigation")) !== 0) {
      return this.#parts.stays.arrive(tabId, app, document, now);
    }
    this.#parts.stays.leave(tabId);
    return NOWHERE;
  }

  async #take(message: Flush, sender: Sender, place: Place | null, now: number): Promise<boolean> {
    const { facts, activity } = this.#parts;
    if (!this.#mayRecord(place, now)) {
      await facts.count("discarded", "");
      return true;
    }
    const columns = keepSignals(message.columns, place.app.bits);
    const turn = this.#turn.then(() => this.#keep(message, place, columns, now));
    this.#turn = turn.catch(() => undefined);
    const isKept = await turn;
    if (isKept && sender.tabId !== null) {
      await facts.count("lostInPages", "", message.lost);
      activity.recorded(sender.tabId, columns, message.costMs, now);
      this.#parts.kept();
    }
    return isKept;
  }

  /** Seal and keep one flush; false = the content script keeps it and sends it again. */
  async #keep(
    message: Flush,
    place: Place,
    columns: CapturedColumns | null,
    now: number,
  ): Promise<boolean> {
    const { facts, outbox } = this.#parts;
    if (columns === null) return true;
    try {
      if (await outbox.knows(message)) return true;
      const { agreement } = facts.now;
      const parts = this.#split(message, place, columns);
      const sealed = await this.#seal(parts, now);
      // Whoever withdrew or paused meanwhile is not recorded, not even for this one second.
      if (facts.now.agreement !== agreement || !this.#mayRecord(place, Date.now())) {
        await facts.count("discarded", "");
        return true;
      }
      const events = parts.map((part) => countEvents(part.columns));
      await outbox.keep(sealed, events, message, now);
      this.fault = null;
      return true;
    } catch (error) {
      const { code } = describe(error);
      this.fault = code === "disk_full" || code === "storage_failed" ? code : null;
      if (!code.startsWith("columns_")) return false;
      await facts.count("malformed", "");
      return true;
    }
  }

  /** Key timing apart from the rest, and whatever is too large for one batch in pieces. */
  #split(message: Flush, place: Place, columns: CapturedColumns): Part[] {
    return [GENERAL_GROUP, KEY_TIMING_GROUP].flatMap((number) => {
      const group = number as 0 | 1;
      const signals = place.app.bits & groupSignals(group);
      const origin = { app: place.app.app, group, signals, document: message.document };
      const kept = keepSignals(columns, signals);
      return kept === null ? [] : fitting(kept, origin).map((part) => ({ origin, columns: part }));
    });
  }

  async #seal(parts: readonly Part[], now: number): Promise<Sealed[]> {
    const { facts, sealer } = this.#parts;
    const sealed: Sealed[] = [];
    for (const { origin, columns } of parts) {
      const seq = (facts.now.stream?.nextSeq ?? 1) + sealed.length;
      sealed.push(await sealer.seal(seq, origin, columns, now));
    }
    return sealed;
  }
}

/** Cut columns until each piece fits one batch. */
function fitting(columns: CapturedColumns, origin: Origin): CapturedColumns[] {
  const { length } = encodeColumns({ ...columns, ...origin });
  if (paddedLength(length + 4) + OVERHEAD_BYTES <= MAX_CIPHERTEXT_BYTES) return [columns];
  const halves = splitColumns(columns);
  return halves === null ? [columns] : halves.flatMap((half) => fitting(half, origin));
}
