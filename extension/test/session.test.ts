import { describe, expect, it } from "vitest";
import { backoffMs } from "../src/shared/backoff.ts";
import type { Message, MessageKind } from "../src/shared/messages.ts";
import { decodeDevice, decodeRelay, encodeMessage } from "../src/shared/messages.ts";
import { afterClose } from "../src/shared/reasons.ts";
import { hasLostOutbox, OPENING, room, type Session, step } from "../src/shared/session.ts";

const bytes = (length: number, fill = 1) => new Uint8Array(length).fill(fill);
const CHALLENGE = { kind: "challenge", nonce: bytes(32), version: 1, reserved: null } as const;
const HELLO: MessageKind<"hello"> = {
  kind: "hello",
  deviceKey: bytes(32),
  streamSalt: bytes(16),
  programme: "p",
  receipt: null,
  policy: bytes(32),
  version: 1,
  transport: 1,
  lastEpoch: null,
  signature: bytes(64),
};
const WELCOME: MessageKind<"welcome"> = {
  kind: "welcome",
  session: 3,
  resume: 5,
  receipt: bytes(32),
  policy: { body: bytes(10), controller: bytes(64), representative: bytes(64) },
  nowMs: 1,
  credit: 2,
  checkpoint: null,
  proof: null,
};
const SEGMENT: MessageKind<"segment"> = {
  kind: "segment",
  id: bytes(16),
  app: 1,
  group: 0,
  receipt: bytes(32),
  policy: bytes(32),
  innerKey: bytes(16),
  outerKey: bytes(16),
  participantKey: bytes(16),
  rootHash: bytes(32),
  salt: bytes(32),
  sealedRoot: bytes(2_304),
  sealedParticipantRoot: bytes(1_168),
};
const batch = (seq: number): MessageKind<"batch"> => ({
  kind: "batch",
  seq,
  segment: bytes(16),
  signals: 1,
  nonce: bytes(12),
  ciphertext: bytes(272),
});
const ack = (through: number, refused: MessageKind<"ack">["refused"] = []) =>
  ({ kind: "ack", through, refused }) as const;

function played(...messages: readonly Message[]): Session {
  return messages.reduce(step, OPENING);
}
const ready = () => played(CHALLENGE, HELLO, WELCOME);

describe("messages", () => {
  it("come back as they went, each in its own direction", () => {
    for (const message of [CHALLENGE, WELCOME, ack(3, [{ seq: 2, reason: "stopped" }])] as const) {
      const frame = encodeMessage(message);
      expect(decodeRelay(frame)).toEqual(message);
      expect(() => decodeDevice(frame)).toThrow(expect.objectContaining({ code: "malformed" }));
    }
    for (const message of [HELLO, SEGMENT, batch(1)] as const) {
      const frame = encodeMessage(message);
      expect(decodeDevice(frame)).toEqual(message);
      expect(() => decodeRelay(frame)).toThrow(expect.objectContaining({ code: "malformed" }));
    }
  });

  it("are refused with a field out of bounds", () => {
    const odd: Message[] = [
      { ...HELLO, signature: bytes(63) },
      { ...HELLO, programme: "A" },
      { ...SEGMENT, app: 0 },
      { ...batch(0) },
      { kind: "dropped", first: 3, last: 2, reason: "withdrawn" },
      { kind: "dropped", first: 1, last: 1_048_577, reason: "withdrawn" },
      { kind: "ping", echo: -1 },
    ];
    for (const message of odd) {
      expect(() => encodeMessage(message)).toThrow(expect.objectContaining({ code: "malformed" }));
    }
  });
});

describe("a session", () => {
  it("goes from challenge over hello to welcome, and continues after resume", () => {
    const session = ready();
    expect(session).toMatchObject({ phase: "ready", session: 3, announced: 5, through: 5 });
    expect(session.nonce).toBeNull();
    expect(room(session)).toBe(2);
  });

  it("is challenged anew after an enrolment, accepted or refused", () => {
    const enrol = { kind: "enrol" } as MessageKind<"enrol">;
    const enrolled = { kind: "enrolled" } as MessageKind<"enrolled">;
    const refusal = { kind: "refusal", of: 33, reason: "code_spent" } as const;
    for (const answer of [enrolled, refusal]) {
      expect(played(CHALLENGE, enrol, answer, CHALLENGE).phase).toBe("challenged");
    }
  });

  it("keeps to the credit and gets it back by acks", () => {
    const full = [SEGMENT, batch(6), batch(7)].reduce(step, ready());
    expect(room(full)).toBe(0);
    expect(() => step(full, batch(8))).toThrow(
      expect.objectContaining({ code: "credit_exceeded" }),
    );
    const acked = step(full, ack(6));
    expect(acked).toMatchObject({ through: 6, unacked: [7] });
    expect(step(acked, batch(8)).announced).toBe(8);
  });

  it("counts a dropped range as announced, without credit", () => {
    const session = step(ready(), { kind: "dropped", first: 6, last: 9, reason: "outbox_full" });
    expect(session).toMatchObject({ announced: 9, unacked: [] });
    expect(step(session, ack(9)).through).toBe(9);
  });

  it("lets a seq repeat that was announced", () => {
    const session = [SEGMENT, batch(6)].reduce(step, ready());
    expect(step(session, batch(6))).toEqual(session);
  });

  it.each<[string, string, () => Session]>([
    ["a batch before the welcome", "unexpected_message", () => played(CHALLENGE, HELLO, batch(1))],
    ["a hello before the challenge", "unexpected_message", () => played(HELLO)],
    ["a second welcome", "unexpected_message", () => step(ready(), WELCOME)],
    ["a skipped seq", "seq_gap", () => step(step(ready(), SEGMENT), batch(7))],
    [
      "a skipped dropped range",
      "seq_gap",
      () => step(ready(), { kind: "dropped", first: 7, last: 7, reason: "withdrawn" }),
    ],
    ["a batch without its segment", "segment_unknown", () => step(ready(), batch(6))],
    ["an ack of what was not announced", "bad_ack", () => step(ready(), ack(6))],
    ["an ack that goes back", "bad_ack", () => step(ready(), ack(4))],
    [
      "a refusal past its ack",
      "bad_ack",
      () => step(ready(), ack(5, [{ seq: 6, reason: "stopped" }])),
    ],
  ])("does not allow %s", (_, code, run) => {
    expect(run).toThrow(expect.objectContaining({ code }));
  });

  it("knows when the relay has seen seqs that this device never gave out", () => {
    expect(hasLostOutbox(5, 4)).toBe(true);
    expect(hasLostOutbox(5, 5)).toBe(false);
  });
});

describe("coming back", () => {
  it("waits longer each time, with jitter, up to a limit", () => {
    expect([1, 2, 3, 20].map((attempt) => backoffMs(attempt, "soon", 0.5))).toEqual([
      1_000, 2_000, 4_000, 60_000,
    ]);
    expect(backoffMs(1, "soon", 0)).toBe(500);
    expect(backoffMs(1, "later", 0.5)).toBe(300_000);
    expect(backoffMs(9_999, "later", 0.999)).toBeLessThan(5_400_000);
  });

  it("does what the close code asks", () => {
    expect([1001, 1006, 4423, 4503].map(afterClose)).toEqual(new Array(4).fill("soon"));
    expect(afterClose(4403)).toBe("enrol");
    expect(afterClose(4409)).toBe("superseded");
    expect(afterClose(4424)).toBe("new_stream");
    expect(afterClose(4426)).toBe("upgrade");
    expect(afterClose(4400)).toBe("later");
  });
});
