/**
 * Whether the participant is still the one at this browser: said by a yes or a "Continue", in doubt after a screen lock, eight
 * hours, or a "Not you?".
 *
 * Owns that decision from a record and the time; who asks and what stops, others say.
 */

/** How long one answer counts. */
export const PRESENCE_MS = 8 * 3_600_000;

/** What was last answered, and what happened since; times are ms since 1970. */
export interface PresenceFact {
  /** When the participant last said that it is them; 0 for never. */
  readonly confirmedAt: number;
  /** Why it is in doubt before the time is over. */
  readonly doubt: { readonly why: "locked" | "other_person"; readonly since: number } | null;
}

export type PresenceReason = "presence_unasked" | "presence_denied";

/** The participant says that it is them. */
export function present(now: number): PresenceFact {
  return { confirmedAt: now, doubt: null };
}

/** The screen was locked; a "Not you?" before it stands. */
export function locked(presence: PresenceFact, now: number): PresenceFact {
  return presence.doubt === null ? { ...presence, doubt: { why: "locked", since: now } } : presence;
}

/** Somebody says that they are not the participant. */
export function denied(presence: PresenceFact, now: number): PresenceFact {
  return { ...presence, doubt: { why: "other_person", since: now } };
}

/** Why it is in doubt now, or null; a clock that went back far is a doubt too. */
export function doubtAt(
  { confirmedAt, doubt }: PresenceFact,
  now: number,
): { readonly reason: PresenceReason; readonly since: number } | null {
  if (doubt?.why === "other_person") return { reason: "presence_denied", since: doubt.since };
  if (doubt !== null) return { reason: "presence_unasked", since: doubt.since };
  const isOver = Math.abs(now - confirmedAt) > PRESENCE_MS;
  return isOver ? { reason: "presence_unasked", since: confirmedAt + PRESENCE_MS } : null;
}
