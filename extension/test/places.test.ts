import { describe, expect, it } from "vitest";
import { Activity } from "../src/background/activity.ts";
import { locate, placeOf } from "../src/background/places.ts";
import type { Sender } from "../src/browser.ts";
import { isExcludedPath } from "../src/shared/allowlist.ts";
import { scopeApps } from "../src/shared/scope.ts";
import { captured, NOW, POLICY } from "./fixtures.ts";

const APPS = scopeApps(POLICY, POLICY, [
  { app: 1, signals: ["pointer"] },
  { app: 2, signals: ["pointer"] },
]);
const OWN = "abcdefghijklmnopabcdefghijklmnop";
const CRM = "https://crm.corp.example";

function sender(changes: Partial<Sender>): Sender {
  const url = `${CRM}/customers`;
  return { id: OWN, url, origin: CRM, tabId: 1, tabUrl: url, frameId: 0, ...changes };
}

describe("a sender", () => {
  it("is a frame of an approved app", () => {
    expect(locate(sender({}), APPS, OWN)).toMatchObject({ app: { app: 1 }, isExcluded: false });
    const wiki = { url: "https://wiki.corp.example/a", origin: "https://wiki.corp.example" };
    expect(locate(sender({ ...wiki, frameId: 3 }), APPS, OWN)?.app.app).toBe(2);
  });

  it.each<[string, Partial<Sender>]>([
    ["another extension", { id: "x".repeat(32) }],
    ["no tab", { tabId: null }],
    ["an unapproved page", { url: "https://mail.example/", origin: "https://mail.example" }],
    ["another port", { url: `${CRM}:8443/`, origin: `${CRM}:8443` }],
    ["plain http", { url: "http://crm.corp.example/", origin: "http://crm.corp.example" }],
    ["a host that only begins alike", { url: `${CRM}.evil.example/`, origin: null }],
    ["an address that disagrees with its origin", { origin: "https://mail.example" }],
    ["a sandboxed frame", { frameId: 2, url: "about:srcdoc", origin: "null" }],
    ["a frame within an unapproved page", { frameId: 2, tabUrl: "https://mail.example/" }],
    ["a frame within a page the browser does not name", { frameId: 2, tabUrl: null }],
    ["no address", { url: null }],
  ])("is refused from %s", (_, changes) => {
    expect(locate(sender(changes), APPS, OWN)).toBeNull();
  });

  it("is excluded on an excluded path, its own or the page's", () => {
    const payroll = `${CRM}/payroll/2026`;
    expect(locate(sender({ url: payroll }), APPS, OWN)?.isExcluded).toBe(true);
    expect(locate(sender({ frameId: 2, tabUrl: payroll }), APPS, OWN)?.isExcluded).toBe(true);
    const inline = { frameId: 2, url: "about:srcdoc" };
    expect(locate(sender(inline), APPS, OWN)).toMatchObject({ app: { app: 1 }, isExcluded: false });
    expect(locate(sender({ ...inline, tabUrl: payroll }), APPS, OWN)?.isExcluded).toBe(true);
  });

  it("is found by the exact origin of its address", () => {
    expect(placeOf(`${CRM}:443/x`, APPS)?.app.app).toBe(1);
    expect(placeOf("https://user@crm.corp.example/", APPS)).toBeNull();
    expect(placeOf("chrome://settings", APPS)).toBeNull();
  });
});

describe("an excluded path", () => {
  it.each([
    "/payroll",
    "/payroll/",
    "/PayRoll/x",
    "//payroll",
    "/pay%72oll",
    "/pay%2572oll",
    "/payroll;v=1",
    "/x/../payroll",
    "/payroll%2fx",
    "\\payroll",
    "/payroll.",
    "/%",
    "/%ff",
  ])("matches %s", (path) => {
    expect(isExcludedPath(path, ["/payroll"])).toBe(true);
  });

  it.each(["/", "/payrolls", "/x/payroll", "/pay/roll"])("does not match %s", (path) => {
    expect(isExcludedPath(path, ["/payroll"])).toBe(false);
  });
});

describe("activity", () => {
  it("draws the last ten seconds and forgets after a minute", () => {
    const activity = new Activity();
    const t0 = (NOW - 1_000) / 10;
    const columns = captured({
      t0,
      pointer: [
        [0, 1, 60],
        [0, 0, 0],
        [0, 0, 0],
      ],
    });
    activity.recorded(1, columns, 4.25, NOW);
    activity.acked(2, 30, NOW);
    const dots = activity.dots(1, NOW);
    expect(dots).toHaveLength(40);
    expect(dots.slice(-6)).toEqual([0, 2, 0, 1, 0, 0]);
    expect(activity.dots(2, NOW).every((dot) => dot === 0)).toBe(true);
    expect(activity.costMs(1, NOW)).toBe(4.3);
    expect(activity.sent(NOW)).toEqual({ batches: 2, events: 30 });
    expect(activity.sent(NOW + 60_000)).toEqual({ batches: 0, events: 0 });
    expect(activity.costMs(1, NOW + 60_000)).toBe(0);
    expect(activity.dots(1, NOW + 10_000).every((dot) => dot === 0)).toBe(true);
    activity.forget(1);
    expect(activity.costMs(1, NOW)).toBe(0);
  });
});
