import { describe, expect, it } from "vitest";
import { fitting } from "../src/shared/exchange.ts";
import { MAX_FRAME_BYTES } from "../src/shared/messages.ts";
import { BLOCKED_MS, CUT_MS, MOST_MS, PING_MS, STEADY_MS } from "../src/shared/pace.ts";
import {
  blocked,
  cut,
  nextTransport,
  type Seen,
  UNSEEN,
  unreachable,
} from "../src/shared/transports.ts";

const [WEBSOCKET, HTTPS] = [1, 2];
/** A jitter that changes nothing. */
const MIDDLE = 0.5;

describe("the next transport", () => {
  it("is a WebSocket where nothing was seen", () => {
    expect(nextTransport(UNSEEN, 0)).toBe(WEBSOCKET);
  });

  it("is a WebSocket again at growing intervals where one was blocked", () => {
    let seen: Seen = UNSEEN;
    let now = 1_000;
    const waits: number[] = [];
    for (let time = 0; time < 8; time += 1) {
      seen = blocked(seen, now, MIDDLE);
      expect(nextTransport(seen, now)).toBe(HTTPS);
      expect(nextTransport(seen, seen.retryAt - 1)).toBe(HTTPS);
      expect(nextTransport(seen, seen.retryAt)).toBe(WEBSOCKET);
      waits.push(seen.retryAt - now);
      now = seen.retryAt;
    }
    expect(waits.map((wait) => wait / BLOCKED_MS)).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    expect(waits.at(-1)).toBe(MOST_MS);
  });

  it("stays a WebSocket after one or two cuts, and not after three", () => {
    const two = cut(cut(UNSEEN, 0, MIDDLE), 60_000, MIDDLE);
    expect(nextTransport(two, 60_000)).toBe(WEBSOCKET);
    const three = cut(two, 120_000, MIDDLE);
    expect(three.retryAt).toBe(120_000 + CUT_MS);
    expect(nextTransport(three, 120_001)).toBe(HTTPS);
    expect(cut(three, 800_000, MIDDLE).retryAt).toBe(800_000 + 2 * CUT_MS);
  });

  it("is a WebSocket where requests do not arrive either", () => {
    const seen = unreachable(blocked(UNSEEN, 0, MIDDLE));
    expect(nextTransport(seen, 0)).toBe(WEBSOCKET);
    expect(seen.retreats).toBe(1);
  });

  it("does not come in step", () => {
    const [early, late] = [0, 1].map((jitter) => blocked(UNSEEN, 0, jitter).retryAt);
    expect([early, late]).toEqual([0.75 * BLOCKED_MS, 1.25 * BLOCKED_MS]);
  });

  it("follows the paces of the protocol", () => {
    expect([PING_MS, STEADY_MS]).toEqual([20_000, 300_000]);
  });
});

describe("a request", () => {
  const frames = (count: number, size: number) => Array(count).fill(new Uint8Array(size));

  it("takes what fits, and one frame at least", () => {
    expect(fitting([])).toBe(0);
    expect(fitting(frames(3, 400))).toBe(3);
    expect(fitting(frames(300, 1))).toBe(256);
    expect(fitting(frames(5, MAX_FRAME_BYTES))).toBe(3);
    expect(fitting(frames(20, 16_384))).toBe(12);
  });
});
