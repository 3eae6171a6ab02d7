/**
 * Navigation: coming to a place, moving within the app, leaving; as kinds and durations, never as addresses.
 *
 * Only the tab's own frame tells. What a page does without a person having done anything just before is not told: it
 * could tell anything. Of excluded places nothing is told but that a recorded one was left.
 */

import { type Area, type Settle, tickOf } from "../area.ts";
import { AMID, LEAVE, type LOAD, type RESTORED, WITHIN } from "../codes.ts";
import { MAX_STAY } from "../limits.ts";
import { isTop } from "../place.ts";
import { addRow, clamp, type Rows } from "../rows.ts";

/** How this frame came to be recorded: a fresh load, back from the browser's cache, or amid its life. */
export type Arrival = typeof LOAD | typeof RESTORED | typeof AMID;

export function navigation(area: Area, rows: Rows, arrival: Arrival): Settle | undefined {
  if (!isTop) return undefined;
  const { app, fromApp, fromDwell } = area.config;
  /** Since when the present place is looked at; undefined while it is an excluded one. */
  let since: number | undefined;
  const arrive = (tick: number, kind: number, from: number, dwell: number): void => {
    addRow(rows, tick, kind, from, 0, 0, clamp(dwell, 0, MAX_STAY));
    since = tick;
  };
  const leave = (tick: number): void => {
    if (since !== undefined) arrive(tick, LEAVE, app, tick - since);
    since = undefined;
  };

  if (area.isOpen()) {
    since = tickOf();
    if (arrival !== AMID) arrive(since, arrival, fromApp, fromDwell);
  }
  const { navigation } = window;
  area.onAny(navigation, "currententrychange", (event: NavigationCurrentEntryChangeEvent, tick) => {
    if (!area.isOpen()) leave(tick);
    else if (navigator.userActivation.isActive && event.from.url !== navigation.currentEntry?.url) {
      arrive(tick, WITHIN, since ? app : 0, tick - (since ?? tick));
    }
  });
  // Recording that ends here, as by a pause, is a leave as well.
  return (tick, leaving) => leaving && leave(tick);
}
