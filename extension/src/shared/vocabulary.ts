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
/** The largest packed target: less than 32 of the last place. */
export const MAX_TARGET = 134_217_727;

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

function code(words: ReadonlyMap<string, number>, word: string): number {
  return words.get(word) ?? -1;
}

// Cells say where inside a button or link a click fell; elsewhere they would map the page's layout.
const CELL_TAGS = /* @__PURE__ */ ["a", "button"].map((word) => code(TAG_CODES, word));
const CELL_ROLES = /* @__PURE__ */ ["button", "link"].map((word) => code(ROLE_CODES, word));
const CELL_INPUT_TYPES = /* @__PURE__ */ ["button", "image", "reset", "submit"].map((word) =>
  code(INPUT_TYPE_CODES, word),
);

/** A target taken apart: tag, role, input type, landmark. */
export function splitTarget(target: number): readonly [number, number, number, number] {
  return [
    target % ROLE_PLACE,
    Math.floor(target / ROLE_PLACE) % 256,
    Math.floor(target / INPUT_TYPE_PLACE) % 64,
    Math.floor(target / LANDMARK_PLACE),
  ];
}

/** Tell whether every code in a target is one of its vocabulary. */
export function isTarget(target: number): boolean {
  const [tag, role, inputType, landmark] = splitTarget(target);
  return (
    tag <= tags.length &&
    role <= roles.length &&
    inputType <= inputTypes.length &&
    landmark <= landmarks.length
  );
}

/** Tell whether a click on this target may say in which of its 64 cells it fell. */
export function mayHaveCell(target: number): boolean {
  const [tag, role, inputType] = splitTarget(target);
  return (
    CELL_TAGS.includes(tag) || CELL_ROLES.includes(role) || CELL_INPUT_TYPES.includes(inputType)
  );
}
