/** Covers the editor when its workspace is gone, says what happened, and offers the way back. */

import { duration, enter, follow, logView, sentence } from "./live.js";

const STYLE = `
:host { all: initial; }
* { box-sizing: border-box; margin: 0; }
dialog {
  --surface: oklch(1 0 0); --subtle: oklch(0.966 0.004 265); --line: oklch(0.918 0.005 265); --ink: oklch(0.215 0.014 265);
  --muted: oklch(0.485 0.016 265); --accent: oklch(0.5 0.205 273); --accent-hover: oklch(0.45 0.2 273);
  --accent-ink: oklch(0.46 0.2 273); --bad: oklch(0.47 0.165 25); --term: oklch(0.972 0.003 265);
  --float: 0 12px 32px -6px oklch(0.2 0.02 265 / 0.18);
  color-scheme: light dark; display: flex; align-items: center; justify-content: center; position: fixed; inset: 0;
  width: 100vw; height: 100vh; height: 100dvh; max-width: none; max-height: none; padding: 16px; border: 0; outline: 0;
  overflow: auto; background: transparent; color: var(--ink);
  font: 14px/1.45 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif;
}
dialog:not([open]) { display: none; }
dialog::backdrop { background: oklch(0.2 0.02 265 / 0.6); backdrop-filter: blur(3px); }
main { width: 100%; max-width: 480px; margin: auto; padding: 24px; border: 1px solid var(--line); border-radius: 12px;
  background: var(--surface); box-shadow: var(--float); }
h1 { font-size: 18px; line-height: 1.3; font-weight: 600; overflow-wrap: anywhere; }
p { margin-top: 8px; color: var(--muted); overflow-wrap: anywhere; }
p.reason { color: var(--ink); }
p.error { color: var(--bad); }
p:empty { display: none; }
.log { height: 180px; margin-top: 16px; padding: 10px 12px; overflow: auto; border: 1px solid var(--line); border-radius: 8px;
  background: var(--term); white-space: pre-wrap; overflow-wrap: anywhere;
  font: 12px/1.55 ui-monospace, "SF Mono", "Cascadia Code", "JetBrains Mono", Menlo, Consolas, monospace; }
footer { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; margin-top: 20px; }
button, a { display: inline-flex; align-items: center; height: 36px; padding: 0 14px; border: 1px solid var(--line);
  border-radius: 8px; background: var(--surface); color: var(--ink); font: inherit; font-weight: 500;
  text-decoration: none; cursor: pointer; }
button:hover, a:hover { background: var(--subtle); }
button.primary { border-color: transparent; background: var(--accent); color: #fff; }
button.primary:hover { background: var(--accent-hover); }
h1 { outline: 0; }
:focus-visible:not(h1) { outline: 2px solid var(--accent-ink); outline-offset: 2px; }
[hidden] { display: none !important; }
time { margin-left: auto; color: var(--muted); font-variant-numeric: tabular-nums; }
@media (prefers-color-scheme: dark) {
  dialog { --surface: oklch(0.2 0.008 268); --subtle: oklch(0.243 0.01 268); --line: oklch(0.283 0.011 268);
    --ink: oklch(0.955 0.004 268); --muted: oklch(0.715 0.013 268); --accent: oklch(0.555 0.2 274);
    --accent-hover: oklch(0.52 0.2 274); --accent-ink: oklch(0.775 0.115 275); --bad: oklch(0.8 0.105 22);
    --term: oklch(0.145 0.006 268); --float: 0 16px 40px -8px oklch(0 0 0 / 0.6); }
  dialog::backdrop { background: oklch(0.08 0.01 268 / 0.7); }
}
`;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/**
 * Show the dialog for a status, and keep it true until the workspace is back.
 *
 * `run` is the start of the editor that the page belongs to; `kept` says whether unsaved changes are known to be safe;
 * `closed` is called if the dialog goes away because the workspace runs on after all.
 */
export function show(status, { run, kept, closed }) {
  const name = status.name ?? location.hostname.split(".")[0];
  const title = element("h1", { id: "title", tabIndex: -1 });
  const reason = element("p", { id: "reason", className: "reason" });
  const note = element("p");
  const error = element("p", { className: "error", role: "alert" });
  const log = element("div", { className: "log", tabIndex: 0, hidden: true });
  log.setAttribute("role", "log");
  log.setAttribute("aria-label", "Start log");
  const primary = element("button", { className: "primary", type: "button" });
  const dashboard = element("a", { textContent: "Open dashboard", hidden: true });
  const elapsed = element("time", { hidden: true });
  const dialog = element(
    "dialog",
    {},
    element("main", {}, title, reason, note, log, error, element("footer", {}, primary, dashboard, elapsed)),
  );
  dialog.setAttribute("role", "dialog");
  dialog.setAttribute("aria-modal", "true");
  dialog.setAttribute("aria-labelledby", "title");
  dialog.setAttribute("aria-describedby", "reason");
  // Leaving it would lead back to an editor that can't do anything.
  dialog.setAttribute("closedby", "none");
  dialog.addEventListener("cancel", (event) => event.preventDefault());

  const host = element("vibecode-overlay");
  const shadow = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  shadow.adoptedStyleSheets = [sheet];
  shadow.append(dialog);
  document.body.append(host);
  dialog.showModal();

  const write = logView(log);
  let phase;
  let moving = false; // whether it is on its way to running, and so reloads by itself
  let since = Date.now();
  let live;
  primary.addEventListener("click", () => void act());
  const clock = setInterval(() => (elapsed.textContent = duration((Date.now() - since) / 1000)), 1000);

  function close() {
    live?.end();
    clearInterval(clock);
    dialog.close();
    host.remove();
    closed();
  }

  function draw(next) {
    if (next.phase === "running") {
      if (run !== undefined && next.run === run) return close();
      if (moving) return enter();
    }
    if (next.phase === phase && reason.textContent === reasonFor(next)) return;
    if (next.phase !== phase) {
      error.textContent = "";
      since = Date.now() - (next.elapsedSeconds ?? 0) * 1000;
    }
    const changed = next.phase !== phase;
    const wasMoving = moving;
    phase = next.phase;
    moving = isMoving(phase);
    if (changed) {
      const failedToStart = phase === "failed" && wasMoving;
      title.textContent = failedToStart ? `${name} did not start` : (TITLES[phase]?.(name) ?? `${name} is not running`);
    }
    reason.textContent = reasonFor(next);
    note.textContent = NOTES[phase]?.(kept) ?? "";
    primary.textContent = ACTIONS[phase] ?? "";
    primary.hidden = !(phase in ACTIONS) || (next.canStart === false && phase !== "running");
    elapsed.hidden = !moving;
    elapsed.textContent = duration((Date.now() - since) / 1000);
    if (moving || phase === "failed") log.hidden = false;
    if (next.dashboardUrl) {
      dashboard.href = next.dashboardUrl;
      dashboard.hidden = false;
    }
    if (changed) (primary.hidden ? title : primary).focus();
  }

  async function act() {
    if (phase === "signed-out" || phase === "running") return enter();
    error.textContent = "";
    primary.disabled = true;
    moving = true;
    const refusal = await live.start();
    primary.disabled = false;
    if (refusal) {
      error.textContent = refusal;
      moving = isMoving(phase);
    }
  }

  draw(status);
  live = follow({
    onStatus: (next) => {
      draw(next);
      if (next.phase === "signed-out" || next.phase === "gone") live.end();
    },
    onLog: write,
  });
  return { close };
}

const TITLES = {
  stopping: (name) => `${name} is stopping`,
  stopped: (name) => `${name} has stopped`,
  failed: (name) => `${name} stopped working`,
  pending: (name) => `Preparing ${name}…`,
  starting: (name) => `Starting ${name}…`,
  running: (name) => `${name} was restarted`,
  "signed-out": () => "You were signed out",
  gone: (name) => `${name} no longer exists`,
};

const ACTIONS = { stopped: "Start again", failed: "Start again", running: "Reload", "signed-out": "Sign in" };

function isMoving(phase) {
  return phase === "starting" || phase === "pending";
}

function keptNote(kept) {
  return kept
    ? "Your unsaved changes are kept and come back when it starts."
    : "Unsaved changes of the last minute may be lost.";
}

const NOTES = { stopping: keptNote, stopped: keptNote, failed: keptNote, running: keptNote };

function reasonFor({ phase, reason }) {
  if (phase === "signed-out") return "The workspace goes on running. Sign in to return to it.";
  if (phase === "gone") return "It was deleted, or it isn't yours any more.";
  if (phase === "running") return "This tab belongs to the editor from before. Reload it to go on.";
  if (phase === "starting" || phase === "pending") return "This tab goes on by itself when the editor is ready.";
  return sentence(reason);
}
