import { describe, expect, it } from "vitest";
import type { CapturedColumns } from "../src/shared/internal.ts";
import { countInBytes, countInColumns, forms } from "../src/ui/welcome/search.ts";

const SECRET = "Gr\u00fc\u00dfe-4711";

function around(text: string): Uint8Array {
  return new Uint8Array([3, 200, ...Buffer.from(text, "latin1"), 7, 0]);
}

function columns(list: number[]): CapturedColumns {
  const none = { click: null, hover: null, typing: null, key_timing: null, scroll: null };
  const rest = { attention: null, navigation: null };
  return { t0: 1, route: 0, pointer: [list, list, list], ...none, ...rest };
}

const utf8 = Buffer.from(SECRET, "utf8");
const utf16 = Buffer.from(SECRET, "utf16le");
const reversed = Buffer.from([...SECRET].reverse().join(""), "utf8");
const hidden: Record<string, Uint8Array> = {
  "UTF-8": utf8,
  "UTF-16, little end first": utf16,
  "UTF-16, big end first": Buffer.from(utf16).swap16(),
  reversed: reversed,
  "hex in lower case": Buffer.from(utf8.toString("hex")),
  "hex in capitals": Buffer.from(utf8.toString("hex").toUpperCase()),
  "hex of UTF-16": Buffer.from(utf16.toString("hex")),
  "reversed hex": Buffer.from(reversed.toString("hex")),
};
for (const shift of [0, 1, 2]) {
  const shifted = Buffer.concat([Buffer.alloc(shift, 120), utf8, Buffer.from("xx")]);
  hidden[`base64 behind ${shift} bytes`] = Buffer.from(shifted.toString("base64"));
  hidden[`base64url behind ${shift} bytes`] = Buffer.from(shifted.toString("base64url"));
}

describe("the search of the try box", () => {
  it.each(Object.entries(hidden))("finds a secret as %s", (_, bytes) => {
    expect(countInBytes(around(Buffer.from(bytes).toString("latin1")), SECRET)).toBeGreaterThan(0);
  });

  it("finds nothing where nothing is", () => {
    const bytes = new Uint8Array(4_096).map((_, at) => (at * 37) % 256);
    expect(countInBytes(bytes, SECRET)).toBe(0);
    expect(countInColumns(columns([0, 3, 3, 4, 250]), SECRET)).toBe(0);
  });

  it("has no empty form, which would be found everywhere", () => {
    expect(forms("secret").every((form) => form.length >= 6)).toBe(true);
  });

  it("finds character codes in columns, plain, reversed and as differences", () => {
    const codes = Array.from(SECRET, (character) => character.codePointAt(0) ?? 0);
    const steps = codes.map((code, at) => code - (codes[at - 1] ?? 0));
    for (const list of [codes, codes.toReversed(), steps]) {
      expect(countInColumns(columns([9, ...list, 8]), SECRET)).toBeGreaterThan(0);
    }
  });
});
