/**
 * The line in use, and a WebSocket tried beside it: which transport is opened, and when the other one takes over.
 *
 * Owns what was seen of this network and the lines' ends; never reads a frame. A worker that starts anew has seen nothing.
 */

import type { Bytes } from "../shared/bytes.ts";
import { TRANSPORT_HTTPS, TRANSPORT_WEBSOCKET } from "../shared/messages.ts";
import { CHALLENGE_MS, STEADY_MS } from "../shared/pace.ts";
import {
  blocked,
  cut,
  nextTransport,
  type Seen,
  UNSEEN,
  unreachable,
} from "../shared/transports.ts";
import { openExchange, type Signer } from "./exchange.ts";
import { openSocket } from "./socket.ts";
import { CLOSE_ABNORMAL, type Hearer, type Transport } from "./transport.ts";

const CLOSE_DONE = 1000;

/** A transport under way, and what was seen of it. */
export interface Line {
  readonly transport: Transport;
  readonly since: number;
  heardAt: number | null;
}

/** Who hears the line in use. */
export interface LineHearer {
  readonly heard: (line: Line, frame: Bytes | null) => void;
  readonly ended: (line: Line, code: number) => void;
  /** A WebSocket was challenged while requests went on, and is the line in use from here on. */
  readonly changedOver: (line: Line) => void;
}

export class Lines {
  readonly #hearer: LineHearer;
  #current: Line | null = null;
  #trial: Line | null = null;
  #seen: Seen = UNSEEN;

  constructor(hearer: LineHearer) {
    this.#hearer = hearer;
  }

  get current(): Line | null {
    return this.#current;
  }

  /** Open the transport that this network is likely to let through. */
  open(relay: string, signer: Signer | null, now: number): Line {
    const isRequests = signer !== null && nextTransport(this.#seen, now) === TRANSPORT_HTTPS;
    const line = isRequests
      ? this.#dial((hearer) => openExchange(relay, signer, hearer), now)
      : this.#dialSocket(relay, now);
    this.#current = line;
    return line;
  }

  /** Try a WebSocket beside an exchange, when it is time to. */
  tryOther(relay: string, now: number): void {
    const isRequests = this.#current?.transport.number === TRANSPORT_HTTPS;
    const isDue = nextTransport(this.#seen, now) === TRANSPORT_WEBSOCKET;
    if (isRequests && isDue && this.#trial === null) this.#trial = this.#dialSocket(relay, now);
  }

  /** Let go of the line in use and of what is tried. */
  leave(code: number): void {
    const lines = [this.#current, this.#trial];
    this.#current = null;
    this.#trial = null;
    for (const line of lines) line?.transport.close(code);
  }

  /** Give up a line on which nothing comes. */
  drop(line: Line): void {
    line.transport.close(CLOSE_DONE);
    this.#ended(line, CLOSE_ABNORMAL);
  }

  /** Learn from how a line ended what this network does to its kind. */
  learn({ transport, since, heardAt }: Line, code: number, now: number): void {
    const wasSocket = transport.number === TRANSPORT_WEBSOCKET;
    if (heardAt === null) {
      this.#seen = wasSocket ? blocked(this.#seen, now, Math.random()) : unreachable(this.#seen);
    } else if (wasSocket && now - since >= STEADY_MS) {
      this.#seen = UNSEEN;
    } else if (wasSocket && code === CLOSE_ABNORMAL) {
      this.#seen = cut(this.#seen, now, Math.random());
    }
  }

  /** Forget what another network did. */
  forget(): void {
    this.#seen = UNSEEN;
  }

  #dialSocket(relay: string, now: number): Line {
    const line = this.#dial((hearer) => openSocket(relay, hearer), now);
    // A proxy may admit a WebSocket and hold back what comes on it.
    setTimeout(() => {
      if (line.heardAt === null) this.drop(line);
    }, CHALLENGE_MS);
    return line;
  }

  #dial(open: (hearer: Hearer) => Transport, now: number): Line {
    const line: Line = {
      transport: open({
        heard: (frame) => this.#heard(line, frame),
        ended: (code) => this.#ended(line, code),
      }),
      since: now,
      heardAt: null,
    };
    return line;
  }

  #heard(line: Line, frame: Bytes | null): void {
    line.heardAt = Date.now();
    if (line === this.#trial) {
      this.#trial = null;
      this.leave(CLOSE_DONE);
      this.#current = line;
      this.#hearer.changedOver(line);
    }
    if (line === this.#current) this.#hearer.heard(line, frame);
  }

  #ended(line: Line, code: number): void {
    if (line === this.#trial) {
      this.#trial = null;
      this.learn({ ...line, heardAt: null }, code, Date.now());
    } else if (line === this.#current) {
      this.#hearer.ended(line, code);
    }
  }
}
