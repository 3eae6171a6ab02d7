/**
 * The first-run page: from an enrolment string to a decision, in one scroll.
 *
 * Shows only what the worker verified; says yes or no for the person, never by itself.
 */

import { askWorker } from "../../browser.ts";
import type { Offer } from "../../shared/internal.ts";
import type { Policy } from "../../shared/policy.ts";
import { byId, h, onPress, say } from "../shared/dom.ts";
import { text } from "../shared/text.ts";
import { decision } from "./decide.ts";
import {
  howLong,
  howToStop,
  inShort,
  neverRecorded,
  whereOf,
  whoAsks,
  whoCanRead,
  wholeNotice,
} from "./notice.ts";
import { type Choice, signalCards } from "./signals.ts";
import { tryToCatchIt } from "./try.ts";

const words = text.welcome;
const page = byId("page");
document.documentElement.lang = text.language;
document.title = words.title;

/** Show an offer, with the switches of an earlier agreement if there is one. */
function show(offer: Offer, before: readonly Choice[], said: string): void {
  const policy = offer.policy as Policy;
  const cards = signalCards(policy, before, () => decide.changed());
  const decide = decision(policy, cards);
  const mark = { none: "", demo: words.demo, simulation: words.simulation }[policy.mark];
  const parts: (HTMLElement | false)[] = [
    h("h1", { tabindex: -1, id: "top" }, words.heading),
    h("p", {}, words.lead),
    mark !== "" && h("p", { class: "message problem" }, mark),
    h("p", { class: "message done" }, said),
    inShort(policy),
    whoAsks(policy),
    h(
      "section",
      { id: "what" },
      h("h2", {}, words.whatHeading),
      h("p", {}, words.where),
      whereOf(policy),
      h("p", {}, words.whatLead),
      cards.element,
    ),
    tryToCatchIt(),
    neverRecorded(),
    whoCanRead(policy, offer),
    howLong(policy),
    howToStop(),
    wholeNotice(policy, offer),
    decide.element,
  ];
  page.replaceChildren(...parts.filter((part) => part !== false));
  byId("top").focus({ preventScroll: true });
}

/** Ask for the enrolment string. */
function askForString(): void {
  const field = h("textarea", {
    id: "enrolment",
    rows: 4,
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "enrolment-help",
  });
  const message = h("p", { class: "message", role: "status" });
  const read = h("button", { type: "submit" }, words.read);
  const form = h(
    "form",
    {},
    h("label", { for: "enrolment" }, words.paste),
    h("p", { class: "soft", id: "enrolment-help" }, words.pasteHelp),
    field,
    read,
    message,
  );
  const tell = (said: string, kind: "" | "problem"): void => {
    message.className = `message ${kind}`;
    say(message, said);
  };
  onPress(read, async () => {
    const enrolment = field.value.trim();
    if (enrolment === "") {
      tell(words.pasteFirst, "problem");
      field.focus();
      return;
    }
    tell(words.reading, "");
    try {
      const reply = await askWorker({ kind: "offer", enrolment });
      if (reply.ok) show(reply.value, [], words.checked);
      else tell(text.withCode(reply.message, reply.code), "problem");
    } catch {
      tell(text.asyncFailed, "problem");
    }
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  page.replaceChildren(h("h1", {}, words.heading), h("p", {}, words.lead), form);
  // A link may bring the string along; it is taken out of the address at once.
  if (location.hash.startsWith("#candor")) {
    field.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, "", location.pathname);
  }
}

async function open(): Promise<void> {
  const reply = await askWorker({ kind: "agreement" });
  if (reply.ok && reply.value !== null) {
    const grants = reply.value.grants as Choice[];
    show(reply.value.offer, grants, grants.length > 0 ? words.agreedBefore : words.declinedBefore);
  } else {
    askForString();
  }
}

void open().catch(askForString);
