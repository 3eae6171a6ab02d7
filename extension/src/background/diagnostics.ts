/**
 * What a participant may copy for whoever helps them: version, states, counts, error codes; no address and no id.
 *
 * Owns that text only.
 */

import { version } from "../browser.ts";
import { type StateParts, stateOf } from "./state.ts";

function counts(counted: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counted).map(([reason, count]) => `${reason} ${count}`);
  return parts.length > 0 ? parts.sort().join(", ") : "none";
}

/** Write the diagnostics, a line each. */
export function diagnose(parts: StateParts, now: number): string {
  const { facts, standing, outbox, connection, activity } = parts;
  const { agreement, contact, tally, policy, enrolment, stream } = facts.now;
  const state = stateOf(null, parts, now);
  const { batches, bytes, since } = outbox.waiting;
  const sent = activity.sent(now);
  const minutes = (at: number): string => `${Math.round((now - at) / 60_000)} min ago`;
  const answer =
    agreement === null
      ? "none"
      : `${agreement.via}, ${agreement.isConfirmed ? "confirmed" : "not confirmed"}`;
  const lines: readonly (readonly [string, string | number])[] = [
    ["Candor", version()],
    ["state elsewhere", `${state.state}, ${state.reason}`],
    ["enrolled", enrolment === null ? "no" : enrolment.isDone ? "yes" : "not confirmed"],
    ["answer", answer],
    ["policy number", policy === null ? "none" : facts.parsed(policy).number],
    ["apps granted", standing.granted.length],
    ["apps with access", standing.apps.length],
    ["connected", connection.isReady ? "yes" : "no"],
    ["transport", connection.transport],
    ["last close code", connection.lastClose],
    ["last welcome", contact.welcomeAt === 0 ? "never" : minutes(contact.welcomeAt)],
    ["stop", contact.stop ?? "none"],
    ["problem", contact.problem?.code ?? "none"],
    ["clock ahead of the relay's", `${Math.round((contact.aheadMs ?? 0) / 1_000)} s`],
    ["batches made", (stream?.nextSeq ?? 1) - 1],
    ["batches waiting", `${batches} (${bytes} bytes)`],
    ["oldest waiting", since === null ? "none" : minutes(since)],
    ["sent in the last minute", `${sent.batches} batches, ${sent.events} events`],
    ["refused", counts(tally.refused)],
    ["dropped", counts(tally.dropped)],
    ["flushes discarded", tally.discarded],
    ["flushes malformed", tally.malformed],
    ["events lost in pages", tally.lostInPages],
    ["time", new Date(now).toISOString()],
  ];
  return lines.map(([name, value]) => `${name}: ${value}`).join("\n");
}
