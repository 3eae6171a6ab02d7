/**
 * Which transport to take next: a WebSocket wherever it holds, signed requests where it does not (protocol.md section 3).
 *
 * Owns that choice, as values; never opens anything, and the clock is an argument.
 */

import { TRANSPORT_HTTPS, TRANSPORT_WEBSOCKET } from "./messages.ts";
import { BLOCKED_MS, CUT_MS, MOST_MS } from "./pace.ts";

export type TransportNumber = typeof TRANSPORT_WEBSOCKET | typeof TRANSPORT_HTTPS;

/** Cuts in a row after which WebSockets count as cut by the network. */
const CUTS = 3;

/** What was seen of this network. */
export interface Seen {
  /** WebSockets cut in a row before their time. */
  readonly cuts: number;
  /** Times in a row that WebSockets were given up. */
  readonly retreats: number;
  /** When a WebSocket may be tried again. */
  readonly retryAt: number;
}

/** A network of which nothing was seen. */
export const UNSEEN: Seen = { cuts: 0, retreats: 0, retryAt: 0 };

/** The transport to open now. */
export function nextTransport({ retryAt }: Seen, now: number): TransportNumber {
  return now >= retryAt ? TRANSPORT_WEBSOCKET : TRANSPORT_HTTPS;
}

function retreat(seen: Seen, first: number, now: number, random: number): Seen {
  const wait = Math.min(MOST_MS, first * 2 ** Math.min(seen.retreats, 20));
  return { ...seen, retreats: seen.retreats + 1, retryAt: now + wait * (0.75 + random / 2) };
}

/** A WebSocket could not be opened, or brought no challenge. */
export function blocked(seen: Seen, now: number, random: number): Seen {
  return retreat(seen, BLOCKED_MS, now, random);
}

/** A WebSocket was cut, or went silent, before it had held. */
export function cut(seen: Seen, now: number, random: number): Seen {
  const next = { ...seen, cuts: seen.cuts + 1 };
  return next.cuts < CUTS ? next : retreat(next, CUT_MS, now, random);
}

/** Requests did not reach the relay either, so that nothing is known about WebSockets. */
export function unreachable(seen: Seen): Seen {
  return { ...seen, retryAt: 0 };
}
