import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isReason, REASONS } from "../src/shared/internal.ts";
import { text } from "../src/ui/shared/text.ts";

const BACKGROUND = new URL("../src/background/", import.meta.url);

/** Every code that some module of the worker writes down as a reason or a problem. */
function written(): string[] {
  const texts = readdirSync(BACKGROUND).map((name) =>
    readFileSync(new URL(name, BACKGROUND), "utf8"),
  );
  const forms = [
    /verdict\(\s*"\w+",\s*"(\w+)"/g,
    /#problem\("(\w+)"\)/g,
    /reason: "((?:paused|presence)_\w+)"/g,
    /problem = \{ code: "(\w+)"/g,
    /return "(\w+)";/g,
    /\? "(\w+)" : "(\w+)"/g,
  ];
  return texts.flatMap((source) =>
    forms.flatMap((form) => [...source.matchAll(form)].flatMap((found) => found.slice(1))),
  );
}

const WORDS = readFileSync(new URL("standing.ts", BACKGROUND), "utf8");
const BLOCKS = [
  ...(/export type Block =([^;]*);/.exec(WORDS)?.[1]?.matchAll(/"(\w+)"/g) ?? []),
].map((found) => found[1] ?? "");

describe("reasons", () => {
  it.each(REASONS)("%s has a sentence and a next step", (reason) => {
    const words = text.reasons[reason];
    expect(words?.why).toMatch(/^[A-Z].{15,}\.$/);
    expect(words?.next).toMatch(/^[A-Z].{15,}\.$/);
  });

  it("has no words for reasons that nobody gives", () => {
    expect(Object.keys(text.reasons).sort()).toEqual([...REASONS].sort());
  });

  it("has every block of the standing, but the one that stands for a stored code", () => {
    expect(BLOCKS.length).toBeGreaterThan(8);
    expect(BLOCKS.filter((block) => block !== "problem" && !isReason(block))).toEqual([]);
  });

  it("has every problem that the worker writes down", () => {
    const codes = new Set(written());
    for (const code of ["grant_lapsed", "upgrade_required", "enrolment_lost", "storage_lost"]) {
      expect([...codes]).toContain(code);
    }
    const problems = [...codes].filter((code) =>
      /_(?:lost|lapsed|required|failed|full)$/.test(code),
    );
    expect(problems.filter((code) => !isReason(code))).toEqual([]);
  });
});
