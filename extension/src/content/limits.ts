/** Bounds and durations of recording, each with its reason. Owns numbers only. */

/** Longest column, and most ticks between two rows of a flush (protocol.md section 11). */
export const MAX_LENGTH = 2_048;
export const MAX_TICKS = 65_535;
/** Later than any tick. */
export const NEVER = 9e15;
/** Half of the wire's bounds for the pointer, so that differences of positions fit as well. */
export const MAX_POSITION = 16_383;
export const MAX_SCROLL = 1_000_000;
export const MAX_STAY = 10_000_000;

/** Whoever only passes over something does not hover. */
export const SHORTEST_HOVER_TICKS = 10;
/** A burst of typing ends after a second's pause, or 64 s. */
export const PAUSE_TICKS = 100;
export const LONGEST_BURST_TICKS = 6_400;
/** Some systems never report a release; a key held longer than this is given up. */
export const LONGEST_HELD_TICKS = 3_000;
/** The wheel and keys scroll for this long at most: what moves later was moved by the page. */
export const SCROLLS_MS = 1_000;
/** Without input for this long, the person is idle; looked at four times in it. */
export const IDLE_TICKS = 6_000;
export const LOOK_IDLE_MS = 15_000;
/** Looking whether a field is visible costs the page a layout. */
export const LOOK_AGAIN_MS = 1_000;

/** What was recorded is handed over within a second. */
export const FLUSH_MS = 900;
export const RETRY_MS = 1_000;
export const LONGEST_RETRY_MS = 30_000;
