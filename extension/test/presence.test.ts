import { describe, expect, it } from "vitest";
import { denied, doubtAt, locked, PRESENCE_MS, present } from "../src/background/presence.ts";
import { NOW } from "./fixtures.ts";

describe("presence", () => {
  it("counts for eight hours after an answer", () => {
    expect(doubtAt(present(NOW), NOW)).toBeNull();
    expect(doubtAt(present(NOW), NOW + PRESENCE_MS)).toBeNull();
    expect(doubtAt(present(NOW), NOW + PRESENCE_MS + 1)).toEqual({
      reason: "presence_unasked",
      since: NOW + PRESENCE_MS,
    });
  });

  it("is asked where nobody ever answered, as after an update", () => {
    expect(doubtAt({ confirmedAt: 0, doubt: null }, NOW)?.reason).toBe("presence_unasked");
  });

  it("is asked after a screen lock, since that moment", () => {
    const after = locked(present(NOW), NOW + 5);
    expect(doubtAt(after, NOW + 6)).toEqual({ reason: "presence_unasked", since: NOW + 5 });
    expect(locked(after, NOW + 9)).toEqual(after);
    expect(doubtAt(present(NOW + 9), NOW + 9)).toBeNull();
  });

  it("stays denied, through locks and hours, until the participant is back", () => {
    const after = locked(denied(present(NOW), NOW + 5), NOW + 6);
    for (const now of [NOW + 6, NOW + 10 * PRESENCE_MS]) {
      expect(doubtAt(after, now)).toEqual({ reason: "presence_denied", since: NOW + 5 });
    }
  });

  it("is asked when the clock goes back far, since then nothing is known of the time between", () => {
    expect(doubtAt(present(NOW), NOW - PRESENCE_MS - 1)?.reason).toBe("presence_unasked");
  });
});
