// Build the extension for each browser: bundle what stands under src/ and write a flat folder each.
//
//   node build.mjs [--target chromium|firefox] [--out DIR] [--store] [--define NAME=VALUE]...
//                  [--swap FILE=OTHER]...
//
// Without --target both are built, into dist/chromium and dist/firefox; --out DIR puts one of them
// into DIR, Chromium's unless --target says otherwise. --store leaves out the key by which Chromium
// knows an extension from a folder: stores give it one themselves and refuse any other.
//
//   src/content/main.ts             -> content.js   (classic script, registered at run time)
//   src/background/worker.ts        -> worker.js    (module; a worker or a page, by browser)
//   src/ui/PAGE/PAGE.{html,css,ts}  -> PAGE.html, PAGE.css, PAGE.js (module); pages name their files
//   src/ui/shared/*.css             -> *.css                         without a folder
//   src/icons/*.png                 -> icons/
//   manifest.base.json              -> manifest.json, with the keys of manifest.TARGET.json
//                                      and the version of package.json
//
// --define replaces a global constant (a JSON value or an identifier); --swap bundles OTHER in the
// place of src/FILE, as if it stood there. Tests use them to build extensions that break a promise
// on purpose, so that the shipped source needs no hook for it.
//
// The same source gives the same bytes: nothing written here depends on time, place or order.

import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const src = join(here, "src");

/** The oldest browsers the manifests admit, for the syntax of what is written. */
const TARGETS = new Map([
  ["chromium", "chrome148"],
  ["firefox", "firefox153"],
]);

/** Names of the content script's own properties, which no browser and no message knows: shortened. */
const OWN_NAMES =
  /^(?:all|due|element|isOpen|more|onAny|packed|pathOf|root|run|since|stop|stopped|take|tally|until|visible)$/;

const { values: options } = parseArgs({
  options: {
    target: { type: "string" },
    out: { type: "string" },
    store: { type: "boolean", default: false },
    define: { type: "string", multiple: true, default: [] },
    swap: { type: "string", multiple: true, default: [] },
  },
});

/** Split `NAME=VALUE` options into a map. */
function pairs(list) {
  return new Map(
    list.map((item) => {
      const at = item.indexOf("=");
      if (at < 1) throw new Error(`expected NAME=VALUE, got '${item}'`);
      return [item.slice(0, at), item.slice(at + 1)];
    }),
  );
}

/** The folder's entries in a fixed order; a folder that does not exist has none. */
async function list(folder) {
  return existsSync(folder) ? (await readdir(folder)).sort() : [];
}

/** Bundle the replacement's text where the original would stand, so its imports resolve there. */
function swapPlugin(swaps, unused) {
  return {
    name: "swap",
    setup(context) {
      context.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const name = relative(src, path).replaceAll("\\", "/");
        const other = swaps.get(name);
        if (other === undefined) return undefined;
        unused.delete(name);
        return { contents: await readFile(other, "utf8"), loader: "ts", resolveDir: dirname(path) };
      });
    },
  };
}

/** Write the vocabulary's lists as strings to be split: the content script has no byte to spare. */
const vocabularyPlugin = {
  name: "vocabulary",
  setup(context) {
    context.onLoad({ filter: /[/\\]vocabulary\.json$/ }, async ({ path }) => {
      const lists = Object.entries(JSON.parse(await readFile(path, "utf8")));
      const lines = lists.map(([name, words]) => {
        const text = Array.isArray(words) ? words.join(" ") : words;
        const split = Array.isArray(words) ? `.split(" ")` : "";
        return `export const ${name} = /* @__PURE__ */ ${JSON.stringify(text)}${split};`;
      });
      return { contents: lines.join("\n"), loader: "js" };
    });
  },
};

/** What becomes of what: scripts to bundle, by output name, and files to copy. */
async function inventory() {
  const modules = {};
  const copies = new Map();
  const copy = (from, to) => {
    if (copies.has(to)) throw new Error(`${to} would be written twice: ${from}, ${copies.get(to)}`);
    copies.set(to, from);
  };
  const worker = join(src, "background", "worker.ts");
  if (existsSync(worker)) modules.worker = worker;
  for (const page of await list(join(src, "ui"))) {
    const folder = join(src, "ui", page);
    if (existsSync(join(folder, `${page}.ts`))) modules[page] = join(folder, `${page}.ts`);
    for (const file of await list(folder)) {
      const own = file === `${page}.html` || file === `${page}.css`;
      if (own || (page === "shared" && file.endsWith(".css"))) copy(join(folder, file), file);
    }
  }
  for (const icon of await list(join(src, "icons"))) {
    if (icon.endsWith(".png")) copy(join(src, "icons", icon), `icons/${icon}`);
  }
  const content = join(src, "content", "main.ts");
  return { modules, copies, classic: existsSync(content) ? { content } : {} };
}

/** The licences of the packages that went into the bundles, as those ask for. */
async function notices(inputs) {
  const packages = new Set();
  for (const input of inputs) {
    const found = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) packages.add(found[1]);
  }
  const parts = [];
  for (const name of [...packages].sort()) {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const file = (await list(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? (await readFile(join(folder, file), "utf8")).trim() : "";
    parts.push(`${name} ${version} (${license})\n\n${text}\n`);
  }
  return parts.join("\n----\n\n");
}

/** Write what differs and remove what is no longer built, so that parallel builds agree. */
async function publish(out, files) {
  for (const [name, bytes] of files) {
    const path = join(out, name);
    await mkdir(dirname(path), { recursive: true });
    if (!existsSync(path) || !bytes.equals(await readFile(path))) await writeFile(path, bytes);
  }
  const kept = new Set([...files.keys()].flatMap((name) => [name, dirname(name)]));
  for (const name of await readdir(out, { recursive: true })) {
    if (!kept.has(name)) await rm(join(out, name), { recursive: true, force: true });
  }
}

/** Build for one browser into a folder. */
async function buildFor(browser, out) {
  const { modules, classic, copies } = await inventory();
  const swaps = pairs(options.swap);
  const unusedSwaps = new Set(swaps.keys());
  const common = {
    absWorkingDir: here,
    bundle: true,
    charset: "utf8",
    define: Object.fromEntries(pairs(options.define)),
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
    // Names too, for the size budgets; the source is what to read.
    minify: true,
    outdir: out,
    plugins: [swapPlugin(swaps, unusedSwaps), vocabularyPlugin],
    target: TARGETS.get(browser),
    write: false,
  };
  const builds = await Promise.all([
    build({ ...common, entryPoints: modules, format: "esm" }),
    build({
      ...common,
      entryPoints: classic,
      format: "iife",
      mangleProps: OWN_NAMES,
      // Without the words that ask for strictness, which the compiler has checked.
      tsconfigRaw: {},
    }),
  ]);
  if (unusedSwaps.size > 0) {
    const names = [...unusedSwaps].join(", ");
    throw new Error(`--swap names no bundled file: ${names} (write it as it stands under src/)`);
  }
  const files = new Map();
  for (const { outputFiles } of builds) {
    for (const { path, contents } of outputFiles) files.set(basename(path), Buffer.from(contents));
  }
  for (const [to, from] of copies) files.set(to, await readFile(from));
  const manifest = await manifestFor(browser);
  files.set("manifest.json", Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
  const inputs = builds.flatMap(({ metafile }) => Object.keys(metafile.inputs));
  files.set("THIRD-PARTY.txt", Buffer.from(await notices(inputs)));
  await publish(out, files);
  for (const needed of ["content.js", "worker.js", manifest.action.default_popup]) {
    if (!files.has(needed)) console.error(`build: nothing to make ${needed} from yet`);
  }
}

async function manifestFor(browser) {
  const read = async (name) => JSON.parse(await readFile(join(here, name), "utf8"));
  const { version } = await read("package.json");
  const { key, ...own } = await read(`manifest.${browser}.json`);
  const identity = key === undefined || options.store ? {} : { key };
  return { ...(await read("manifest.base.json")), ...identity, ...own, version };
}

const chosen = options.target ?? (options.out === undefined ? undefined : "chromium");
if (chosen !== undefined && !TARGETS.has(chosen)) {
  throw new Error(`--target is one of ${[...TARGETS.keys()].join(", ")}; got '${chosen}'`);
}
for (const browser of chosen === undefined ? TARGETS.keys() : [chosen]) {
  await buildFor(browser, resolve(options.out ?? join(here, "dist", browser)));
}
