/**
 * The connection to the relay: a transport driven by the pure session machine (protocol.md section 5).
 *
 * Owns order, when to come back and when to change over to the other transport; consent, keys and records belong to those
 * it asks. A session lives on one transport. Changing over opens a new one, which resumes where everything is settled.
 */

import { stayAwake } from "../browser.ts";
import { backoffMs } from "../shared/backoff.ts";
import type { Bytes } from "../shared/bytes.ts";
import {
  checkVersion,
  type DeviceMessage,
  decodeDevice,
  decodeRelay,
  encodeMessage,
  type MessageKind,
  type RelayMessage,
  TRANSPORT_HTTPS,
  typeOf,
} from "../shared/messages.ts";
import { PING_MS, SILENCE_MS } from "../shared/pace.ts";
import { describe, Problem } from "../shared/problem.ts";
import { type AfterClose, afterClose } from "../shared/reasons.ts";
import { hasLostOutbox, OPENING, room, type Session, step } from "../shared/session.ts";
import type { TransportNumber } from "../shared/transports.ts";
import type { Signer } from "./exchange.ts";
import { type Line, Lines } from "./lines.ts";
import type { BatchEntry, Entry, Outbox } from "./outbox.ts";

/** A welcome is the proof of freshness, so a connection is renewed long before a day is over. */
const RENEW_MS = 12 * 3_600_000;
/** However long the relay asks to wait: a withdrawal must not be held back for longer. */
const LONGEST_WAIT_MS = 600_000;
const CLOSE_DONE = 1000;
const CLOSE_FAULT = 4400;
/** How a connection ends over what went wrong here; a disk that refuses passes, so that ends as any other. */
const CLOSES: Readonly<Record<string, number>> = {
  bad_signature: 4401,
  upgrade_required: 4426,
  disk_full: CLOSE_DONE,
  storage_failed: CLOSE_DONE,
};
const CHUNK = 64;
const SUPERSEDED_MS = 3_600_000;

/** What the connection asks of the rest of the worker; each call is awaited before the next frame is read. */
export interface Partner {
  /** Address of the relay, or null while there is nothing to connect to. */
  readonly relay: string | null;
  readonly outbox: Outbox;
  /** Who signs requests, or null while there is no device. */
  readonly signer: Signer | null;
  /** The first message for a challenge: enrol or hello, signed. */
  readonly greet: (nonce: Uint8Array, transport: TransportNumber) => Promise<DeviceMessage>;
  readonly enrolled: (message: MessageKind<"enrolled">) => Promise<void>;
  /** False if the device should let the enrolment go. */
  readonly enrolRefused: (reason: string) => Promise<boolean>;
  readonly welcomed: (message: MessageKind<"welcome">) => Promise<void>;
  /** The consent message that the relay must confirm before batches go, or null. */
  readonly consent: (announced: number) => Promise<DeviceMessage | null>;
  readonly confirmed: (message: MessageKind<"granted" | "withdrawn">) => Promise<void>;
  readonly refused: (message: MessageKind<"refusal">) => Promise<void>;
  readonly acked: (message: MessageKind<"ack">) => Promise<void>;
  readonly policy: (message: MessageKind<"policy">) => Promise<void>;
  readonly stopped: (reason: string) => Promise<void>;
  readonly newStream: () => Promise<void>;
  readonly closed: (what: AfterClose) => Promise<void>;
  /** Whether the connection is up changed. */
  readonly changed: () => void;
}

export class Connection {
  readonly #partner: Partner;
  readonly #lines: Lines;
  #session: Session = OPENING;
  /** Frames and own sends run one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #ping: ReturnType<typeof setInterval> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #failures = 0;
  #notBefore = 0;
  #echo = 0;
  #isConsenting = false;
  /** Close code of the newest connection that ended, for diagnostics; 0 for none. */
  lastClose = 0;

  constructor(partner: Partner) {
    this.#partner = partner;
    this.#lines = new Lines({
      heard: (line, frame) => void this.#inTurn(line, () => this.#receive(frame)),
      // What came before the end is read before it.
      ended: (line, code) => void this.#inTurn(line, async () => this.#closed(line, code)),
      changedOver: (line) => this.#begin(line),
    });
  }

  get isReady(): boolean {
    return this.#session.phase === "ready";
  }

  /** Highest seq under way or settled. */
  get announced(): number {
    return this.#session.announced;
  }

  /** The transport of the open session, for diagnostics. */
  get transport(): "websocket" | "requests" | "none" {
    const { current } = this.#lines;
    if (current === null || !this.isReady) return "none";
    return current.transport.number === TRANSPORT_HTTPS ? "requests" : "websocket";
  }

  /** Connect if it is time to, and renew what is silent or old; call it whenever something may be due. */
  wake(now = Date.now()): void {
    const { relay, signer } = this.#partner;
    const line = this.#lines.current;
    if (relay === null) {
      this.close();
    } else if (line !== null) {
      if (now - (line.heardAt ?? line.since) > SILENCE_MS) this.#lines.drop(line);
      else if (now - line.since > RENEW_MS) this.reconnect();
      else if (this.isReady) this.#lines.tryOther(relay, now);
    } else if (now >= this.#notBefore) {
      this.#begin(this.#lines.open(relay, signer, now));
    } else {
      this.#plan(this.#notBefore - now);
    }
  }

  /** Connect anew at once. */
  reconnect(): void {
    this.close();
    this.#notBefore = 0;
    this.#failures = 0;
    this.wake();
  }

  /** Take another network for what it is: what the last one did to WebSockets says nothing about it. */
  networkChanged(): void {
    this.#lines.forget();
    if (this.isReady) this.wake();
    else this.reconnect();
  }

  /** End the connection and plan no other. */
  close(code = CLOSE_DONE): void {
    if (this.#ping !== null) clearInterval(this.#ping);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#ping = null;
    this.#timer = null;
    this.#session = OPENING;
    this.#lines.leave(code);
  }

  /** Send what became due: consent first, then batches. */
  push(): Promise<void> {
    const line = this.#lines.current;
    if (line === null || !this.isReady) {
      this.wake();
      return Promise.resolve();
    }
    return this.#inTurn(line, () => this.#pump());
  }

  #plan(wait: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), Math.min(wait, 2_000_000_000));
  }

  /** Begin a session on a line; its challenge opens it. */
  #begin(line: Line): void {
    this.#session = OPENING;
    this.#isConsenting = false;
    if (this.#ping !== null) clearInterval(this.#ping);
    this.#ping = setInterval(() => {
      stayAwake();
      this.wake();
      if (this.#lines.current === line && this.isReady) {
        void this.#inTurn(line, async () => this.#send({ kind: "ping", echo: this.#nextEcho() }));
      }
    }, PING_MS);
  }

  #nextEcho(): number {
    this.#echo += 1;
    return this.#echo;
  }

  /** Do something of one line after everything before it; a fault ends that line. */
  #inTurn(line: Line, work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (this.#lines.current !== line) return;
      try {
        await work();
      } catch (error) {
        if (this.#lines.current !== line) return;
        this.#closed(line, CLOSES[describe(error).code] ?? CLOSE_FAULT);
      }
    });
    return this.#turn;
  }

  #closed(line: Line, code: number): void {
    // Only these may be said to a socket; what it was closed with is over.
    this.close(code >= CLOSE_FAULT ? code : CLOSE_DONE);
    this.lastClose = code;
    const now = Date.now();
    this.#lines.learn(line, code, now);
    this.#failures += 1;
    const what = afterClose(code);
    const pace = what === "later" || what === "enrol" || what === "upgrade" ? "later" : "soon";
    const wait =
      what === "superseded" ? SUPERSEDED_MS : backoffMs(this.#failures, pace, Math.random());
    this.#notBefore = Math.max(this.#notBefore, now + wait);
    void this.#partner.closed(what).then(() => {
      this.#partner.changed();
      this.wake();
    });
  }

  #send(message: DeviceMessage): void {
    this.#session = step(this.#session, message);
    this.#lines.current?.transport.send(encodeMessage(message));
  }

  async #receive(frame: Bytes | null): Promise<void> {
    if (frame === null) {
      throw new Problem("text_frame", "The relay sent text where only frames may come.");
    }
    if (this.#session === OPENING) checkVersion(frame);
    const message = decodeRelay(frame);
    this.#session = step(this.#session, message);
    await this.#handle(message);
  }

  async #handle(message: RelayMessage): Promise<void> {
    const partner = this.#partner;
    switch (message.kind) {
      case "challenge":
        await this.#challenged(message.nonce);
        return;
      case "enrolled":
        await partner.enrolled(message);
        return;
      case "welcome":
        await this.#welcome(message);
        return;
      case "ack":
        await partner.acked(message);
        await this.#pump();
        return;
      case "granted":
      case "withdrawn":
        await partner.confirmed(message);
        this.#isConsenting = false;
        await this.#pump();
        return;
      case "refusal":
        await this.#refusal(message);
        return;
      case "policy":
        await partner.policy(message);
        return;
      case "stop":
        await partner.stopped(message.reason);
        return;
      case "retry":
        this.#notBefore =
          Date.now() + Math.min(message.afterMs, LONGEST_WAIT_MS) * (1 + Math.random() / 2);
        return;
      case "pong":
        return;
    }
  }

  async #challenged(nonce: Bytes): Promise<void> {
    const { current } = this.#lines;
    if (current === null) return;
    this.#send(await this.#partner.greet(nonce, current.transport.number));
  }

  async #refusal(message: MessageKind<"refusal">): Promise<void> {
    if (this.#session.phase === "opening") {
      if (!(await this.#partner.enrolRefused(message.reason))) this.close();
      return;
    }
    await this.#partner.refused(message);
    // A refused grant is gone; a refused withdrawal stays in force here and is told again next time.
    if (message.of === typeOf("grant")) this.#isConsenting = false;
  }

  async #welcome(message: MessageKind<"welcome">): Promise<void> {
    this.#failures = 0;
    this.#notBefore = 0;
    const { outbox } = this.#partner;
    if (hasLostOutbox(message.resume, outbox.lastSeq)) {
      await this.#partner.newStream();
      this.reconnect();
      return;
    }
    await outbox.settle(message.resume);
    await this.#partner.welcomed(message);
    this.#partner.changed();
    await this.#pump();
  }

  async #pump(): Promise<void> {
    if (!this.isReady || this.#isConsenting) return;
    const consent = await this.#partner.consent(this.#session.announced);
    if (consent !== null) {
      this.#isConsenting = true;
      this.#send(consent);
      return;
    }
    for (;;) {
      const most = Math.min(CHUNK, room(this.#session));
      if (most <= 0) return;
      const entries = await this.#partner.outbox.after(this.#session.announced, most);
      if (entries.length === 0) return;
      for (const entry of entries) await this.#announce(entry);
    }
  }

  async #announce(entry: Entry): Promise<void> {
    const { announced } = this.#session;
    if (entry.first > announced + 1) {
      // The relay lost what it had acked, so that the seqs between can only be given up.
      const [first, last] = [announced + 1, entry.first - 1];
      this.#send({ kind: "dropped", first, last, reason: "outbox_corrupt" });
    }
    if (entry.kind === "dropped") {
      this.#send({ kind: "dropped", first: entry.first, last: entry.last, reason: entry.reason });
      return;
    }
    if (room(this.#session) <= 0) return;
    const messages = await this.#messagesOf(entry);
    if (messages === null) {
      await this.#partner.outbox.drop(entry.first - 1, "outbox_corrupt", Date.now());
      return;
    }
    for (const message of messages) this.#send(message);
  }

  /** The batch, after its segment where this session has not heard of it; null if the disk returned nonsense. */
  async #messagesOf(entry: BatchEntry): Promise<DeviceMessage[] | null> {
    const isKnown = this.#session.segments.has(entry.segment);
    const segment = isKnown ? null : await this.#partner.outbox.segment(entry.segment);
    const frames = segment === null ? [entry.frame] : [segment, entry.frame];
    if (!isKnown && segment === null) return null;
    try {
      return frames.map(decodeDevice);
    } catch {
      return null;
    }
  }
}
