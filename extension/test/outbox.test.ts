import { beforeEach, describe, expect, it } from "vitest";
import { openDatabase } from "../src/background/database.ts";
import { Facts } from "../src/background/facts.ts";
import { MAX_OUTBOX_AGE_MS, MAX_OUTBOX_BYTES, Outbox } from "../src/background/outbox.ts";
import { type Sealed, Sealer } from "../src/background/sealer.ts";
import { agreementOf, captured, deviceFacts, NOW } from "./fixtures.ts";

const ORIGIN = { app: 1, group: 0, signals: 3, document: 9 } as const;
const COLUMNS = captured({ pointer: [[0], [1], [1]] });

let facts: Facts;
let outbox: Outbox;
let sealer: Sealer;
let flushes = 0;

beforeEach(async () => {
  facts = await deviceFacts();
  await facts.put({
    agreement: await agreementOf(facts, [{ app: 1, signals: ["click", "pointer"] }]),
  });
  outbox = new Outbox(facts);
  sealer = new Sealer(facts);
});

/** Seal one after the other, as the worker does; at once, each would begin a segment. */
async function seal(count: number, now = NOW): Promise<Sealed[]> {
  const next = facts.now.stream?.nextSeq ?? 1;
  const sealed: Sealed[] = [];
  for (let at = 0; at < count; at += 1) {
    sealed.push(await sealer.seal(next + at, ORIGIN, COLUMNS, now));
  }
  return sealed;
}

async function keep(count: number, now = NOW): Promise<void> {
  flushes += 1;
  const sealed = await seal(count, now);
  await outbox.keep(sealed, new Array(count).fill(1), { document: 1, flush: flushes }, now);
}

/** What a worker finds that starts anew on the same disk. */
async function restarted(): Promise<Outbox> {
  const again = new Outbox(await Facts.load(facts.database));
  await again.recount();
  return again;
}

describe("the outbox", () => {
  it("gives out seqs without gaps, across a restart too", async () => {
    await keep(2);
    expect((await restarted()).lastSeq).toBe(2);
    await keep(1);
    expect((await outbox.after(0)).map(({ first }) => first)).toEqual([1, 2, 3]);
    expect((await outbox.after(1)).map(({ first }) => first)).toEqual([2, 3]);
    expect((await restarted()).waiting).toEqual(outbox.waiting);
  });

  it("keeps a flush once, however often it comes", async () => {
    const flush = { document: 7, flush: 1 };
    expect(await outbox.knows(flush)).toBe(false);
    expect(await outbox.keep(await seal(1), [1], flush, NOW)).toBe(true);
    expect(await outbox.keep(await seal(1), [1], flush, NOW)).toBe(false);
    expect(await outbox.knows(flush)).toBe(true);
    expect(outbox.lastSeq).toBe(1);
    expect(outbox.waiting.batches).toBe(1);
  });

  it("lets go of what is settled, and of segments that nothing names any more", async () => {
    await keep(3);
    const [entry] = await outbox.after(0);
    const segment = entry?.kind === "batch" ? entry.segment : "";
    expect((await outbox.settle(2)).map(({ first }) => first)).toEqual([1, 2]);
    expect(await outbox.segment(segment)).not.toBeNull();
    await outbox.settle(3);
    expect(await outbox.segment(segment)).toBeNull();
    expect(outbox.waiting).toEqual({ batches: 0, bytes: 0, since: null });
    expect(outbox.lastSeq).toBe(3);
  });

  it("turns what waits into one dropped range on withdrawal, and leaves nothing sealed", async () => {
    await keep(4);
    await outbox.settle(1);
    expect(await outbox.purge(NOW)).toBe(3);
    expect(await outbox.after(0)).toEqual([
      { kind: "dropped", first: 2, last: 4, reason: "withdrawn", at: NOW },
    ]);
    expect(outbox.waiting.batches).toBe(0);
    // Part of it was under way: only the rest is still to be told.
    await outbox.settle(3);
    expect(await outbox.after(0)).toMatchObject([{ first: 4, last: 4 }]);
  });

  it("gives a batch that is being kept during a withdrawal to the dropped range", async () => {
    await keep(1);
    const sealed = await seal(1);
    const [kept] = await Promise.all([
      outbox.keep(sealed, [1], { document: 2, flush: 1 }, NOW),
      outbox.purge(NOW),
    ]);
    expect(kept).toBe(true);
    expect(await outbox.after(0)).toMatchObject([{ kind: "dropped", first: 1, last: 2 }]);
  });

  it("purges nothing where nothing waits", async () => {
    await keep(1);
    await outbox.settle(1);
    await outbox.purge(NOW);
    expect(await outbox.after(0)).toEqual([]);
  });

  it("drops what is older than seven days, oldest first, as one range", async () => {
    await keep(2);
    const later = NOW + MAX_OUTBOX_AGE_MS + 1;
    await keep(1, later);
    expect(await outbox.tidy(0, later)).toEqual({ outbox_expired: 2 });
    expect(await outbox.after(0)).toMatchObject([
      { kind: "dropped", first: 1, last: 2, reason: "outbox_expired" },
      { kind: "batch", first: 3 },
    ]);
    expect(outbox.waiting).toMatchObject({ batches: 1, since: later });
  });

  it("does not touch what is under way", async () => {
    await keep(2);
    const later = NOW + MAX_OUTBOX_AGE_MS + 1;
    expect(await outbox.tidy(1, later)).toEqual({ outbox_expired: 1 });
    expect(await outbox.after(0)).toMatchObject([{ kind: "batch" }, { kind: "dropped", first: 2 }]);
  });

  it("stays below its size by dropping the oldest", async () => {
    const [sealed] = await seal(1);
    if (sealed === undefined) throw new Error("nothing sealed");
    const large = new Uint8Array(60_000);
    const count = Math.ceil(MAX_OUTBOX_BYTES / large.length) + 2;
    const many = Array.from({ length: count }, (_, at) => ({
      ...sealed,
      batch: { ...sealed.batch, seq: at + 1, ciphertext: large },
    }));
    await outbox.keep(many, new Array(count).fill(1), { document: 3, flush: 1 }, NOW);
    expect(outbox.waiting.bytes).toBeGreaterThan(MAX_OUTBOX_BYTES);
    const dropped = await outbox.tidy(0, NOW);
    expect(dropped.outbox_full).toBeGreaterThan(0);
    expect(outbox.waiting.bytes).toBeLessThanOrEqual(MAX_OUTBOX_BYTES);
    const [first, second] = await outbox.after(0, 2);
    expect(first).toMatchObject({ kind: "dropped", first: 1, last: dropped.outbox_full });
    expect(second?.first).toBe((dropped.outbox_full ?? 0) + 1);
    expect((await restarted()).waiting).toEqual(outbox.waiting);
  });

  it("forgets flushes after an hour and nothing else", async () => {
    await outbox.keep(await seal(1), [1], { document: 4, flush: 1 }, NOW);
    await outbox.tidy(0, NOW + 3_600_001);
    expect(await outbox.knows({ document: 4, flush: 1 })).toBe(false);
    expect(outbox.waiting.batches).toBe(1);
  });

  it("writes nothing when the disk refuses", async () => {
    const sealed = await seal(1);
    facts.database.close();
    await expect(outbox.keep(sealed, [1], { document: 5, flush: 1 }, NOW)).rejects.toThrow();
    const again = await Facts.load(await openDatabase(new IDBFactory()));
    expect(again.now.stream).toBeNull();
    expect(outbox.waiting.batches).toBe(0);
    expect(outbox.lastSeq).toBe(0);
  });
});
