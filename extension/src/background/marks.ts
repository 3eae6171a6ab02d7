/**
 * The mark in the toolbar: shape, word and colour of each tab's state.
 *
 * Owns what is shown there and when it is renewed; the state itself comes from `state.ts`.
 */

import { type Mark, showMark, type Tab, tabsUnder } from "../browser.ts";
import type { StateName } from "../shared/internal.ts";
import { type StateParts, stateOf } from "./state.ts";

const RENEW_MS = 300;

const MARKS: Readonly<Record<StateName, Mark>> = {
  recording: { icon: "recording", text: "on", colour: "#a4133c", title: "Candor: recording" },
  paused: { icon: "paused", text: "❚❚", colour: "#5c4d00", title: "Candor: paused" },
  off: { icon: "off", text: "", colour: "#4a4a4a", title: "Candor: off" },
  waiting: { icon: "waiting", text: "…", colour: "#4a4a4a", title: "Candor: waiting to send" },
  not_here: { icon: "elsewhere", text: "", colour: "#4a4a4a", title: "Candor: not here" },
  problem: { icon: "problem", text: "!", colour: "#8a2b00", title: "Candor: problem" },
};

/** Shown for reasons that ask something of the person. */
const ASKING: Partial<Record<string, Mark>> = {
  presence_unasked: { ...MARKS.paused, text: "?", title: "Candor: paused, asks whether it is you" },
};

/** Show that the worker cannot begin. */
export function showBroken(): Promise<void> {
  return showMark(MARKS.problem, null);
}

export class Marks {
  readonly #parts: StateParts;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #shown = new Map<number | null, Mark>();

  constructor(parts: StateParts) {
    this.#parts = parts;
  }

  /** Renew all marks soon. */
  renew(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.#renew();
    }, RENEW_MS);
  }

  /** A tab went to another address, by which the browser drops its mark. */
  moved(tab: Tab): void {
    this.#shown.delete(tab.id);
    this.renew();
  }

  async #renew(): Promise<void> {
    const now = Date.now();
    const origins = this.#parts.standing.apps.flatMap((app) => app.origins);
    const tabs = await tabsUnder(origins);
    await this.#show(null, null, now);
    for (const tab of tabs) await this.#show(tab.id, tab, now);
    const open = new Set<number | null>([null, ...tabs.map(({ id }) => id)]);
    const gone = [...this.#shown.keys()].filter((id) => !open.has(id));
    for (const id of gone) await this.#show(id, null, now);
    for (const id of gone) this.#shown.delete(id);
  }

  async #show(id: number | null, tab: Tab | null, now: number): Promise<void> {
    const { state, reason } = stateOf(tab, this.#parts, now);
    const mark = ASKING[reason] ?? MARKS[state];
    if (this.#shown.get(id) === mark) return;
    this.#shown.set(id, mark);
    await showMark(mark, id);
  }
}
