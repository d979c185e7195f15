// SPDX-License-Identifier: GPL-2.0-or-later
// Small comforts; every page works without them.
"use strict";

const TICK_MS = 3000;
const AWAY_MS = 10 * 60 * 1000;

// Ask before what cannot be taken back.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// Count down to the moment at which an unconfirmed change goes back, then show what is.
const pending = document.querySelector("[data-remaining]");
if (pending) {
  const end = Date.now() + 1000 * Number(pending.dataset.remaining);
  const shown = pending.querySelector(".countdown");
  const timer = window.setInterval(() => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    shown.textContent = String(left);
    pending.classList.toggle("late", left <= 20);
    if (left === 0) {
      window.clearInterval(timer);
      window.setTimeout(() => window.location.assign(window.location.pathname), 2500);
    }
  }, 250);
}

// Refresh the overview while somebody is looking, so that a forgotten page does not keep a session alive.
let lastSeen = Date.now();
for (const kind of ["pointermove", "keydown", "scroll", "focus"]) {
  window.addEventListener(kind, () => { lastSeen = Date.now(); }, { passive: true });
}
const live = document.querySelector("[data-live]");
if (live) {
  window.setInterval(() => {
    const watched = !document.hidden && Date.now() - lastSeen < AWAY_MS;
    if (watched && window.htmx) window.htmx.trigger(live, "tick");
  }, TICK_MS);
  live.addEventListener("htmx:responseError", () => window.location.reload());
}
