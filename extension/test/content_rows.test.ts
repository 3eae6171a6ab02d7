import { describe, expect, it } from "vitest";
import { MAX_LENGTH, MAX_TICKS, NEVER } from "../src/content/limits.ts";
import {
  addRow,
  firstTick,
  noRows,
  type Row,
  type Rows,
  takeColumns,
} from "../src/content/rows.ts";

function rowsOf(...list: Row[]): Rows {
  const rows = noRows({ costMs: 0, lost: 0 }, () => undefined);
  for (const row of list) addRow(rows, ...row);
  return rows;
}

describe("rows of one signal", () => {
  it("become columns with ticks since the row before", () => {
    const rows = rowsOf([105, 1, 7], [108, 2, 8], [120, 3, 9]);
    expect(takeColumns(rows, 100, false)).toEqual([
      [5, 3, 12],
      [1, 2, 3],
      [7, 8, 9],
    ]);
    expect(rows.all).toEqual([]);
  });

  it("of a path become the first position, then differences", () => {
    const rows = rowsOf([100, 50, 60], [101, 48, 65], [102, 48, 60]);
    expect(takeColumns(rows, 100, true)).toEqual([
      [0, 1, 1],
      [50, -2, 0],
      [60, 5, -5],
    ]);
  });

  it("are nothing if there are none", () => {
    expect(takeColumns(rowsOf(), 100, false)).toBeNull();
    expect(firstTick(rowsOf())).toBe(NEVER);
  });

  it("never go back in time", () => {
    expect(takeColumns(rowsOf([100, 1], [97, 2], [105, 3]), 100, false)?.[0]).toEqual([0, 0, 5]);
  });

  it("wait behind one that is unfinished", () => {
    const rows = rowsOf([100, 6, 1], [110, NEVER, 1], [112, 5, 1]);
    expect(takeColumns(rows, 100, false)).toEqual([[0], [6], [1]]);
    expect(firstTick(rows)).toBe(NEVER);
    expect(takeColumns(rows, 100, false)).toBeNull();
    const [held] = rows.all;
    if (held !== undefined) held[1] = 20;
    expect(takeColumns(rows, 110, false)).toEqual([
      [0, 2],
      [20, 5],
      [1, 1],
    ]);
  });

  it("too far from the first tick wait for the next flush", () => {
    const rows = rowsOf([0, 1], [MAX_TICKS, 2], [MAX_TICKS + 1, 3]);
    expect(takeColumns(rows, 0, false)).toEqual([
      [0, MAX_TICKS],
      [1, 2],
    ]);
    expect(firstTick(rows)).toBe(MAX_TICKS + 1);
  });

  it("beyond the longest column are counted as lost", () => {
    const rows = noRows({ costMs: 0, lost: 0 }, () => undefined);
    for (let at = 0; at < MAX_LENGTH + 3; at += 1) addRow(rows, at, at);
    expect(takeColumns(rows, 0, false)?.[0]).toHaveLength(MAX_LENGTH);
    expect(rows.tally.lost).toBe(3);
  });
});
