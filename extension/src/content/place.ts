/** Whether this frame may be recorded where it stands now: its path, its frames, their paths. */

import { isExcludedPath } from "../shared/allowlist.ts";
import { isWithinPrivate } from "./privacy.ts";

/** Whether this is the tab's own frame. */
export const isTop = window === window.parent;

/**
 * Tell whether the frame's present place is open to recording.
 *
 * Frames count with everything around them. Where the parent is of another origin, nothing can be known about the
 * region that the frame stands in, so nothing is recorded.
 *
 * @param excludedPaths Path prefixes of the app, normalised.
 */
export function isOpen(excludedPaths: readonly string[]): boolean {
  let view: Window = window;
  for (;;) {
    const { protocol, pathname } = view.location;
    // about: and blob: frames have no path of their own; the frame around them has.
    if (protocol.startsWith("http") && isExcludedPath(pathname, excludedPaths)) return false;
    if (view === view.parent) return true;
    const frame = view.frameElement;
    if (!frame || isWithinPrivate(frame)) return false;
    view = view.parent;
  }
}
