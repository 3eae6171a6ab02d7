/**
 * Which app a page belongs to, and which of its paths are excluded (protocol.md section 8).
 *
 * Owns matching; whatever cannot be read with certainty counts as outside.
 */

import { joinOrigin } from "./origins.ts";
import type { PolicyApp } from "./policy.ts";

/** An app's number, or why the page is outside. */
export type Match =
  | { readonly app: number; readonly reason: null }
  | { readonly app: 0; readonly reason: "not_approved" | "excluded_path" | "malformed" };

const URL_SHAPE = /^(https?):\/\/([^/?#\\]+)([^?#]*)/i;
const MAX_DECODINGS = 8;

function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Decode percent escapes until none is left; null if they are malformed, too deep or no UTF-8. */
function decoded(path: string): string | null {
  let text = path;
  for (let round = 0; round < MAX_DECODINGS; round += 1) {
    if (!text.includes("%")) return text;
    try {
      text = decodeURIComponent(text);
    } catch {
      return null;
    }
  }
  return null;
}

/** Free a segment of dots and spaces at its end and of spaces at its start, in one pass whatever it holds. */
function withoutEdges(name: string): string {
  let end = name.length;
  while (end > 0 && (name[end - 1] === "." || name[end - 1] === " ")) end -= 1;
  return name.slice(0, end).replace(/^ +/, "");
}

/**
 * The segments of a path as careless servers may understand it: escapes decoded, backslashes as slashes, each cut at the
 * first of ; ? #, freed of spaces and trailing dots; NFC, A-Z in lower case, empty ones left out.
 *
 * @returns null if it cannot be read with certainty; a segment that leads upwards is such a case.
 */
export function pathSegments(pathname: string): readonly string[] | null {
  const text = decoded(pathname);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
  if (text === null || /[\x00-\x1f\x7f]/.test(text)) return null;
  const segments: string[] = [];
  for (const part of lowerAscii(text.normalize("NFC")).split(/[/\\]/)) {
    const name = part.replace(/[;?#].*$/s, "");
    const kept = withoutEdges(name);
    // Of dots and spaces only: with two dots, it leads upwards.
    if (kept === "" && name.split(".").length > 2) return null;
    if (kept !== "") segments.push(kept);
  }
  return segments;
}

/**
 * Tell whether a path lies under an excluded prefix.
 *
 * @param pathname As `location.pathname` gives it.
 * @param prefixes Excluded paths of the policy, which are written normalised.
 */
export function isExcludedPath(pathname: string, prefixes: readonly string[]): boolean {
  if (prefixes.length === 0) return false;
  const segments = pathSegments(pathname);
  if (segments === null) return true;
  const path = `${segments.map((segment) => `/${segment}`).join("")}/`;
  return prefixes.some((prefix) => path.startsWith(`${prefix}/`));
}

/** The exact origin of an address, or null. */
export function originOf(url: string): string | null {
  const [, scheme = "", authority = ""] = URL_SHAPE.exec(url) ?? [];
  return joinOrigin(scheme.toLowerCase(), lowerAscii(authority));
}

/**
 * Find the app of a page.
 *
 * @param url Its address, as the browser gives it.
 * @param apps The apps of a policy.
 */
export function matchPage(url: string, apps: readonly PolicyApp[]): Match {
  const origin = originOf(url);
  if (origin === null) return { app: 0, reason: "malformed" };
  const app = apps.find(({ origins }) => origins.includes(origin));
  if (app === undefined) return { app: 0, reason: "not_approved" };
  const pathname = URL_SHAPE.exec(url)?.[3] ?? "";
  return isExcludedPath(pathname, app.excluded_paths)
    ? { app: 0, reason: "excluded_path" }
    : { app: app.app, reason: null };
}
