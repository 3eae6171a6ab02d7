/**
 * What the device knows about itself between any two moments, on disk: keys, enrolment, policy, agreement, pause.
 *
 * Owns the records and their one copy in memory; every change is on disk before it counts. The worker may be stopped at
 * any time and starts from here.
 */

import type { Bytes } from "../shared/bytes.ts";
import type { Enrolment } from "../shared/enrolment.ts";
import type { SignedPolicy } from "../shared/messages.ts";
import { type Policy, parsePolicy } from "../shared/policy.ts";
import { transact } from "./database.ts";
import type { PresenceFact } from "./presence.ts";
import type { DeviceKey, ParticipantKey } from "./vault.ts";

/** The keys of this installation, and what is derived from them. */
export interface DeviceFact {
  readonly key: DeviceKey;
  readonly hash: Bytes;
  readonly participant: ParticipantKey;
  readonly participantKeyId: Bytes;
}

/** A policy whose signatures were verified with the pinned keys, and its notice. */
export interface PolicyFact {
  readonly signed: SignedPolicy;
  readonly hash: Bytes;
  readonly notice: string;
}

/** The enrolment in use; once it is done its code is forgotten. */
export interface EnrolmentFact extends Omit<Enrolment, "code" | "codeSignature"> {
  readonly code: Bytes | null;
  readonly codeSignature: Bytes | null;
  /** Whether the relay confirmed it. */
  readonly isDone: boolean;
}

/** The newest receipt, and whether the relay confirmed it. */
export interface AgreementFact {
  readonly body: Bytes;
  readonly signature: Bytes;
  readonly hash: Bytes;
  /** The policy it was given for. */
  readonly policy: PolicyFact;
  readonly via: "grant" | "decline" | "withdraw";
  readonly isConfirmed: boolean;
  readonly at: number;
}

/** The numbered sequence in use. */
export interface StreamFact {
  readonly salt: Bytes;
  readonly id: Bytes;
  /** The seq that the next batch gets. */
  readonly nextSeq: number;
}

/** Pauses in force; times are ms since 1970. */
export interface PauseFact {
  /** Paused origins and since when. */
  readonly sites: Readonly<Record<string, number>>;
  readonly hour: { readonly since: number; readonly until: number } | null;
  readonly untilResumed: { readonly since: number } | null;
}

/** What the relay last said, and what is wrong. */
export interface ContactFact {
  /** Device clock at the newest welcome, 0 for never. */
  readonly welcomeAt: number;
  /** How far it was ahead of the relay's clock then, in ms. */
  readonly aheadMs?: number;
  /** Reason of a stop in force. */
  readonly stop: string | null;
  readonly problem: { readonly code: string; readonly since: number } | null;
}

/** What is counted for diagnostics, never sent. */
export interface TallyFact {
  readonly refused: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Record<string, number>>;
  /** Flushes that came while nothing might be recorded, columns that broke a rule, events lost in pages. */
  readonly discarded: number;
  readonly malformed: number;
  readonly lostInPages: number;
}

export interface FactTable {
  readonly device: DeviceFact | null;
  /** Verified, shown, not yet answered. */
  readonly offer: { readonly enrolment: Enrolment; readonly policy: PolicyFact } | null;
  readonly enrolment: EnrolmentFact | null;
  readonly policy: PolicyFact | null;
  readonly agreement: AgreementFact | null;
  readonly stream: StreamFact | null;
  readonly pause: PauseFact;
  readonly presence: PresenceFact;
  readonly contact: ContactFact;
  readonly tally: TallyFact;
}

const EMPTY: FactTable = {
  device: null,
  offer: null,
  enrolment: null,
  policy: null,
  agreement: null,
  stream: null,
  pause: { sites: {}, hour: null, untilResumed: null },
  presence: { confirmedAt: 0, doubt: null },
  contact: { welcomeAt: 0, stop: null, problem: null },
  tally: { refused: {}, dropped: {}, discarded: 0, malformed: 0, lostInPages: 0 },
};

export class Facts {
  readonly database: IDBDatabase;
  #table: FactTable;
  readonly #parsed = new WeakMap<PolicyFact, Policy>();

  private constructor(database: IDBDatabase, table: FactTable) {
    this.database = database;
    this.#table = table;
  }

  /** Read everything from disk. */
  static async load(database: IDBDatabase): Promise<Facts> {
    const names = Object.keys(EMPTY) as (keyof FactTable)[];
    const entries = await transact(database, ["facts"], "readonly", (transaction) =>
      Promise.all(names.map(async (name) => [name, await transaction.get("facts", name)] as const)),
    );
    const known = entries.filter(([, value]) => value !== undefined);
    return new Facts(database, { ...EMPTY, ...Object.fromEntries(known) });
  }

  get now(): FactTable {
    return this.#table;
  }

  /** Change records; they are on disk, all or none, when this resolves. */
  async put(changes: Partial<FactTable>): Promise<void> {
    await transact(this.database, ["facts"], "readwrite", (transaction) => {
      for (const [name, value] of Object.entries(changes)) transaction.put("facts", value, name);
    });
    const { tally: _, ...others } = changes;
    this.adopt(others);
  }

  /** Count something for diagnostics. */
  async count(
    what: "refused" | "dropped" | "discarded" | "malformed" | "lostInPages",
    reason: string,
    by = 1,
  ): Promise<void> {
    if (by === 0) return;
    const { tally } = this.#table;
    const old = tally[what];
    const next = typeof old === "number" ? old + by : { ...old, [reason]: (old[reason] ?? 0) + by };
    // In memory first, so that counts that come while the disk works are not lost.
    this.adopt({ tally: { ...tally, [what]: next } });
    await this.put({ tally: this.#table.tally });
  }

  /** Take over what another transaction already wrote. */
  adopt(changes: Partial<FactTable>): void {
    this.#table = { ...this.#table, ...changes };
  }

  /** A stored policy as parsed; it was checked before it was stored. */
  parsed(fact: PolicyFact): Policy {
    const known = this.#parsed.get(fact);
    if (known !== undefined) return known;
    const policy = parsePolicy(fact.signed.body);
    this.#parsed.set(fact, policy);
    return policy;
  }
}
