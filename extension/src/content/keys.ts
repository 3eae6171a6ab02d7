/** Which kind of key was pressed, as far as it is told: a class, never the key. */

import { CORRECT, MOVE, SHORTCUT, SUBMIT, TYPE } from "./codes.ts";

const CORRECTS = /^(?:Backspace|Delete)$/;
const MOVES = /^(?:Arrow.+|Home|End|Page.+|Tab)$/;
const COMMANDS = /^(?:Escape|F\d+|Insert|ContextMenu)$/;
const TEXT = /^(?:Process|Dead|Unidentified|.{1,2})$/u;

/** Class of a key: 1-5, or 0 for modifiers and keys that belong to no class. */
export function classOf(event: KeyboardEvent): number {
  const { key } = event;
  const commanded = event.ctrlKey || event.metaKey || event.altKey;
  if (CORRECTS.test(key)) return CORRECT;
  if (key === "Enter") return SUBMIT;
  if (MOVES.test(key)) return MOVE;
  if (COMMANDS.test(key)) return SHORTCUT;
  if (!TEXT.test(key)) return 0;
  return commanded && !event.getModifierState("AltGraph") ? SHORTCUT : TYPE;
}
