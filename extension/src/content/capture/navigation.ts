/**
 * Navigation: coming to a place, moving within the app, leaving; as kinds and durations, never as addresses.
 *
 * Only the tab's own frame tells. Of excluded places nothing is told but that a recorded one was left.
 */

import { type Area, type Signal, tickOf } from "../area.ts";
import { AMID, LEAVE, type LOAD, type RESTORED, WITHIN } from "../codes.ts";
import { MAX_STAY } from "../limits.ts";
import { isTop } from "../place.ts";
import { addRow, clamp, noRows } from "../rows.ts";

/** How this frame came to be recorded: a fresh load, back from the browser's cache, or amid its life. */
export type Arrival = typeof LOAD | typeof RESTORED | typeof AMID;

export function navigation(area: Area, arrival: Arrival): Signal {
  const rows = noRows(area.tally);
  if (!isTop) return { rows };
  const { app, fromApp, fromDwell } = area.config;
  /** Since when the present place is looked at; undefined while it is an excluded one. */
  let since: number | undefined;
  const arrive = (tick: number, kind: number, from: number, dwell: number): void => {
    addRow(rows, tick, kind, from, 0, 0, clamp(dwell, 0, MAX_STAY));
    since = tick;
    area.due();
  };
  const leave = (tick: number): void => {
    if (since !== undefined) arrive(tick, LEAVE, app, tick - since);
    since = undefined;
  };

  if (area.isOpen()) {
    since = tickOf(performance.now());
    if (arrival !== AMID) arrive(since, arrival, fromApp, fromDwell);
  }
  area.onAny(
    window.navigation,
    "currententrychange",
    (event: NavigationCurrentEntryChangeEvent) => {
      const tick = tickOf(event.timeStamp);
      if (!area.isOpen()) leave(tick);
      else if (since === undefined) arrive(tick, WITHIN, 0, 0);
      else if (event.from.url !== window.navigation.currentEntry?.url) {
        arrive(tick, WITHIN, app, tick - since);
      }
    },
  );
  return {
    rows,
    // Recording that ends here, as by a pause, is a leave as well.
    settle: (tick, leaving) => {
      if (leaving) leave(tick);
      return false;
    },
  };
}
