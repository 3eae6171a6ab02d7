import { isDeepStrictEqual } from "node:util";
import { decode as decodeAny, encode as encodeAny } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { equal, fromHex } from "../src/shared/bytes.ts";
import { decode, encode, type Value } from "../src/shared/msgpack.ts";

const INTEGERS = [
  0,
  1,
  127,
  128,
  255,
  256,
  65_535,
  65_536,
  4_294_967_295,
  4_294_967_296,
  2 ** 53 - 1,
  -1,
  -32,
  -33,
  -128,
  -129,
  -32_768,
  -32_769,
  -2_147_483_648,
  -2_147_483_649,
  -(2 ** 53 - 1),
];
const LENGTHS = [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536];

function samples(): Value[] {
  return [
    null,
    ...INTEGERS,
    ...LENGTHS.map((length) => "x".repeat(length)),
    ...LENGTHS.map((length) => new Uint8Array(length).fill(7)),
    ...LENGTHS.map((length) => Array.from({ length }, (_, at) => at)),
    [1, ["ü", new Uint8Array([0, 255])], null, []],
  ];
}

describe("msgpack", () => {
  it("writes what another library writes, and reads it back", () => {
    for (const value of samples()) {
      const bytes = encode(value);
      expect(equal(bytes, encodeAny(value))).toBe(true);
      expect(isDeepStrictEqual(decode(bytes), value)).toBe(true);
      expect(isDeepStrictEqual(decodeAny(bytes), value)).toBe(true);
    }
  });

  it.each([
    ["nothing", ""],
    ["a map", "80"],
    ["true", "c3"],
    ["a float", "cb3ff0000000000000"],
    ["an extension", "d40000"],
    ["a trailing byte", "0100"],
    ["a cut text", "a26f"],
    ["a cut integer", "cd01"],
    ["a text that is not UTF-8", "a1ff"],
    ["2^53", "cf0020000000000000"],
    ["-2^53", "d3ffe0000000000000"],
    ["a list longer than the message", "ddffffffff"],
    ["nesting without end", "91".repeat(50)],
  ])("refuses %s", (_, bytes) => {
    expect(() => decode(fromHex(bytes) ?? new Uint8Array())).toThrow(
      expect.objectContaining({ code: "malformed" }),
    );
  });

  it.each([1.5, Number.NaN, 2 ** 53])("does not write %s", (value) => {
    expect(() => encode(value)).toThrow(expect.objectContaining({ code: "malformed" }));
  });
});
