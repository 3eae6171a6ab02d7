/** One card a signal: what it is, a switch for each app, a sample of one's own hand. */

import type { Policy } from "../../shared/policy.ts";
import { SIGNALS, type SignalName } from "../../shared/signals.ts";
import { h } from "../shared/dom.ts";
import { text } from "../shared/text.ts";
import { sampleOf } from "./sample.ts";

const words = text.welcome;

/** What is switched on: app number to signal names. */
export interface Choice {
  readonly app: number;
  readonly signals: SignalName[];
}

interface Switch {
  readonly app: number;
  readonly signal: SignalName;
  readonly input: HTMLInputElement;
}

/** The cards, and a way to read what is switched on. */
export interface SignalCards {
  readonly element: HTMLElement;
  readonly chosen: () => Choice[];
}

/**
 * Draw the cards.
 *
 * @param before What is granted already; everything else is off.
 * @param changed Called when a switch was moved.
 */
export function signalCards(
  policy: Policy,
  before: readonly Choice[],
  changed: () => void,
): SignalCards {
  const switches: Switch[] = [];
  const wasOn = (app: number, signal: SignalName): boolean =>
    before.some((one) => one.app === app && one.signals.includes(signal));
  const cards = SIGNALS.flatMap((signal) => {
    const apps = policy.apps.filter(({ signals }) => signals.includes(signal));
    if (apps.length === 0) return [];
    const { name, what, not } = text.signals[signal];
    const rows = apps.map(({ app, name: appName }) => {
      const id = `switch-${signal}-${app}`;
      const input = h("input", { type: "checkbox", role: "switch", id, change: changed });
      input.checked = wasOn(app, signal);
      switches.push({ app, signal, input });
      return h(
        "label",
        { class: "switch", for: id },
        input,
        h("span", {}, words.switchIn(appName), h("span", { class: "hidden" }, ` (${name})`)),
      );
    });
    return [
      h(
        "article",
        { class: "panel", "aria-label": name },
        h("h3", {}, name),
        h("p", {}, what),
        h("p", { class: "soft" }, not),
        ...(signal === "navigation"
          ? [h("div", { class: "controls" }, h("div", { class: "switches" }, ...rows))]
          : sampleOf(signal, h("div", { class: "switches" }, ...rows))),
      ),
    ];
  });
  return {
    element: h("div", {}, ...cards),
    chosen: () =>
      policy.apps.flatMap(({ app }) => {
        const signals = switches
          .filter((one) => one.app === app && one.input.checked)
          .map((one) => one.signal);
        return signals.length > 0 ? [{ app, signals }] : [];
      }),
  };
}
