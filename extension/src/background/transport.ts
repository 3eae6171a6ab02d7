/**
 * What a connection needs of a transport: one session's frames, in order, both ways.
 *
 * Owns the words only; a WebSocket and an exchange of requests are made to them.
 */

import type { Bytes } from "../shared/bytes.ts";
import type { TransportNumber } from "../shared/transports.ts";

/** One way to the relay, for one session. It is under way once it exists. */
export interface Transport {
  readonly number: TransportNumber;
  /** Send a frame after every earlier one. */
  readonly send: (frame: Bytes) => void;
  /** End it; nothing is heard of it any more, where it can be helped. */
  readonly close: (code: number) => void;
}

/** Who hears a transport. */
export interface Hearer {
  /** One frame came; null for text, which may not come. */
  readonly heard: (frame: Bytes | null) => void;
  /** It ended: with the relay's close code, or with 1006 where the network ended it. */
  readonly ended: (code: number) => void;
}

/** The code that browsers give to a connection that ended without one. */
export const CLOSE_ABNORMAL = 1006;
