/** The waking page: shows the start as it goes, and enters the editor when it runs. */

import { duration, enter, follow, logView, sentence } from "./live.js";

const SLOW_AFTER = 30;
const TRIES = "vibecode.entered";

const main = document.querySelector("main");
const [title, words, reason, elapsed, log, error, slow, retry] = [
  "title", "words", "reason", "elapsed", "log", "error", "slow", "retry",
].map((id) => document.getElementById(id)); // prettier-ignore
const { name } = main.dataset;

const TITLES = {
  pending: `Preparing ${name}…`,
  starting: `Starting ${name}…`,
  running: `Opening ${name}…`,
  stopping: `${name} is stopping…`,
  stopped: `${name} is stopped`,
  failed: `${name} did not start`,
};

const WORDS = {
  pending: "Its files are made ready.",
  starting: "The editor opens by itself when it is ready.",
  running: "It is ready.",
  stopping: "It starts again when it has stopped.",
  stopped: "",
  failed: "",
};

let phase = main.dataset.phase;
// Whoever opens the address while the workspace is stopping wants it to run.
let startWhenStopped = phase === "stopping";
let since = performance.now() - Number(main.dataset.elapsed) * 1000;
let opening = false;
let reachable = true;

/** Enter, but not in a tight circle, should the server say "running" and still send this page. */
function open() {
  if (opening) return;
  opening = true;
  const now = Date.now();
  const tries = JSON.parse(sessionStorage.getItem(TRIES) ?? "[]").filter((time) => now - time < 60_000);
  sessionStorage.setItem(TRIES, JSON.stringify([...tries, now]));
  const wait = tries.length < 2 ? 0 : Math.min(15_000, 1000 * 2 ** (tries.length - 2));
  setTimeout(enter, wait);
}

function draw(status) {
  if (status.phase === "signed-out" || status.phase === "gone") return enter();
  if (status.phase !== phase) {
    phase = status.phase;
    since = performance.now();
  }
  if (typeof status.elapsedSeconds === "number") since = performance.now() - status.elapsedSeconds * 1000;
  main.dataset.phase = phase;
  title.textContent = TITLES[phase] ?? `${name}: ${phase}`;
  document.title = `${title.textContent} · VibeCode`;
  const over = phase === "failed" || phase === "stopped";
  reason.textContent = over ? sentence(status.reason) : "";
  retry.hidden = !over || status.canStart === false;
  retry.querySelector("button").textContent = phase === "failed" ? "Try again" : "Start";
  tick();
  if (phase === "running") open();
  if (phase === "stopped" && startWhenStopped) void begin();
}

function tick() {
  const seconds = (performance.now() - since) / 1000;
  const moving = phase === "pending" || phase === "starting" || phase === "stopping";
  elapsed.textContent = moving ? duration(seconds) : "";
  words.textContent = reachable ? (WORDS[phase] ?? "") : "The server can't be reached. This page goes on when it answers.";
  slow.hidden = !moving || seconds < SLOW_AFTER;
}

async function begin() {
  startWhenStopped = false;
  error.textContent = "";
  const button = retry.querySelector("button");
  button.disabled = true;
  const refusal = await start();
  button.disabled = false;
  if (refusal) error.textContent = refusal;
}

retry.addEventListener("submit", (event) => {
  event.preventDefault();
  void begin();
});

const write = logView(log);
const { start } = follow({
  onStatus: draw,
  onLog: (text, fresh) => {
    log.classList.remove("empty");
    write(text, fresh || log.dataset.given !== undefined);
    delete log.dataset.given;
  },
  onReach: (whether) => {
    reachable = whether;
    tick();
  },
});
setInterval(tick, 1000);
tick();
