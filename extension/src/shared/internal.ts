/**
 * The typed message map between the extension's own parts: content scripts, worker and pages.
 *
 * Nothing here goes on the wire. A page can neither see nor send these messages: the worker accepts them only from the
 * extension itself and checks the sender's origin each time.
 */

/** Columns of one flush, in wire order and bounds (protocol.md section 11); absent signals are null. */
export interface CapturedColumns {
  /** First event, 10 ms ticks since 1970. */
  readonly t0: number;
  /** Route index; 0 without a catalogue. */
  readonly route: number;
  readonly pointer: readonly (readonly number[])[] | null;
  readonly click: readonly (readonly number[])[] | null;
  readonly hover: readonly (readonly number[])[] | null;
  readonly typing: readonly (readonly number[])[] | null;
  readonly key_timing: readonly (readonly number[])[] | null;
  readonly scroll: readonly (readonly number[])[] | null;
  readonly attention: readonly (readonly number[])[] | null;
  readonly navigation: readonly (readonly number[])[] | null;
}

/** What a content script may do in its frame, as the worker decided it. */
export interface CaptureConfig {
  /** App number of the policy; recorded into every batch of this frame. */
  readonly app: number;
  /** Granted signal bits that are also allowed by the policy; 0 = record nothing, but stay (paused, excluded path). */
  readonly signals: number;
  /** Excluded path prefixes of this app, normalised. */
  readonly excludedPaths: readonly string[];
  /** App the tab was in before (0 = none or not approved), and ticks spent there. */
  readonly fromApp: number;
  readonly fromDwell: number;
}

/**
 * Content script to worker. The worker answers each with the reply type below. "start" is sent once a document (and once
 * more after each "ask" and after `pageshow.persisted`), always with the document's own number.
 */
export type FromContent =
  | { readonly kind: "start"; readonly document: number; readonly top: boolean }
  | {
      readonly kind: "columns";
      readonly document: number;
      /** Number of this flush in its document, from 1; the worker drops repeats. */
      readonly flush: number;
      readonly columns: CapturedColumns;
      /** Main-thread milliseconds used since the last flush. */
      readonly costMs: number;
      /** Events that could not be kept since the last flush (buffer full, or a handler failed); nearly always 0. */
      readonly lost: number;
    };

/** The worker's reply: the configuration now in force, or null = detach, record nothing. */
export interface ContentReply {
  /** For "columns": true once the outbox holds them; false = keep and send again. */
  readonly kept: boolean;
  readonly config: CaptureConfig | null;
}

/**
 * Worker to content scripts (tabs.sendMessage, to every frame of a tab). "ask": the configuration may have changed, send
 * "start" again and use the reply, which is this frame's own. "detach": stop at once, send nothing more.
 */
export interface ToContent {
  readonly kind: "ask" | "detach";
}

/** The closed states people see (popup, badge). */
export type StateName = "recording" | "paused" | "off" | "waiting" | "not_here" | "problem";

/** Why a state is what it is; each has a sentence and a next step in the pages' words. */
export const REASONS = [
  "granted",
  "paused_site",
  "paused_until",
  "paused_resume",
  /** After a screen lock or eight hours, until the participant says that it is them. */
  "presence_unasked",
  /** Somebody said that they are not the participant. */
  "presence_denied",
  "not_enrolled",
  "declined",
  "withdrawn",
  "no_permission",
  /** Not here, and an app that was agreed to has no access at all. */
  "no_access",
  "offline",
  "relay_unreachable",
  "programme_ended",
  "window_closed",
  "stopped",
  "excluded_path",
  "not_approved",
  /** The yes is not confirmed yet. */
  "unconfirmed",
  /** No welcome for a day. */
  "stale",
  "clock",
  "outbox_full",
  "disk_full",
  "storage_failed",
  /** What was stored is gone, the agreement too. */
  "storage_lost",
  "policy_changed",
  "grant_lapsed",
  "upgrade_required",
  "enrolment_lost",
  /** A problem that only a newer extension would know. */
  "unknown",
] as const;
export type Reason = (typeof REASONS)[number];

/** Tell whether a stored code is a reason that has words. */
export function isReason(code: string): code is Reason {
  return (REASONS as readonly string[]).includes(code);
}

export interface PopupState {
  readonly state: StateName;
  /** Host of the active tab, shown only in the popup; null if the browser does not tell. */
  readonly host: string | null;
  /** The app of the active tab; for "no_access" the apps without access. */
  readonly appName: string | null;
  /** Names of the signals being recorded in this tab. */
  readonly signals: readonly string[];
  /** One of `REASONS`. */
  readonly reason: string;
  /** ms since 1970 for "paused_until"; when the present state began otherwise. */
  readonly until: number | null;
  readonly since: number | null;
  /** Batches and events acked as stored in the last minute, and batches waiting. */
  readonly sentBatches: number;
  readonly sentEvents: number;
  readonly waitingBatches: number;
  /** Events recorded in this tab per 250 ms over the last ten seconds, oldest first, 40 numbers. */
  readonly dots: readonly number[];
  /** Main-thread ms used in this tab in the last minute. */
  readonly costMs: number;
  readonly representative: { readonly name: string; readonly email: string } | null;
  readonly demo: boolean;
  readonly canPauseSite: boolean;
}

/** What the welcome page shows before anything is agreed. Everything here was verified by the worker. */
export interface Offer {
  /** Policy body as parsed (see shared/policy.ts), its hash in hex, the notice text. */
  readonly policy: unknown;
  readonly policyHash: string;
  readonly notice: string;
  /** Eight words for each policy key (protocol.md section 2). */
  readonly representativeWords: readonly string[];
  readonly controllerWords: readonly string[];
}

/** Page (popup, welcome, leave) to worker. */
export type FromPage =
  | { readonly kind: "state" }
  | { readonly kind: "offer"; readonly enrolment: string }
  /** After permissions.request in the page's own click. Grants: app number to signal names. */
  | {
      readonly kind: "grant";
      readonly grants: readonly { readonly app: number; readonly signals: readonly string[] }[];
    }
  /** "No thanks": an empty receipt. */
  | { readonly kind: "decline" }
  | { readonly kind: "pause"; readonly scope: "site" | "hour" | "until_resumed" }
  | { readonly kind: "resume" }
  /** The answer to "Not you? / Continue". */
  | { readonly kind: "presence"; readonly isParticipant: boolean }
  | { readonly kind: "withdraw" }
  | { readonly kind: "diagnostics" }
  /** What was enrolled and agreed, for showing again. */
  | { readonly kind: "agreement" };

/** Answers to FromPage; errors say what happened, why, what to do next, and a code. */
export type PageReply<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface PageReplies {
  readonly state: PopupState;
  readonly offer: Offer;
  readonly grant: { readonly receipt: string };
  readonly decline: { readonly askAgainAfter: number };
  readonly pause: PopupState;
  readonly resume: PopupState;
  readonly presence: PopupState;
  readonly withdraw: { readonly confirmed: boolean };
  readonly diagnostics: string;
  readonly agreement: { readonly offer: Offer; readonly grants: unknown } | null;
}
