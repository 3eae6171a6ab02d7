/** Numbers, days and lists as people of the browser's language write them. */

import { text } from "./text.ts";

const day = new Intl.DateTimeFormat(text.language, { dateStyle: "long" });
const dayUtc = new Intl.DateTimeFormat(text.language, { dateStyle: "long", timeZone: "UTC" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const whole = new Intl.NumberFormat(text.language);
const list = new Intl.ListFormat(text.language, { type: "conjunction" });

/** A day of a policy, such as "2026-11-24", in words. */
export function dayOf(isoDay: string): string {
  return dayUtc.format(new Date(`${isoDay}T00:00:00Z`));
}

/** A day some days after another, in words. */
export function dayAfter(isoDay: string, days: number): string {
  return dayUtc.format(new Date(Date.parse(`${isoDay}T00:00:00Z`) + days * 86_400_000));
}

/** A moment's day in words, in the person's own time zone. */
export function dayAt(ms: number): string {
  return day.format(new Date(ms));
}

/** A moment's time, with its day if that is not today. */
export function timeAt(ms: number, now: number): string {
  const at = new Date(ms);
  const isToday = at.toDateString() === new Date(now).toDateString();
  return isToday ? clock.format(at) : `${day.format(at)}, ${clock.format(at)}`;
}

export function count(number: number): string {
  return whole.format(number);
}

/** Things that are lists themselves. */
export function listed(parts: readonly string[]): string {
  return parts.join("; ");
}

export function and(words: readonly string[]): string {
  return list.format(words);
}
