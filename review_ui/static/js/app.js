// The page as an app: its worker, the open alert kept for when the network goes, the next one fetched ahead, and being
// told of alerts while no page is open.
const REGISTER_AFTER_MS = 1500; // the page itself comes first
const PUSH = "bearwatch.push"; // the number of the person who asked to be told on this device
const user = document.body.dataset.user;
const KEPT = /^\/$|^\/alerts\/\d+$/; // as in the worker
const KEEP = { headers: { "X-Keep": "1" }, priority: "low" };
const ahead = new Map();

const registered = new Promise((done) => {
  if (!("serviceWorker" in navigator)) return done(null);
  const register = () => setTimeout(() => navigator.serviceWorker.register("/sw.js").then(done, () => done(null)), REGISTER_AFTER_MS);
  if (document.readyState === "complete") register();
  else window.addEventListener("load", register, { once: true });
});

/** Fetch a page and its pictures before they are asked for; with the worker they can be read without a network. */
export async function fetchAhead(path) {
  if (ahead.has(path)) return;
  ahead.set(path, true);
  const answer = await fetch(path, KEEP).catch(() => null);
  if (!answer?.ok || answer.redirected) return ahead.delete(path);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  ahead.set(path, [...page.querySelectorAll("[data-frame]")].map((link) => {
    return Object.assign(new Image(), { src: link.getAttribute("href") });
  }));
}

// The first page was fetched before there was a worker: it is kept, too.
registered.then(async (worker) => {
  if (!worker) return;
  await navigator.serviceWorker.ready;
  const { serviceWorker } = navigator;
  if (!serviceWorker.controller) {
    await new Promise((done) => serviceWorker.addEventListener("controllerchange", done, { once: true }));
  }
  if (KEPT.test(location.pathname) && !document.documentElement.dataset.kept) await fetchAhead(location.pathname);
  document.documentElement.dataset.worker = "ready";
  stillMine(worker);
});

/** Whoever signs in on a device is not told what somebody else asked for; the server learns the new session. */
async function stillMine(worker) {
  const asked = localStorage.getItem(PUSH);
  if (!asked || !worker.pushManager) return;
  const known = await worker.pushManager.getSubscription();
  if (!known) return localStorage.removeItem(PUSH);
  if (asked !== user) {
    localStorage.removeItem(PUSH);
    return known.unsubscribe();
  }
  if (!sessionStorage.getItem(PUSH) && (await post("/account/push", known.toJSON()))?.ok) sessionStorage.setItem(PUSH, "1");
}

const post = (path, body) => fetch(path, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
}).catch(() => null);

export const pushPossible = () => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
export const pushed = () => localStorage.getItem(PUSH) === user && Notification.permission === "granted";

/** Ask to be told on this device. Returns what stands in the way, or "". */
export async function startPush() {
  if ((await Notification.requestPermission()) !== "granted") return "This browser does not allow notifications here.";
  const { key } = (await fetch("/account/push").then((answer) => answer.json()).catch(() => ({})));
  if (!key) return "This site cannot send notifications.";
  const worker = await registered;
  if (!worker) return "This browser keeps no worker for this page.";
  await navigator.serviceWorker.ready;
  const raw = Uint8Array.from(atob(key.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  const known = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: raw }).catch(() => null);
  if (!known) return "This browser’s push service does not answer: notices need the internet. Try again later.";
  const answer = await post("/account/push", known.toJSON());
  if (!answer?.ok) return "The server did not take it: try again.";
  localStorage.setItem(PUSH, user);
  return "";
}

/** The campsites that this device is told of, none for all; null where it is told nothing. */
export async function toldOf() {
  const known = await subscription();
  const answer = known && (await post("/account/push/mine", { endpoint: known.endpoint }));
  return answer?.ok ? (await answer.json()).campsites : null;
}

/** Choose them. Returns what stands in the way, or "". */
export async function chooseCampsites(campsites) {
  const known = await subscription();
  const answer = known && (await post("/account/push", { ...known.toJSON(), campsites }));
  return answer?.ok ? "" : "Your choice did not reach the server: try again.";
}

/** Have a quiet message sent to this device. Returns what went wrong, or "". */
export async function testPush() {
  const known = await subscription();
  const answer = known && (await post("/account/push/test", { endpoint: known.endpoint }));
  if (answer?.ok) return "";
  return (await answer?.json().catch(() => null))?.detail ?? "The server does not answer: try again.";
}

const subscription = async () => (await registered)?.pushManager?.getSubscription();

export async function endPush() {
  localStorage.removeItem(PUSH);
  const known = await subscription();
  if (!known) return;
  await post("/account/push/end", { endpoint: known.endpoint });
  await known.unsubscribe();
}
