import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { greet } from "../src/greeting.ts";
import { makeServer } from "../src/server.ts";

const server = makeServer();
let address = "";

before(async () => {
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  server.close();
});

test("greets by name", () => {
  assert.equal(greet(" Ada "), "Hello, Ada!");
  assert.equal(greet(""), "Hello, world!");
});

test("the server greets whoever the query names", async () => {
  const response = await fetch(`${address}/?name=Ada`);
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "Hello, Ada!\n");
});
