// Hold the built extensions to their size budgets.
//
//   node size.mjs [TARGET]...     default: chromium firefox
//
// A size is the sum of the gzipped files. A page counts with everything that its HTML names.

import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));

// Runs in every approved page. 6 000 until an attacker's review: reading elements safe from the names of a form's fields,
// and telling what a person moved from what a page did, took the rest of 6 KiB.
const CONTENT = 6_144;
const POPUP_AND_WORKER = 60_000;
const OTHER_PAGE = 40_000;

async function gzipped(built, name) {
  return gzipSync(await readFile(join(built, name)), { level: 9 }).length;
}

/** The page and the local files that it names. */
async function parts(built, page) {
  const html = await readFile(join(built, page), "utf8");
  const named = [...html.matchAll(/\b(?:src|href)="([\w./-]+)"/g)].map((match) => match[1]);
  const loaded = named.filter((name) => /\.(?:js|css)$/.test(name));
  const missing = loaded.filter((name) => !existsSync(join(built, name)));
  if (missing.length > 0)
    throw new Error(`${page} names what was not built: ${missing.join(", ")}`);
  return [page, ...new Set(loaded)];
}

async function budgets(built) {
  const pages = (await readdir(built)).filter((name) => name.endsWith(".html")).sort();
  const popup = pages.includes("popup.html") ? await parts(built, "popup.html") : [];
  const found = [
    { what: "content.js", files: ["content.js"], limit: CONTENT },
    { what: "popup + worker", files: ["worker.js", ...popup], limit: POPUP_AND_WORKER },
  ];
  for (const page of pages.filter((name) => name !== "popup.html")) {
    found.push({ what: page, files: await parts(built, page), limit: OTHER_PAGE });
  }
  return found;
}

const TARGETS = ["chromium", "firefox"];
for (const target of process.argv.length > 2 ? process.argv.slice(2) : TARGETS) {
  const built = join(here, "dist", target);
  for (const { what, files, limit } of await budgets(built)) {
    const missing = files.filter((name) => !existsSync(join(built, name)));
    if (missing.length > 0) {
      console.error(`size: ${target}: ${what}: not built: ${missing.join(", ")}`);
      process.exitCode = 1;
      continue;
    }
    const sizes = await Promise.all(files.map((name) => gzipped(built, name)));
    const size = sizes.reduce((sum, part) => sum + part, 0);
    const over = size > limit;
    const line = `${target.padEnd(9)} ${what.padEnd(20)} ${String(size).padStart(6)} of ${limit} B gzip`;
    console.log(`size: ${line}${over ? "  OVER BUDGET" : ""}`);
    if (over) process.exitCode = 1;
  }
}
