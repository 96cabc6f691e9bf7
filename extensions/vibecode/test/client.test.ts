import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import { Client } from "../src/client.ts";
import { parseAnswer } from "../src/protocol.ts";

describe("client", () => {
  let folder: string;
  let server: Server;
  let status: number;
  let body: string;
  let seen: { path: string | undefined; token: string | undefined }[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "vibecode-client-"));
    status = 200;
    body = JSON.stringify({ reason: "kept", stopsAt: "2026-11-24T12:00:00Z", warning: true, idleTimeoutSeconds: 60 });
    seen = [];
    server = createServer((request: IncomingMessage, response) => {
      seen.push({ path: request.url, token: request.headers.authorization });
      response.writeHead(status).end(body);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
  });

  afterEach(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  async function agentFile(token: string): Promise<string> {
    const path = join(folder, "agent.json");
    await writeFile(path, JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, token }));
    return path;
  }

  it("follows a server that came back with another token", async () => {
    const client = new Client(await agentFile("first"));
    await client.keepRunning();
    await agentFile("second");
    await client.keepRunning();
    assert.deepEqual(seen, [
      { path: "/agent/v1/keep-running", token: "Bearer first" },
      { path: "/agent/v1/keep-running", token: "Bearer second" },
    ]);
  });

  it("fails in words on a refused token, a broken answer and a missing file", async () => {
    const client = new Client(await agentFile("t"));
    status = 401;
    await assert.rejects(client.keepRunning(), /answered 401/);
    status = 200;
    body = "[]";
    await assert.rejects(client.keepRunning(), /not an object/);
    body = "x".repeat(100_000);
    await assert.rejects(client.keepRunning(), /too long/);
    await assert.rejects(new Client(join(folder, "none")).keepRunning(), /ENOENT/);
  });
});

describe("answer", () => {
  it("is read into milliseconds, with the interval within bounds", () => {
    const answer = { reason: "r", stopsAt: "2026-11-24T12:00:00Z", warning: true, idleTimeoutSeconds: 60 };
    assert.deepEqual(parseAnswer({ ...answer, reportAgainInSeconds: 0 }), {
      reason: "r",
      stopsAt: Date.UTC(2026, 10, 24, 12),
      warning: true,
      idleTimeout: 60,
      reportAgainIn: 5,
    });
    assert.equal(parseAnswer({ ...answer, reportAgainInSeconds: 1e9 }).reportAgainIn, 300);
    assert.equal(parseAnswer(answer).reportAgainIn, 30);
  });

  it("is refused when its time is no time", () => {
    assert.throws(() => parseAnswer({ reason: "r", stopsAt: "soon" }), /not a time/);
  });
});
