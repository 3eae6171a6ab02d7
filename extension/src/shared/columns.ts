/**
 * The columns inside a batch: small integers from closed ranges (protocol.md section 11).
 *
 * Owns their encoding and every bound; never repairs or guesses: columns that break one rule are refused whole.
 */

import type { Bytes } from "./bytes.ts";
import { equal } from "./bytes.ts";
import type { CapturedColumns } from "./internal.ts";
import { decode, encode, type Value } from "./msgpack.ts";
import { Problem } from "./problem.ts";
import {
  ALL_SIGNALS,
  bitOf,
  bitsOf,
  type Group,
  groupSignals,
  SIGNALS,
  type SignalName,
} from "./signals.ts";
import { isTarget, MAX_TARGET, mayHaveCell } from "./vocabulary.ts";

/** One column's name and bounds. */
export interface ColumnRule {
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

function rule(name: string, min: number, max: number): ColumnRule {
  return { name, min, max };
}

const DT = rule("dt", 0, 65_535);

/** Each signal's columns, in wire order. */
export const COLUMN_RULES: Readonly<Record<SignalName, readonly ColumnRule[]>> = {
  pointer: [DT, rule("dx", -32_768, 32_767), rule("dy", -32_768, 32_767)],
  click: [DT, rule("button", 0, 4), rule("target", 0, MAX_TARGET), rule("cell", 0, 64)],
  hover: [DT, rule("target", 0, MAX_TARGET), rule("dwell", 0, 65_535)],
  typing: [DT, rule("count", 1, 65_535), rule("duration", 0, 65_535), rule("field", 1, 8)],
  key_timing: [DT, rule("dwell", 0, 65_535), rule("class", 1, 5)],
  scroll: [DT, rule("dx", -1_000_000, 1_000_000), rule("dy", -1_000_000, 1_000_000)],
  attention: [DT, rule("state", 1, 6)],
  navigation: [
    DT,
    rule("kind", 1, 4),
    rule("from_app", 0, 65_535),
    rule("from_route", 0, 0),
    rule("to_route", 0, 0),
    rule("dwell", 0, 10_000_000),
  ],
};

/** Most events of one signal in a batch. */
export const MAX_EVENTS = 2_048;
const FORMAT = 1;
const HEADER_POSITIONS = 7;

/** What a batch says of itself, inside and in clear. */
export interface ColumnsHeader {
  readonly app: number;
  readonly group: Group;
  /** What the segment may contain, not what occurred. */
  readonly signals: number;
  readonly document: number;
}

export type Columns = CapturedColumns & ColumnsHeader;
type SignalColumns = readonly (readonly number[])[];

function broken(code: string, place: string): Problem {
  return new Problem(
    code,
    `Recorded columns break a rule at ${place}. They are dropped and counted.`,
  );
}

function isInteger(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

function checkInteger(value: unknown, min: number, max: number, place: string): void {
  if (!isInteger(value, min, max)) throw broken("columns_bound", place);
}

function checkSignal(signal: SignalName, columns: unknown): asserts columns is SignalColumns {
  const rules = COLUMN_RULES[signal];
  if (!Array.isArray(columns) || columns.length !== rules.length) {
    throw broken("columns_bound", signal);
  }
  const lists: readonly unknown[] = columns;
  for (const [at, { name, min, max }] of rules.entries()) {
    const list = lists[at];
    if (!Array.isArray(list) || list.length < 1 || list.length > MAX_EVENTS) {
      throw broken("columns_bound", `${signal}.${name}`);
    }
    for (const value of list) checkInteger(value, min, max, `${signal}.${name}`);
  }
  const lengths = new Set((columns as SignalColumns).map((list) => list.length));
  if (lengths.size !== 1) throw broken("columns_length", signal);
}

function checkTargets(columns: Columns): void {
  const clicks = columns.click?.[2] ?? [];
  if (![...clicks, ...(columns.hover?.[1] ?? [])].every(isTarget)) {
    throw broken("columns_target", "target");
  }
  const cells = columns.click?.[3] ?? [];
  if (cells.some((cell, at) => cell > 0 && !mayHaveCell(clicks[at] ?? 0))) {
    throw broken("columns_cell", "click.cell");
  }
}

/**
 * Check every rule of section 11.
 *
 * @throws Problem "columns_bound", "columns_length", "columns_signals", "columns_target" or "columns_cell".
 */
export function checkColumns(columns: Columns): void {
  checkInteger(columns.app, 1, 65_535, "app");
  checkInteger(columns.group, 0, 1, "group");
  checkInteger(columns.signals, 1, 255, "signals");
  checkInteger(columns.t0, 0, Number.MAX_SAFE_INTEGER, "t0");
  checkInteger(columns.document, 0, 0xffff_ffff, "document");
  checkInteger(columns.route, 0, 0, "route");
  for (const signal of SIGNALS) {
    if (columns[signal] !== null) checkSignal(signal, columns[signal]);
  }
  const present = presentSignals(columns);
  const undeclared = present & ~columns.signals;
  if (present === 0 || undeclared !== 0 || (columns.signals & ~groupSignals(columns.group)) !== 0) {
    throw broken("columns_signals", "signals");
  }
  checkTargets(columns);
}

/** The bits of the signals that hold events. */
export function presentSignals(columns: CapturedColumns): number {
  return bitsOf(SIGNALS.filter((signal) => columns[signal] !== null));
}

/** How many events all signals hold together. */
export function countEvents(columns: CapturedColumns): number {
  return SIGNALS.reduce((sum, signal) => sum + (columns[signal]?.[0]?.length ?? 0), 0);
}

/**
 * Encode the plaintext of a batch.
 *
 * @throws Problem if the columns break a rule, see {@link checkColumns}.
 */
export function encodeColumns(columns: Columns): Bytes {
  checkColumns(columns);
  return encode([
    FORMAT,
    columns.app,
    columns.group,
    columns.signals,
    columns.t0,
    columns.document,
    columns.route,
    ...SIGNALS.map((signal) => columns[signal]),
  ]);
}

/**
 * Read an opened plaintext strictly.
 *
 * @throws Problem "columns_malformed", "columns_header", or as {@link checkColumns}.
 */
export function decodeColumns(
  plaintext: Uint8Array,
  app: number,
  group: number,
  signals: number,
): Columns {
  let value: Value;
  try {
    value = decode(plaintext);
  } catch {
    throw broken("columns_malformed", "the array");
  }
  if (!Array.isArray(value) || value.length !== HEADER_POSITIONS + SIGNALS.length) {
    throw broken("columns_bound", "the array");
  }
  const positions: readonly unknown[] = value;
  if (positions[0] !== FORMAT) throw broken("columns_bound", "format");
  const lists = Object.fromEntries(
    SIGNALS.map((signal, at) => [signal, positions[HEADER_POSITIONS + at]]),
  ) as Pick<Columns, SignalName>;
  const columns: Columns = {
    app: positions[1] as number,
    group: positions[2] as Group,
    signals: positions[3] as number,
    t0: positions[4] as number,
    document: positions[5] as number,
    route: positions[6] as number,
    ...lists,
  };
  if (columns.app !== app || columns.group !== group || columns.signals !== signals) {
    throw broken("columns_header", "the header");
  }
  checkColumns(columns);
  if (!equal(encodeColumns(columns), plaintext)) throw broken("columns_malformed", "the array");
  return columns;
}

/** Ticks from t0 to each event of a signal. */
export function eventTicks(columns: SignalColumns): number[] {
  let tick = 0;
  return (columns[0] ?? []).map((dt) => {
    tick += dt;
    return tick;
  });
}

/**
 * Keep only some signals, with t0 moved to the first event that is left.
 *
 * @param bits Signals to keep.
 * @returns null if nothing is left.
 */
export function keepSignals(columns: CapturedColumns, bits: number): CapturedColumns | null {
  const kept = SIGNALS.filter((signal) => columns[signal] !== null && (bits & bitOf(signal)) !== 0);
  if (kept.length === 0) return null;
  const shift = Math.min(...kept.map((signal) => columns[signal]?.[0]?.[0] ?? 0));
  const lists = Object.fromEntries(
    SIGNALS.map((signal) => {
      const list = kept.includes(signal) ? columns[signal] : null;
      if (list === null) return [signal, null];
      const [dt = [], ...rest] = list;
      return [signal, [dt.map((value, at) => (at === 0 ? value - shift : value)), ...rest]];
    }),
  ) as unknown as Pick<CapturedColumns, SignalName>;
  return { t0: columns.t0 + shift, route: columns.route, ...lists };
}

/** The rows of one signal from place `from` to before `to`, with times and positions that stand by themselves. */
function sliceRows(
  signal: SignalName,
  columns: SignalColumns,
  from: number,
  to: number,
): SignalColumns | null {
  if (from >= to) return null;
  // Times always run on from the row before; so do the pointer's positions.
  const running = signal === "pointer" ? columns.length : 1;
  return columns.map((list, column) => {
    const rows = list.slice(from, to);
    if (column >= running) return rows;
    const first = list.slice(0, from + 1).reduce((sum, value) => sum + value, 0);
    return [first, ...rows.slice(1)];
  });
}

/**
 * Cut columns in two by time, for when they are too large for one batch.
 *
 * @returns null if all events share one tick.
 */
export function splitColumns(columns: CapturedColumns): readonly CapturedColumns[] | null {
  const ticks = SIGNALS.flatMap((signal) => eventTicks(columns[signal] ?? [])).sort(
    (one, other) => one - other,
  );
  const median = ticks[Math.floor(ticks.length / 2)] ?? 0;
  const cut = median > (ticks[0] ?? 0) ? median : ticks.find((tick) => tick > median);
  if (cut === undefined) return null;
  const half = (isFirst: boolean): CapturedColumns | null => {
    const lists = SIGNALS.map((signal) => {
      const list = columns[signal];
      if (list === null) return [signal, null];
      const before = eventTicks(list).filter((tick) => tick < cut).length;
      const [from, to] = isFirst ? [0, before] : [before, list[0]?.length ?? 0];
      return [signal, sliceRows(signal, list, from, to)];
    });
    const part = { t0: columns.t0, route: columns.route, ...Object.fromEntries(lists) };
    return keepSignals(part as CapturedColumns, ALL_SIGNALS);
  };
  return [half(true), half(false)].filter((part) => part !== null);
}
