// Run web-ext's linter over the built extensions and fail on anything it reports.
//
//   node lint.mjs [TARGET]...     default: chromium firefox
//
// web-ext checks for Firefox. What it asks of the Chromium build only because of that is listed
// here, each with its reason; everything else, warnings and notices too, has to be put right.

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const linter = join(here, "node_modules", "web-ext", "bin", "web-ext.js");

/** What is reported of a target and is right so: code to file. */
const ACCEPTED = {
  chromium: new Map([
    // Firefox has no background service worker; its build names `background.scripts` instead.
    ["BACKGROUND_SERVICE_WORKER_NOFALLBACK", "manifest.json"],
    // Chromium's id comes from the manifest's `key`.
    ["ADDON_ID_REQUIRED", "manifest.json"],
    // Declared under `browser_specific_settings.gecko`, which Chromium warns about.
    ["MISSING_DATA_COLLECTION_PERMISSIONS", "manifest.json"],
  ]),
  firefox: new Map(),
};

function findings(target) {
  const built = join(here, "dist", target);
  const options = ["lint", "--source-dir", built, "--output", "json", "--no-config-discovery"];
  const { stdout, stderr } = spawnSync(process.execPath, [linter, ...options], {
    encoding: "utf8",
  });
  try {
    const { errors, warnings, notices } = JSON.parse(stdout);
    return [...errors, ...warnings, ...notices];
  } catch {
    throw new Error(`web-ext gave no report on ${target}:\n${stdout}${stderr}`);
  }
}

for (const target of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(ACCEPTED)) {
  const accepted = ACCEPTED[target];
  const found = findings(target);
  const left = found.filter(({ code, file }) => accepted.get(code) !== file);
  for (const { _type, code, message, description, file, line } of left) {
    const where = `${target}: ${file ?? "?"}:${line ?? "?"}`;
    console.error(`lint: ${_type} ${code} in ${where}: ${message} ${description}`);
  }
  const unused = [...accepted.keys()].filter((code) => !found.some((one) => one.code === code));
  if (unused.length > 0) {
    console.error(`lint: ${target}: no longer reported, remove: ${unused.join(", ")}`);
  }
  if (left.length > 0 || unused.length > 0) process.exitCode = 1;
}
