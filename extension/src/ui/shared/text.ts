/** The words of Candor's pages in the language in use; another language is one more file like en.ts. */

import { en } from "./en.ts";

/** What a file of words must hold. */
export type Words = typeof en;

export const text: Words = en;
