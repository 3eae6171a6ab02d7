/**
 * Where the content script runs: registered for exactly grant ∩ policy ∩ permission, and told when that changes.
 *
 * Owns the browser's registration; what a running script may record, `recorder.ts` says.
 */

import { allTabs, injectContent, registerContent, tabsUnder, tellTab } from "../browser.ts";
import type { Standing } from "./standing.ts";

export class Registration {
  readonly #standing: Standing;
  #turn: Promise<void> = Promise.resolve();

  constructor(standing: Standing) {
    this.#standing = standing;
  }

  /**
   * Make the browser's registration what it must be now; runs one after the other.
   *
   * @param isNew Whether origins may have been added whose open tabs have no script yet.
   */
  reconcile(isNew: boolean): Promise<void> {
    this.#turn = this.#turn.then(() => this.#reconcile(isNew)).catch(() => undefined);
    return this.#turn;
  }

  /** Stop every script at once. */
  async detach(): Promise<void> {
    const tabs = await allTabs();
    await Promise.all(tabs.map(({ id }) => tellTab(id, { kind: "detach" })));
    await this.reconcile(false);
  }

  /** Let every script ask anew what it may record. */
  async ask(): Promise<void> {
    const tabs = await allTabs();
    await Promise.all(tabs.map(({ id }) => tellTab(id, { kind: "ask" })));
  }

  /** Let the scripts of one tab ask anew. */
  async askTab(tabId: number): Promise<void> {
    await tellTab(tabId, { kind: "ask" });
  }

  async #reconcile(isNew: boolean): Promise<void> {
    await this.#standing.refresh();
    const origins = this.#standing.apps.flatMap((app) => app.origins);
    await registerContent(origins);
    for (const { id } of await tabsUnder(origins)) {
      // A script that stopped for good still hears; only a new one records again.
      if (isNew || !(await tellTab(id, { kind: "ask" }))) await injectContent(id);
    }
    const approved = new Set((await tabsUnder(origins)).map(({ id }) => id));
    const others = (await allTabs()).filter(({ id }) => !approved.has(id));
    await Promise.all(others.map(({ id }) => tellTab(id, { kind: "ask" })));
  }
}
