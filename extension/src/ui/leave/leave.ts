/** The page to withdraw on: consequences first, then two equal buttons, then what is confirmed and what is not. */

import { askWorker } from "../../browser.ts";
import { byId, h, say } from "../shared/dom.ts";
import { timeAt } from "../shared/format.ts";
import { text } from "../shared/text.ts";

const CHECK_AGAIN_MS = 5_000;
const words = text.leave;

document.documentElement.lang = text.language;
document.title = words.title;

const withdraw = h("button", { type: "button", id: "withdraw" }, words.withdraw);
const stay = h("button", { type: "button", id: "stay" }, words.stay);
const choices = h("div", { class: "choices" }, withdraw, stay);
const stopped = h("p", { class: "message", role: "status", id: "stopped" });
const confirmed = h("p", { class: "message", role: "status", id: "confirmed" });

byId("page").append(
  h("h1", {}, words.heading),
  h("ul", {}, ...words.consequences.map((item) => h("li", {}, item))),
  choices,
  stopped,
  confirmed,
);

function tell(where: HTMLElement, said: string, kind: "" | "problem" | "done"): void {
  where.className = `message ${kind}`;
  say(where, said);
}

/** Stop here at once; ask again until the other side has confirmed. */
async function stop(): Promise<void> {
  const reply = await askWorker({ kind: "withdraw" });
  if (!reply.ok) {
    tell(stopped, text.withCode(reply.message, reply.code), "problem");
    return;
  }
  choices.hidden = true;
  tell(stopped, words.stopped, "done");
  if (reply.value.confirmed) {
    const now = Date.now();
    tell(confirmed, words.confirmed(timeAt(now, now)), "done");
    return;
  }
  tell(confirmed, words.unconfirmed, "");
  setTimeout(() => void press(), CHECK_AGAIN_MS);
}

async function press(): Promise<void> {
  if (withdraw.getAttribute("aria-busy") === "true") return;
  withdraw.setAttribute("aria-busy", "true");
  if (!choices.hidden) tell(stopped, words.working, "");
  try {
    await stop();
  } catch {
    tell(stopped, text.asyncFailed, "problem");
  }
  withdraw.removeAttribute("aria-busy");
}

withdraw.addEventListener("click", () => void press());
stay.addEventListener("click", () => tell(stopped, words.stayed, "done"));

const state = await askWorker({ kind: "agreement" }).catch(() => null);
if (state?.ok === true && state.value === null) {
  choices.hidden = true;
  tell(stopped, words.notEnrolled, "done");
}
