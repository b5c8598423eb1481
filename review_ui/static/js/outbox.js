// Decisions on their way: kept on the device until the server has them, whatever the network does meanwhile.
// The same decision sent twice is one decision: each carries its own key.
import { age, serverNow } from "./time.js";

const STORE = "bearwatch.outbox";
const RETRY_MS = 3000;
const GIVE_UP_MS = 8000; // one attempt; the decision itself is never given up
const bar = document.getElementById("outbox");
const user = document.body.dataset.user;
export const words = { bear: "Bear", not_a_bear: "Not a bear", unsure: "Unsure", undo: "Undo" };
let sending = false;
let signedOut = false;

function read() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) ?? [];
  } catch {
    return [];
  }
}

function write(entries) {
  localStorage.setItem(STORE, JSON.stringify(entries));
  show();
}

/** Keep a decision and send it. `decision`: {alert, name, verdict, seen_version, key}. */
export function submit(decision) {
  write([...read(), { ...decision, user, at: serverNow(), tried: false }]);
  return flush();
}

/** What this person has decided about an alert and the server has not answered yet; the newest. */
export function unsent(alert) {
  return read().filter((each) => each.user === user && each.alert === alert).at(-1) ?? null;
}

/** Take a decision back: it is dropped when it never left, else an undo follows it; also when it has just arrived. */
export function takeBack(entry) {
  const kept = read();
  if (kept.some((each) => each.user === user && each.alert === entry.alert && each.verdict === "undo")) return;
  if (kept.some((each) => each.key === entry.key && !each.tried)) {
    write(kept.filter((each) => each.key !== entry.key));
    document.dispatchEvent(new CustomEvent("decision", { detail: { entry, outcome: "dropped", answer: {} } }));
    return;
  }
  const { alert, name, seen_version } = entry;
  submit({ alert, name, verdict: "undo", seen_version: seen_version + 1, key: newKey() });
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is missing where there is no HTTPS
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** One tab of a browser sends at a time. */
export async function flush() {
  if (!navigator.locks) return flushHere();
  await navigator.locks.request("bearwatch.outbox", { ifAvailable: true }, (lock) => lock && flushHere());
}

async function flushHere() {
  if (sending) return;
  sending = true;
  try {
    // In order: an undo never overtakes what it takes back. Read anew each time: what was dropped meanwhile stays here.
    const first = () => read().find((each) => each.user === user);
    for (let entry = first(); entry && (await send(entry)); ) entry = first();
  } finally {
    sending = false;
    show();
  }
}

async function send(entry) {
  if (navigator.onLine === false) return false;
  let response;
  write(read().map((each) => (each.key === entry.key ? { ...each, tried: true } : each)));
  try {
    response = await fetch(`/api/v1/alerts/${entry.alert}/decisions`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ verdict: entry.verdict, seen_version: entry.seen_version, idempotency_key: entry.key }),
      signal: AbortSignal.timeout(GIVE_UP_MS),
    });
  } catch {
    return false;
  }
  signedOut = response.status === 401;
  if (signedOut || response.status === 429 || response.status >= 500) return false;
  const answer = await response.json().catch(() => ({}));
  const lost = !response.ok && entry.verdict !== "undo"; // then there is nothing for its undo to take back
  write(read().filter((each) => each.key !== entry.key && !(lost && each.alert === entry.alert && each.verdict === "undo")));
  const outcome = response.ok ? "done" : response.status === 409 ? "conflict" : "refused";
  document.dispatchEvent(new CustomEvent("decision", { detail: { entry, outcome, answer } }));
  return true;
}

function inWords(entry) {
  const old = serverNow() - entry.at;
  return `${words[entry.verdict]} for ${entry.name}${old < 60 ? "" : `, ${age(old)} old`}`;
}

function show() {
  if (!bar) return;
  const waiting = read();
  const mine = waiting.filter((each) => each.user === user);
  bar.hidden = waiting.length === 0 || (sending && mine.every((each) => serverNow() - each.at < 1.5));
  if (bar.hidden) return;
  const text = mine.length
    ? `Not sent yet: ${mine.map(inWords).join("; ")}. ${signedOut ? "" : "Trying again."}`
    : "Somebody else’s decisions on this device are not sent yet.";
  if (bar.dataset.said === text) return; // the same words are not said again
  bar.dataset.said = text;
  bar.textContent = text;
  if (!mine.length || !signedOut) return;
  const link = document.createElement("a");
  link.href = `/login?next=${encodeURIComponent(location.pathname)}`;
  link.textContent = "Sign in again to send";
  bar.append(link);
}

setInterval(() => {
  if (read().length) flush();
}, RETRY_MS);
setInterval(show, 1000);
window.addEventListener("online", flush);
window.addEventListener("storage", show);
flush();
