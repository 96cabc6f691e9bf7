/*
 * Runs in the editor's tab, before the editor. It notices that the workspace has stopped, failed or restarted, or that
 * the session has ended, and only then loads what tells the user so. A server that can't be reached is no such case:
 * the editor reconnects by itself.
 */
"use strict";
(() => {
  const LOADED = Symbol.for("vibecode.tab");
  if (window[LOADED]) return;
  window[LOADED] = true;

  const RETRY = [1000, 2000, 4000, 8000, 15000];
  const KEPT_AFTER = 60000;
  let run; // the start of the editor that this page belongs to
  let overlay;
  let asking = false;
  let leaving = false;
  let timer;
  let failures = 0;
  let followUps = 0;
  let lastAsked = 0;
  let lastUsed = 0;
  let lostAt = 0;

  const ask = async () => {
    try {
      const answer = await fetch("/.vibecode/status", {
        cache: "no-store",
        headers: { accept: "application/json" },
        signal: AbortSignal.timeout(10000),
      });
      if (answer.status === 401) return { phase: "signed-out" };
      const body = await answer.json();
      // Any 404 won't do: it has to be ours.
      if (answer.status === 404) return body.code === "workspace_not_found" ? { phase: "gone" } : null;
      return answer.ok && typeof body.phase === "string" ? body : null;
    } catch {
      return null;
    }
  };

  const later = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(check, wait);
  };

  async function check() {
    clearTimeout(timer);
    if (asking || overlay || leaving) return;
    asking = true;
    lastAsked = Date.now();
    try {
      const status = await ask();
      if (leaving) return;
      if (!status) {
        later(RETRY[Math.min(failures++, RETRY.length - 1)]);
        return;
      }
      failures = 0;
      if (status.phase === "running") {
        run ??= status.run;
        if (status.run === run) {
          // A stop may take a moment to be known.
          if (followUps > 0) later(1000 * 2 ** (3 - followUps--));
          else lostAt = 0;
          return;
        }
      }
      const module = await import("/.vibecode/assets/overlay.js");
      overlay = module.show(status, {
        run,
        // The editor keeps a backup of unsaved changes. It writes it after a second, on a busy machine after many; where it
        // has not, it lets the browser ask before the page reloads.
        kept: lastUsed === 0 || (lostAt || Date.now()) - lastUsed > KEPT_AFTER,
        closed: () => (overlay = undefined),
      });
    } catch {
      later(RETRY[2]);
    } finally {
      asking = false;
    }
  }

  const lost = () => {
    if (leaving) return;
    lostAt ||= Date.now();
    followUps = 3;
    if (!asking) later(300);
  };

  window.WebSocket = new Proxy(window.WebSocket, {
    construct(target, parameters, newTarget) {
      const socket = Reflect.construct(target, parameters, newTarget);
      if (new URL(socket.url).host === location.host) socket.addEventListener("close", lost);
      return socket;
    },
  });

  // First in line, since this script runs before the editor: below our dialog the editor's shortcuts are off, and the
  // dialog that it opens itself can't take the keyboard away.
  const onKey = (event) => {
    lastUsed = overlay ? lastUsed : Date.now();
    if (!overlay) return;
    event.stopImmediatePropagation();
    if (event.key === "Escape" || ((event.ctrlKey || event.metaKey) && event.key === "s")) event.preventDefault();
  };
  for (const type of ["keydown", "keypress", "keyup"]) window.addEventListener(type, onKey, true);

  for (const type of ["pointerdown", "paste", "drop"]) {
    window.addEventListener(type, () => (lastUsed = overlay ? lastUsed : Date.now()), true);
  }

  window.addEventListener("pagehide", () => (leaving = true));
  window.addEventListener("pageshow", () => (leaving = false));
  // A laptop that wakes up doesn't know yet that its connections are dead.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - lastAsked > 10000) check();
  });
  setTimeout(check, 3000);
})();
