/** Rules without editor, clock or network: what to show, when to warn, how long to wait. */

import type { Answer } from "./protocol.ts";

const MINUTE = 60_000;
const NEAR = 15 * MINUTE;
const SAME_STOP = MINUTE;

/** Text and tooltip of the status bar item, or null while the stop is too far away to mention. */
export function statusBar(answer: Answer, now: number): { text: string; tooltip: string; urgent: boolean } | null {
  if (answer.stopsAt === null) return null;
  const left = answer.stopsAt - now;
  // With a time-out of ten minutes, "near" must not mean always.
  const half = answer.idleTimeout === null ? NEAR : (answer.idleTimeout * 1000) / 2;
  if (!answer.warning && left > Math.min(NEAR, half)) return null;
  const text = left < MINUTE / 2 ? "Stops now" : `Stops in ${minutes(left)} min`;
  return { text, tooltip: sentence(answer.reason), urgent: answer.warning };
}

/** The stop that the user was warned about last. */
export type Warned = number | null;

/**
 * Say whether to show the warning, and what to remember.
 *
 * The server computes stopsAt anew for each answer, so that it may creep by seconds; that is the same stop. A stop that
 * moved by more is another one, about which the user hasn't been told.
 */
export function warn(answer: Answer, warned: Warned): { show: boolean; warned: Warned } {
  if (!answer.warning || answer.stopsAt === null) return { show: false, warned };
  const same = warned !== null && Math.abs(answer.stopsAt - warned) <= SAME_STOP;
  return { show: !same, warned: answer.stopsAt };
}

/** Say whether a warning that is on the screen has become untrue. */
export function warningIsStale(answer: Answer, warned: Warned): boolean {
  if (warned === null) return false;
  return !answer.warning || answer.stopsAt === null || Math.abs(answer.stopsAt - warned) > SAME_STOP;
}

export function warningText(stopsAt: number, now: number): string {
  const left = minutes(stopsAt - now);
  return `This workspace stops in ${left} ${left === 1 ? "minute" : "minutes"} because nobody uses it.`;
}

/** Answer to "Why is this workspace still running?". */
export function explanation(answer: Answer, now: number): string {
  const reason = sentence(answer.reason);
  if (answer.stopsAt === null) return reason;
  const left = answer.stopsAt - now;
  if (/\bstops in\b/i.test(reason)) return reason;
  return `${reason} It stops in ${minutes(left)} min if nobody uses it.`;
}

const FIRST_RETRY = 5_000;
const LONGEST_RETRY = 60_000;

/** Milliseconds to wait after the n-th failure in a row (n ≥ 1); `random` in [0, 1) spreads many workspaces. */
export function backOff(failures: number, random: number): number {
  const wait = Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** (failures - 1));
  return wait * (0.75 + random / 2);
}

const LONGEST_COMMAND = 40;

/**
 * Shorten a command line to what may leave the workspace: the program and, for those that have subcommands, the next
 * word or two. Options and everything after them stay here, because they may hold secrets.
 */
export function shortCommand(line: string): string | null {
  const words = line.trim().split(/\s+/);
  for (let first = words[0]; first !== undefined; first = words[0]) {
    const assigns = /^\w+=/.test(first);
    // A quoted value may hold spaces: its second word is no program's name.
    if (assigns && /["'`$(\\]/.test(first)) return null;
    if (!assigns && first !== "sudo" && first !== "env") break;
    words.shift();
  }
  const program = words[0]?.split("/").at(-1);
  if (program === undefined || !/^[\w.+-]+$/.test(program)) return null;
  const kept = [program];
  const most = /^(npm|pnpm|yarn|make|cargo|go|docker|kubectl|git|uv|poetry|just|gradle|mvn)$/.test(program) ? 3 : 1;
  for (const word of words.slice(1, most)) {
    if (!/^[a-z][a-z:_-]*$/i.test(word)) break;
    kept.push(word);
  }
  return kept.join(" ").slice(0, LONGEST_COMMAND);
}

const LONGEST_NAME = 120;

/** Shorten the name of a terminal, task or debug session, which its owner chooses, to what the server takes. */
export function shortName(name: string): string {
  return name.length <= LONGEST_NAME ? name : `${name.slice(0, LONGEST_NAME - 1)}…`;
}

function minutes(milliseconds: number): number {
  return Math.max(1, Math.round(milliseconds / MINUTE));
}

function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return "";
  const upper = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(upper) ? upper : `${upper}.`;
}
