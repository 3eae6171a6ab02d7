/**
 * How long the connection waits for what (protocol.md sections 3 and 5), in ms.
 *
 * Owns numbers only, apart from what uses them so that a test can build an extension with shorter ones.
 */

/** Between two pings; a relay closes after 60 s of silence, a browser stops an idle worker after 30 s. */
export const PING_MS = 20_000;
/** Silence after which a connection counts as cut. */
export const SILENCE_MS = 50_000;
/** How long a WebSocket may take until its challenge. */
export const CHALLENGE_MS = 10_000;
/** A WebSocket that lives this long is not one that the network cuts. */
export const STEADY_MS = 300_000;
/** First wait before a WebSocket is tried again where none could be opened, and where they are cut. */
export const BLOCKED_MS = 60_000;
export const CUT_MS = 600_000;
/** The longest such wait. */
export const MOST_MS = 3_600_000;
