// Run web-ext's linter over the built extension and fail on anything it reports.
//
//   node lint.mjs [DIR]     default: dist/chromium
//
// web-ext checks for Firefox. What it asks of the Chromium build only because of that is listed
// here, each with its reason; everything else, warnings and notices too, has to be put right.

import { spawnSync } from "node:child_process";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const built = resolve(process.argv[2] ?? join(here, "dist", "chromium"));

const FIREFOX_ONLY = new Map([
  // Firefox has no background service worker; its build names `background.scripts` instead.
  ["BACKGROUND_SERVICE_WORKER_NOFALLBACK", "manifest.json"],
  // Chromium's id comes from the manifest's `key`.
  ["ADDON_ID_REQUIRED", "manifest.json"],
  // Declared under `browser_specific_settings.gecko`, which Chromium warns about.
  ["MISSING_DATA_COLLECTION_PERMISSIONS", "manifest.json"],
]);

const linter = join(here, "node_modules", "web-ext", "bin", "web-ext.js");
const options = ["lint", "--source-dir", built, "--output", "json", "--no-config-discovery"];
const { stdout, stderr } = spawnSync(process.execPath, [linter, ...options], { encoding: "utf8" });
let report;
try {
  report = JSON.parse(stdout);
} catch {
  throw new Error(`web-ext gave no report:\n${stdout}${stderr}`);
}

const findings = [...report.errors, ...report.warnings, ...report.notices];
const left = findings.filter(({ code, file }) => FIREFOX_ONLY.get(code) !== file);
for (const { _type, code, message, description, file, line } of left) {
  console.error(
    `lint: ${_type} ${code} in ${file ?? "?"}:${line ?? "?"}: ${message} ${description}`,
  );
}
const unused = [...FIREFOX_ONLY.keys()].filter(
  (code) => !findings.some((one) => one.code === code),
);
if (unused.length > 0) console.error(`lint: no longer reported, remove: ${unused.join(", ")}`);
if (left.length > 0 || unused.length > 0) process.exitCode = 1;
