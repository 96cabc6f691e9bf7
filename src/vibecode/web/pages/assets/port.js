/** The page of a port that nothing listens on: looks again until something does. */

import { enter } from "./live.js";

const INTERVAL = 1500;
const LONGEST = 15_000;

const main = document.querySelector("main");
const list = document.getElementById("ports");
const heading = document.getElementById("others");
let failures = 0;
let shown = "";

function draw(ports) {
  const key = JSON.stringify(ports);
  if (key === shown) return;
  shown = key;
  heading.hidden = ports.length === 0;
  list.replaceChildren(
    ...ports.map(({ port, url, process }) => {
      const line = document.createElement(url ? "a" : "div");
      if (url) line.href = url;
      const command = document.createElement("span");
      command.textContent = process ?? "";
      line.append(String(port), command);
      const item = document.createElement("li");
      item.append(line);
      return item;
    }),
  );
}

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch("/.vibecode/port", {
        cache: "no-store",
        headers: { accept: "application/json" },
        signal: AbortSignal.timeout(10_000),
      });
      const { listening, ports, code } = await answer.json();
      // Signed out, or deleted: the server has a page for each.
      if (code === "unauthenticated" || code === "workspace_not_found") return enter();
      if (!answer.ok) throw new Error(code);
      failures = 0;
      if (listening) return enter();
      draw((ports ?? []).filter(({ port }) => port !== Number(main.dataset.port)));
    } catch {
      failures += 1;
    }
  }
  setTimeout(look, Math.min(LONGEST, INTERVAL * 2 ** failures));
}

void look();
