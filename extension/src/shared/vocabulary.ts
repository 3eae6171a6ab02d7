/**
 * Targets as codes from closed vocabularies (protocol.md section 11), never from content.
 *
 * Owns the packing; which element a target is, the capture modules say.
 */

import {
  input_types as inputTypes,
  landmarks,
  roles,
  tags,
} from "../../../relay/protocol/vocabulary.json";

function index(words: readonly string[]): ReadonlyMap<string, number> {
  return new Map(words.map((word, at) => [word, at + 1]));
}

/** Codes of the vocabularies: position from 1; 0 is "none or not in the vocabulary". */
export const TAG_CODES = index(tags);
export const ROLE_CODES = index(roles);
export const INPUT_TYPE_CODES = index(inputTypes);
export const LANDMARK_CODES = index(landmarks);

/** Weights of the places in a target. */
export const ROLE_PLACE = 256;
export const INPUT_TYPE_PLACE = 65_536;
export const LANDMARK_PLACE = 4_194_304;
/** The largest packed target. */
export const MAX_TARGET = 32 * LANDMARK_PLACE - 1;

/**
 * Pack the codes of one element.
 *
 * @param tag Tag name in lower case; a name with a hyphen counts as "custom".
 * @param role ARIA role, or "" for none.
 * @param inputType Type of an input, or "".
 * @param landmark The nearest landmark around it, or "".
 */
export function packTarget(tag: string, role: string, inputType: string, landmark: string): number {
  return (
    (TAG_CODES.get(tag.includes("-") ? "custom" : tag) ?? 0) +
    ROLE_PLACE * (ROLE_CODES.get(role) ?? 0) +
    INPUT_TYPE_PLACE * (INPUT_TYPE_CODES.get(inputType) ?? 0) +
    LANDMARK_PLACE * (LANDMARK_CODES.get(landmark) ?? 0)
  );
}
