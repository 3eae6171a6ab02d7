/**
 * A key's fingerprint in words that two people can read to each other (protocol.md section 2).
 *
 * Owns the words only; which keys are compared, the pages say.
 *
 * Source: proquints, arXiv 0901.4016: 16 bits are one pronounceable word of five letters.
 */

import type { Sha256 } from "./bytes.ts";
import { labelledHash } from "./transcript.ts";

const CONSONANTS = "bdfghjklmnprstvz";
const VOWELS = "aiou";
const WORDS = 8;

function proquint(bits: number): string {
  const consonant = (shift: number): string => CONSONANTS.charAt((bits >> shift) & 15);
  const vowel = (shift: number): string => VOWELS.charAt((bits >> shift) & 3);
  return consonant(12) + vowel(10) + consonant(6) + vowel(4) + consonant(0);
}

/** The eight words of a public key: the first 16 bytes of its labelled hash. */
export async function keyWords(sha256: Sha256, publicKey: Uint8Array): Promise<string[]> {
  const hash = await labelledHash(sha256, "candor/v1/words", publicKey);
  return Array.from({ length: WORDS }, (_, at) =>
    proquint(((hash[2 * at] ?? 0) << 8) | (hash[2 * at + 1] ?? 0)),
  );
}
