/** Codes of the columns (protocol.md section 11). Owns numbers only. */

/** Classes of fields; the types of inputs have theirs in field.ts. */
export const MULTI_LINE = 2;
export const RICH_TEXT = 3;
export const OTHER_FIELD = 8;
/** Not on the wire: not a place to type in; one that is not recognised or not visible. */
export const NO_FIELD = -1;
export const UNKNOWN_FIELD = 0;

/** Classes of keys. */
export const TYPE = 1;
export const CORRECT = 2;
export const SUBMIT = 3;
export const MOVE = 4;
export const SHORTCUT = 5;

/** States of attention. */
export const VISIBLE = 1;
export const HIDDEN = 2;
export const FOCUSED = 3;
export const BLURRED = 4;
export const IDLE = 5;
export const ACTIVE = 6;

/** Kinds of navigation. */
export const LOAD = 1;
export const WITHIN = 2;
export const RESTORED = 3;
export const LEAVE = 4;
/** Not on the wire: recording begins amid a stay, as after a pause. */
export const AMID = 0;
