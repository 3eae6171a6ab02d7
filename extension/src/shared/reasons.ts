/**
 * The closed lists of reasons and close codes (protocol.md sections 6 and 7).
 *
 * Owns names and what a device does on each close code; never waits or connects.
 */

/** Why a device says that a batch will never come. */
export const DROP_REASONS = [
  "outbox_full",
  "outbox_expired",
  "withdrawn",
  "outbox_corrupt",
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Why the gate refused a batch. */
export const REFUSAL_REASONS = [
  "too_large",
  "segment_unknown",
  "receipt_unknown",
  "withdrawn",
  "grant_lapsed",
  "policy_unknown",
  "programme_ended",
  "window_closed",
  "stopped",
  "wrong_recipient",
  "app_not_allowed",
  "signal_not_granted",
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/**
 * What the device does after the connection closed: come back soon with back-off, come back after a long one, start a
 * new stream, enrol again, wait for an update of the extension, or leave it to the session that took over.
 */
export type AfterClose = "soon" | "later" | "new_stream" | "enrol" | "upgrade" | "superseded";

const AFTER_CLOSE: Readonly<Record<number, AfterClose>> = {
  1003: "upgrade",
  1009: "upgrade",
  4400: "later",
  4401: "later",
  4403: "enrol",
  4409: "superseded",
  4422: "later",
  4424: "new_stream",
  4426: "upgrade",
};

/** What to do after a close code; codes that the table does not name come back soon. */
export function afterClose(code: number): AfterClose {
  return AFTER_CLOSE[code] ?? "soon";
}
