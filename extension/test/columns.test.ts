import { describe, expect, it } from "vitest";
import {
  type Columns,
  countEvents,
  decodeColumns,
  encodeColumns,
  eventTicks,
  keepSignals,
  MAX_EVENTS,
  splitColumns,
} from "../src/shared/columns.ts";
import type { CapturedColumns } from "../src/shared/internal.ts";
import { encode } from "../src/shared/msgpack.ts";
import { packTarget } from "../src/shared/vocabulary.ts";
import { captured } from "./fixtures.ts";

const BUTTON = packTarget("button", "", "", "main");
const HEADER = { app: 1, group: 0, signals: 0b1110_1111, document: 4_294_967_295 } as const;

function columns(changes: Partial<Columns>): Columns {
  return {
    ...captured({
      pointer: [
        [0, 2],
        [10, -3],
        [20, 4],
      ],
    }),
    ...HEADER,
    ...changes,
  };
}

describe("columns", () => {
  it("come back as they went", () => {
    const all = columns({
      click: [[0], [0], [BUTTON], [64]],
      hover: [[5], [BUTTON], [30]],
      typing: [[1], [12], [300], [2]],
      scroll: [[3], [-1_000_000], [1_000_000]],
      attention: [
        [0, 9],
        [1, 6],
      ],
      navigation: [[0], [1], [2], [0], [0], [10_000_000]],
    });
    expect(decodeColumns(encodeColumns(all), 1, 0, HEADER.signals)).toEqual(all);
    expect(countEvents(all)).toBe(9);
  });

  it.each<[string, string, Partial<Columns>]>([
    ["a value over its bound", "columns_bound", { pointer: [[0], [32_768], [0]] }],
    ["a value under its bound", "columns_bound", { typing: [[0], [0], [1], [1]] }],
    ["a fraction", "columns_bound", { pointer: [[0.5], [1], [1]] }],
    ["a missing column", "columns_bound", { pointer: [[0], [1]] }],
    ["an empty column", "columns_bound", { pointer: [[], [], []] }],
    [
      "too many events",
      "columns_bound",
      { attention: [new Array(MAX_EVENTS + 1).fill(0), new Array(MAX_EVENTS + 1).fill(1)] },
    ],
    ["unequal lengths", "columns_length", { pointer: [[0, 1], [1], [1]] }],
    ["an undeclared signal", "columns_signals", { signals: 2 }],
    ["no signal", "columns_signals", { pointer: null }],
    ["key timing in the general group", "columns_signals", { signals: 255 }],
    ["a target outside the vocabulary", "columns_target", { hover: [[0], [255], [1]] }],
    ["a cell outside buttons", "columns_cell", { click: [[0], [0], [0], [1]] }],
    ["a route", "columns_bound", { route: 1 }],
  ])("refuse %s", (_, code, changes) => {
    expect(() => encodeColumns(columns(changes))).toThrow(expect.objectContaining({ code }));
  });

  it("refuse text in the place of a number", () => {
    const hidden = { pointer: [["a"], [1], [1]] } as unknown as Partial<Columns>;
    expect(() => encodeColumns(columns(hidden))).toThrow(
      expect.objectContaining({ code: "columns_bound" }),
    );
  });

  it("refuse a plaintext that is not in its shortest form", () => {
    const plain = encodeColumns(columns({}));
    const longer = new Uint8Array([0xdc, 0, 15, ...plain.slice(1)]);
    expect(() => decodeColumns(longer, 1, 0, HEADER.signals)).toThrow(
      expect.objectContaining({ code: "columns_malformed" }),
    );
    expect(() => decodeColumns(encode([1]), 1, 0, HEADER.signals)).toThrow();
    expect(() => decodeColumns(plain, 2, 0, HEADER.signals)).toThrow(
      expect.objectContaining({ code: "columns_header" }),
    );
  });
});

describe("keeping signals", () => {
  it("moves t0 to the first event that is left", () => {
    const both = captured({
      pointer: [
        [0, 5],
        [1, 1],
        [1, 1],
      ],
      key_timing: [
        [7, 1],
        [2, 2],
        [1, 1],
      ],
    });
    expect(keepSignals(both, 16)).toEqual(
      captured({
        t0: both.t0 + 7,
        key_timing: [
          [0, 1],
          [2, 2],
          [1, 1],
        ],
      }),
    );
    expect(keepSignals(both, 1)).toEqual(captured({ pointer: both.pointer }));
    expect(keepSignals(both, 2)).toBeNull();
  });
});

/** Each event as absolute time and, for the pointer, absolute position. */
function absolute(parts: readonly CapturedColumns[]): string[] {
  return parts.flatMap((part) => {
    const pointer = part.pointer ?? [[], [], []];
    const xs = eventTicks([pointer[1] ?? []]);
    const ys = eventTicks([pointer[2] ?? []]);
    return [
      ...eventTicks(pointer).map((tick, at) => `p ${part.t0 + tick} ${xs[at]} ${ys[at]}`),
      ...eventTicks(part.scroll ?? []).map(
        (tick, at) => `s ${part.t0 + tick} ${part.scroll?.[1]?.[at]} ${part.scroll?.[2]?.[at]}`,
      ),
    ];
  });
}

describe("splitting", () => {
  it("keeps every event at its time and place", () => {
    const whole = captured({
      pointer: [
        [0, 2, 2, 9],
        [100, -5, 7, 1],
        [50, 1, 1, -60],
      ],
      scroll: [
        [1, 1, 30],
        [0, 3, 0],
        [5, 5, 5],
      ],
    });
    const halves = splitColumns(whole) ?? [];
    expect(halves).toHaveLength(2);
    expect(halves.map(countEvents)).toEqual([2, 5]);
    expect(absolute(halves).sort()).toEqual(absolute([whole]).sort());
    for (const half of halves) encodeColumns({ ...half, ...HEADER });
  });

  it("gives up where everything happened at once", () => {
    expect(
      splitColumns(
        captured({
          pointer: [
            [0, 0],
            [1, 1],
            [1, 1],
          ],
        }),
      ),
    ).toBeNull();
  });
});
