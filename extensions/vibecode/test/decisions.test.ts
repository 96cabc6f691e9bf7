import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { backOff, explanation, shortCommand, shortName, statusBar, warn, warningIsStale, warningText } from "../src/decisions.ts";
import type { Answer } from "../src/protocol.ts";

const NOW = Date.parse("2026-11-24T12:00:00Z");
const MINUTE = 60_000;

function answer(fields: Partial<Answer> = {}): Answer {
  return { reason: "stops in 12 min", stopsAt: null, warning: false, idleTimeout: 1800, reportAgainIn: 30, ...fields };
}

describe("status bar", () => {
  it("says nothing while nothing makes the workspace stop", () => {
    assert.equal(statusBar(answer(), NOW), null);
  });

  it("says nothing while the stop is far away", () => {
    assert.equal(statusBar(answer({ stopsAt: NOW + 16 * MINUTE }), NOW), null);
  });

  it("counts the minutes when the stop is near, with the reason as tooltip", () => {
    const shown = statusBar(answer({ stopsAt: NOW + 12 * MINUTE }), NOW);
    assert.deepEqual(shown, { text: "Stops in 12 min", tooltip: "Stops in 12 min.", urgent: false });
  });

  it("is not always near with a short time-out", () => {
    assert.equal(statusBar(answer({ stopsAt: NOW + 9 * MINUTE, idleTimeout: 600 }), NOW), null);
    assert.equal(statusBar(answer({ stopsAt: NOW + 4 * MINUTE, idleTimeout: 600 }), NOW)?.text, "Stops in 4 min");
  });

  it("never counts below zero", () => {
    assert.equal(statusBar(answer({ stopsAt: NOW - MINUTE }), NOW)?.text, "Stops now");
  });

  it("is urgent once the server warns", () => {
    assert.equal(statusBar(answer({ stopsAt: NOW + 5 * MINUTE, warning: true }), NOW)?.urgent, true);
  });
});

describe("warning", () => {
  const near = answer({ stopsAt: NOW + 5 * MINUTE, warning: true });

  it("is shown once for one stop, though its time creeps by seconds with each answer", () => {
    const first = warn(near, null);
    assert.equal(first.show, true);
    let warned = first.warned;
    for (let seconds = 20; seconds <= 200; seconds += 20) {
      const again = warn(answer({ stopsAt: NOW + 5 * MINUTE + seconds * 1000, warning: true }), warned);
      assert.equal(again.show, false);
      warned = again.warned;
    }
  });

  it("is not shown without the server saying so", () => {
    assert.equal(warn(answer({ stopsAt: NOW + MINUTE }), null).show, false);
  });

  it("is not repeated when the same stop is warned about after a pause", () => {
    const { warned } = warn(near, null);
    const paused = warn(answer({ ...near, warning: false }), warned);
    assert.equal(warn(near, paused.warned).show, false);
  });

  it("is shown anew for another stop", () => {
    const { warned } = warn(near, null);
    const kept = warn(answer({ reason: "kept: browser tab active" }), warned);
    assert.equal(warn(answer({ stopsAt: NOW + 35 * MINUTE, warning: true }), kept.warned).show, true);
  });

  it("becomes stale when the stop is off or has moved", () => {
    const { warned } = warn(near, null);
    assert.equal(warningIsStale(near, warned), false);
    assert.equal(warningIsStale(answer(), warned), true);
    assert.equal(warningIsStale(answer({ stopsAt: NOW + 30 * MINUTE, warning: true }), warned), true);
  });

  it("says how long is left, in grammar", () => {
    assert.equal(
      warningText(NOW + 5 * MINUTE - 400, NOW),
      "This workspace stops in 5 minutes because nobody uses it.",
    );
    assert.equal(warningText(NOW + 20_000, NOW), "This workspace stops in 1 minute because nobody uses it.");
  });
});

describe("explanation", () => {
  it("is the server's reason as a sentence", () => {
    assert.equal(explanation(answer({ reason: "kept: terminal is running npm test" }), NOW), "Kept: terminal is running npm test.");
  });

  it("adds when it stops, unless the reason says so", () => {
    const stopsAt = NOW + 20 * MINUTE;
    assert.equal(
      explanation(answer({ reason: "kept: browser tab active 10 min ago", stopsAt }), NOW),
      "Kept: browser tab active 10 min ago. It stops in 20 min if nobody uses it.",
    );
    assert.equal(explanation(answer({ reason: "stops in 20 min", stopsAt }), NOW), "Stops in 20 min.");
  });
});

describe("back-off", () => {
  it("grows to a minute or so, and never hammers", () => {
    const waits = [1, 2, 3, 4, 5, 50].map((failures) => backOff(failures, 0.5));
    assert.deepEqual(waits, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    assert.ok(backOff(1, 0) >= 3_000);
    assert.ok(backOff(50, 0.999) <= 75_000);
  });
});

describe("names", () => {
  it("are cut to what the server takes", () => {
    assert.equal(shortName("bash"), "bash");
    assert.equal(shortName("x".repeat(500)).length, 120);
  });
});

describe("command lines", () => {
  for (const [line, expected] of [
    ["npm run test:unit -- --watch", "npm run test:unit"],
    ["npm test", "npm test"],
    ["/usr/bin/python3 train.py --key sk-123", "python3"],
    ["API_KEY=sk-123 DEBUG=1 node server.js", "node"],
    ["KEY='two words' node server.js", null],
    ["curl -H 'Authorization: Bearer abc' https://example.org", "curl"],
    ["git clone https://user:secret@example.org/x.git", "git clone"],
    ["docker login -u me -p secret", "docker login"],
    ["sudo make install", "make install"],
    ["   ", null],
    ["$(cat secret)", null],
  ] as const) {
    it(`${JSON.stringify(line)} leaves the workspace as ${JSON.stringify(expected)}`, () => {
      assert.equal(shortCommand(line), expected);
    });
  }
});
