/** What the popup says about a state: one sentence, its reason, the next step. Pure. */

import type { PopupState } from "../../shared/internal.ts";
import { isSignal } from "../../shared/signals.ts";
import { and, count, timeAt } from "../shared/format.ts";
import { text } from "../shared/text.ts";

const words = text.popup;

/** A number of events in words. */
export function eventsInWords(events: number): string {
  return words.events(events, count(events));
}

/**
 * What to say.
 *
 * @param now ms since 1970.
 */
export function sentencesOf(state: PopupState, now: number): { said: string; next: string } {
  const { why, next } = text.reasons[state.reason] ?? text.unknownReason;
  const since = state.since === null ? "" : ` ${words.since(timeAt(state.since, now))}`;
  if (state.state === "recording" && state.appName !== null) {
    const signals = state.signals.filter(isSignal).map((signal) => text.signals[signal].short);
    return {
      said: words.recordingIn(state.appName, and(signals), eventsInWords(state.sentEvents)),
      next,
    };
  }
  if (state.reason === "paused_until" && state.until !== null) {
    return { said: words.pausedUntil(timeAt(state.until, now)), next };
  }
  if (state.reason === "no_access" && state.appName !== null) {
    return { said: words.noAccess(state.appName), next };
  }
  if (state.reason === "not_approved" && state.host !== null) {
    return { said: words.notHere(state.host), next };
  }
  return { said: `${why}${since}`, next };
}
