/** When to report: regularly, soon after a change, and seldom while the server is down. */

import { backOff } from "./decisions.ts";
import type { Answer } from "./protocol.ts";

const SHORTEST_GAP = 5_000;
const FIRST_INTERVAL = 30_000;

export interface ReporterOptions {
  readonly send: () => Promise<Answer>;
  readonly onAnswer: (answer: Answer) => void;
  readonly log: (line: string) => void;
  readonly random?: () => number;
}

export class Reporter {
  readonly #options: ReporterOptions;
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;
  #lastSent = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #sending: Promise<Answer | null> | undefined;
  #changed = false;
  #disposed = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(0);
  }

  /** Report soon; changes in quick succession make one report. While the server is down, its retry is soon enough. */
  changed(): void {
    if (this.#failures > 0) return;
    if (this.#sending) this.#changed = true;
    else this.#schedule(Math.max(0, this.#lastSent + SHORTEST_GAP - Date.now()));
  }

  /** Report now. Returns null when the server can't be reached. */
  async now(): Promise<Answer | null> {
    await this.#sending;
    return this.#send();
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
  }

  #schedule(wait: number): void {
    const due = Date.now() + wait;
    if (this.#disposed || due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => void this.#send(), wait);
  }

  #send(): Promise<Answer | null> {
    this.#sending ??= this.#sendOnce().finally(() => {
      this.#sending = undefined;
      if (this.#changed) this.changed();
      this.#changed = false;
    });
    return this.#sending;
  }

  async #sendOnce(): Promise<Answer | null> {
    clearTimeout(this.#timer);
    this.#due = Number.POSITIVE_INFINITY;
    this.#lastSent = Date.now();
    let wait = FIRST_INTERVAL;
    try {
      const answer = await this.#options.send();
      if (this.#failures > 0) this.#options.log("VibeCode answers again.");
      this.#failures = 0;
      wait = answer.reportAgainIn * 1000;
      if (!this.#disposed) this.#options.onAnswer(answer);
      return answer;
    } catch (error) {
      this.#failures += 1;
      wait = backOff(this.#failures, (this.#options.random ?? Math.random)());
      // One line for an outage, not one for each try.
      if (this.#failures === 1) this.#options.log(`VibeCode can't be reached; trying again. ${message(error)}`);
      return null;
    } finally {
      this.#schedule(wait);
    }
  }
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
