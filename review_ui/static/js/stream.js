// One live stream for all tabs of a browser: one tab holds it (a Web Lock says which) and tells the others. A browser
// without locks or channels opens a stream in each tab.
const NAME = `bearwatch.stream.${document.body.dataset.user}`;
const SHARED = "locks" in navigator && "BroadcastChannel" in window;
const EVENTS = ["hello", "ledger", "cameras", "resync"];
const RECONNECT_MS = 3000;
const ALIVE_MS = 2000;
const SILENT_MS = 7000; // after this the tab that is looked at takes the stream over

let channel = null;
let waiting = null; // stands in line for the lock
let letGo = null; // ends this tab's turn
let source = null;
let deliver = null;
let lastId = 0;
let spokenAt = 0;

/** Call `handler({type, id, data})` for everything that happens after ledger entry `after`. Once per page. */
export function follow(after, handler) {
  lastId = Number(after) || 0;
  deliver = handler;
  resume();
  window.addEventListener("pagehide", leave);
  setInterval(watch, 1000);
}

/** Join again after the page came back from the browser's memory. */
export function resume() {
  if (!SHARED) return open();
  channel = new BroadcastChannel(NAME);
  channel.onmessage = ({ data }) => hear(data);
  spokenAt = performance.now();
  channel.postMessage({ type: "join" });
  queueUp();
}

function queueUp(options = {}) {
  waiting = options.steal ? null : new AbortController();
  const given = waiting ? { signal: waiting.signal } : options;
  navigator.locks.request(NAME, given, lead).catch(() => {
    // Stolen by the tab that is looked at, or this page is leaving.
    if (letGo) {
      letGo();
      queueUp();
    }
  });
}

function lead() {
  waiting = null;
  open();
  const alive = setInterval(() => channel?.postMessage({ type: "alive", id: lastId }), ALIVE_MS);
  document.documentElement.dataset.stream = "here";
  return new Promise((done) => {
    letGo = () => {
      clearInterval(alive);
      source?.close();
      source = letGo = null;
      delete document.documentElement.dataset.stream;
      done();
    };
  });
}

function leave() {
  waiting?.abort();
  letGo?.();
  source?.close();
  channel?.close();
  channel = null;
}

function open() {
  source?.close();
  const mine = (source = new EventSource(`/api/v1/events?after=${lastId}`));
  for (const type of EVENTS) {
    mine.addEventListener(type, (event) => {
      const happened = { type, id: Number(event.lastEventId) || 0, data: JSON.parse(event.data) };
      channel?.postMessage(happened);
      take(happened);
    });
  }
  mine.onerror = () => {
    // The browser comes back by itself unless the server refused (signed out, restarting behind a proxy).
    if (mine.readyState === EventSource.CLOSED) setTimeout(() => source === mine && open(), RECONNECT_MS);
  };
}

function take(happened) {
  lastId = Math.max(lastId, happened.id);
  deliver(happened);
}

function hear(said) {
  if (said.type === "join") {
    if (letGo) channel.postMessage({ type: "alive", id: lastId });
    return;
  }
  if (letGo) return; // two for a moment, while one takes over from the other
  spokenAt = performance.now();
  if (said.type === "alive") {
    if (said.id > lastId) take({ type: "resync", id: said.id, data: {} }); // something happened before this tab listened
  } else if (said.type !== "ledger" || said.id > lastId) take(said);
}

/** The tab that holds the stream may have been frozen by its browser; the one that is looked at takes over. */
function watch() {
  if (!SHARED || letGo || !channel || document.visibilityState !== "visible") return;
  if (performance.now() - spokenAt < SILENT_MS) return;
  spokenAt = performance.now();
  waiting?.abort();
  queueUp({ steal: true });
}
