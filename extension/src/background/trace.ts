/**
 * A trace outside of the database that there was one: how many batches waited in it, and nothing else.
 *
 * Owns that number, so that a database that was deleted or damaged is not taken for a browser that never agreed.
 */

import { forgetLasting, recallLasting, rememberLasting } from "../browser.ts";

const STORED_AS = "waiting";

export class Trace {
  /** null without an agreement. */
  #noted: number | null;

  private constructor(noted: number | null) {
    this.#noted = noted;
  }

  /** Take up what was noted. */
  static async load(): Promise<Trace> {
    const stored = await recallLasting(STORED_AS);
    return new Trace(typeof stored === "number" ? stored : null);
  }

  /** Batches that waited when it was last noted, or null if there was no agreement. */
  get noted(): number | null {
    return this.#noted;
  }

  /** Note how many batches wait; null if there is no agreement. */
  async note(waiting: number | null): Promise<void> {
    if (waiting === this.#noted) return;
    this.#noted = waiting;
    await (waiting === null ? forgetLasting(STORED_AS) : rememberLasting(STORED_AS, waiting));
  }
}
