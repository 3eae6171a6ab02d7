import { describe, expect, it } from "vitest";
import type { PopupState, StateName } from "../src/shared/internal.ts";
import { sentencesOf } from "../src/ui/popup/sentence.ts";
import { text } from "../src/ui/shared/text.ts";

const NOW = Date.UTC(2026, 10, 24, 12);

function stateOf(state: StateName, reason: string, more: Partial<PopupState> = {}): PopupState {
  return {
    state,
    reason,
    host: null,
    appName: null,
    signals: [],
    until: null,
    since: null,
    sentBatches: 0,
    sentEvents: 0,
    waitingBatches: 0,
    dots: [],
    costMs: 0,
    representative: null,
    demo: false,
    canPauseSite: false,
    ...more,
  };
}

/** Reasons under which nothing is recorded; the sentence must say so. */
const SILENT: readonly (readonly [StateName, string])[] = [
  ["paused", "paused_site"],
  ["paused", "paused_resume"],
  ["off", "not_enrolled"],
  ["off", "declined"],
  ["off", "withdrawn"],
  ["off", "no_permission"],
  ["off", "programme_ended"],
  ["off", "window_closed"],
  ["off", "stopped"],
  ["waiting", "unconfirmed"],
  ["not_here", "excluded_path"],
  ["problem", "policy_changed"],
  ["problem", "clock"],
  ["problem", "stale"],
  ["problem", "grant_lapsed"],
  ["problem", "upgrade_required"],
  ["problem", "enrolment_lost"],
];

describe("the popup's sentence", () => {
  it.each(SILENT)(
    "of %s for %s says that nothing is recorded, and what to do next",
    (state, reason) => {
      const { said, next } = sentencesOf(stateOf(state, reason), NOW);
      expect(said).toMatch(/nothing is recorded|records nothing/i);
      expect(next.length).toBeGreaterThan(10);
    },
  );

  it("of recording names app, signals and what was sent", () => {
    const more = { appName: "CRM", signals: ["pointer", "click"], sentEvents: 38 };
    expect(sentencesOf(stateOf("recording", "granted", more), NOW).said).toBe(
      "Recording in CRM: pointer and clicks. 38 events sent in the last minute.",
    );
  });

  it("of a pause with an end names the time", () => {
    const { said } = sentencesOf(stateOf("paused", "paused_until", { until: NOW + 1 }), NOW);
    expect(said).toMatch(/^Paused until .*\d.*\. Nothing is recorded\.$/);
  });

  it("of what waits says that it is sealed here and not sent", () => {
    for (const reason of ["offline", "relay_unreachable"]) {
      expect(sentencesOf(stateOf("waiting", reason), NOW).said).toMatch(/sealed .* not sent yet/);
    }
  });

  it("of a reason it does not know asks to treat it as recording", () => {
    expect(sentencesOf(stateOf("problem", "no_such_reason"), NOW).said).toContain(
      text.unknownReason.why,
    );
  });
});
