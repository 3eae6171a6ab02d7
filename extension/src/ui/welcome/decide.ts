/** The two equal buttons, and what they do. */

import { asksAboutData, askWorker, requestOrigins } from "../../browser.ts";
import type { Policy } from "../../shared/policy.ts";
import { h, say } from "../shared/dom.ts";
import { and, dayAt, listed } from "../shared/format.ts";
import { text } from "../shared/text.ts";
import type { Choice, SignalCards } from "./signals.ts";

const NOT_AGAIN_MS = 90 * 86_400_000;
const words = text.welcome;

/** What was chosen, in words. */
export function choiceInWords(policy: Policy, choices: readonly Choice[]): string {
  return listed(
    choices.map(({ app, signals }) => {
      const name = policy.apps.find((one) => one.app === app)?.name ?? "";
      return words.chosenApp(name, and(signals.map((signal) => text.signals[signal].short)));
    }),
  );
}

/**
 * Draw the decision.
 *
 * @param isAgreed Whether there is an agreement already.
 */
export function decision(
  policy: Policy,
  cards: SignalCards,
): { readonly element: HTMLElement; readonly changed: () => void } {
  const chosen = h("p", { id: "chosen", "aria-live": "polite" });
  const message = h("p", { class: "message", role: "status" });
  const receipt = h("p", { class: "mono", translate: "no" });
  const yes = h("button", { type: "button", id: "yes" }, words.yes);
  const no = h("button", { type: "button", id: "no" }, words.no);
  const asked = h("p", { id: "asked" });
  let busy = false;

  const tell = (said: string, kind: "" | "problem" | "done" = ""): void => {
    message.className = `message ${kind}`;
    say(message, said);
  };
  const changed = (): void => {
    const choices = cards.chosen();
    const apps = policy.apps.filter(
      ({ app }) => choices.length === 0 || choices.some((choice) => choice.app === app),
    );
    const hosts = and(apps.flatMap(({ origins }) => origins.map((one) => new URL(one).host)));
    const more = asksAboutData() ? ` ${words.decideYesFirefox}` : "";
    say(asked, words.decideYes(hosts) + more);
    tell("");
    say(
      chosen,
      choices.length === 0 ? words.chosenNone : words.chosen(choiceInWords(policy, choices)),
    );
  };
  /** Run one decision at a time; both buttons wait alike. */
  const run = async (work: () => Promise<void>): Promise<void> => {
    if (busy) return;
    busy = true;
    for (const button of [yes, no]) button.setAttribute("aria-busy", "true");
    try {
      await work();
    } catch {
      tell(text.asyncFailed, "problem");
    }
    for (const button of [yes, no]) button.removeAttribute("aria-busy");
    busy = false;
  };
  const agree = async (choices: Choice[], allowed: Promise<boolean>): Promise<void> => {
    if (!(await allowed)) {
      tell(words.refused, "problem");
      return;
    }
    tell(words.saving);
    const reply = await askWorker({ kind: "grant", grants: choices });
    if (!reply.ok) {
      tell(text.withCode(reply.message, reply.code), "problem");
      return;
    }
    tell(words.done(choiceInWords(policy, choices)), "done");
    say(receipt, reply.value.receipt);
  };
  yes.addEventListener("click", () => {
    const choices = cards.chosen();
    if (choices.length === 0) {
      tell(words.nothingOn, "problem");
      return;
    }
    const apps = policy.apps.filter(({ app }) => choices.some((choice) => choice.app === app));
    // The browser shows its question only if it is asked here, inside the click.
    const allowed = busy
      ? Promise.resolve(false)
      : requestOrigins(apps.flatMap(({ origins }) => origins));
    void run(() => agree(choices, allowed));
  });
  no.addEventListener("click", () => {
    void run(async () => {
      tell(words.saving);
      const reply = await askWorker({ kind: "decline" });
      if (reply.ok) tell(words.declined(dayAt(reply.value.askAgainAfter)), "done");
      else tell(text.withCode(reply.message, reply.code), "problem");
      say(receipt, "");
    });
  });
  changed();
  return {
    element: h(
      "section",
      { id: "decide" },
      h("h2", {}, words.decideHeading),
      chosen,
      asked,
      h("p", {}, words.decideNo(dayAt(Date.now() + NOT_AGAIN_MS))),
      h("div", { class: "choices" }, yes, no),
      message,
      receipt,
    ),
    changed,
  };
}
