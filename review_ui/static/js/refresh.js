// Fetch the parts of the page that have changed: at once when one thing happens, seldom when much does.
const EVERY_MS = 1000; // a burst of events is one refresh
const REST = 3; // after a refresh that took long, so many times as long a rest: a busy server is asked less often
const GIVE_UP_MS = 5000; // a refresh that gets no answer holds up no other

let due = new Set();
let refreshing = false;
let timer = null;
let notBefore = 0;

/** Fetch what is about a subject or several, everything for "*". `now`: somebody waits who has just done something. */
export function refresh(subjects, { now = false } = {}) {
  for (const subject of [subjects].flat()) due.add(subject);
  if (now) notBefore = 0;
  if (!refreshing) plan();
}

function plan() {
  clearTimeout(timer);
  const wait = notBefore - performance.now();
  if (wait > 0) timer = setTimeout(fetchDue, wait);
  else fetchDue();
}

async function fetchDue() {
  const subjects = due;
  due = new Set();
  refreshing = true;
  const began = performance.now();
  notBefore = began + EVERY_MS;
  await Promise.all(parts(subjects).map(fetched));
  if (notBefore > 0) notBefore = began + Math.max(EVERY_MS, (1 + REST) * (performance.now() - began));
  refreshing = false;
  if (due.size) plan();
}

/** On the watch page alerts change the queue alone: the count comes with it, and the banner says nothing of them. */
function parts(subjects) {
  const alone = document.getElementById("watch") && [...subjects].every((subject) => subject.startsWith("alert:"));
  return [...document.querySelectorAll('[hx-trigger="refresh-now"]')].filter((part) => {
    if (alone && part.id === "banner") return false;
    const about = part.dataset.liveSubject;
    return !about || subjects.has("*") || subjects.has(about);
  });
}

function fetched(part) {
  return new Promise((done) => {
    setTimeout(done, GIVE_UP_MS);
    part.addEventListener("htmx:finally:request", done, { once: true });
    part.dispatchEvent(new CustomEvent("refresh-now"));
  });
}
