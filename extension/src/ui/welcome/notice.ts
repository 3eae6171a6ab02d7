/** The sections around the switches: who asks, who can read, how long, how to stop, the signed notice itself. */

import type { Offer } from "../../shared/internal.ts";
import type { Contact, Policy } from "../../shared/policy.ts";
import { h } from "../shared/dom.ts";
import { and, dayAfter, dayOf } from "../shared/format.ts";
import { text } from "../shared/text.ts";
import { keyInWords, twoKeys } from "./keys.ts";

const words = text.welcome;

function bullets(items: readonly string[]): HTMLElement {
  return h("ul", {}, ...items.map((item) => h("li", {}, item)));
}

function section(id: string, heading: string, ...children: (HTMLElement | null)[]): HTMLElement {
  return h("section", { id }, h("h2", {}, heading), ...children);
}

function hostOf(origin: string): string {
  return new URL(origin).host;
}

function mailTo({ name, email }: Contact): HTMLElement {
  return h("span", {}, `${name}, `, h("a", { href: `mailto:${email}` }, email));
}

/** What matters most, in four lines. */
export function inShort(policy: Policy): HTMLElement {
  const rows = words.short(
    policy.contacts.representative.name,
    and(policy.apps.map(({ name }) => name)),
  );
  return h(
    "dl",
    { class: "panel short", "aria-label": words.shortHeading },
    ...rows.flatMap(([term, said]) => [h("dt", {}, term), h("dd", {}, said)]),
  );
}

export function whoAsks(policy: Policy): HTMLElement {
  const { controller } = policy.contacts;
  return section(
    "who",
    words.whoHeading,
    h("p", {}, words.who(controller.name, policy.programme)),
    h("p", {}, words.purposes),
    bullets(policy.purposes),
    h("p", {}, words.never),
    h("p", {}, words.eligible(policy.eligible)),
    h("p", {}, words.free),
    h("p", { id: "one-profile" }, words.oneProfile),
  );
}

export function whereOf(policy: Policy): HTMLElement {
  return h(
    "ul",
    {},
    ...policy.apps.map(({ name, origins, excluded_paths: excluded }) =>
      h(
        "li",
        {},
        h("strong", {}, name),
        `, ${and(origins.map(hostOf))}. `,
        excluded.length > 0 && words.excluded(and(excluded)),
      ),
    ),
  );
}

export function neverRecorded(): HTMLElement {
  return section(
    "never",
    words.neverHeading,
    bullets(words.neverList),
    h("h3", {}, words.limitsHeading),
    h("p", {}, words.limits),
  );
}

export function whoCanRead(policy: Policy, offer: Offer): HTMLElement {
  const { name } = policy.contacts.representative;
  return section(
    "readers",
    words.readersHeading,
    h("p", {}, words.readers(hostOf(policy.relay))),
    h("p", {}, words.twoKeys),
    twoKeys(name),
    h("p", {}, words.compare(name)),
    keyInWords(offer.representativeWords, "representative-words"),
    h("p", { class: "soft" }, words.compareController),
    keyInWords(offer.controllerWords, "controller-words"),
    h("p", {}, words.both),
  );
}

export function howLong(policy: Policy): HTMLElement {
  const { first_day: first, last_day: last } = policy.window;
  const { retention_days: retention, backup_days: backup } = policy;
  return section(
    "long",
    words.longHeading,
    h("p", {}, words.window(dayOf(first), dayOf(last))),
    h("p", {}, words.kept(retention, backup)),
    h("p", {}, words.lastOfAll(dayAfter(last, retention + backup))),
  );
}

export function howToStop(): HTMLElement {
  return section("stop", words.stopHeading, bullets(words.stopList));
}

export function wholeNotice(policy: Policy, offer: Offer): HTMLElement {
  const { controller, representative, data_protection_officer: officer } = policy.contacts;
  const contacts: [string, Contact][] = [
    [words.contactController, controller],
    [words.contactOfficer, officer],
    [words.contactRepresentative, representative],
  ];
  return section(
    "contacts",
    words.contactsHeading,
    h(
      "dl",
      { class: "contacts" },
      ...contacts.flatMap(([role, contact]) => [h("dt", {}, role), h("dd", {}, mailTo(contact))]),
    ),
    h(
      "details",
      {},
      h("summary", {}, words.noticeHeading),
      h("pre", { class: "notice", tabindex: 0 }, offer.notice),
      h("p", { class: "mono soft" }, offer.policyHash),
    ),
  );
}
