import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";

import type { Answer } from "../src/protocol.ts";
import { Reporter } from "../src/reporter.ts";

const ANSWER: Answer = { reason: "", stopsAt: null, warning: false, idleTimeout: 1800, reportAgainIn: 30 };

describe("reporter", () => {
  let down = false;
  let sent: number[] = [];
  let log: string[] = [];
  let reporter: Reporter;

  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: 0 });
    down = false;
    sent = [];
    log = [];
    reporter = new Reporter({
      send: () => {
        sent.push(Date.now() / 1000);
        return down ? Promise.reject(new Error("connect ECONNREFUSED")) : Promise.resolve(ANSWER);
      },
      onAnswer: () => undefined,
      log: (line) => log.push(line),
      random: () => 0.5,
    });
    reporter.start();
  });

  afterEach(() => {
    reporter.dispose();
    mock.timers.reset();
  });

  async function pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      mock.timers.tick(1000);
      // Let the promises of a sent report settle.
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    }
  }

  it("reports at once and then as often as the server asks", async () => {
    await pass(91);
    assert.deepEqual(sent, [1, 31, 61, 91]);
  });

  it("makes one report of many changes, at least five seconds after the last", async () => {
    await pass(2);
    for (let change = 0; change < 20; change += 1) reporter.changed();
    await pass(10);
    assert.deepEqual(sent, [1, 6]);
    reporter.changed();
    await pass(1);
    assert.deepEqual(sent, [1, 6, 13]);
  });

  it("waits longer and longer while the server is down, says so once, and recovers", async () => {
    down = true;
    await pass(80);
    reporter.changed();
    assert.deepEqual(sent, [1, 6, 16, 36, 76]);
    assert.equal(log.length, 1);
    assert.match(log[0] ?? "", /can't be reached.*ECONNREFUSED/);
    down = false;
    await pass(60);
    assert.deepEqual(sent.slice(5), [136]);
    assert.equal(log.at(-1), "VibeCode answers again.");
    await pass(30);
    assert.deepEqual(sent.slice(5), [136, 166]);
  });

  it("sends nothing after it was disposed", async () => {
    await pass(2);
    reporter.dispose();
    reporter.changed();
    await pass(60);
    assert.deepEqual(sent, [1]);
  });
});
