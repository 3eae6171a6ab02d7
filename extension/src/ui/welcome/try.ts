/**
 * "Try to catch it": a box that is recorded with every signal, beside it the numbers that would be sent.
 *
 * The numbers come from the shipped capture modules and the shipped encoder, before sealing; nothing leaves the page.
 */

import { AMID } from "../../content/codes.ts";
import { record } from "../../content/recorder.ts";
import { COLUMN_RULES, encodeColumns, keepSignals } from "../../shared/columns.ts";
import type { CapturedColumns } from "../../shared/internal.ts";
import { ALL_SIGNALS, groupSignals, SIGNALS, type SignalName } from "../../shared/signals.ts";
import { h, say } from "../shared/dom.ts";
import { count } from "../shared/format.ts";
import { text } from "../shared/text.ts";
import { inWords, rowsOf } from "./rows_in_words.ts";
import { configFor } from "./sample.ts";
import { countInBytes, countInColumns, SHORTEST } from "./search.ts";

const EVERY_MS = 1_000;
const SHOWN_ROWS = 5;
const SHOWN_WORDS = 14;
/** About ten minutes of busy hands; the oldest is let go of. */
const MOST_FLUSHES = 600;
const words = text.welcome;

interface Flush {
  readonly columns: CapturedColumns;
  /** Plaintexts as they would be sealed, one a group. */
  readonly plaintexts: readonly Uint8Array[];
}

/** Encode as the worker does before it seals: key timing apart from the rest. */
function encodeFlush(columns: CapturedColumns, document: number): Flush {
  const plaintexts = ([0, 1] as const).flatMap((group) => {
    const signals = groupSignals(group);
    const kept = keepSignals(columns, signals);
    return kept === null ? [] : [encodeColumns({ app: 1, group, signals, document, ...kept })];
  });
  return { columns, plaintexts };
}

/** The newest columns of each signal. */
function tablesOf(newest: ReadonlyMap<SignalName, CapturedColumns>): HTMLElement {
  const tables = SIGNALS.flatMap((signal) => {
    const list = newest.get(signal)?.[signal] ?? null;
    if (list === null) return [];
    const rows = rowsOf(list).slice(-SHOWN_ROWS);
    const names = COLUMN_RULES[signal].map(({ name }) => h("th", { scope: "col" }, name));
    return [
      h(
        "table",
        {},
        h("caption", {}, text.signals[signal].name),
        h("thead", {}, h("tr", {}, ...names)),
        h(
          "tbody",
          {},
          ...rows.map((row) => h("tr", {}, ...row.map((value) => h("td", {}, String(value))))),
        ),
      ),
    ];
  });
  return h("div", { class: "tables scroller" }, ...tables);
}

/** Draw the box and start it. */
export function tryToCatchIt(): HTMLElement {
  const secret = h("input", {
    type: "text",
    id: "try-secret",
    autocomplete: "off",
    spellcheck: "false",
  });
  const password = h("input", { type: "password", id: "try-password", autocomplete: "off" });
  const notes = h("textarea", { id: "try-notes", rows: 3, spellcheck: "false" });
  const box = h(
    "div",
    { class: "panel box", role: "group", "aria-label": words.tryArea },
    h("label", { for: "try-secret" }, words.trySecret),
    secret,
    h("label", { for: "try-password" }, words.tryPassword),
    password,
    h("label", { for: "try-notes" }, words.tryNotes),
    notes,
    h(
      "p",
      {},
      h("button", { type: "button" }, words.tryButton),
      " ",
      h("a", { href: "#try" }, words.tryLink),
    ),
  );
  const found = h("p", { class: "found number", "aria-live": "polite", "data-found": "" });
  const how = h("p", { class: "soft small" }, words.tryFoundHow);
  const size = h("p", { class: "soft small number" });
  const numbers = h("div", {}, h("p", { class: "soft" }, words.tryEmpty));
  const list = h("ul", { class: "mono rows" });

  const flushes: Flush[] = [];
  const newest = new Map<SignalName, CapturedColumns>();
  const said: string[] = [];
  const document32 = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  const recorder = record(box, configFor(ALL_SIGNALS), AMID, { costMs: 0, lost: 0 }, () => {});

  const search = (): void => {
    const secrets = [secret.value, password.value, notes.value].filter(
      (value) => [...value].length >= SHORTEST,
    );
    if (secrets.length === 0) {
      found.removeAttribute("data-found");
      say(found, words.tryShort);
      return;
    }
    const hits = secrets.reduce(
      (sum, value) =>
        sum +
        flushes.reduce(
          (inFlush, { columns, plaintexts }) =>
            inFlush +
            countInColumns(columns, value) +
            plaintexts.reduce((inBytes, bytes) => inBytes + countInBytes(bytes, value), 0),
          0,
        ),
      0,
    );
    found.setAttribute("data-found", String(hits));
    found.classList.toggle("danger", hits > 0);
    say(
      found,
      hits === 0 ? words.tryFound("0") : `${words.tryFound(count(hits))}. ${words.tryWarn}`,
    );
  };
  const look = (): void => {
    const { columns } = recorder.take(false);
    if (columns !== null) {
      const flush = encodeFlush(columns, document32);
      flushes.push(flush);
      if (flushes.length > MOST_FLUSHES) flushes.shift();
      const bytes = (one: Flush): number =>
        one.plaintexts.reduce((sum, { length }) => sum + length, 0);
      const total = flushes.reduce((sum, one) => sum + bytes(one), 0);
      say(size, words.tryFlush(count(bytes(flush)), count(total)));
      for (const signal of SIGNALS) if (columns[signal] !== null) newest.set(signal, columns);
      numbers.replaceChildren(tablesOf(newest));
      said.push(...inWords(columns));
      said.splice(0, Math.max(0, said.length - SHOWN_WORDS));
      list.replaceChildren(...said.map((row) => h("li", {}, row)));
    }
    search();
  };
  look();
  setInterval(look, EVERY_MS);
  return h(
    "section",
    { id: "try", class: "no-print" },
    h("h2", {}, words.tryHeading),
    h("p", {}, words.tryLead),
    h("p", { class: "soft small" }, words.trySignals),
    h(
      "div",
      { class: "beside" },
      h("div", {}, h("h3", {}, words.tryArea), box, found, how),
      h("div", {}, h("h3", {}, words.tryNumbers), size, numbers, h("h3", {}, words.tryWords), list),
    ),
  );
}
