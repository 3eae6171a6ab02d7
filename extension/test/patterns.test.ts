import { afterEach, describe, expect, it, vi } from "vitest";
import { patternsOf } from "../src/browser.ts";

const ORIGINS = ["https://crm.corp.example", "https://localhost:8443", "https://localhost:9443"];

function runsIn(scheme: string): void {
  vi.stubGlobal("chrome", { runtime: { getURL: () => `${scheme}://id/` } });
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("match patterns", () => {
  it("name an origin's port in Chromium", () => {
    runsIn("chrome-extension");
    expect(patternsOf(ORIGINS)).toEqual(ORIGINS.map((origin) => `${origin}/*`));
  });

  it("name no port in Firefox, where those that do hold nowhere", () => {
    runsIn("moz-extension");
    expect(patternsOf(ORIGINS)).toEqual(["https://crm.corp.example/*", "https://localhost/*"]);
  });
});
