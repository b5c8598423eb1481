// The live stream: what happened is fetched from the server at once; how old the page is, is always said.
import { age, serverNow, setServerTime, setText } from "./time.js";

const SILENT_AFTER_S = 6; // the server speaks every two seconds
const RECONNECT_MS = 3000;
const REFRESH_EVERY_MS = 400; // a burst of events is one look

const lamp = document.getElementById("live");
const own = location.pathname;
let lastId = document.body.dataset.seq;
const openedAt = serverNow();
let heardAt = null;
let source;
let refreshDue = false;
let refreshedAt = 0;

export function connect() {
  source?.close();
  source = new EventSource(`/api/v1/events?after=${lastId}`);
  source.addEventListener("hello", heard);
  source.addEventListener("ledger", onLedger);
  source.addEventListener("cameras", onCameras);
  source.addEventListener("resync", (event) => {
    heard(event);
    refresh("*");
  });
  source.onerror = () => {
    // The browser comes back by itself unless the server refused (signed out, restarting behind a proxy).
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, RECONNECT_MS);
  };
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

function heard(event) {
  if (event.lastEventId) lastId = event.lastEventId;
  heardAt = serverNow();
  showLamp();
}

function onLedger(event) {
  heard(event);
  const happened = JSON.parse(event.data);
  if (happened.kind === "alert.raised" && own !== "/") announce("A new alert is waiting.");
  refresh(happened.subject);
}

function onCameras(event) {
  const said = JSON.parse(event.data);
  setServerTime(said.at);
  heard(event);
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
  const state = silence >= SILENT_AFTER_S ? "lost" : heardAt === null ? "still" : "live";
  if (state === "still") return; // "as of", as the server has written it
  if (lamp.dataset.state !== state) lamp.dataset.state = state;
  setText(lamp.lastElementChild, state === "live" ? "Live" : `Not live for ${age(silence)}`);
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
  if (own === "/") document.title = document.title.replace(/^(\(\d+\) )?/, waiting === "0" ? "" : `(${waiting}) `);
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

window.addEventListener("pagehide", () => source?.close());
window.addEventListener("pageshow", (event) => event.persisted && (connect(), refresh("*")));
setInterval(showLamp, 1000);
