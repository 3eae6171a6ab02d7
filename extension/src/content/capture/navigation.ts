/**
 * Navigation: coming to a place, moving within the app, leaving; as kinds and durations, never as addresses.
 *
 * Only the tab's own frame tells. Of excluded places nothing is told but that a recorded one was left.
 */

import { type Area, type Signal, tickOf } from "../area.ts";
import { LEAVE, LOAD, RESTORED, WITHIN } from "../codes.ts";
import { MAX_STAY } from "../limits.ts";
import { isTop } from "../place.ts";
import { addRow, clamp, noRows } from "../rows.ts";

/** How this frame came to be recorded: a fresh load, back from the browser's cache, or amid its life. */
export type Arrival = "load" | "restored" | "amid";

export function navigation(area: Area, arrival: Arrival): Signal {
  const rows = noRows(area.tally);
  if (!isTop) return { rows };
  const { app, fromApp, fromDwell } = area.config;
  /** Since when the present place is looked at; undefined while it is an excluded one. */
  let since: number | undefined;
  const record = (tick: number, kind: number, from: number, dwell: number): void => {
    addRow(rows, tick, kind, from, 0, 0, clamp(dwell, 0, MAX_STAY));
    area.due();
  };
  const leave = (tick: number): void => {
    if (since !== undefined) record(tick, LEAVE, app, tick - since);
    since = undefined;
  };
  const now = (): number => tickOf(performance.now());

  if (area.isOpen()) {
    since = now();
    if (arrival !== "amid") {
      record(since, arrival === "load" ? LOAD : RESTORED, fromApp, fromApp === 0 ? 0 : fromDwell);
    }
  }
  area.onAny(window.navigation, "currententrychange", (event) => {
    const tick = tickOf(event.timeStamp);
    if (!area.isOpen()) return leave(tick);
    record(tick, WITHIN, since === undefined ? 0 : app, since === undefined ? 0 : tick - since);
    since = tick;
  });
  area.onAny(window, "pagehide", (event) => leave(tickOf(event.timeStamp)));
  return { rows };
}
