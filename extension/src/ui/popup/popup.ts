/**
 * The popup: what happens in this tab now, and how to stop it.
 *
 * Shows what the worker says and nothing it hopes; every second again.
 */

import { askWorker } from "../../browser.ts";
import type { PageReply, PopupState } from "../../shared/internal.ts";
import { byId, h, onPress, say } from "../shared/dom.ts";
import { text } from "../shared/text.ts";
import { dotsOf } from "./dots.ts";
import { markOf } from "./mark.ts";
import { eventsInWords, sentencesOf } from "./sentence.ts";

const EVERY_MS = 1_000;
const NOT_ENROLLED = new Set([
  "not_enrolled",
  "declined",
  "withdrawn",
  "enrolment_lost",
  "storage_lost",
  "storage_failed",
]);
/** Reasons under which only an enrolment string leads on. */
const NEED_A_STRING = new Set(["not_enrolled", "enrolment_lost", "storage_lost"]);
const words = text.popup;

document.documentElement.lang = text.language;
document.title = words.title;

const demo = h("p", { class: "demo" }, words.demo);
const mark = h("span", {});
const word = h("h1", { id: "state", "aria-live": "polite" });
const said = h("p", { id: "said" });
const next = h("p", { id: "next", class: "soft", "aria-live": "polite" });
const dots = h("div", {});
const dotsPlace = h("dd", {}, dots);
const tenHeading = h("dt", {}, words.lastTen);
const ten = h("dd", { class: "number", id: "ten" });
const sent = h("dd", { class: "number", id: "sent" });
const waiting = h("dd", { class: "number", id: "waiting" });
const cost = h("p", { class: "number small soft", id: "cost" });
const figures = h(
  "div",
  { class: "figures" },
  h(
    "dl",
    {},
    tenHeading,
    ten,
    dotsPlace,
    h("dt", {}, words.sent),
    sent,
    h("dt", {}, words.waiting),
    waiting,
  ),
  cost,
);
const pauseSite = h("button", { type: "button", id: "pause-site" }, words.pauseSite);
const pauseHour = h("button", { type: "button", id: "pause-hour" }, words.pauseHour);
const pauseAll = h("button", { type: "button", id: "pause-all" }, words.pauseAll);
const pauses = h(
  "div",
  { role: "group", "aria-labelledby": "pause-heading" },
  h("h2", { id: "pause-heading" }, words.pause),
  h("div", { class: "pauses" }, pauseSite, pauseHour, pauseAll),
);
const resume = h("button", { type: "button", id: "resume" }, words.resume);
const goOn = h("button", { type: "button", id: "continue" }, words.goOn);
const notYou = h("button", { type: "button", id: "not-you" }, words.notYou);
const presence = h(
  "div",
  { role: "group", "aria-labelledby": "presence-heading" },
  h("h2", { id: "presence-heading" }, words.presence),
  h("div", { class: "pauses" }, notYou, goOn),
);
const representative = h("a", { id: "representative" });
const withdraw = h("a", { href: "leave.html", target: "_blank", id: "withdraw" }, words.withdraw);
const read = h("a", { href: "welcome.html", target: "_blank", id: "read" }, words.readNotice);
const copy = h("button", { type: "button", id: "copy" }, words.copy);
const copied = h("p", { class: "small", role: "status" });
const diagnostics = h("pre", { tabindex: 0, hidden: true, id: "diagnostics" });
const message = h("p", { class: "message problem", role: "status" });

byId("page").append(
  demo,
  h("div", { class: "state" }, mark, word, said, next),
  message,
  presence,
  pauses,
  resume,
  // Above the figures, since browsers show 600 px of a popup and the way out is not to be looked for.
  withdraw,
  figures,
  h("nav", { class: "links" }, representative, read),
  h(
    "details",
    {},
    h("summary", {}, words.diagnostics),
    h("p", { class: "small soft" }, words.diagnosticsSaid),
    copy,
    copied,
    diagnostics,
  ),
);

let shown = "";

function show(state: PopupState): void {
  const { said: sentence, next: step } = sentencesOf(state, Date.now());
  const isEnrolled = !NOT_ENROLLED.has(state.reason);
  const isAsked = state.reason === "presence_unasked" || state.reason === "presence_denied";
  const isPaused = state.state === "paused" && !isAsked;
  if (shown !== state.state) mark.replaceChildren(markOf(state.state));
  shown = state.state;
  // While recording the sentence holds a figure of each second, which nobody wants read aloud.
  said.setAttribute("aria-live", state.state === "recording" ? "off" : "polite");
  say(word, text.states[state.state]);
  say(said, sentence);
  say(next, step);
  say(message, "");
  demo.hidden = !state.demo;
  figures.hidden = !isEnrolled;
  // Of a page that Candor cannot see it shows no figures, not even those of an app before it.
  for (const part of [tenHeading, ten, dotsPlace, cost]) part.hidden = state.state === "not_here";
  dots.replaceChildren(dotsOf(state.dots));
  say(ten, eventsInWords(state.dots.reduce((sum, one) => sum + one, 0)));
  say(
    sent,
    state.sentBatches === 0
      ? words.nothing
      : words.sentSaid(eventsInWords(state.sentEvents), state.sentBatches),
  );
  say(
    waiting,
    state.waitingBatches === 0 ? words.nothing : words.waitingSaid(state.waitingBatches),
  );
  say(cost, words.cost(state.costMs.toFixed(state.costMs < 10 ? 1 : 0)));
  presence.hidden = !isAsked;
  notYou.hidden = state.reason !== "presence_unasked";
  pauses.hidden = !isEnrolled || isPaused || isAsked;
  pauseSite.hidden = !state.canPauseSite;
  resume.hidden = !isPaused;
  withdraw.hidden = !isEnrolled;
  say(read, NEED_A_STRING.has(state.reason) ? words.enrol : words.readNotice);
  representative.hidden = state.representative === null;
  if (state.representative !== null) {
    const { name, email } = state.representative;
    representative.href = `mailto:${email}`;
    say(representative, words.ask(name));
  }
}

/** Show what the worker answered, or why it did not do it. */
function take(reply: PageReply<PopupState>): void {
  if (reply.ok) show(reply.value);
  else say(message, text.withCode(reply.message, reply.code));
}

async function refresh(): Promise<void> {
  try {
    take(await askWorker({ kind: "state" }));
  } catch {
    say(message, text.asyncFailed);
  }
}

/** Change the pause; the focus goes to the way back. */
async function change(asked: Promise<PageReply<PopupState>>, then: HTMLElement): Promise<void> {
  try {
    take(await asked);
    if (!then.hidden) then.focus();
  } catch {
    say(message, text.asyncFailed);
  }
}

onPress(pauseSite, () => change(askWorker({ kind: "pause", scope: "site" }), resume));
onPress(pauseHour, () => change(askWorker({ kind: "pause", scope: "hour" }), resume));
onPress(pauseAll, () => change(askWorker({ kind: "pause", scope: "until_resumed" }), resume));
onPress(resume, () => change(askWorker({ kind: "resume" }), pauseHour));
onPress(goOn, () => change(askWorker({ kind: "presence", isParticipant: true }), pauseHour));
onPress(notYou, () => change(askWorker({ kind: "presence", isParticipant: false }), goOn));
onPress(copy, async () => {
  const reply = await askWorker({ kind: "diagnostics" }).catch(() => null);
  if (reply === null || !reply.ok) {
    say(copied, reply === null ? text.asyncFailed : text.withCode(reply.message, reply.code));
    return;
  }
  diagnostics.hidden = false;
  say(diagnostics, reply.value);
  try {
    await navigator.clipboard.writeText(reply.value);
    say(copied, words.copied);
  } catch {
    say(copied, words.copyFailed);
  }
});
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") window.close();
});

await refresh();
setInterval(() => void refresh(), EVERY_MS);
