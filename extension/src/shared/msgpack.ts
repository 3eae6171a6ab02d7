/**
 * The small part of msgpack that Candor speaks: arrays, 53-bit integers, text, binary, nil.
 *
 * Owns one strict codec; maps, floats, booleans, extensions and trailing bytes do not exist here, so that nothing has to
 * be forbidden later. A general library reads 1.0 as 1 and large integers as a double near them.
 *
 * Source: msgpack specification, section "Formats".
 */

import { type Bytes, concat, fromUtf8, utf8 } from "./bytes.ts";
import { Problem } from "./problem.ts";

/** Whatever stands in a frame or in columns. */
export type Value = number | string | Uint8Array | null | readonly Value[];

const MAX_DEPTH = 8;

function malformed(what: string): Problem {
  return new Problem("malformed", `${what} The message was refused; nothing of it is used.`);
}

function head(code: number, width: 1 | 2 | 4, value: number): Bytes {
  const bytes = new Uint8Array(1 + width);
  const view = new DataView(bytes.buffer);
  bytes[0] = code;
  if (width === 1) view.setUint8(1, value);
  else if (width === 2) view.setUint16(1, value);
  else view.setUint32(1, value);
  return bytes;
}

function encodeInteger(value: number): Bytes {
  if (!Number.isSafeInteger(value)) throw malformed("An integer is not a whole number of 53 bits.");
  if (value >= 0) {
    if (value < 0x80) return new Uint8Array([value]);
    if (value < 0x100) return head(0xcc, 1, value);
    if (value < 0x1_0000) return head(0xcd, 2, value);
    if (value < 0x1_0000_0000) return head(0xce, 4, value);
    const bytes = new Uint8Array(9);
    bytes[0] = 0xcf;
    new DataView(bytes.buffer).setBigUint64(1, BigInt(value));
    return bytes;
  }
  if (value >= -0x20) return new Uint8Array([0x100 + value]);
  if (value >= -0x80) return head(0xd0, 1, value + 0x100);
  if (value >= -0x8000) return head(0xd1, 2, value + 0x1_0000);
  if (value >= -0x8000_0000) return head(0xd2, 4, value + 0x1_0000_0000);
  const bytes = new Uint8Array(9);
  bytes[0] = 0xd3;
  new DataView(bytes.buffer).setBigInt64(1, BigInt(value));
  return bytes;
}

function write(value: Value, pieces: Uint8Array[]): void {
  if (value === null) {
    pieces.push(new Uint8Array([0xc0]));
  } else if (typeof value === "number") {
    pieces.push(encodeInteger(value));
  } else if (typeof value === "string") {
    const text = utf8(value);
    const size = text.length;
    if (size < 32) pieces.push(new Uint8Array([0xa0 | size]));
    else if (size < 0x100) pieces.push(head(0xd9, 1, size));
    else if (size < 0x1_0000) pieces.push(head(0xda, 2, size));
    else pieces.push(head(0xdb, 4, size));
    pieces.push(text);
  } else if (value instanceof Uint8Array) {
    const size = value.length;
    if (size < 0x100) pieces.push(head(0xc4, 1, size));
    else if (size < 0x1_0000) pieces.push(head(0xc5, 2, size));
    else pieces.push(head(0xc6, 4, size));
    pieces.push(value);
  } else {
    const size = value.length;
    if (size < 16) pieces.push(new Uint8Array([0x90 | size]));
    else if (size < 0x1_0000) pieces.push(head(0xdc, 2, size));
    else pieces.push(head(0xdd, 4, size));
    for (const item of value) write(item, pieces);
  }
}

/**
 * Encode a value in msgpack's shortest form.
 *
 * @throws Problem "malformed" for a number that is not an integer of 53 bits.
 */
export function encode(value: Value): Bytes {
  const pieces: Uint8Array[] = [];
  write(value, pieces);
  return concat(...pieces);
}

class Reader {
  #at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  #skip(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) throw malformed("A message ends in the middle.");
    this.#at = at + size;
    return at;
  }

  #uint(width: 1 | 2 | 4): number {
    const at = this.#skip(width);
    if (width === 1) return this.#view.getUint8(at);
    return width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #wide(signed: boolean): number {
    const at = this.#skip(8);
    const value = Number(signed ? this.#view.getBigInt64(at) : this.#view.getBigUint64(at));
    if (!Number.isSafeInteger(value)) throw malformed("An integer is larger than 53 bits.");
    return value;
  }

  #text(size: number): string {
    const at = this.#skip(size);
    try {
      return fromUtf8(this.#bytes.subarray(at, at + size));
    } catch {
      throw malformed("A text is not UTF-8.");
    }
  }

  #binary(size: number): Bytes {
    const at = this.#skip(size);
    return this.#bytes.slice(at, at + size) as Bytes;
  }

  #array(size: number, depth: number): Value[] {
    if (size > this.#bytes.length - this.#at) throw malformed("A list is longer than its message.");
    return Array.from({ length: size }, () => this.value(depth + 1));
  }

  value(depth: number): Value {
    if (depth > MAX_DEPTH) throw malformed("A message is nested too deeply.");
    const code = this.#uint(1);
    if (code < 0x80) return code;
    if (code >= 0xe0) return code - 0x100;
    if (code >= 0xa0 && code < 0xc0) return this.#text(code & 31);
    if (code >= 0x90 && code < 0xa0) return this.#array(code & 15, depth);
    switch (code) {
      case 0xc0:
        return null;
      case 0xc4:
        return this.#binary(this.#uint(1));
      case 0xc5:
        return this.#binary(this.#uint(2));
      case 0xc6:
        return this.#binary(this.#uint(4));
      case 0xcc:
        return this.#uint(1);
      case 0xcd:
        return this.#uint(2);
      case 0xce:
        return this.#uint(4);
      case 0xcf:
        return this.#wide(false);
      case 0xd0:
        return (this.#uint(1) << 24) >> 24;
      case 0xd1:
        return (this.#uint(2) << 16) >> 16;
      case 0xd2:
        return this.#uint(4) | 0;
      case 0xd3:
        return this.#wide(true);
      case 0xd9:
        return this.#text(this.#uint(1));
      case 0xda:
        return this.#text(this.#uint(2));
      case 0xdb:
        return this.#text(this.#uint(4));
      case 0xdc:
        return this.#array(this.#uint(2), depth);
      case 0xdd:
        return this.#array(this.#uint(4), depth);
      default:
        throw malformed("A message holds a type that Candor does not use.");
    }
  }
}

/**
 * Decode exactly one value.
 *
 * @throws Problem "malformed" for a type that Candor does not use, a large integer, a cut or a trailing byte.
 */
export function decode(bytes: Uint8Array): Value {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (!reader.done) throw malformed("Bytes follow after a message.");
  return value;
}
