// The live stream: what happened is fetched from the server at once; how old the page is, is always said.
import { refresh } from "./refresh.js";
import { beep } from "./sound.js";
import { follow, resume } from "./stream.js";
import { age, keptAt, serverNow, setServerTime, setText } from "./time.js";

const SILENT_AFTER_S = 6; // the server speaks every two seconds
const GATHER_MS = 30; // a burst of events is one piece of work
const GROWS_MS = 5000; // an alert whose animal is still in view gets new frames, which nobody announces

const lamp = document.getElementById("live");
const own = location.pathname;
const openedAt = Number(document.body.dataset.now) || serverNow();
let heardAt = null;
let arrived = []; // what the stream has told and the page has not looked at yet
let raised = 0; // alerts since the page was opened
let fetchedAt = performance.now(); // when the page last got something new

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

function onLedger(happened) {
  if (arrived.push(happened) === 1) setTimeout(settle, GATHER_MS);
}

function settle() {
  const news = arrived;
  arrived = [];
  const alerts = news.filter((happened) => happened.kind === "alert.raised").length;
  if (alerts) {
    raised += alerts;
    beep();
    if (own !== "/") announce(raised === 1 ? "A new alert is waiting." : `${raised} new alerts since you opened this page.`);
  }
  refresh(news.map((happened) => happened.subject));
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

/** The queue follows what is still in view. What somebody may not see is not on the page, and asks for nothing. */
function followGrowing() {
  const growing = document.querySelector("#watch [data-grows]");
  if (!growing || document.hidden || lamp?.dataset.state !== "live") return;
  if (performance.now() - fetchedAt < GROWS_MS) return;
  fetchedAt = performance.now();
  refresh(growing.id.replace("-", ":"));
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
  fetchedAt = performance.now();
  const waiting = (document.getElementById("watch") ?? document.getElementById("banner"))?.dataset.waitingNow;
  for (const badge of document.querySelectorAll("[data-waiting]")) {
    setText(badge, waiting);
    badge.hidden = waiting === "0";
  }
  document.title = document.title.replace(/^(\(\d+\) )?/, waiting === "0" ? "" : `(${waiting}) `);
  if (waiting === "0") navigator.clearAppBadge?.().catch(() => {});
  else navigator.setAppBadge?.(Number(waiting)).catch(() => {});
  const fresh = [...document.querySelectorAll("[id^=alert-]")].filter((element) => !known.has(element.id));
  for (const element of fresh) {
    known.add(element.id);
    element.classList.add("arrived");
  }
  if (!fresh.length) return;
  const first = fresh[0].querySelector("h3").textContent;
  setText(document.getElementById("said"), fresh.length === 1 ? `New alert: ${first}` : `${fresh.length} new alerts: ${first}, and more`);
});
document.addEventListener("htmx:response:error", (event) => {
  const status = event.detail?.ctx?.response?.status;
  if (status === 401 && own === "/") location.assign("/login?next=%2F");
});

window.addEventListener("pageshow", (event) => event.persisted && (resume(), refresh("*")));
setInterval(showLamp, 1000);
setInterval(followGrowing, 1000);
