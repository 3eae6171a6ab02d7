/**
 * Every reader of bytes from elsewhere, as one function each, held to what it promises.
 *
 * Owns the promises: nothing is thrown but a Problem, it quotes no input, and what is taken has one written form. The
 * relay's own readers are put beside these by tests/fuzz/test_agreement.py.
 */

import { Buffer } from "node:buffer";
import { type Match, matchPage } from "../src/shared/allowlist.ts";
import { type Bytes, equal, hex } from "../src/shared/bytes.ts";
import { canonical, readCanonical } from "../src/shared/canonical.ts";
import { decodeColumns, encodeColumns } from "../src/shared/columns.ts";
import { parseEnrolment } from "../src/shared/enrolment.ts";
import { decodeAnswer, exchangeOf } from "../src/shared/exchange.ts";
import {
  checkVersion,
  decodeDevice,
  decodeRelay,
  decodeSignedPolicy,
  encodeMessage,
  type Message,
  signedPolicy,
} from "../src/shared/messages.ts";
import { decode, encode } from "../src/shared/msgpack.ts";
import { type PolicyApp, parsePolicy } from "../src/shared/policy.ts";
import { Problem } from "../src/shared/problem.ts";
import { parseReceipt } from "../src/shared/receipt.ts";

/** The mark that mutated input carries; no word of ours. */
export const CANARY = "zqCanary7";
/** What stands for a refusal. */
export const REFUSED = "";

/** Takes an input and returns it in its one written form. */
export type Read = (input: Bytes, apps: readonly PolicyApp[]) => string;

function claim(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

function message(decoded: Message, again: (frame: Bytes) => Message): string {
  const frame = encodeMessage(decoded);
  claim(equal(encodeMessage(again(frame)), frame), "a message changes when it is written and read");
  return hex(frame);
}

function text(input: Bytes): string {
  // Unlike TextDecoder, this lets lone surrogates through, as a page's address may hold them.
  return Buffer.from(input).toString("utf16le");
}

/** The readers, by the names that the relay's have in tests/fuzz/targets.py. */
export const READERS: Readonly<Record<string, Read>> = {
  device_frame: (frame) => message(decodeDevice(frame), decodeDevice),
  relay_frame: (frame) => message(decodeRelay(frame), decodeRelay),
  columns: (input) => {
    const [high = 0, low = 0, group = 0, signals = 0] = input;
    const plaintext = input.slice(4);
    const columns = decodeColumns(plaintext, high * 256 + low, group, signals);
    claim(equal(encodeColumns(columns), plaintext), "columns have two written forms");
    return hex(plaintext);
  },
  exchange_answer: (input) => {
    const answer = decodeAnswer(input);
    refusing(() => exchangeOf(answer));
    return JSON.stringify([answer.frames.map(hex), answer.close ?? 0]);
  },
  signed_policy: (input) => {
    const again = encode(signedPolicy.write(decodeSignedPolicy(input)));
    claim(equal(encode(signedPolicy.write(decodeSignedPolicy(again))), again), "two forms");
    return hex(again);
  },
  canonical: (body) => {
    claim(equal(canonical(readCanonical(body, 32_768)), body), "a document has two written forms");
    return hex(body);
  },
  policy: (body) => {
    claim(equal(canonical(parsePolicy(body)), body), "a policy has two written forms");
    return hex(body);
  },
  receipt: (body) => {
    claim(equal(canonical(parseReceipt(body)), body), "a receipt has two written forms");
    return hex(body);
  },
  url: (input, apps) => {
    const found: Match = matchPage(text(input), apps);
    return found.reason ?? String(found.app);
  },
  enrolment: (input) => {
    const found = parseEnrolment(text(input));
    const parts = [found.fingerprint, found.code, found.codeSignature];
    return [found.relay, ...parts.map(hex)].join(" ");
  },
  msgpack: (input) => {
    const packed = encode(decode(input));
    claim(equal(encode(decode(packed)), packed), "a value changes when it is written and read");
    refusing(() => checkVersion(input));
    return hex(packed);
  },
};

/** Run something that may refuse; anything else that it throws goes on. */
function refusing<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    claim(!error.message.includes(CANARY), "a message quotes its input");
    return null;
  }
}

/**
 * Let a reader read an input.
 *
 * @returns what it took in its one written form, or REFUSED.
 * @throws whatever else than a Problem was thrown, and an Error where a promise is broken.
 */
export function judge(read: Read, input: Bytes, apps: readonly PolicyApp[]): string {
  return refusing(() => read(input, apps)) ?? REFUSED;
}
