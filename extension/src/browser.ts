/**
 * The browser's own interfaces, and the only file that touches them.
 *
 * Owns small typed wrappers without state and without side effects; decisions are made by those who call them.
 */

import type {
  ContentReply,
  FromContent,
  FromPage,
  PageReplies,
  PageReply,
  ToContent,
} from "./shared/internal.ts";

/** Who sent a message, as the browser says it. */
export interface Sender {
  readonly id: string | null;
  readonly url: string | null;
  readonly origin: string | null;
  readonly tabId: number | null;
  readonly tabUrl: string | null;
  readonly frameId: number;
}

/** A tab as far as the browser shows it: an address only where the extension has access. */
export interface Tab {
  readonly id: number;
  readonly url: string | null;
}

function asTab(tab: chrome.tabs.Tab): Tab[] {
  return tab.id === undefined ? [] : [{ id: tab.id, url: tab.url ?? null }];
}

/**
 * Match patterns for everything under these exact origins.
 *
 * Firefox's patterns hold for every port of a host, and one that names a port holds for none. So a script may start on
 * another port there; it records nothing, because the worker looks at the sender's whole origin.
 */
export function patternsOf(origins: readonly string[]): string[] {
  const isFirefox = ownOrigin().startsWith("moz-extension:");
  const named = isFirefox ? origins.map((origin) => origin.replace(/:\d+$/, "")) : origins;
  return [...new Set(named)].map((origin) => `${origin}/*`);
}

// ------------------------------------------------------------------------------------- messages

/** Ask the worker from one of the extension's pages. */
export function askWorker<Kind extends FromPage["kind"]>(
  message: Extract<FromPage, { readonly kind: Kind }>,
): Promise<PageReply<PageReplies[Kind]>> {
  return chrome.runtime.sendMessage(message);
}

/** Ask the worker from a content script; rejects once the extension was reloaded. */
export function askFromContent(message: FromContent): Promise<ContentReply> {
  return chrome.runtime.sendMessage(message);
}

/** Whether the extension that a content script came with is still there. */
export function isConnected(): boolean {
  return chrome.runtime?.id !== undefined;
}

/** Hear the worker in a content script. */
export function onWorkerMessage(listener: (message: ToContent) => void): void {
  chrome.runtime.onMessage.addListener((message: ToContent) => listener(message));
}

/** Hear pages and content scripts in the worker; each message gets one reply. */
export function onMessage(answer: (message: unknown, sender: Sender) => Promise<unknown>): void {
  chrome.runtime.onMessage.addListener((message, sender, reply) => {
    const from: Sender = {
      id: sender.id ?? null,
      url: sender.url ?? null,
      origin: sender.origin ?? null,
      tabId: sender.tab?.id ?? null,
      tabUrl: sender.tab?.url ?? null,
      frameId: sender.frameId ?? 0,
    };
    void answer(message, from).then(reply);
    return true;
  });
}

/** Tell every frame of a tab; false if no content script is there. */
export async function tellTab(tabId: number, message: ToContent): Promise<boolean> {
  try {
    await chrome.tabs.sendMessage(tabId, message);
    return true;
  } catch {
    return false;
  }
}

// ---------------------------------------------------------------------------------- permissions

/** What the manifest says in Firefox only. */
interface ManifestOfFirefox {
  readonly browser_specific_settings?: {
    readonly gecko: {
      readonly data_collection_permissions: { readonly optional: readonly string[] };
    };
  };
}

/** The kinds of data that Firefox asks a person about, in its words; other browsers ask nothing of the sort. */
function dataCollected(): readonly string[] | undefined {
  const manifest = chrome.runtime.getManifest() as ManifestOfFirefox;
  return manifest.browser_specific_settings?.gecko.data_collection_permissions.optional;
}

/** Whether the browser, when asked for access, asks about collected data too. */
export function asksAboutData(): boolean {
  return dataCollected() !== undefined;
}

/** What a browser gives: access, and the collecting of data where it asks about that. */
function permissionsFor(origins: readonly string[]): chrome.permissions.Permissions {
  const kinds = dataCollected();
  return { origins: patternsOf(origins), ...(kinds && { data_collection: kinds }) };
}

/** Ask the person for access to these origins; call it inside their click. */
export function requestOrigins(origins: readonly string[]): Promise<boolean> {
  return chrome.permissions.request(permissionsFor(origins));
}

/** Of these origins, those the browser gives access to. */
export async function permittedOrigins(origins: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(
    origins.map((origin) => chrome.permissions.contains(permissionsFor([origin]))),
  );
  return origins.filter((_, at) => answers[at]);
}

/**
 * Give all access back that can be: what was asked for at run time, and in Firefox the collecting too.
 *
 * Chromium gives it again without a question should the person ask for it later.
 */
export async function giveBackAccess(): Promise<void> {
  const { origins = [] } = await chrome.permissions.getAll();
  const { data_collection } = permissionsFor([]) as { readonly data_collection?: string[] };
  const given = origins.map((origin): chrome.permissions.Permissions => ({ origins: [origin] }));
  const collecting = data_collection && [{ data_collection } as chrome.permissions.Permissions];
  // One by one, since a browser refuses to take away what an installation was given by an administrator.
  await Promise.allSettled(
    [...given, ...(collecting ?? [])].map((part) => chrome.permissions.remove(part)),
  );
}

/** Hear when access was given or taken. */
export function onPermissionsChanged(listener: () => void): void {
  chrome.permissions.onAdded.addListener(listener);
  chrome.permissions.onRemoved.addListener(listener);
}

// ------------------------------------------------------------------------------ content scripts

const CONTENT_SCRIPT = "candor-content";
const CONTENT_FILE = "content.js";

/** Register the content script for exactly these origins; none removes it. */
export async function registerContent(origins: readonly string[]): Promise<void> {
  const registered = await chrome.scripting.getRegisteredContentScripts();
  const matches = patternsOf(origins).sort();
  const [found] = registered;
  const isCurrent =
    registered.length === 1 &&
    found?.id === CONTENT_SCRIPT &&
    JSON.stringify([...(found.matches ?? [])].sort()) === JSON.stringify(matches);
  if (isCurrent || (registered.length === 0 && matches.length === 0)) return;
  if (registered.length > 0) await chrome.scripting.unregisterContentScripts();
  if (matches.length === 0) return;
  await chrome.scripting.registerContentScripts([
    {
      id: CONTENT_SCRIPT,
      js: [CONTENT_FILE],
      matches,
      allFrames: true,
      matchOriginAsFallback: true,
      runAt: "document_start",
      world: "ISOLATED",
      persistAcrossSessions: true,
    },
  ]);
}

/** Start the content script in a tab that was open before it was registered; false if the tab is gone. */
export async function injectContent(tabId: number): Promise<boolean> {
  try {
    await chrome.scripting.executeScript({
      target: { tabId, allFrames: true },
      files: [CONTENT_FILE],
      injectImmediately: true,
    });
    return true;
  } catch {
    return false;
  }
}

/** An element's shadow root, closed ones included. */
export function openOrClosedShadowRoot(element: HTMLElement): ShadowRoot | null {
  // Firefox has it at the element itself, for extensions only.
  const { dom } = chrome;
  return dom
    ? dom.openOrClosedShadowRoot(element)
    : (element as unknown as { openOrClosedShadowRoot: ShadowRoot | null }).openOrClosedShadowRoot;
}

// ----------------------------------------------------------------------------------------- tabs

/** Open tabs whose address the browser shows and that lie under these origins. */
export async function tabsUnder(origins: readonly string[]): Promise<Tab[]> {
  if (origins.length === 0) return [];
  return (await chrome.tabs.query({ url: patternsOf(origins) })).flatMap(asTab);
}

/** Every open tab. */
export async function allTabs(): Promise<Tab[]> {
  return (await chrome.tabs.query({})).flatMap(asTab);
}

/** The tab the person looks at: the last one used in the last focused window that is not a page of ours. */
export async function frontTab(): Promise<Tab | null> {
  const own = chrome.runtime.getURL("");
  const tabs = await chrome.tabs.query({ lastFocusedWindow: true, windowType: "normal" });
  const candidates = tabs
    .filter((tab) => !(tab.url ?? tab.pendingUrl ?? "").startsWith(own))
    .sort((one, other) => (other.lastAccessed ?? 0) - (one.lastAccessed ?? 0));
  const active = candidates.find((tab) => tab.active) ?? candidates[0];
  return active === undefined ? null : (asTab(active)[0] ?? null);
}

/** Hear when a tab goes to another address, within the page too. */
export function onTabMoved(listener: (tab: Tab, isLoading: boolean) => void): void {
  chrome.tabs.onUpdated.addListener((_, change, tab) => {
    const isLoading = change.status === "loading";
    if (!isLoading && change.url === undefined) return;
    for (const moved of asTab(tab)) listener(moved, isLoading);
  });
}

/** Hear when a tab is gone. */
export function onTabClosed(listener: (tabId: number) => void): void {
  chrome.tabs.onRemoved.addListener((tabId) => listener(tabId));
}

/** Open one of the extension's pages in a new tab. */
export async function openPage(page: "welcome.html"): Promise<void> {
  await chrome.tabs.create({ url: chrome.runtime.getURL(page) });
}

// -------------------------------------------------------------------------------------- toolbar

/** How the toolbar shows a state. */
export interface Mark {
  /** Name of the icon under icons/. */
  readonly icon: string;
  readonly text: string;
  readonly colour: string;
  readonly title: string;
}

/** Set the mark of a tab, or of every tab that has none of its own; a tab that is gone is no fault. */
export async function showMark(mark: Mark, tabId: number | null): Promise<void> {
  const target = tabId === null ? {} : { tabId };
  const path = { 16: `/icons/${mark.icon}-16.png`, 32: `/icons/${mark.icon}-32.png` };
  try {
    await Promise.all([
      chrome.action.setIcon({ ...target, path }),
      chrome.action.setTitle({ ...target, title: mark.title }),
      chrome.action.setBadgeText({ ...target, text: mark.text }),
      chrome.action.setBadgeBackgroundColor({ ...target, color: mark.colour }),
    ]);
  } catch {
    // The tab was closed meanwhile; its mark went with it.
  }
}

// -------------------------------------------------------------------------------------- storage

/** Read what this browser session remembers under a key. */
export async function recall(key: string): Promise<unknown> {
  return (await chrome.storage.session.get(key))[key];
}

/** Remember until the browser closes. */
export async function remember(key: string, value: unknown): Promise<void> {
  await chrome.storage.session.set({ [key]: value });
}

/** Read what this browser profile remembers under a key, apart from the database. */
export async function recallLasting(key: string): Promise<unknown> {
  return (await chrome.storage.local.get(key))[key];
}

/** Remember for as long as the extension is installed. */
export async function rememberLasting(key: string, value: unknown): Promise<void> {
  await chrome.storage.local.set({ [key]: value });
}

/** Forget it again. */
export async function forgetLasting(key: string): Promise<void> {
  await chrome.storage.local.remove(key);
}

// ------------------------------------------------------------------------------------ the rest

/** The extension's version and its id. */
export function version(): string {
  return chrome.runtime.getManifest().version;
}
export function ownId(): string {
  return chrome.runtime.id;
}
/** The origin of the extension's own pages, with a slash at its end. */
export function ownOrigin(): string {
  return chrome.runtime.getURL("");
}

const ALARM = "candor-wake";
/** The least that browsers take; only the lock is listened for. */
const IDLE_S = 15;

/** Wake the worker every 30 s, also after it was stopped. */
export async function keepAlarm(): Promise<void> {
  if ((await chrome.alarms.get(ALARM)) === undefined) {
    await chrome.alarms.create(ALARM, { periodInMinutes: 0.5 });
  }
}

/** Count as busy: Firefox stops a background page after 30 s without a call like this, whatever its sockets do. */
export function stayAwake(): void {
  void chrome.runtime.getPlatformInfo();
}

/** Hear that alarm. */
export function onAlarm(listener: () => void): void {
  chrome.alarms.onAlarm.addListener(listener);
}

/** Hear that the screen was locked, where the browser tells; also if it is locked right now. */
export function onLocked(listener: () => void): void {
  const idle: typeof chrome.idle | undefined = chrome.idle;
  const hear = (state: string): void => {
    if (state === "locked") listener();
  };
  idle?.onStateChanged.addListener(hear);
  void idle?.queryState(IDLE_S).then(hear);
}

/** Hear the first installation, an update of the extension, and the browser's start. */
export function onBegin(listener: (why: "install" | "update" | "startup") => void): void {
  chrome.runtime.onInstalled.addListener(({ reason }) => {
    listener(reason === "install" ? "install" : "update");
  });
  chrome.runtime.onStartup.addListener(() => listener("startup"));
}
