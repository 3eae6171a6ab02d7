/**
 * Searches bytes and columns for a text in every form in which it could hide. Pure.
 *
 * Owns the forms; where the bytes come from, the caller knows.
 */

import type { CapturedColumns } from "../../shared/internal.ts";
import { SIGNALS } from "../../shared/signals.ts";

/** Shorter texts turn up in any numbers by chance. */
export const SHORTEST = 6;

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function utf16(text: string, littleEndian: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * text.length));
  for (let at = 0; at < text.length; at += 1) {
    view.setUint16(2 * at, text.charCodeAt(at), littleEndian);
  }
  return new Uint8Array(view.buffer);
}

/** One character a byte, so that searching text searches bytes. */
function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The part of a text's base64 that is the same whatever stands before and behind it. */
function base64Cores(bytes: Uint8Array): string[] {
  return [0, 1, 2].map((shift) => {
    const shifted = new Uint8Array(shift + bytes.length);
    shifted.set(bytes, shift);
    const whole = Math.floor((8 * shifted.length) / 6);
    return btoa(latin1(shifted)).slice(Math.ceil((8 * shift) / 6), whole);
  });
}

/** A text in every form in which bytes could hold it. */
export function forms(text: string): string[] {
  const reversed = [...text].reverse().join("");
  const all = [text, reversed].flatMap((one) => {
    const bytes = utf8(one);
    const wide = [utf16(one, true), utf16(one, false)];
    const base64 = base64Cores(bytes);
    return [
      ...[bytes, ...wide].map(latin1),
      ...[bytes, ...wide].flatMap((form) => [hex(form), hex(form).toUpperCase()]),
      ...base64,
      ...base64.map((core) => core.replaceAll("+", "-").replaceAll("/", "_")),
    ];
  });
  return [...new Set(all)];
}

function occurrences(where: string, what: string): number {
  return where.split(what).length - 1;
}

/** How often any form of the text stands in these bytes. */
export function countInBytes(bytes: Uint8Array, text: string): number {
  const where = latin1(bytes);
  return forms(text).reduce((sum, form) => sum + occurrences(where, form), 0);
}

/** How often the text's characters stand in a column, as they are or as sums of differences. */
export function countInColumns(columns: CapturedColumns, text: string): number {
  const codes = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  const steps = codes.slice(1).map((code, at) => code - (codes[at] ?? 0));
  const wanted = [codes, codes.toReversed(), steps, steps.map((step) => -step).toReversed()];
  const row = (numbers: readonly number[]): string => `,${numbers.join()},`;
  return SIGNALS.flatMap((signal) => columns[signal] ?? []).reduce(
    (sum, column) =>
      sum + wanted.reduce((found, one) => found + occurrences(row(column), row(one)), 0),
    0,
  );
}
