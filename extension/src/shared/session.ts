/**
 * A connection's protocol state as the device keeps it (protocol.md section 5), as one transition table.
 *
 * Owns which message may come or go now, seqs, credit and acks; never opens a socket, signs or waits. Both directions go
 * through `step`, so that a breach shows on whichever side makes it.
 */

import { type Bytes, hex } from "./bytes.ts";
import type { Message, MessageKind } from "./messages.ts";
import { Problem } from "./problem.ts";

/**
 * opening: the socket is up, the challenge has not come · challenged: the nonce is ours to sign · enrolling: an enrol is
 * under way · greeting: hello was sent · ready: welcome came.
 */
export type Phase = "opening" | "challenged" | "enrolling" | "greeting" | "ready";

export interface Session {
  readonly phase: Phase;
  /** The challenge's nonce, until it is used. */
  readonly nonce: Bytes | null;
  /** Number of this session of the stream; 0 before the welcome. */
  readonly session: number;
  /** Highest seq announced here, or settled before. */
  readonly announced: number;
  /** Highest seq up to which everything has its outcome. */
  readonly through: number;
  readonly credit: number;
  /** Seqs of batches announced and not acked, oldest first. */
  readonly unacked: readonly number[];
  /** Segments announced in this session, as hex. */
  readonly segments: ReadonlySet<string>;
}

/** A session as it is when the socket opens. */
export const OPENING: Session = {
  phase: "opening",
  nonce: null,
  session: 0,
  announced: 0,
  through: 0,
  credit: 0,
  unacked: [],
  segments: new Set(),
};

type Kind = Message["kind"];

/** Which message, from either side, leads where; what is not listed is not allowed. */
export const TRANSITIONS: Readonly<Record<Phase, Partial<Readonly<Record<Kind, Phase>>>>> = {
  opening: { challenge: "challenged" },
  challenged: { enrol: "enrolling", hello: "greeting" },
  enrolling: { enrolled: "opening", refusal: "opening", retry: "enrolling" },
  greeting: { welcome: "ready", retry: "greeting" },
  ready: {
    grant: "ready",
    withdraw: "ready",
    segment: "ready",
    batch: "ready",
    dropped: "ready",
    ping: "ready",
    ack: "ready",
    retry: "ready",
    stop: "ready",
    policy: "ready",
    granted: "ready",
    withdrawn: "ready",
    refusal: "ready",
    pong: "ready",
  },
};

function breach(code: string, what: string): Problem {
  return new Problem(code, `${what} The connection is closed and taken up again where it stood.`);
}

function announceBatch(session: Session, { seq, segment }: MessageKind<"batch">): Session {
  if (seq <= session.announced) return session;
  if (seq !== session.announced + 1) throw breach("seq_gap", "A batch skips a seq.");
  if (!session.segments.has(hex(segment))) {
    throw breach("segment_unknown", "A batch names a segment that was not announced.");
  }
  if (session.unacked.length >= session.credit) {
    throw breach("credit_exceeded", "More batches are under way than the relay allowed.");
  }
  return { ...session, announced: seq, unacked: [...session.unacked, seq] };
}

function announceDropped(session: Session, { first, last }: MessageKind<"dropped">): Session {
  if (first > session.announced + 1) throw breach("seq_gap", "A dropped range skips a seq.");
  return { ...session, announced: Math.max(session.announced, last) };
}

function settle(session: Session, { through, refused }: MessageKind<"ack">): Session {
  const isPast = through < session.through || through > session.announced;
  if (isPast || refused.some(({ seq }) => seq > through)) {
    throw breach("bad_ack", "The relay acked what was not announced.");
  }
  return { ...session, through, unacked: session.unacked.filter((seq) => seq > through) };
}

function apply(session: Session, message: Message): Session {
  switch (message.kind) {
    case "challenge":
      return { ...session, nonce: message.nonce };
    case "enrol":
    case "hello":
      return { ...session, nonce: null };
    case "welcome": {
      const { session: number, resume, credit } = message;
      return { ...session, session: number, announced: resume, through: resume, credit };
    }
    case "segment":
      return { ...session, segments: new Set(session.segments).add(hex(message.id)) };
    case "batch":
      return announceBatch(session, message);
    case "dropped":
      return announceDropped(session, message);
    case "ack":
      return settle(session, message);
    default:
      return session;
  }
}

/**
 * Take one message, sent or received, into account.
 *
 * @throws Problem "unexpected_message", "seq_gap", "segment_unknown", "credit_exceeded", "bad_ack".
 */
export function step(session: Session, message: Message): Session {
  const phase = TRANSITIONS[session.phase][message.kind];
  if (phase === undefined) {
    throw breach("unexpected_message", "A message came or went at the wrong time.");
  }
  return { ...apply(session, message), phase };
}

/** How many more batches may be announced now. */
export function room(session: Session): number {
  return session.phase === "ready" ? session.credit - session.unacked.length : 0;
}

/**
 * Tell whether the relay knows seqs that this device never numbered: its outbox was lost or an old profile restored, and
 * it must start a new stream.
 *
 * @param lastSeq Highest seq this device gave out in the stream, 0 for none.
 */
export function hasLostOutbox(resume: number, lastSeq: number): boolean {
  return resume > lastSeq;
}
