// Scrub through a night: pointer over the rows, the slider, arrow keys. Without scripts the links do the same.
import { onKey } from "./keys.js";

const box = document.getElementById("scrub");
const range = document.getElementById("scrub-range");
const rows = document.getElementById("night-rows");
const start = Number(box.dataset.start);
const end = Number(box.dataset.end);
const WAIT_MS = 120; // a moving pointer asks for one picture, not for forty
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: box.dataset.timezone });
let at = Number(range.value);
let timer;
let asked = 0;

function address(path, moment) {
  return `${path}${path.includes("?") ? "&" : "?"}at=${Math.round(moment)}`;
}

function show(moment, now = false) {
  at = Math.min(end - 1, Math.max(start, moment));
  range.value = String(at);
  const words = clock.format(new Date(at * 1000));
  range.setAttribute("aria-valuetext", words);
  document.getElementById("moment").textContent = words;
  const x = ((1000 * (at - start)) / (end - start)).toFixed(1);
  for (const line of rows.querySelectorAll(".cursor")) line.setAttribute("d", `M${x} 0V40`);
  clearTimeout(timer);
  timer = setTimeout(load, now ? 0 : WAIT_MS);
}

async function load() {
  const mine = ++asked;
  const answer = await fetch(address(box.dataset.url, at), { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok || mine !== asked) return;
  const part = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("night-frames");
  const focused = document.activeElement?.dataset?.step;
  document.getElementById("night-frames").replaceWith(part);
  if (focused) part.querySelector(`[data-step="${focused}"]`)?.focus();
  history.replaceState(null, "", address(box.dataset.page, at));
}

function follow(event) {
  const strip = event.target.closest(".strip-chart");
  if (!strip) return;
  const place = strip.getBoundingClientRect();
  show(start + ((end - start) * (event.clientX - place.left)) / place.width);
}

rows.addEventListener("pointerdown", follow);
rows.addEventListener("pointermove", (event) => event.buttons && follow(event));
range.addEventListener("input", () => show(Number(range.value)));
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-step], [data-moment], .strip-chart a");
  if (!link || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  if (link.dataset.step) show(at + Number(link.dataset.step), true);
  else if (link.dataset.moment) {
    show(Number(link.dataset.moment), true);
    box.scrollIntoView({ block: "start" });
  }
});
document.addEventListener("click", async (event) => {
  if (!event.target.closest("#share") || !navigator.clipboard) return;
  event.preventDefault();
  await navigator.clipboard.writeText(new URL(document.getElementById("share").href, location.href).href);
  document.getElementById("said").textContent = "The link is copied.";
  event.target.closest("#share").textContent = "Copied";
});

const moments = [...document.querySelectorAll("[data-moment]")].map((link) => Number(link.dataset.moment));
onKey("ArrowLeft", (event) => show(at - (event.shiftKey ? 600 : 60)));
onKey("ArrowRight", (event) => show(at + (event.shiftKey ? 600 : 60)));
onKey("p", () => show(moments.filter((each) => each < at - 1).at(-1) ?? at, true));
onKey("n", () => show(moments.find((each) => each > at + 1) ?? at, true));
