/**
 * Where input is listened for, and the guards that every event passes first.
 *
 * A signal sees an event only if a person made it, where recording is open, outside of sensitive fields and marked
 * regions. Handlers are timed, never throw into the page, and never change what it does.
 */

import type { CaptureConfig } from "../shared/internal.ts";
import type { Path } from "./element.ts";
import { isOpen } from "./place.ts";
import { visiblePath } from "./privacy.ts";
import type { Tally } from "./rows.ts";

type Events = HTMLElementEventMap & WindowEventMap;

/**
 * Finish what time has finished; when leaving, everything.
 *
 * @returns Something true if anything is still unfinished.
 */
export type Settle = (now: number, leaving: boolean) => unknown;

export interface Area {
  readonly config: CaptureConfig;
  /** The window, or a sample on one of Candor's own pages. */
  readonly root: EventTarget;
  /** Tell whether recording is open at this moment. */
  isOpen(): boolean;
  /** The elements an event passes; null if it must give nothing. Only while it is dispatched. */
  pathOf(event: Event): Path | null;
  /** Listen to input that passes all guards. */
  on<K extends keyof Events>(
    type: K,
    handler: (event: Events[K], path: Path, tick: number) => void,
  ): void;
  /** Listen to what a person or the browser made, without the other guards: to what tells nothing about a place in the page. */
  onAny<E extends Event>(
    target: EventTarget,
    type: string,
    handler: (event: E, tick: number) => void,
  ): void;
  /** Run something on the page's thread: timed, and without ever failing into it. */
  run(work: () => void): void;
  /** Aborted when recording stops. */
  readonly stopped: AbortSignal;
}

/** Ticks of 10 ms since 1970: of an event, or now. */
export function tickOf(timeStamp = performance.now()): number {
  return Math.floor((performance.timeOrigin + timeStamp) / 10);
}

/**
 * Listen to a part of a page.
 *
 * @param closed Called when the place turns into an excluded one.
 */
export function openArea(
  root: EventTarget,
  config: CaptureConfig,
  tally: Tally,
  stopped: AbortSignal,
  closed: () => void,
): Area {
  const paths = new WeakMap<Event, Path | null>();
  let wasOpen = false;
  const area: Area = {
    config,
    root,
    stopped,
    isOpen() {
      const open = isOpen(config.excludedPaths);
      if (wasOpen && !open) closed();
      wasOpen = open;
      return open;
    },
    pathOf(event) {
      let path = paths.get(event);
      if (path === undefined) {
        path = area.isOpen() ? visiblePath(event) : null;
        paths.set(event, path);
      }
      return path;
    },
    on(type, handler) {
      area.onAny<Events[typeof type]>(root, type, (event, tick) => {
        const path = area.pathOf(event);
        if (path) handler(event, path, tick);
      });
    },
    onAny(target, type, handler) {
      target.addEventListener(
        type,
        (event) => {
          if (event.isTrusted) area.run(() => handler(event as never, tickOf(event.timeStamp)));
        },
        {
          capture: true,
          passive: true,
          signal: stopped,
        },
      );
    },
    run(work) {
      const begin = performance.now();
      try {
        work();
      } catch {
        tally.lost += 1;
      }
      tally.costMs += performance.now() - begin;
    },
  };
  return area;
}
