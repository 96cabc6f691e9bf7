/** Calls to VibeCode's agent endpoint. */

import { readFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

import { type AgentFile, type Answer, parseAgentFile, parseAnswer, type Report } from "./protocol.ts";

const TIME_OUT = 10_000;
const LARGEST_ANSWER = 64 * 1024;

export class Client {
  readonly #path: string;

  /** `path` is that of the agent file, which is read anew for each call: the server rewrites it when it starts. */
  constructor(path: string) {
    this.#path = path;
  }

  agentFile(): Promise<AgentFile> {
    return readFile(this.#path, "utf8").then(parseAgentFile);
  }

  async report(report: Report): Promise<Answer> {
    return parseAnswer(await this.#post("/agent/v1/report", report));
  }

  async keepRunning(): Promise<Answer> {
    return parseAnswer(await this.#post("/agent/v1/keep-running", {}));
  }

  async #post(path: string, body: unknown): Promise<unknown> {
    const { url, token } = await this.agentFile();
    const text = await post(new URL(url + path), token, JSON.stringify(body));
    return JSON.parse(text) as unknown;
  }
}

// Not fetch: the editor routes that through its proxy settings, and this call goes to the machine that runs us.
function post(url: URL, token: string, body: string): Promise<string> {
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(
      url,
      {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
        },
        signal: AbortSignal.timeout(TIME_OUT),
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          if (text.length > LARGEST_ANSWER) response.destroy(new Error("The answer is too long."));
        });
        response.on("error", reject);
        response.on("end", () => {
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`VibeCode answered ${response.statusCode ?? "nothing"}.`));
        });
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}
