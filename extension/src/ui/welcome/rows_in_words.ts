/** Columns in words, row by row, so that a person can read what a machine would. */

import {
  input_types as inputTypes,
  landmarks,
  roles,
  tags,
} from "../../../../relay/protocol/vocabulary.json";
import { eventTicks } from "../../shared/columns.ts";
import type { CapturedColumns } from "../../shared/internal.ts";
import { SIGNALS, type SignalName } from "../../shared/signals.ts";
import { splitTarget } from "../../shared/vocabulary.ts";
import { text } from "../shared/text.ts";

const MS_PER_TICK = 10;
const words = text.rows;

function targetInWords(target: number): string {
  const [tag, role, inputType, landmark] = splitTarget(target);
  const kind = [roles[role - 1] ?? tags[tag - 1], inputTypes[inputType - 1]]
    .filter((word) => word !== undefined)
    .join(" ");
  return words.target(kind || words.unknownTarget, landmarks[landmark - 1] ?? "");
}

function rowInWords(signal: SignalName, row: readonly number[], isFirst: boolean): string {
  const [, a = 0, b = 0, c = 0] = row;
  switch (signal) {
    case "pointer":
      return words.pointer(a, b, isFirst);
    case "click":
      return words.click(words.buttons[a] ?? "", targetInWords(b), c);
    case "hover":
      return words.hover(targetInWords(a), b * MS_PER_TICK);
    case "typing":
      return words.typing(a, b * MS_PER_TICK, words.fields[c - 1] ?? "");
    case "key_timing":
      return words.key(words.keys[b - 1] ?? "", a * MS_PER_TICK);
    case "scroll":
      return words.scroll(a, b);
    case "attention":
      return words.attention[a - 1] ?? "";
    case "navigation":
      return words.navigation[a - 1] ?? "";
  }
}

/** Rows of one signal: the columns turned, oldest first. */
export function rowsOf(columns: readonly (readonly number[])[]): number[][] {
  return (columns[0] ?? []).map((_, at) => columns.map((column) => column[at] ?? 0));
}

/** Every row of a flush in words, in the order in which things happened. */
export function inWords(columns: CapturedColumns): string[] {
  const rows = SIGNALS.flatMap((signal) => {
    const list = columns[signal] ?? [];
    const ticks = eventTicks(list);
    return rowsOf(list).map((row, at) => ({
      tick: ticks[at] ?? 0,
      said: rowInWords(signal, row, at === 0),
    }));
  }).sort((one, other) => one.tick - other.tick);
  return rows.map(({ tick, said }, at) => {
    const before = rows[at - 1]?.tick ?? 0;
    return `${words.after((tick - before) * MS_PER_TICK)}: ${said}`;
  });
}
