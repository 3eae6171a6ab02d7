/**
 * The connection to the relay: a socket driven by the pure session machine (protocol.md section 5).
 *
 * Owns the socket, its order and when to come back; consent, keys and records belong to those it asks.
 */

import { stayAwake } from "../browser.ts";
import { backoffMs } from "../shared/backoff.ts";
import {
  type DeviceMessage,
  decodeDevice,
  decodeRelay,
  encodeMessage,
  type MessageKind,
  type RelayMessage,
  SUBPROTOCOL,
  typeOf,
} from "../shared/messages.ts";
import { describe, Problem } from "../shared/problem.ts";
import { type AfterClose, afterClose } from "../shared/reasons.ts";
import { hasLostOutbox, OPENING, room, type Session, step } from "../shared/session.ts";
import type { BatchEntry, Entry, Outbox } from "./outbox.ts";

const PING_MS = 20_000;
const SILENCE_MS = 50_000;
/** A welcome is the proof of freshness, so a connection is renewed long before a day is over. */
const RENEW_MS = 12 * 3_600_000;
const CLOSE_DONE = 1000;
const CLOSE_FAULT = 4400;
const CLOSE_SIGNATURE = 4401;
const CHUNK = 64;
const SUPERSEDED_MS = 3_600_000;

/** What the connection asks of the rest of the worker; each call is awaited before the next frame is read. */
export interface Partner {
  /** Address of the relay, or null while there is nothing to connect to. */
  readonly relay: string | null;
  readonly outbox: Outbox;
  /** The first message for a challenge: enrol or hello, signed. */
  readonly greet: (nonce: Uint8Array) => Promise<DeviceMessage>;
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
  #socket: WebSocket | null = null;
  #session: Session = OPENING;
  /** Frames and own sends run one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #ping: ReturnType<typeof setInterval> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #failures = 0;
  #notBefore = 0;
  #since = 0;
  #heardAt = 0;
  #echo = 0;
  #isConsenting = false;
  /** Close code of the newest connection that ended, for diagnostics; 0 for none. */
  lastClose = 0;

  constructor(partner: Partner) {
    this.#partner = partner;
  }

  get isReady(): boolean {
    return this.#session.phase === "ready";
  }

  /** Highest seq under way or settled. */
  get announced(): number {
    return this.#session.announced;
  }

  /** Connect if it is time to, and renew what is silent or old; call it whenever something may be due. */
  wake(now = Date.now()): void {
    if (this.#partner.relay === null) {
      this.close();
    } else if (this.#socket !== null) {
      const isSilent = now - this.#heardAt > SILENCE_MS;
      if (isSilent || now - this.#since > RENEW_MS) this.reconnect();
    } else if (now >= this.#notBefore) {
      this.#open(this.#partner.relay, now);
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

  /** End the connection and plan no other. */
  close(code = CLOSE_DONE): void {
    const socket = this.#socket;
    this.#leave();
    socket?.close(code);
  }

  /** Send what became due: consent first, then batches. */
  push(): Promise<void> {
    const socket = this.#socket;
    if (socket === null || !this.isReady) {
      this.wake();
      return Promise.resolve();
    }
    return this.#inTurn(socket, () => this.#pump());
  }

  #plan(wait: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), Math.min(wait, 2_000_000_000));
  }

  #open(relay: string, now: number): void {
    const socket = new WebSocket(`${relay.replace(/^http/, "ws")}/v1/stream`, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#session = OPENING;
    this.#isConsenting = false;
    this.#since = now;
    this.#heardAt = now;
    socket.onmessage = ({ data }) => {
      this.#heardAt = Date.now();
      void this.#inTurn(socket, () => this.#receive(data));
    };
    socket.onclose = ({ code }) => this.#closed(socket, code);
    this.#ping = setInterval(() => {
      stayAwake();
      this.wake();
      if (this.#socket === socket && this.isReady) {
        void this.#inTurn(socket, async () => this.#send({ kind: "ping", echo: this.#nextEcho() }));
      }
    }, PING_MS);
  }

  #nextEcho(): number {
    this.#echo += 1;
    return this.#echo;
  }

  /** Do something of one socket after everything before it; a fault ends that socket. */
  #inTurn(socket: WebSocket, work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (this.#socket !== socket) return;
      try {
        await work();
      } catch (error) {
        if (this.#socket !== socket) return;
        const isForged = describe(error).code === "bad_signature";
        const code = isForged ? CLOSE_SIGNATURE : CLOSE_FAULT;
        socket.close(code);
        this.#closed(socket, code);
      }
    });
    return this.#turn;
  }

  #leave(): void {
    if (this.#ping !== null) clearInterval(this.#ping);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#ping = null;
    this.#timer = null;
    this.#socket = null;
    this.#session = OPENING;
  }

  #closed(socket: WebSocket, code: number): void {
    if (this.#socket !== socket) return;
    this.#leave();
    this.lastClose = code;
    this.#failures += 1;
    const what = afterClose(code);
    const pace = what === "later" || what === "enrol" || what === "upgrade" ? "later" : "soon";
    const wait =
      what === "superseded" ? SUPERSEDED_MS : backoffMs(this.#failures, pace, Math.random());
    this.#notBefore = Math.max(this.#notBefore, Date.now() + wait);
    void this.#partner.closed(what).then(() => {
      this.#partner.changed();
      this.wake();
    });
  }

  #send(message: DeviceMessage): void {
    this.#session = step(this.#session, message);
    this.#socket?.send(encodeMessage(message));
  }

  async #receive(data: unknown): Promise<void> {
    if (!(data instanceof ArrayBuffer)) {
      throw new Problem("text_frame", "The relay sent text where only frames may come.");
    }
    const message = decodeRelay(new Uint8Array(data));
    this.#session = step(this.#session, message);
    await this.#handle(message);
  }

  async #handle(message: RelayMessage): Promise<void> {
    const partner = this.#partner;
    switch (message.kind) {
      case "challenge":
        this.#send(await partner.greet(message.nonce));
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
        this.#notBefore = Date.now() + message.afterMs * (1 + Math.random() / 2);
        return;
      case "pong":
        return;
    }
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
