/**
 * How long to wait before the next connection.
 *
 * Owns the numbers; randomness is an argument.
 */

const SOON = { first: 1_000, most: 60_000 };
const LATER = { first: 300_000, most: 3_600_000 };

/**
 * The wait before the next attempt, doubling, with jitter of one half either way so that devices do not come in step.
 *
 * @param attempt Failures in a row, from 1.
 * @param pace "soon" for a passing reason, "later" where trying again would not help soon.
 * @param random 0 to 1.
 * @returns Milliseconds.
 */
export function backoffMs(attempt: number, pace: "soon" | "later", random: number): number {
  const { first, most } = pace === "soon" ? SOON : LATER;
  const wait = Math.min(most, first * 2 ** Math.min(attempt - 1, 20));
  return Math.round(wait * (0.5 + random));
}
