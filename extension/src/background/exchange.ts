/**
 * Transport 2: signed requests, one under way at a time (protocol.md section 3).
 *
 * Owns the order of requests and their repeats; knows no message, and what is signed is signed elsewhere.
 */

import { backoffMs } from "../shared/backoff.ts";
import type { Bytes } from "../shared/bytes.ts";
import {
  type Answer,
  decodeAnswer,
  encodeBody,
  encodeOpening,
  encodeRequest,
  exchangeOf,
  fitting,
} from "../shared/exchange.ts";
import { TRANSPORT_HTTPS } from "../shared/messages.ts";
import { CLOSE_ABNORMAL, type Hearer, type Transport } from "./transport.ts";

/** Company for a frame: what the worker sends within this time goes with it. */
const LINGER_MS = 10;
/** Longer than a relay may hold an answer back. */
const REQUEST_MS = 25_000;
/** Times that one request is sent, with the same bytes; then the session is given up and resumed in another. */
const ATTEMPTS = 4;
const SERVER_FAULT = 500;
const CLOSE_TIMEOUT = 4408;
const CLOSE_FAULT = 4400;
/** The exchange is not known any more, or not at this counter: open another. */
const UNKNOWN = [404, 409];
const MALFORMED = [400, 413];

/** Who signs requests. */
export interface Signer {
  readonly deviceKey: Bytes;
  readonly sign: (exchange: Bytes, counter: number, body: Bytes) => Promise<Bytes>;
}

/** Why an exchange ends. */
class Ended {
  readonly code: number;

  constructor(code: number) {
    this.code = code;
  }
}

function after(ms: number): Promise<void> {
  return new Promise((done) => {
    setTimeout(done, ms);
  });
}

class Exchange implements Transport {
  readonly number = TRANSPORT_HTTPS;
  readonly #relay: string;
  readonly #signer: Signer;
  readonly #hearer: Hearer;
  readonly #leaving = new AbortController();
  #waiting: Bytes[] = [];
  #id: Bytes | null = null;
  #counter = 0;
  #isBusy = false;

  constructor(relay: string, signer: Signer, hearer: Hearer) {
    this.#relay = relay;
    this.#signer = signer;
    this.#hearer = hearer;
    void this.#work();
  }

  send(frame: Bytes): void {
    this.#waiting.push(frame);
    void this.#work();
  }

  close(): void {
    this.#leaving.abort();
  }

  get #isLeft(): boolean {
    return this.#leaving.signal.aborted;
  }

  async #work(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      if (this.#id === null) await this.#open();
      while (this.#waiting.length > 0 && !this.#isLeft) await this.#request();
    } catch (error) {
      this.#end(error instanceof Ended ? error.code : CLOSE_ABNORMAL);
    }
    this.#isBusy = false;
  }

  #end(code: number): void {
    if (this.#isLeft) return;
    this.close();
    this.#hearer.ended(code);
  }

  async #open(): Promise<void> {
    const answer = await this.#try("/v1/frames/open", encodeOpening(this.#signer.deviceKey));
    const id = answer === null ? null : exchangeOf(answer);
    if (answer === null || id === null) throw new Ended(CLOSE_ABNORMAL);
    this.#id = id;
    this.#hear(answer);
  }

  async #request(): Promise<void> {
    if (this.#id === null) return;
    await after(LINGER_MS);
    const frames = this.#waiting.slice(0, fitting(this.#waiting));
    this.#waiting = this.#waiting.slice(frames.length);
    this.#counter += 1;
    const body = encodeBody(frames);
    const signature = await this.#signer.sign(this.#id, this.#counter, body);
    const request = encodeRequest(this.#id, this.#counter, signature, body);
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#try("/v1/frames", request);
      if (answer !== null) {
        this.#hear(answer);
        return;
      }
      if (attempt === ATTEMPTS || this.#isLeft) throw new Ended(CLOSE_ABNORMAL);
      await after(backoffMs(attempt, "soon", Math.random()));
    }
  }

  #hear({ frames, close }: Answer): void {
    if (this.#isLeft) return;
    for (const frame of frames) this.#hearer.heard(frame);
    if (close !== null) throw new Ended(close);
  }

  /** Post once; null if it is worth another try with the same bytes. */
  async #try(path: string, body: Bytes): Promise<Answer | null> {
    let [status, answer] = [0, new Uint8Array(0)];
    try {
      // Without a content type, so that browsers ask the relay nothing beforehand.
      const response = await fetch(`${this.#relay}${path}`, {
        method: "POST",
        body,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        referrerPolicy: "no-referrer",
        signal: AbortSignal.any([this.#leaving.signal, AbortSignal.timeout(REQUEST_MS)]),
      });
      status = response.status;
      answer = new Uint8Array(await response.arrayBuffer());
      if (response.ok) return decodeAnswer(answer);
    } catch {
      // The network's doing, or an answer that no relay gave.
      return null;
    }
    if (status >= SERVER_FAULT) return null;
    if (UNKNOWN.includes(status)) throw new Ended(CLOSE_TIMEOUT);
    throw new Ended(MALFORMED.includes(status) ? CLOSE_FAULT : CLOSE_ABNORMAL);
  }
}

/** Open an exchange with the relay's origin. */
export function openExchange(relay: string, signer: Signer, hearer: Hearer): Transport {
  return new Exchange(relay, signer, hearer);
}
