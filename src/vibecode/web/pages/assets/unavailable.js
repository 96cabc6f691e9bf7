/** The page of a workspace that took too long: enters when it runs, or when there is something else to say. */

import { ask, enter } from "./live.js";

const { retryAfter } = document.querySelector("main").dataset;
const wait = Math.max(1, Number(retryAfter)) * 1000;

async function look() {
  const status = document.hidden ? null : await ask();
  // Any other phase has a page of its own.
  if (status && status.phase !== "pending" && status.phase !== "starting") return enter();
  setTimeout(look, wait);
}

setTimeout(look, wait);
