/**
 * The outbox: sealed batches and dropped ranges on disk, in seq order, until the relay settled them.
 *
 * Owns seqs and what is kept how long; never seals and never sends. A seq is given out in the same transaction that keeps
 * its batch and notes the content's flush, so that no stop of the worker loses, repeats or reuses one.
 */

import { hex } from "../shared/bytes.ts";
import { encodeMessage, MAX_DROPPED_RANGE } from "../shared/messages.ts";
import type { DropReason } from "../shared/reasons.ts";
import { type Transaction, transact } from "./database.ts";
import type { Facts, StreamFact } from "./facts.ts";
import type { Sealed } from "./sealer.ts";

export const MAX_OUTBOX_BYTES = 16 * 1024 * 1024;
export const MAX_OUTBOX_AGE_MS = 7 * 86_400_000;
/** How long a flush is remembered, longer than any content script retries. */
const FLUSH_MEMORY_MS = 3_600_000;

interface Kept {
  readonly first: number;
  readonly last: number;
  /** ms since 1970. */
  readonly at: number;
}

/** One sealed batch as it waits. */
export interface BatchEntry extends Kept {
  readonly kind: "batch";
  /** The encoded message; sent as it is, again if need be, never made anew. */
  readonly frame: Uint8Array;
  readonly segment: string;
  readonly events: number;
}

/** A range of seqs that will never come. */
export interface DroppedEntry extends Kept {
  readonly kind: "dropped";
  readonly reason: DropReason;
}

export type Entry = BatchEntry | DroppedEntry;

/** A segment message as it waits for the batches that name it. */
interface SegmentEntry {
  readonly id: string;
  readonly frame: Uint8Array;
}

/** A content script's flush, by which a repeat is known. */
export interface Flush {
  readonly document: number;
  readonly flush: number;
}

/** How much waits. */
export interface Waiting {
  readonly batches: number;
  readonly bytes: number;
  /** When the oldest was sealed, or null. */
  readonly since: number | null;
}

const STORES = ["outbox", "segments", "flushes", "facts"] as const;

function sizeOf(entry: Entry): number {
  return entry.kind === "batch" ? entry.frame.length : 0;
}

export class Outbox {
  readonly #facts: Facts;
  #waiting: Waiting = { batches: 0, bytes: 0, since: null };

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** Count what an earlier run of the worker left. */
  async recount(): Promise<void> {
    const batches = (await this.after(0)).filter((entry) => entry.kind === "batch");
    const bytes = batches.reduce((sum, entry) => sum + sizeOf(entry), 0);
    this.#waiting = { batches: batches.length, bytes, since: batches[0]?.at ?? null };
  }

  get waiting(): Waiting {
    return this.#waiting;
  }

  /** Highest seq given out in the stream, 0 for none. */
  get lastSeq(): number {
    return (this.#facts.now.stream?.nextSeq ?? 1) - 1;
  }

  /** Entries, or their rest, after a seq and in order. */
  after(seq: number, most?: number): Promise<Entry[]> {
    return transact(this.#facts.database, ["outbox"], "readonly", async (transaction) => {
      const before = await transaction.all<Entry>("outbox", IDBKeyRange.upperBound(seq));
      const rest = before.filter((entry) => entry.last > seq);
      const whole = await transaction.all<Entry>("outbox", IDBKeyRange.lowerBound(seq, true), most);
      return [...rest.map((entry) => ({ ...entry, first: seq + 1 })), ...whole];
    });
  }

  /** The encoded message of a segment. */
  segment(id: string): Promise<Uint8Array | null> {
    return transact(this.#facts.database, ["segments"], "readonly", async (transaction) => {
      const found = await transaction.get<SegmentEntry>("segments", id);
      return found?.frame ?? null;
    });
  }

  /** Tell whether a flush is kept already. */
  knows({ document, flush }: Flush): Promise<boolean> {
    return transact(this.#facts.database, ["flushes"], "readonly", async (transaction) => {
      return (await transaction.get("flushes", [document, flush])) !== undefined;
    });
  }

  /**
   * Keep what was sealed from one flush; on disk when this resolves.
   *
   * @param sealed In seq order, beginning at the stream's next seq.
   * @param events Number of events of each.
   * @returns false if the flush was kept before, and then nothing changed.
   * @throws Problem "disk_full" or "storage_failed".
   */
  async keep(
    sealed: readonly Sealed[],
    events: readonly number[],
    { document, flush }: Flush,
    now: number,
  ): Promise<boolean> {
    const stream = this.#facts.now.stream;
    if (stream === null) return false;
    const next: StreamFact = { ...stream, nextSeq: stream.nextSeq + sealed.length };
    const entries = sealed.map(
      ({ batch }, at): BatchEntry => ({
        kind: "batch",
        first: batch.seq,
        last: batch.seq,
        at: now,
        frame: encodeMessage(batch),
        segment: hex(batch.segment),
        events: events[at] ?? 0,
      }),
    );
    const isNew = await transact(this.#facts.database, STORES, "readwrite", async (transaction) => {
      if ((await transaction.get("flushes", [document, flush])) !== undefined) return false;
      transaction.put("flushes", { document, flush, at: now });
      for (const { segment } of sealed) {
        transaction.put("segments", { id: hex(segment.id), frame: encodeMessage(segment) });
      }
      for (const entry of entries) transaction.put("outbox", entry);
      transaction.put("facts", next, "stream");
      return true;
    });
    if (!isNew) return false;
    this.#facts.adopt({ stream: next });
    const { batches, bytes, since } = this.#waiting;
    this.#waiting = {
      batches: batches + entries.length,
      bytes: bytes + entries.reduce((sum, entry) => sum + sizeOf(entry), 0),
      since: since ?? now,
    };
    return true;
  }

  /**
   * Let go of everything up to a seq.
   *
   * @returns The batches that were waiting, oldest first.
   */
  async settle(through: number): Promise<BatchEntry[]> {
    const stores = ["outbox", "segments"] as const;
    const [gone, oldest] = await transact(this.#facts.database, stores, "readwrite", async (tx) => {
      const entries = await tx.all<Entry>("outbox", IDBKeyRange.upperBound(through));
      for (const entry of entries) {
        tx.delete("outbox", entry.first);
        if (entry.last > through) tx.put("outbox", { ...entry, first: through + 1 });
      }
      const batches = entries.filter((entry) => entry.kind === "batch");
      await forgetSegments(tx, batches);
      return [batches, await tx.all<Entry>("outbox", undefined, 1)] as const;
    });
    this.#subtract(gone, oldest[0]);
    return gone;
  }

  /**
   * Drop what is too old or too much, oldest first, and the memory of old flushes.
   *
   * @param announced Highest seq under way; up to there nothing is touched.
   * @returns How many batches were dropped, by reason.
   */
  async tidy(announced: number, now: number): Promise<Partial<Record<DropReason, number>>> {
    const dropped: Partial<Record<DropReason, number>> = {};
    for (;;) {
      const { bytes, since } = this.#waiting;
      const isOld = since !== null && now - since > MAX_OUTBOX_AGE_MS;
      if (!isOld && bytes <= MAX_OUTBOX_BYTES) break;
      const reason = isOld ? "outbox_expired" : "outbox_full";
      if (!(await this.drop(announced, reason, now))) break;
      dropped[reason] = (dropped[reason] ?? 0) + 1;
    }
    const old = IDBKeyRange.upperBound(now - FLUSH_MEMORY_MS);
    await transact(this.#facts.database, ["flushes"], "readwrite", (transaction) =>
      transaction.deleteByIndex("flushes", "at", old),
    );
    return dropped;
  }

  /**
   * Throw away every waiting batch at once, because the participant withdrew; what the relay has not settled becomes
   * dropped ranges.
   *
   * @returns How many batches were thrown away.
   */
  async purge(now: number): Promise<number> {
    const { batches } = this.#waiting;
    await transact(this.#facts.database, STORES, "readwrite", async (tx) => {
      const [oldest] = await tx.all<Entry>("outbox", undefined, 1);
      // Read here, since a batch that is being kept right now has its seq on disk only.
      const lastSeq = ((await tx.get<StreamFact>("facts", "stream"))?.nextSeq ?? 1) - 1;
      tx.delete("outbox", IDBKeyRange.lowerBound(0));
      tx.delete("segments", IDBKeyRange.lowerBound(""));
      tx.delete("flushes", IDBKeyRange.lowerBound([]));
      if (oldest !== undefined) putDropped(tx, oldest.first, lastSeq, "withdrawn", now);
    });
    this.#waiting = { batches: 0, bytes: 0, since: null };
    return batches;
  }

  /**
   * Throw everything away, because its stream is over.
   *
   * @returns How many batches were lost with it.
   */
  async discard(): Promise<number> {
    const { batches } = this.#waiting;
    await transact(this.#facts.database, ["outbox", "segments"], "readwrite", (transaction) => {
      transaction.delete("outbox", IDBKeyRange.lowerBound(0));
      transaction.delete("segments", IDBKeyRange.lowerBound(""));
    });
    this.#waiting = { batches: 0, bytes: 0, since: null };
    return batches;
  }

  /** Turn the oldest batch after a seq into a dropped range; false if there is none. */
  async drop(announced: number, reason: DropReason, now: number): Promise<boolean> {
    const stores = ["outbox", "segments"] as const;
    const range = IDBKeyRange.lowerBound(announced, true);
    const found = await transact(this.#facts.database, stores, "readwrite", async (tx) => {
      // Ranges of one reason are joined, so that few stand before the oldest batch.
      const entries = await tx.all<Entry>("outbox", range, 8);
      const at = entries.findIndex((entry) => entry.kind === "batch");
      const [oldest, next, before] = [entries[at], entries[at + 1], entries[at - 1]];
      if (oldest?.kind !== "batch") return null;
      const joins = before?.kind === "dropped" && before.reason === reason;
      tx.delete("outbox", oldest.first);
      putDropped(tx, joins ? before.first : oldest.first, oldest.last, reason, now);
      await forgetSegments(tx, [oldest]);
      return { oldest, next };
    });
    if (found === null) return false;
    this.#subtract([found.oldest], found.next);
    return true;
  }

  #subtract(gone: readonly BatchEntry[], oldest: Entry | undefined): void {
    const { batches, bytes } = this.#waiting;
    const left = batches - gone.length;
    this.#waiting = {
      batches: left,
      bytes: bytes - gone.reduce((sum, entry) => sum + sizeOf(entry), 0),
      since: left > 0 ? (oldest?.at ?? null) : null,
    };
  }
}

/** Put a dropped range, in pieces no longer than one message may name. */
function putDropped(
  transaction: Transaction,
  first: number,
  last: number,
  reason: DropReason,
  at: number,
): void {
  for (let from = first; from <= last; from += MAX_DROPPED_RANGE) {
    const to = Math.min(last, from + MAX_DROPPED_RANGE - 1);
    const entry: DroppedEntry = { kind: "dropped", first: from, last: to, reason, at };
    transaction.put("outbox", entry);
  }
}

/** Forget the segments of batches that went, unless others that wait name them too. */
async function forgetSegments(
  transaction: Transaction,
  gone: readonly BatchEntry[],
): Promise<void> {
  for (const id of new Set(gone.map((entry) => entry.segment))) {
    if ((await transaction.count("outbox", "segment", id)) === 0)
      transaction.delete("segments", id);
  }
}
