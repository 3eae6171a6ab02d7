/**
 * The extension's service worker: hears the browser and hands on.
 *
 * Owns the listeners and how the parts are wired. The worker may be stopped at any time; each start begins here, and every
 * listener is there before anything is awaited, or the event that woke the worker would be lost.
 */

import {
  keepAlarm,
  onAlarm,
  onBegin,
  onLocked,
  onMessage,
  onPermissionsChanged,
  onTabClosed,
  onTabMoved,
  openPage,
  type Sender,
} from "../browser.ts";
import type { ContentReply, FromContent, FromPage } from "../shared/internal.ts";
import { describe } from "../shared/problem.ts";
import { Activity } from "./activity.ts";
import { Connection } from "./connection.ts";
import { Consent } from "./consent.ts";
import { openDatabase } from "./database.ts";
import { Enrolling } from "./enrolling.ts";
import { Facts } from "./facts.ts";
import { Marks, showBroken } from "./marks.ts";
import { Outbox } from "./outbox.ts";
import { isOwnPage, Pages } from "./pages.ts";
import { placeOf, Stays } from "./places.ts";
import { locked } from "./presence.ts";
import { Recorder } from "./recorder.ts";
import { Registration } from "./registration.ts";
import { Relaying } from "./relaying.ts";
import { Sealer } from "./sealer.ts";
import { Standing } from "./standing.ts";
import { brokenState } from "./state.ts";
import { Trace } from "./trace.ts";

/** How far the clock may stray from the time that passed before everything timed by it is timed anew. */
const JUMP_MS = 60_000;
/** How often a clock that was found wrong is compared with the relay's. */
const COMPARE_MS = 300_000;

async function begin() {
  const facts = await Facts.load(await openDatabase(indexedDB, again));
  const trace = await Trace.load();
  if (trace.noted !== null && facts.now.agreement === null) {
    const problem = { code: "storage_lost", since: Date.now() };
    await facts.put({ contact: { ...facts.now.contact, problem } });
    await facts.count("dropped", "storage_lost", trace.noted);
    await trace.note(null);
  }
  const stays = await Stays.load();
  const outbox = new Outbox(facts);
  await outbox.recount();
  const sealer = new Sealer(facts);
  const activity = new Activity();
  const standing = new Standing(facts);
  const registration = new Registration(standing);
  const changed = (): void => {
    marks.renew();
    if ((facts.now.agreement === null) !== (trace.noted === null)) void traceNow();
  };
  const traceNow = (): Promise<void> =>
    trace.note(facts.now.agreement === null ? null : outbox.waiting.batches);
  const scopeChanged = (isNew: boolean): Promise<void> =>
    registration.reconcile(isNew).then(changed);
  const consent = new Consent(facts, outbox, sealer, (isNewStream) => {
    if (isNewStream) connection.reconnect();
    else void connection.push();
  });
  const enrolling = new Enrolling(facts);
  const connection: Connection = new Connection(
    new Relaying({ facts, outbox, sealer, activity, consent, enrolling, scopeChanged, changed }),
  );
  const kept = (): void => {
    void connection.push();
    changed();
  };
  const stands = (now: number): string =>
    `${standing.block(now)} ${standing.pause(null, now)?.reason}`;
  let stoodLast = "";
  const held = (): void => {
    stoodLast = stands(Date.now());
  };
  const recorder = new Recorder({ facts, standing, sealer, outbox, activity, stays, held, kept });
  const shown = { facts, standing, outbox, connection, activity, recorder };
  const marks: Marks = new Marks(shown);
  const detach = (): Promise<void> => registration.detach();
  const pages = new Pages({ ...shown, consent, detach, scopeChanged });
  await standing.refresh();
  held();
  let clock = Date.now() - performance.now();

  /** Let every script ask anew if what it was told last no longer holds. */
  async function notice(now: number): Promise<void> {
    const stood = stands(now);
    if (stood === stoodLast) return;
    stoodLast = stood;
    await registration.ask();
  }

  /** Notice what only the passing of time changes. */
  async function tick(): Promise<void> {
    const now = Date.now();
    const strayed = Math.abs(now - performance.now() - clock) > JUMP_MS;
    clock = now - performance.now();
    // A clock that was found wrong is compared again once it stands elsewhere, and every now and then.
    const isOff = standing.block(now) === "clock";
    const age = Math.abs(now - facts.now.contact.welcomeAt);
    if (strayed || (isOff && age > COMPARE_MS)) connection.reconnect();
    else connection.wake(now);
    await traceNow();
    const dropped = await outbox.tidy(connection.announced, now);
    for (const [reason, count] of Object.entries(dropped)) {
      await facts.count("dropped", reason, count);
    }
    await notice(now);
    changed();
  }

  /** The screen was locked, so whoever unlocks it may be somebody else. */
  async function lock(): Promise<void> {
    const presence = locked(facts.now.presence, Date.now());
    // It counts at once, even should the disk refuse it.
    facts.adopt({ presence });
    await registration.ask();
    changed();
    await facts.put({ presence });
  }

  await keepAlarm();
  void scopeChanged(false);
  // Should the disk refuse, the next alarm tries again.
  tick().catch(() => undefined);
  return {
    facts,
    standing,
    registration,
    connection,
    activity,
    recorder,
    marks,
    pages,
    stays,
    scopeChanged,
    notice,
    tick,
    lock,
  };
}

let core = begin();
core.catch(showBroken);

/** Begin anew, because the database went away or could not be read. */
function again(): void {
  const before = core;
  core = before
    .then(({ connection }) => connection.close())
    .catch(() => undefined)
    .then(begin);
  core.catch(showBroken);
}

/** Do something once the parts are there; if they cannot be, the next alarm tries again. */
function withParts(work: (parts: Awaited<typeof core>) => unknown): void {
  core.then(work).catch(() => undefined);
}

/** What content scripts hear while nothing is known: record nothing, and keep what the page holds. */
const PAUSED: ContentReply = {
  kept: false,
  config: { app: 0, signals: 0, excludedPaths: [], fromApp: 0, fromDwell: 0 },
};

async function answer(message: unknown, sender: Sender): Promise<unknown> {
  if (isOwnPage(sender)) {
    try {
      const { notice, pages } = await core;
      await notice(Date.now());
      return await pages.answer(message as FromPage);
    } catch (error) {
      const problem = describe(error);
      const isState = (message as FromPage).kind === "state";
      return isState ? { ok: true, value: brokenState(problem.code) } : { ok: false, ...problem };
    }
  }
  try {
    return await (await core).recorder.answer(message as FromContent, sender, Date.now());
  } catch {
    return PAUSED;
  }
}

onMessage(answer);
onAlarm(() => {
  core.then(({ tick }) => tick().catch(() => undefined), again);
});
onLocked(() => withParts(({ lock }) => lock()));
onPermissionsChanged(() => withParts(({ scopeChanged }) => scopeChanged(true)));
onTabClosed((tabId) => {
  withParts(({ activity, stays }) => {
    activity.forget(tabId);
    stays.leave(tabId);
  });
});
onTabMoved((tab) => {
  withParts(async ({ standing, stays, marks, registration }) => {
    const place = tab.url === null ? null : placeOf(tab.url, standing.apps);
    if (place === null || place.isExcluded) stays.leave(tab.id);
    if (place !== null) await registration.askTab(tab.id);
    marks.moved(tab);
  });
});
onBegin((why) => {
  if (why === "install") void openPage("welcome.html");
  withParts(({ facts, scopeChanged, connection }) => {
    const { contact } = facts.now;
    if (why === "update" && contact.problem?.code === "upgrade_required") {
      return facts
        .put({ contact: { ...contact, problem: null } })
        .then(() => connection.reconnect())
        .then(() => scopeChanged(true));
    }
    return scopeChanged(true);
  });
});
addEventListener("online", () => {
  withParts(({ connection }) => connection.networkChanged());
});
