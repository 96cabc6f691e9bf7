import { createServer, type Server } from "node:http";
import { greet } from "./greeting.ts";

/** Makes a server that greets whoever the query names: /?name=Ada */
export function makeServer(): Server {
  return createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
    response.end(`${greet(url.searchParams.get("name") ?? "")}\n`);
  });
}
