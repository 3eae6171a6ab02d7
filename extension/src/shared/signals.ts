/**
 * The signals a participant grants one by one, their bits and their groups (protocol.md section 1).
 *
 * Owns names and numbers only.
 */

/** Signal names in wire order; a signal's bit is 1 shifted by its place. */
export const SIGNALS = [
  "pointer",
  "click",
  "hover",
  "typing",
  "key_timing",
  "scroll",
  "attention",
  "navigation",
] as const;

export type SignalName = (typeof SIGNALS)[number];

export const KEY_TIMING = 16;
export const ALL_SIGNALS = 255;
export const GENERAL_GROUP = 0;
export const KEY_TIMING_GROUP = 1;
export type Group = 0 | 1;

/** The bit of a signal. */
export function bitOf(signal: SignalName): number {
  return 1 << SIGNALS.indexOf(signal);
}

/** Every signal that may stand in a segment of this group. */
export function groupSignals(group: Group): number {
  return group === KEY_TIMING_GROUP ? KEY_TIMING : ALL_SIGNALS & ~KEY_TIMING;
}

/** Tell whether a text names a signal. */
export function isSignal(name: string): name is SignalName {
  return (SIGNALS as readonly string[]).includes(name);
}

/** The bits of these signals. */
export function bitsOf(signals: readonly SignalName[]): number {
  return signals.reduce((bits, signal) => bits | bitOf(signal), 0);
}

/** The names of these bits, in wire order. */
export function namesOf(bits: number): SignalName[] {
  return SIGNALS.filter((signal) => (bits & bitOf(signal)) !== 0);
}
