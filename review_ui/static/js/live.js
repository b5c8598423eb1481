// The live stream: what happened is fetched from the server at once; how old the page is, is always said.
import { beep } from "./sound.js";
import { follow, resume } from "./stream.js";
import { age, keptAt, serverNow, setServerTime, setText } from "./time.js";

const SILENT_AFTER_S = 6; // the server speaks every two seconds
const REFRESH_EVERY_MS = 400; // a burst of events is one look

const lamp = document.getElementById("live");
const own = location.pathname;
const openedAt = Number(document.body.dataset.now) || serverNow();
let heardAt = null;
let refreshDue = false;
let refreshedAt = 0;

export function connect() {
  follow(document.body.dataset.seq, (happened) => {
    heardAt = serverNow();
    if (happened.type === "ledger") onLedger(happened.data);
    if (happened.type === "cameras") onCameras(happened.data);
    if (happened.type === "resync") onResync();
    showLamp();
  });
  sayKept();
}

export function refresh(subject) {
  refreshDue = refreshDue ? new Set([...refreshDue, subject]) : new Set([subject]);
  const wait = Math.max(0, refreshedAt + REFRESH_EVERY_MS - performance.now());
  if (refreshDue.size === 1 && wait === 0) fetchParts();
  else setTimeout(fetchParts, wait);
}

function fetchParts() {
  if (!refreshDue) return;
  const subjects = refreshDue;
  refreshDue = false;
  refreshedAt = performance.now();
  for (const part of document.querySelectorAll('[hx-trigger="refresh-now"]')) {
    const about = part.dataset.liveSubject;
    if (!about || subjects.has("*") || subjects.has(about)) part.dispatchEvent(new CustomEvent("refresh-now"));
  }
}

function onLedger(happened) {
  if (happened.kind === "alert.raised") {
    beep();
    if (own !== "/") announce("A new alert is waiting.");
  }
  refresh(happened.subject);
}

/** What may be seen has changed, or too much was missed: everything anew, and nothing kept for later. */
function onResync() {
  navigator.serviceWorker?.controller?.postMessage("forget");
  refresh("*");
}

function onCameras(said) {
  setServerTime(said.at);
  heardAt = serverNow();
  for (const camera of said.cameras) {
    for (const element of document.querySelectorAll(`[data-camera-text="${CSS.escape(camera.id)}"]`)) {
      setText(element, camera.text);
    }
  }
  const banner = document.getElementById("banner");
  if (banner && banner.dataset.shape !== said.shape) refresh("cameras");
}

function showLamp() {
  if (!lamp) return;
  const silence = serverNow() - (heardAt ?? openedAt);
  const state = silence >= SILENT_AFTER_S || (keptAt && heardAt === null) ? "lost" : heardAt === null ? "still" : "live";
  if (state === "still") return; // "as of", as the server has written it
  if (lamp.dataset.state !== state) lamp.dataset.state = state;
  setText(lamp.lastElementChild, state === "live" ? "Live" : `Not live for ${age(silence)}`);
}

/** A page that was kept on this device is never mistaken for the present. */
function sayKept() {
  if (!keptAt) return;
  const line = document.createElement("p");
  line.className = "outbox kept-page";
  line.setAttribute("role", "status");
  const since = Object.assign(document.createElement("time"), { textContent: age(serverNow() - openedAt) });
  since.dataset.since = String(openedAt);
  line.append("No network. This page is as it was ", since, " ago; newer alerts are not on it.");
  document.getElementById("main").before(line);
  showLamp();
  const back = setInterval(async () => {
    if (heardAt === null) return;
    clearInterval(back);
    location.reload();
  }, 500);
}

function announce(words) {
  const notice = document.getElementById("notice");
  notice.innerHTML = "";
  const link = document.createElement("a");
  link.href = "/";
  link.textContent = "Look";
  notice.append(`${words} `, link);
  notice.hidden = false;
}

// A part that has arrived: the count in the title and beside "Watch", and a mark on alerts that are new here.
const known = new Set([...document.querySelectorAll("[id^=alert-]")].map((element) => element.id));
document.addEventListener("htmx:after:swap", () => {
  const waiting = document.getElementById("banner")?.dataset.waitingNow;
  for (const badge of document.querySelectorAll("[data-waiting]")) {
    setText(badge, waiting);
    badge.hidden = waiting === "0";
  }
  document.title = document.title.replace(/^(\(\d+\) )?/, waiting === "0" ? "" : `(${waiting}) `);
  if (waiting === "0") navigator.clearAppBadge?.().catch(() => {});
  else navigator.setAppBadge?.(Number(waiting)).catch(() => {});
  for (const element of document.querySelectorAll("[id^=alert-]")) {
    if (known.has(element.id)) continue;
    known.add(element.id);
    element.classList.add("arrived");
    setText(document.getElementById("said"), `New alert: ${element.querySelector("h3").textContent}`);
  }
});
document.addEventListener("htmx:response:error", (event) => {
  const status = event.detail?.ctx?.response?.status;
  if (status === 401 && own === "/") location.assign("/login?next=%2F");
});

window.addEventListener("pageshow", (event) => event.persisted && (resume(), refresh("*")));
setInterval(showLamp, 1000);
