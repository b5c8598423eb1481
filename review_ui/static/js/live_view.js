// Live pictures: one stream for all cameras of a page, drawn as they come. What is not of now never looks as if it were.
const OLD_MS = 2500;
const TICK_MS = 500;
const RETRY_MS = 2000;
const SILENT_MS = 7000; // the server says something every two seconds
const LONGEST_MS = 10 * 60 * 1000;

const views = new Map([...document.querySelectorAll("[data-live-view]")].map((box) => [box.dataset.liveView, { box, state: "waiting", age: null, says: "" }]));
const button = document.getElementById("live-view-button");
let stream = null;
let wanted = false;
let heardAt = 0;
let startedAt = 0;

function start() {
  wanted = true;
  startedAt = performance.now();
  for (const view of views.values()) Object.assign(view, { age: null, ended: "" });
  document.documentElement.dataset.looking = "true";
  open();
  show();
}

function stop(why = "") {
  wanted = false;
  stream?.abort();
  stream = null;
  delete document.documentElement.dataset.looking;
  for (const view of views.values()) view.ended = why || "Stopped";
  show();
}

async function open() {
  if (stream || !wanted || document.hidden) return;
  const mine = (stream = new AbortController());
  const asked = [...views.keys()].map((camera) => `camera=${encodeURIComponent(camera)}`).join("&");
  heardAt = performance.now();
  try {
    const answer = await fetch(`/cameras/live?${asked}`, { signal: mine.signal, headers: { Accept: "application/octet-stream, application/json" } });
    if (answer.status === 401 || answer.redirected) return stop("You are no longer logged in. Reload the page.");
    if (!answer.ok) return stop(await reason(answer));
    await read(answer.body.getReader());
  } catch {
    // Cut off, or stopped: whoever still looks is connected again below.
  }
  if (stream === mine) stream = null;
  if (wanted) setTimeout(open, RETRY_MS);
}

async function reason(answer) {
  const said = await answer.json().catch(() => ({}));
  return said.detail || `The server answers ${answer.status}.`;
}

async function read(reader) {
  let kept = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heardAt = performance.now();
    kept = joined(kept, value);
    for (let end = kept.indexOf(10); end >= 0; end = kept.indexOf(10)) {
      const line = JSON.parse(new TextDecoder().decode(kept.subarray(0, end)));
      if (kept.length < end + 1 + line.size) break;
      hear(line, kept.slice(end + 1, end + 1 + line.size));
      kept = kept.slice(end + 1 + line.size);
    }
  }
}

function joined(before, after) {
  const both = new Uint8Array(before.length + after.length);
  both.set(before);
  both.set(after, before.length);
  return both;
}

function hear(line, jpeg) {
  if (line.end) return stop(line.end);
  const view = views.get(line.camera);
  if (!view) return;
  if (line.size) draw(view, line, jpeg);
  else Object.assign(view, { says: line.seeing === "sees" ? "" : line.says });
}

async function draw(view, line, jpeg) {
  const takenAt = performance.now() - 1000 * line.age_s;
  const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" })).catch(() => null);
  if (!picture || (view.age !== null && takenAt < view.age)) return;
  const canvas = view.box.querySelector("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d").drawImage(picture, 0, 0);
  view.box.style.setProperty("--ratio", `${picture.width} / ${picture.height}`);
  picture.close();
  view.age = takenAt;
  show();
}

function show() {
  const now = performance.now();
  for (const view of views.values()) {
    const age = view.age === null ? null : (now - view.age) / 1000;
    const [state, words] = told(view, age);
    view.box.dataset.state = state;
    if (state !== view.state) view.box.querySelector("[role=status]").textContent = words;
    view.box.querySelector(".live-age").textContent = age === null ? "" : `${age < 10 ? age.toFixed(1) : Math.round(age)} s old`;
    view.state = state;
  }
  if (button) button.textContent = wanted ? "Stop" : "See the camera now";
}

function told(view, age) {
  if (!wanted) return ["ended", view.ended || "Not started"];
  if (view.says) return ["blind", `Not live: ${view.says}`];
  if (age === null) return ["waiting", "Waiting for a picture. A camera that a box reads sends none."];
  return 1000 * age < OLD_MS ? ["live", "Live"] : ["old", "Not live: no newer picture comes"];
}

function tick() {
  if (!wanted) return;
  const now = performance.now();
  if (now - startedAt > LONGEST_MS) return stop("Stopped after ten minutes");
  if (stream && now - heardAt > SILENT_MS) stream.abort();
  show();
}

if (views.size) {
  setInterval(tick, TICK_MS);
  button?.addEventListener("click", () => (wanted ? stop() : start()));
  document.addEventListener("visibilitychange", () => (document.hidden ? stream?.abort() : open()));
  if (document.querySelector("[data-live-at-once]")) start();
}
