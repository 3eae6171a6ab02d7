/** The language that Candor's pages speak, as receipts record it; the browser's own is nobody's business. */
export const LANGUAGE = "en";
