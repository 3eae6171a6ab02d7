/**
 * The signals of one frame under one configuration, and what they recorded, as columns.
 *
 * Candor's own first-run page runs the same recorder over a sample of itself.
 */

import type { CaptureConfig, CapturedColumns } from "../shared/internal.ts";
import { SIGNALS } from "../shared/signals.ts";
import { type Area, openArea, type Settle, tickOf } from "./area.ts";
import { attention } from "./capture/attention.ts";
import { click } from "./capture/click.ts";
import { hover } from "./capture/hover.ts";
import { keyTiming } from "./capture/key_timing.ts";
import { type Arrival, navigation } from "./capture/navigation.ts";
import { pointer } from "./capture/pointer.ts";
import { scroll } from "./capture/scroll.ts";
import { typing } from "./capture/typing.ts";
import { NEVER } from "./limits.ts";
import { remember } from "./privacy.ts";
import { firstTick, noRows, type Rows, type Tally, takeColumns } from "./rows.ts";

/** How each signal starts, and what finishes what it left open, in the order of `SIGNALS` and of their bits. */
const STARTS: readonly ((area: Area, rows: Rows, arrival: Arrival) => Settle | undefined)[] = [
  pointer,
  click,
  hover,
  typing,
  keyTiming,
  scroll,
  attention,
  navigation,
];

/** What one flush holds. */
export interface Taken {
  /** Null if nothing was recorded. */
  readonly columns: CapturedColumns | null;
  /** Whether something is not finished yet: ask again within a second. */
  readonly more: boolean;
}

export interface Recorder {
  /**
   * Take out what is ready.
   *
   * @param leaving True if nothing more will come: what is unfinished is finished now.
   */
  take(leaving: boolean): Taken;
  /** Stop recording; what was not taken is forgotten. */
  stop(): void;
}

/**
 * Start recording at once.
 *
 * @param root The window, or a sample on one of Candor's own pages.
 * @param tally Where to add what recording costs.
 * @param due Called whenever there is something to take.
 */
export function record(
  root: EventTarget,
  config: CaptureConfig,
  arrival: Arrival,
  tally: Tally,
  due: () => void,
): Recorder {
  const listening = new AbortController();
  const area = openArea(root, config, tally, listening.signal, () => settle(true));
  const signals = STARTS.map(() => noRows(tally, due));
  let settles: (Settle | undefined)[] = [];

  function settle(leaving: boolean): boolean {
    const now = tickOf();
    return settles.filter((one) => one?.(now, leaving)).length > 0;
  }

  area.run(() => {
    settles = signals.map((rows, at) =>
      (config.signals >> at) & 1 ? STARTS[at]?.(area, rows, arrival) : undefined,
    );
  });
  return {
    take(leaving) {
      let more = false;
      let columns: CapturedColumns | null = null;
      area.run(() => {
        remember(document);
        more = settle(leaving);
        const t0 = Math.min(...signals.map(firstTick));
        if (t0 < NEVER) {
          const taken = signals.map((rows, at) => [SIGNALS[at], takeColumns(rows, t0, at === 0)]);
          columns = { t0, route: 0, ...Object.fromEntries(taken) };
        }
        more ||= signals.some(({ all }) => all.length > 0);
      });
      return { columns, more };
    },
    stop: () => listening.abort(),
  };
}
