/**
 * The content script of one frame: asks the worker what it may record, records that, hands it over.
 *
 * Nothing is recorded before the worker's answer. A flush is kept until the worker holds it durably. The page sees
 * nothing of this: no global of its world, no change to its document, no message.
 */

import { askFromContent, isConnected, onWorkerMessage } from "../browser.ts";
import type { CaptureConfig, ContentReply, FromContent } from "../shared/internal.ts";
import type { Arrival } from "./capture/navigation.ts";
import { AMID, LOAD, RESTORED } from "./codes.ts";
import { FLUSH_MS, LONGEST_RETRY_MS, RETRY_MS } from "./limits.ts";
import { isTop } from "./place.ts";
import { type Recorder, record } from "./recorder.ts";

type Flush = Extract<FromContent, { kind: "columns" }>;

/**
 * Record this frame as the worker allows.
 *
 * @returns What stops it for good.
 */
function recordFrame(): () => void {
  const own = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  const listening = new AbortController();
  const { signal } = listening;
  /** Handed to the worker and not confirmed yet, oldest first. */
  let unsettled: Flush[] = [];
  let flushes = 0;
  const tally = { costMs: 0, lost: 0 };
  let arrival: Arrival = document.readyState === "loading" ? LOAD : AMID;
  let known = "";
  let recorder: Recorder | undefined;
  let sending = false;
  let flushing = false;
  let retryMs = RETRY_MS;

  function stop(): void {
    recorder?.stop();
    recorder = undefined;
    unsettled = [];
    listening.abort();
  }

  /** Send one message; undefined if nobody answered. */
  async function ask(message: FromContent): Promise<ContentReply | undefined> {
    try {
      return await askFromContent(message);
    } catch {
      // The worker was stopped while it answered, or this script's extension is gone.
      if (!isConnected()) stop();
      return undefined;
    }
  }

  function later(work: () => Promise<void>): void {
    setTimeout(work, retryMs);
    retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
  }

  /** Ask what may be recorded, until there is an answer. */
  async function start(): Promise<void> {
    if (signal.aborted) return;
    const reply = await ask({ kind: "start", document: own, top: isTop });
    if (reply) apply(reply.config);
    else later(start);
  }

  function apply(config: CaptureConfig | null): void {
    if (!config) stop();
    if (!config || signal.aborted) return;
    const now = [config.app, config.signals, ...config.excludedPaths].join();
    if (now === known && arrival === AMID) return;
    known = now;
    take(true);
    recorder?.stop();
    recorder = config.signals === 0 ? undefined : record(window, config, arrival, tally, due);
    arrival = AMID;
    due();
  }

  function due(): void {
    if (!flushing) setTimeout(flush, FLUSH_MS);
    flushing = true;
  }

  function flush(): void {
    flushing = false;
    // Until the worker holds the last flush, the next one grows.
    if (unsettled[0]) due();
    else take(false);
    void send();
  }

  /** Move what is ready from the recorder to the unsettled. */
  function take(leaving: boolean): void {
    const { columns, more } = recorder?.take(leaving) ?? {};
    if (columns) {
      flushes += 1;
      unsettled.push({ kind: "columns", document: own, flush: flushes, columns, ...tally });
      tally.costMs = 0;
      tally.lost = 0;
    }
    if (more && !leaving) due();
  }

  /** Hand over the oldest that is unsettled. */
  async function send(): Promise<void> {
    const [flush] = unsettled;
    if (sending || !flush) return;
    sending = true;
    const reply = await ask(flush);
    sending = false;
    if (reply?.kept) {
      retryMs = RETRY_MS;
      unsettled = unsettled.filter((one) => one !== flush);
    }
    if (reply) apply(reply.config);
    if (unsettled[0]) later(send);
  }

  /** The page goes: hand over everything without waiting. */
  function leave(): void {
    take(true);
    for (const flush of unsettled) void ask(flush);
  }

  /** The page is back from the browser's cache; the worker may have decided otherwise meanwhile. */
  function back(event: PageTransitionEvent): void {
    if (!event.persisted) return;
    recorder?.stop();
    recorder = undefined;
    arrival = RESTORED;
    void start();
    void send();
  }

  onWorkerMessage((message) => {
    if (message.kind === "detach") stop();
    else void start();
  });
  // A page that goes may be frozen before its last message is heard, so most is sent before that.
  addEventListener("beforeunload", flush, { signal });
  addEventListener("pagehide", leave, { signal });
  addEventListener("pageshow", back, { signal });
  // A page that the browser prepares in advance was not asked for by anyone yet.
  const { prerendering } = document as Document & { prerendering?: boolean };
  if (prerendering) document.addEventListener("prerenderingchange", start, { signal });
  else void start();
  return stop;
}

// Injected once more into an open page, the newer script takes over. This world is the extension's own.
const world = globalThis as typeof globalThis & { stopCandor?: () => void };
world.stopCandor?.();
world.stopCandor = recordFrame();
