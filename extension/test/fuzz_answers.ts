/**
 * Reads inputs that the relay's tests drew, and says what the extension makes of each.
 *
 * Run by tests/fuzz/test_agreement.py, bundled for Node. Arguments: a folder with `apps.json` and a file NAME.bin for
 * each reader (per input: u32 length, bytes); writes NAME.json, a list of answers, where an answer that is an object
 * says what was thrown that must not be, or how long an input took.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import type { Bytes } from "../src/shared/bytes.ts";
import type { PolicyApp } from "../src/shared/policy.ts";
import { judge, READERS } from "./fuzz_readers.ts";

const MAX_MS = 2_000;

function inputs(file: Bytes): Bytes[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const found: Bytes[] = [];
  for (let at = 0; at < file.length; ) {
    const end = at + 4 + view.getUint32(at);
    found.push(file.slice(at + 4, end));
    at = end;
  }
  return found;
}

const folder = argv[2] ?? "";
const apps = JSON.parse(readFileSync(`${folder}/apps.json`, "utf8")) as readonly PolicyApp[];
for (const name of readdirSync(folder).filter((file) => file.endsWith(".bin"))) {
  const kind = name.replace(/\.bin$/, "");
  const read = READERS[kind];
  if (read === undefined) throw new Error(`no reader ${kind}`);
  const answers = inputs(readFileSync(`${folder}/${name}`) as Bytes).map((input) => {
    const started = performance.now();
    try {
      const answer = judge(read, input, apps);
      const ms = performance.now() - started;
      return ms < MAX_MS ? answer : { fault: `took ${ms} ms` };
    } catch (error) {
      return { fault: String(error) };
    }
  });
  writeFileSync(`${folder}/${kind}.json`, JSON.stringify(answers));
}
