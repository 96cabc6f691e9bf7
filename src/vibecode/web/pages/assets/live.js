/** Follows a workspace from a page: its status and its start log. */

const SHORTEST = 500;
const LONGEST = 5000;
const POLL = 10_000;

/**
 * Ask for the status once.
 *
 * Returns the status; or one with the phase "signed-out" or "gone"; or null when the server can't tell now.
 */
export async function ask() {
  try {
    const answer = await fetch("/.vibecode/status", {
      cache: "no-store",
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(10_000),
    });
    if (answer.status === 401) return { phase: "signed-out" };
    const body = await answer.json();
    if (answer.status === 404) return body.code === "workspace_not_found" ? { phase: "gone" } : null;
    return answer.ok && typeof body.phase === "string" ? body : null;
  } catch {
    return null;
  }
}

/**
 * Call `onStatus(status)` for each status, `onLog(text, fresh)` for each line of the start log (`fresh` with the first
 * line of a log: each connection replays the log from its beginning, and each start has its own), and `onReach(whether)` when the server is lost or
 * found. Returns `end()`, which ends it, and `start()`, which asks the server to start the workspace and returns null, or
 * a sentence that says why it won't.
 */
export function follow({ onStatus, onLog, onReach }) {
  let source;
  let timer;
  let wait = SHORTEST;
  let ended = false;
  let fresh = true;
  let starting = false;
  let heard = 0; // how often the server said something

  function take(status) {
    heard += 1;
    const now = status.phase === "pending" || status.phase === "starting";
    if (now && !starting) fresh = true;
    starting = now;
    onStatus(status);
  }

  function connect() {
    fresh = true;
    source = new EventSource("/.vibecode/events");
    source.addEventListener("open", () => {
      wait = SHORTEST;
      onReach?.(true);
    });
    source.addEventListener("status", (event) => take(JSON.parse(event.data)));
    source.addEventListener("log", (event) => {
      onLog(JSON.parse(event.data).text, fresh);
      fresh = false;
    });
    source.addEventListener("error", reconnect);
  }

  // The browser's own reconnecting gives up for good on an answer that isn't a stream, such as a 502 in a restart.
  async function reconnect() {
    source.close();
    if (ended) return;
    await poll();
    if (ended) return;
    timer = setTimeout(connect, wait);
    wait = Math.min(LONGEST, wait * 2);
  }

  async function poll() {
    const status = await ask();
    if (ended) return;
    onReach?.(status !== null);
    if (status) take(status);
  }

  connect();
  // For a stream that hangs without an error, as behind some proxies.
  const poller = setInterval(() => {
    if (!document.hidden) void poll();
  }, POLL);

  async function start() {
    const before = heard;
    const refusal = await requestStart();
    // What was heard meanwhile is newer: the start may have failed already.
    if (!refusal && heard === before) onStatus({ phase: "starting" });
    return refusal;
  }

  function end() {
    ended = true;
    source.close();
    clearTimeout(timer);
    clearInterval(poller);
  }

  return { start, end };
}

async function requestStart() {
  try {
    const answer = await fetch("/.vibecode/start", { method: "POST", headers: { accept: "application/json" } });
    if (answer.ok || answer.redirected) return null;
    if (answer.status === 401) return "You are signed out. Reload this page to sign in.";
    const problem = await answer.json().catch(() => ({}));
    return problem.detail ?? `The server answered ${answer.status}. Try again in a moment.`;
  } catch {
    return "The server can't be reached. Try again in a moment.";
  }
}

/** Enter the editor: load this page's address anew. */
export function enter() {
  // Replacing an address that has a fragment by itself loads nothing.
  if (location.hash) location.reload();
  else location.replace(location.href);
}

/** Turn a reason of the server ("stopped: nobody used it") into a sentence for a page that has said "stopped" already. */
export function sentence(reason) {
  const text = (reason ?? "").replace(/^(stopped|failed|stopping):\s*/i, "").trim();
  if (!text) return "";
  const upper = text[0].toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(upper) ? upper : `${upper}.`;
}

const LINES = 500;

/** Show the lines of a log in an element, the newest in view unless the user scrolled up to read. */
export function logView(element) {
  return (text, fresh) => {
    if (fresh) element.replaceChildren();
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
    const line = document.createElement("div");
    line.textContent = text || " ";
    element.append(line);
    while (element.childElementCount > LINES) element.firstElementChild.remove();
    if (atEnd) element.scrollTop = element.scrollHeight;
  };
}

/** Words for a time span, such as "42 s" or "3 min 5 s". */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
