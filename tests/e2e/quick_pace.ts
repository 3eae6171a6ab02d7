// Stands in for extension/src/shared/pace.ts, so that a test need not wait as long as a person would.

export const PING_MS = 1_000;
export const SILENCE_MS = 8_000;
export const CHALLENGE_MS = 1_500;
export const STEADY_MS = 8_000;
export const BLOCKED_MS = 3_000;
export const CUT_MS = 3_000;
export const MOST_MS = 4_000;
