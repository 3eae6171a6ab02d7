/** The buffered rows of one signal, and how they become columns. */

import { MAX_LENGTH, MAX_TICKS, NEVER } from "./limits.ts";

/** One event: its tick since 1970, then its values; the first value is NEVER while the row waits for its end. */
export type Row = [tick: number, ...values: number[]];

/** What recording cost and could not keep, since it was last told. */
export interface Tally {
  /** Milliseconds of the page's thread. */
  costMs: number;
  /** Events without room, and handlers that failed. */
  lost: number;
}

/** Rows of one signal, oldest first. */
export interface Rows {
  all: Row[];
  readonly tally: Tally;
  /** To be called whenever something was recorded, or is to be finished later. */
  due(): void;
}

export function noRows(tally: Tally, due: () => void): Rows {
  return { all: [], tally, due };
}

/** Add a row; when full, the newest are counted as lost. */
export function addRow(rows: Rows, ...row: Row): Row {
  if (rows.all.length < MAX_LENGTH) rows.all.push(row);
  else rows.tally.lost += 1;
  rows.due();
  return row;
}

/** Tick of the oldest row, NEVER if nothing is ready. */
export function firstTick({ all: [row] }: Rows): number {
  return !row || row[1] === NEVER ? NEVER : row[0];
}

/**
 * Take out what is ready, as columns with `dt` first.
 *
 * @param t0 The flush's first tick.
 * @param isPath True if the values are positions, to be sent as differences after the first.
 * @returns Columns of equal length, or null if nothing is ready.
 */
export function takeColumns(rows: Rows, t0: number, isPath: boolean): number[][] | null {
  const end = rows.all.findIndex((row) => row[1] === NEVER || row[0] > t0 + MAX_TICKS);
  const ready = rows.all.splice(0, end < 0 ? MAX_LENGTH : end);
  const column = (_: number, place: number): number[] => {
    let before = place === 0 ? t0 : 0;
    return ready.map((row) => {
      let value = (row[place] ?? 0) - before;
      // An event may carry an older time than the one before it.
      if (place === 0) value = Math.max(0, value);
      if (place === 0 || isPath) before += value;
      return value;
    });
  };
  return ready[0]?.map(column) ?? null;
}

/** Keep a number within bounds, by default the same on both sides of 0. */
export function clamp(value: number, low: number, high = -low): number {
  return Math.min(high, Math.max(low, value));
}
