/**
 * Exact origins: how one is written, and which are allowed where (RFC 6454).
 *
 * Owns the text form only; never resolves a name.
 */

const DEFAULT_PORTS: Readonly<Record<string, number>> = { https: 443, http: 80 };
const AUTHORITY = /^([a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?$/;
const QUAD = /^(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}$/;
const LOOPBACK_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Return the origin in its exact form, or null where it has none.
 *
 * @param scheme "https" or "http".
 * @param authority Host and optional port, lower-case, without credentials.
 */
export function joinOrigin(scheme: string, authority: string): string | null {
  const [, host, port] = AUTHORITY.exec(authority) ?? [];
  const usual = DEFAULT_PORTS[scheme];
  if (host === undefined || usual === undefined || host.length > 253) return null;
  const number = port === undefined ? usual : Number(port);
  if (number > 65_535) return null;
  return `${scheme}://${host}${number === usual ? "" : `:${number}`}`;
}

/** The host of an exact origin. */
export function hostOf(origin: string): string {
  const authority = origin.slice(origin.indexOf("://") + 3);
  return authority.endsWith("]") ? authority : authority.replace(/:[0-9]+$/, "");
}

/** Tell whether an exact origin stays on this computer. */
export function isLoopback(origin: string): boolean {
  return LOOPBACK_HOSTS.includes(hostOf(origin));
}

/** Tell whether a policy may write this origin. */
export function isExactOrigin(origin: string, demo: boolean): boolean {
  const [scheme = "", authority = ""] = origin.split("://", 2);
  if (joinOrigin(scheme, authority) !== origin) return false;
  const host = hostOf(origin);
  const last = host.slice(host.lastIndexOf(".") + 1);
  if (/^[0-9]+$/.test(last) && !QUAD.test(host)) return false;
  return scheme === "https" || (demo && isLoopback(origin));
}
