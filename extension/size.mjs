// Hold the built extension to its size budgets.
//
//   node size.mjs [DIR]     default: dist/chromium
//
// A size is the sum of the gzipped files. A page counts with everything that its HTML names.

import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const built = resolve(process.argv[2] ?? join(here, "dist", "chromium"));

const CONTENT = 6_000; // runs in every approved page
const POPUP_AND_WORKER = 60_000;
const OTHER_PAGE = 40_000;

async function gzipped(name) {
  return gzipSync(await readFile(join(built, name)), { level: 9 }).length;
}

/** The page and the local files that it names. */
async function parts(page) {
  const html = await readFile(join(built, page), "utf8");
  const named = [...html.matchAll(/\b(?:src|href)="([\w./-]+)"/g)].map((match) => match[1]);
  const loaded = named.filter((name) => /\.(?:js|css)$/.test(name));
  const missing = loaded.filter((name) => !existsSync(join(built, name)));
  if (missing.length > 0)
    throw new Error(`${page} names what was not built: ${missing.join(", ")}`);
  return [page, ...new Set(loaded)];
}

const pages = (await readdir(built)).filter((name) => name.endsWith(".html")).sort();
const budgets = [
  { what: "content.js", files: ["content.js"], limit: CONTENT },
  {
    what: "popup + worker",
    files: ["worker.js", ...(pages.includes("popup.html") ? await parts("popup.html") : [])],
    limit: POPUP_AND_WORKER,
  },
];
for (const page of pages.filter((name) => name !== "popup.html")) {
  budgets.push({ what: page, files: await parts(page), limit: OTHER_PAGE });
}

for (const { what, files, limit } of budgets) {
  const missing = files.filter((name) => !existsSync(join(built, name)));
  if (missing.length > 0) {
    console.error(`size: ${what}: not built: ${missing.join(", ")}`);
    process.exitCode = 1;
    continue;
  }
  const size = (await Promise.all(files.map(gzipped))).reduce((sum, part) => sum + part, 0);
  const over = size > limit;
  const line = `${what.padEnd(20)} ${String(size).padStart(6)} of ${limit} B gzip`;
  console.log(`size: ${line}${over ? "  OVER BUDGET" : ""}`);
  if (over) process.exitCode = 1;
}
