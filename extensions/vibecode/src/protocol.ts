/** What the extension and VibeCode say to each other. The server's side is `/agent/v1/`. */

export interface Terminal {
  readonly name: string;
  /** Process id of the shell; null until it has started. */
  readonly pid: number | null;
  /** Command that runs now, shortened; null where none runs, or where the shell doesn't tell. */
  readonly command: string | null;
}

export interface Report {
  readonly extensionVersion: string;
  /** One per open window or tab: a workspace open in two of them has two extension hosts, each of which reports. */
  readonly windowId: string;
  /** The window closed in an orderly way; nothing more comes from it. */
  readonly closed: boolean;
  readonly windowActive: boolean;
  readonly windowFocused: boolean;
  /** ISO 8601, UTC; null before the first interaction. */
  readonly lastInteraction: string | null;
  readonly terminals: readonly Terminal[];
  readonly tasks: readonly { readonly name: string; readonly background: boolean }[];
  readonly debugSessions: readonly { readonly name: string }[];
}

export interface Answer {
  readonly reason: string;
  /** Milliseconds since 1970; null while nothing makes the workspace stop. */
  readonly stopsAt: number | null;
  /** The stop is near enough to tell the user. */
  readonly warning: boolean;
  /** Seconds; null where idle stops are off. */
  readonly idleTimeout: number | null;
  /** Seconds until the next regular report. */
  readonly reportAgainIn: number;
}

const DEFAULT_INTERVAL = 30;
const LONGEST_INTERVAL = 300;
const SHORTEST_INTERVAL = 5;

/** Read the server's answer; throws an `Error` that says what is wrong with it. */
export function parseAnswer(value: unknown): Answer {
  const { reason, stopsAt, warning, idleTimeoutSeconds, reportAgainInSeconds } = asObject(value, "The answer");
  if (typeof reason !== "string") throw new Error("The answer has no reason.");
  const interval = typeof reportAgainInSeconds === "number" ? reportAgainInSeconds : DEFAULT_INTERVAL;
  return {
    reason,
    stopsAt: parseTime(stopsAt),
    warning: warning === true,
    idleTimeout: typeof idleTimeoutSeconds === "number" ? idleTimeoutSeconds : null,
    reportAgainIn: Math.min(LONGEST_INTERVAL, Math.max(SHORTEST_INTERVAL, interval)),
  };
}

/** Where the server is and what proves who we are; the server rewrites the file at each of its starts. */
export interface AgentFile {
  readonly url: string;
  readonly token: string;
  readonly dashboardUrl: string | null;
}

/** Read the content of the file that VIBECODE_AGENT_FILE names; throws an `Error` that says what is wrong with it. */
export function parseAgentFile(text: string): AgentFile {
  const { url, token, dashboardUrl } = asObject(JSON.parse(text), "The agent file");
  if (typeof url !== "string" || !/^https?:\/\//.test(url)) throw new Error("The agent file has no url.");
  if (typeof token !== "string" || token === "") throw new Error("The agent file has no token.");
  return { url: url.replace(/\/+$/, ""), token, dashboardUrl: typeof dashboardUrl === "string" ? dashboardUrl : null };
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${what} is not an object.`);
  return Object.fromEntries(Object.entries(value));
}

function parseTime(value: unknown): number | null {
  if (typeof value !== "string") return null;
  const time = Date.parse(value);
  if (Number.isNaN(time)) throw new Error(`The answer's stopsAt is not a time: ${value}`);
  return time;
}
