/**
 * A worker that only answers content scripts and keeps what they hand over, for tests of capture.
 *
 * Bundled in the place of background/worker.ts; everything else is the shipped source.
 */

import { allTabs, onMessage, registerContent, tellTab } from "../browser.ts";
import type { CaptureConfig, ContentReply, FromContent } from "../shared/internal.ts";

interface Bench {
  config: CaptureConfig | null;
  keep: boolean;
  readonly starts: { url: string | null; document: number; top: boolean }[];
  readonly columns: (Extract<FromContent, { kind: "columns" }> & { url: string | null })[];
  /** Make every content script ask again. */
  readonly askAll: () => Promise<void>;
}

const bench: Bench = {
  config: {
    app: 7,
    signals: 255,
    excludedPaths: ["/payroll"],
    fromApp: 3,
    fromDwell: 120,
  },
  keep: true,
  starts: [],
  columns: [],
  askAll: async () => {
    for (const { id } of await allTabs()) await tellTab(id, { kind: "ask" });
  },
};
Object.assign(globalThis, { bench });

onMessage(async (message, { url }): Promise<ContentReply> => {
  const sent = message as FromContent;
  if (sent.kind === "start") {
    bench.starts.push({ url, document: sent.document, top: sent.top });
    return { kept: false, config: bench.config };
  }
  if (sent.kind === "columns") bench.columns.push({ ...sent, url });
  return { kept: bench.keep, config: bench.config };
});

void registerContent(["https://crm.corp.example", "https://wiki.corp.example"]);
