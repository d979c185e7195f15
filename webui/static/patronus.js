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

// Show the entry of the menu that one is at, where the screen has no room for all of them.
document.querySelector(".side nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

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
      window.setTimeout(() => typed || window.location.assign(window.location.pathname), 2500);
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

// Show what others change: a page on which nothing was typed is loaded anew, another one says so.
const CHANGES = ["config-changed", "config-confirmed", "config-reverted", "events-lost"];
const AGAIN_MS = 30 * 1000;
const LEAVING_MS = 60 * 1000;
let typed = "posted" in document.body.dataset;  // a refused form holds what was typed, and is never sent anew by itself
let reloading = false;
let leftAt = -LEAVING_MS;  // one who is on the way elsewhere is not called back; a download leaves the page where it is
let stream = null;
let lastEvent = "";
let triedAt = -AGAIN_MS;
document.addEventListener("input", () => { typed = true; });
window.addEventListener("submit", (event) => { if (!event.defaultPrevented) leftAt = Date.now(); });
window.addEventListener("beforeunload", () => { if (!reloading) leftAt = Date.now(); });

function changed() {
  const wait = leftAt + LEAVING_MS - Date.now();
  if (wait > 0) {
    window.setTimeout(changed, wait);
    return;
  }
  if (!typed) {
    reloading = true;
    window.location.reload();
    return;
  }
  const note = document.querySelector("#changed") || document.createElement("p");
  note.id = "changed";
  note.className = "note warning";
  note.setAttribute("role", "status");
  note.textContent = "The configuration was changed meanwhile. What you typed is still here; reload to see the change.";
  document.querySelector("#main").prepend(note);
}

function follow() {
  triedAt = Date.now();
  stream = new EventSource(`/api/v1/events${lastEvent && `?last=${encodeURIComponent(lastEvent)}`}`);
  for (const kind of ["hello", ...CHANGES]) {
    stream.addEventListener(kind, (event) => { lastEvent = event.lastEventId; });
  }
  for (const kind of CHANGES) stream.addEventListener(kind, changed);
}

if (document.querySelector("header.side")) {
  const keep = () => {
    const watched = !document.hidden && Date.now() - lastSeen < AWAY_MS;
    const open = stream && stream.readyState !== EventSource.CLOSED;
    if (open && !watched) stream.close();
    if (!open && watched && Date.now() - triedAt >= AGAIN_MS) follow();
  };
  document.addEventListener("visibilitychange", () => { triedAt = -AGAIN_MS; keep(); });
  window.setInterval(keep, TICK_MS);
  keep();
}

// Carry a rule to another place in the order; without a mouse, the arrows and the form do the same.
const movable = document.querySelectorAll("tr[data-move]");
if (movable.length > 1) {
  document.querySelector("main").classList.add("movable");
  let carried = null;
  const unmark = () => {
    for (const row of movable) row.classList.remove("target", "target-end");
  };
  const isBelow = (row, event) => {
    const box = row.getBoundingClientRect();
    return row.nextElementSibling === null && event.clientY > box.top + box.height / 2;
  };
  for (const row of movable) {
    const handle = row.querySelector(".order");
    handle.draggable = true;
    handle.title = "Drag to another place";
    handle.addEventListener("dragstart", (event) => {
      carried = row;
      row.classList.add("carried");
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", row.dataset.move);
      event.dataTransfer.setDragImage(row, 16, 16);
    });
    handle.addEventListener("dragend", () => {
      row.classList.remove("carried");
      carried = null;
      unmark();
    });
    row.addEventListener("dragover", (event) => {
      if (!carried || carried === row) return;
      event.preventDefault();
      unmark();
      row.classList.add(isBelow(row, event) ? "target-end" : "target");
    });
    row.addEventListener("drop", (event) => {
      if (!carried || carried === row) return;
      event.preventDefault();
      const end = isBelow(row, event);
      const place = carried.querySelector("input[data-place]");
      place.name = end ? "way" : "before";
      place.value = end ? "end" : row.dataset.move;
      place.form.requestSubmit();
    });
  }
}

// From a problem to its line.
for (const link of document.querySelectorAll("a[data-line]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const text = document.querySelector("#text");
    const lines = text.value.split("\n");
    const line = Math.min(Number(link.dataset.line), lines.length);
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    text.focus();
    text.setSelectionRange(start, start + lines[line - 1].length);
    text.scrollTop = (line - 4) * text.scrollHeight / lines.length;
  });
}

// What needs this script is shown by it.
for (const one of document.querySelectorAll("[data-scripted]")) one.hidden = false;

// Follow packets: each part says whether another comes; the newest stands on top.
async function followed(place, form) {
  for (let waiting = place.querySelector("[data-round]"); waiting; waiting = place.querySelector("[data-round]")) {
    const given = new URLSearchParams(new FormData(form));
    given.set("round", waiting.dataset.round);
    const answer = await fetch(form.action, { method: "POST", body: given });
    if (!answer.ok || answer.redirected) return window.location.assign(window.location.pathname);
    const part = new DOMParser().parseFromString(await answer.text(), "text/html").body;
    waiting.replaceWith(...part.children);
  }
}
const followedPlace = document.getElementById("followed");
if (followedPlace) followed(followedPlace, document.getElementById("trace"));
