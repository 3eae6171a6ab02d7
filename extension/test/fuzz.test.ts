/**
 * Changes inputs of every reader at random and holds the reader to what it promises (fuzz_readers.ts).
 *
 * Owns a small generator of its own: seeds are the vectors, the same changes are drawn at each run, and CANDOR_EFFORT=full
 * draws others, and more. What the relay makes of such inputs is compared by tests/fuzz/test_agreement.py.
 */

import { readdirSync, readFileSync } from "node:fs";
import { env } from "node:process";
import { describe, expect, test } from "vitest";
import { type Bytes, concat, fromHex, utf8 } from "../src/shared/bytes.ts";
import { decode, encode, type Value } from "../src/shared/msgpack.ts";
import type { PolicyApp } from "../src/shared/policy.ts";
import { Problem } from "../src/shared/problem.ts";
import { CANARY, judge, READERS, REFUSED, type Read } from "./fuzz_readers.ts";

const FOLDER = new URL("../../tests/vectors/", import.meta.url);
const { CANDOR_EFFORT } = env;
const IS_FULL = CANDOR_EFFORT === "full";
const DRAWN = IS_FULL ? 100_000 : 1_000;
const MAX_MS = 2_000;

interface Vector {
  readonly kind: string;
  readonly side?: string;
  readonly apps?: readonly PolicyApp[];
  readonly [name: string]: unknown;
}
const VECTORS: readonly Vector[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as Vector);
const APPS = VECTORS.find(({ kind }) => kind === "page")?.apps ?? [];

/** Whole numbers below `below`, the same ones for the same seed (mulberry32). */
type Draw = (below: number) => number;

function drawing(seed: number): Draw {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

function utf16(text: string): Bytes {
  return concat(...Array.from(text, (char) => utf16Units(char)));
}

function utf16Units(char: string): Bytes {
  const codes = Array.from({ length: char.length }, (_, at) => char.charCodeAt(at));
  return Uint8Array.from(codes.flatMap((code) => [code & 255, code >> 8]));
}

function seedsOf(kinds: readonly string[], read: (vector: Vector) => Bytes | null): Bytes[] {
  return VECTORS.filter(({ kind }) => kinds.includes(kind))
    .map(read)
    .filter((seed) => seed !== null);
}

function unhexed(name: string): (vector: Vector) => Bytes | null {
  return (vector) => fromHex(String(vector[name]));
}

function framesOf(side: string): Bytes[] {
  return seedsOf(["frame", "frame", "frame_refused"], (vector) =>
    vector.side === side ? unhexed("frame")(vector) : null,
  );
}

function packed(...values: Value[]): Bytes {
  return encode(values);
}

const SIGNED = seedsOf(["signed_policy"], (vector) =>
  packed(...["body", "controller", "representative"].map((name) => unhexed(name)(vector) ?? null)),
);

const SEEDS: Readonly<Record<string, readonly Bytes[]>> = {
  device_frame: framesOf("device"),
  relay_frame: framesOf("relay"),
  columns: seedsOf(["columns", "columns_refused"], (vector) => {
    const [app, group, signals] = ["app", "group", "signals"].map((name) => Number(vector[name]));
    const head = [(app ?? 0) >> 8, (app ?? 0) & 255, group ?? 0, signals ?? 0];
    return concat(Uint8Array.from(head), unhexed("plaintext")(vector) ?? new Uint8Array());
  }),
  exchange_answer: [
    packed([], null),
    packed(framesOf("relay").slice(0, 3), null),
    packed([new Uint8Array(9)], 4_408),
  ],
  signed_policy: SIGNED,
  canonical: seedsOf(["canonical", "receipt"], unhexed("body")),
  policy: seedsOf(["policy", "policy_refused"], unhexed("body")),
  receipt: seedsOf(["receipt", "receipt_refused"], unhexed("body")),
  url: seedsOf(["page"], ({ url }) => utf16(String(url))),
  enrolment: seedsOf(["enrolment", "enrolment_refused"], ({ text }) => utf16(String(text))),
  msgpack: [...framesOf("relay"), ...framesOf("device"), ...SIGNED],
};

const NUMBERS = [0, 1, 2, 31, 127, 255, 256, 65_535, 65_536, 2 ** 32, 2 ** 53 - 1, -1, -32_769];
const ODD = [
  "c1",
  "c3",
  "80",
  "81a16101",
  "cb3ff0000000000000",
  "ddffffffff",
  "dbffffffff",
  "d4017f",
];

function pick<T>(draw: Draw, values: readonly T[]): T {
  return values[draw(values.length)] as T;
}

/** Change one place of a tree. */
function changedTree(draw: Draw, tree: Value): Value {
  if (!Array.isArray(tree) || tree.length === 0 || draw(12) === 0) return leaf(draw, tree);
  const items: Value[] = [...tree];
  const at = draw(items.length);
  const old = items[at] ?? null;
  const inner = Array.isArray(old) ? changedTree(draw, old) : leaf(draw, old);
  const cuts: readonly (readonly [number, readonly Value[]])[] = [
    [1, []],
    [0, [old]],
    [1, [[old]]],
    [1, Array.from({ length: 1 + draw(2_050) }, () => (typeof old === "number" ? old : null))],
    [1, [inner]],
    [1, [inner]],
    [1, [inner]],
  ];
  const [removed, added] = pick(draw, cuts);
  items.splice(at, removed, ...added);
  return items;
}

function leaf(draw: Draw, old: Value): Value {
  const marked = utf8(CANARY);
  if (typeof old === "number" && draw(4) > 0) return pick(draw, [...NUMBERS, old + 1, old - 1]);
  if (typeof old === "string" && draw(4) > 0) return pick(draw, [CANARY, "", `${old}x`, "é"]);
  if (old instanceof Uint8Array && draw(4) > 0) {
    return pick(draw, [marked, old.slice(1), concat(old, marked), new Uint8Array(old.length)]);
  }
  return pick(draw, [null, 0, "", CANARY, marked, new Uint8Array(32), []]);
}

/** Change bytes without looking at what they are. */
function changedBytes(draw: Draw, bytes: Bytes, other: Bytes): Bytes {
  const at = draw(bytes.length + 1);
  const [before, after] = [bytes.slice(0, at), bytes.slice(at)];
  switch (draw(7)) {
    case 0:
      return before;
    case 1:
      return concat(before, after.slice(1 + draw(4)));
    case 2:
      return concat(before, Uint8Array.from([draw(256)]), after);
    case 3:
      return concat(before, fromHex(pick(draw, ODD)) ?? after, after);
    case 4:
      return concat(before, other.slice(draw(other.length + 1)));
    case 5:
      return concat(before, ...Array.from({ length: draw(3_000) }, () => after.slice(0, 2)), after);
    default:
      return concat(before, Uint8Array.from([(after[0] ?? 0) ^ (1 << draw(8))]), after.slice(1));
  }
}

/** Change words of a document or address. */
function changedWords(draw: Draw, bytes: Bytes, isWide: boolean): Bytes {
  const words = [
    "%2e",
    "..",
    "%25",
    "\\",
    " ",
    "[",
    "{",
    '"',
    "1",
    "é",
    "\ufeff",
    CANARY,
    "/",
    "@",
  ];
  const word = pick(draw, words).repeat(pick(draw, [1, 1, 1, 2, 400]));
  const at = draw(bytes.length / 2) * 2;
  return concat(bytes.slice(0, at), isWide ? utf16(word) : utf8(word), bytes.slice(at));
}

function changed(draw: Draw, name: string, seeds: readonly Bytes[]): Bytes {
  const seed = pick(draw, seeds);
  const way = draw(4);
  if (way === 0) return changedBytes(draw, seed, pick(draw, seeds));
  const isText = name === "url" || name === "enrolment";
  if (isText || ["canonical", "policy", "receipt"].includes(name)) {
    return way === 1 ? seed : changedWords(draw, seed, isText);
  }
  const skipped = name === "columns" ? 4 : 0;
  try {
    const tree = decode(seed.slice(skipped));
    return concat(seed.slice(0, skipped), encode(changedTree(draw, tree)));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return changedBytes(draw, seed, pick(draw, seeds));
  }
}

/** Draw inputs for a reader and let it read them; returns how many it took. */
function run(name: string, read: Read): number {
  const draw = drawing(IS_FULL ? Date.now() : name.length);
  const seeds = SEEDS[name] ?? [];
  let taken = 0;
  for (let at = 0; at < DRAWN; at += 1) {
    const input = changed(draw, name, seeds);
    const started = performance.now();
    if (judge(read, input, APPS) !== REFUSED) taken += 1;
    expect(performance.now() - started).toBeLessThan(MAX_MS);
  }
  return taken;
}

function reader(name: string): Read {
  const found = READERS[name];
  if (found === undefined) throw new Error(`no reader ${name}`);
  return found;
}

describe("any change is taken or refused by", () => {
  test.each(Object.keys(READERS))("%s", (name) => {
    expect(SEEDS[name]?.length).toBeGreaterThan(0);
    // Refusals of everything would show that nothing comes far.
    expect(run(name, reader(name))).toBeGreaterThan(DRAWN / 200);
  });
});

describe("what is deep or long is refused soon by", () => {
  const deep = [9, 500, 20_000].flatMap((depth) => [
    Uint8Array.from([...Array<number>(depth).fill(0x91), 0xc0]),
    utf8(`${"[".repeat(depth)}${"]".repeat(depth)}`),
    utf8(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`),
  ]);
  const claims = ["ddffffffff", "dbffffffff", "c6ffffffff", "dd0000ffff"].flatMap((claim) =>
    [1, 8, 12_000].map((count) => concat(fromHex(claim.repeat(count)) ?? utf8(""), utf8("x"))),
  );
  const dots = [".", ". ", "%2e", "/.", ":1", "a."].map((piece) =>
    utf16(`https://crm.corp.example/${piece.repeat(10_000)}x`),
  );

  test.each(Object.keys(READERS))("%s", (name) => {
    for (const input of [...deep, ...claims, ...dots]) {
      const started = performance.now();
      judge(reader(name), input, APPS);
      expect(performance.now() - started).toBeLessThan(MAX_MS);
    }
  });
});

describe("a reader is found out that", () => {
  test("lets another error through", () => {
    const read: Read = (input) => String((decode(input) as readonly Value[]).map(String));
    expect(() => run("msgpack", read)).toThrow(TypeError);
  });

  test("quotes what it read", () => {
    const read: Read = (input) => {
      throw new Problem("malformed", new TextDecoder().decode(input));
    };
    expect(() => run("receipt", read)).toThrow("quotes its input");
  });

  test("takes what it would not write", () => {
    const read: Read = (input, apps) => {
      const document = JSON.parse(new TextDecoder().decode(input));
      return reader("canonical")(utf8(JSON.stringify(document)), apps);
    };
    expect(() => run("canonical", read)).toThrow(SyntaxError);
  });
});
