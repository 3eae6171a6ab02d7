/** Ten seconds of one signal on a small area of this page, by the very modules that would record. */

import { AMID } from "../../content/codes.ts";
import { type Recorder, record } from "../../content/recorder.ts";
import type { CaptureConfig } from "../../shared/internal.ts";
import { bitOf, type SignalName } from "../../shared/signals.ts";
import { h, say } from "../shared/dom.ts";
import { count } from "../shared/format.ts";
import { text } from "../shared/text.ts";
import { inWords } from "./rows_in_words.ts";

const SECONDS = 10;
const SHOWN = 12;
const words = text.welcome;

/** What the content script would be told, for an area of this page. */
export function configFor(signals: number): CaptureConfig {
  return { app: 1, signals, excludedPaths: [], fromApp: 0, fromDwell: 0 };
}

/** Things to point at, click, type into and scroll. */
function ground(signal: SignalName): HTMLElement {
  const lines = Array.from({ length: 30 }, (_, at) => h("li", {}, words.sampleList(at + 1)));
  const field = h("input", { type: "text", "aria-label": words.sampleField, autocomplete: "off" });
  const isTyping = signal === "typing" || signal === "key_timing";
  return h(
    "div",
    { class: "ground" },
    h("p", { class: "soft" }, text.signals[signal].sample),
    isTyping && field,
    signal === "scroll" && h("ul", { class: "list", tabindex: 0 }, ...lines),
    !isTyping &&
      signal !== "scroll" &&
      h(
        "p",
        {},
        h("button", { type: "button" }, words.sampleButton),
        " ",
        h("a", { href: "#what" }, words.sampleLink),
      ),
  );
}

/**
 * A button that runs the sample, and the place where it happens.
 *
 * @param switches What stands beside the button.
 */
export function sampleOf(signal: SignalName, switches: HTMLElement): HTMLElement[] {
  const place = h("div", { class: "sample" });
  const said = h("p", { class: "soft number said" });
  const list = h("ul", { class: "mono rows" });
  const button = h("button", { type: "button" }, words.showSample);
  let recorder: Recorder | undefined;

  const start = (): void => {
    recorder?.stop();
    const area = ground(signal);
    place.replaceChildren(area);
    list.replaceChildren();
    const rows: string[] = [];
    const running = record(area, configFor(bitOf(signal)), AMID, { costMs: 0, lost: 0 }, () => {});
    recorder = running;
    const take = (leaving: boolean): void => {
      const { columns } = running.take(leaving);
      if (columns !== null) rows.push(...inWords(columns));
      list.replaceChildren(...rows.slice(-SHOWN).map((row) => h("li", {}, row)));
    };
    let left = SECONDS;
    say(said, words.sampleLeft(left));
    const timer = setInterval(() => {
      if (recorder !== running) {
        clearInterval(timer);
        return;
      }
      left -= 1;
      take(left === 0);
      if (left > 0) {
        say(said, words.sampleLeft(left));
        return;
      }
      clearInterval(timer);
      running.stop();
      const more = rows.length - SHOWN;
      said.setAttribute("role", "status");
      say(said, rows.length === 0 ? words.sampleNothing : words.sampleDone);
      if (more > 0) list.append(h("li", {}, words.sampleMore(count(more))));
    }, 1_000);
    area.querySelector<HTMLElement>("input, .list")?.focus();
  };
  button.addEventListener("click", start);
  return [
    h("div", { class: "controls" }, switches, button),
    h("div", { class: "no-print" }, place, said, list),
  ];
}
