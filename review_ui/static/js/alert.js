// The flipbook: frames as they came, at the speed at which they came.
import { onKey } from "./keys.js";
import { animalAt } from "./zoom.js";

const LONGEST_WAIT_MS = 1000; // between two frames, however long the camera was silent
const book = document.getElementById("flipbook");
const image = document.getElementById("stage-image");
const links = [...document.querySelectorAll("[data-frame]")];
const scrub = document.getElementById("scrub");
const playButton = document.getElementById("play");
const boxesButton = document.getElementById("boxes");
const file = document.getElementById("frame-file");
const counter = document.getElementById("counter");
const preloaded = links.map((link) => Object.assign(new Image(), { src: link.href }));
let at = Number(book.dataset.cover) - 1;
let timer = null;

function show(index, scroll = true) {
  at = Math.min(links.length - 1, Math.max(0, index));
  const link = links[at];
  image.src = link.href;
  image.alt = `Frame ${at + 1} of ${links.length}, ${link.dataset.clock}`;
  drawBox(link.dataset.box);
  animalAt(link.dataset.box);
  file.href = link.href;
  scrub.value = String(at + 1);
  counter.textContent = `${at + 1} / ${links.length}`;
  for (const other of links) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  if (scroll) centre(link);
}

function centre(link) {
  const film = link.closest(".film");
  film.scrollLeft = link.offsetLeft - film.offsetLeft - (film.clientWidth - link.clientWidth) / 2;
}

function drawBox(text) {
  const overlay = document.querySelector("#stage .overlay");
  overlay.querySelector(".box")?.remove();
  if (!text) return;
  const [x0, y0, x1, y1] = text.split(" ").map((value) => 100 * Number(value));
  const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of Object.entries({ class: "box", x: x0, y: y0, width: x1 - x0, height: y1 - y0 })) {
    box.setAttribute(name, value);
  }
  overlay.append(box);
}

function play() {
  if (timer !== null) return pause();
  if (at === links.length - 1) show(0);
  playButton.setAttribute("aria-pressed", "true");
  playButton.textContent = "Pause";
  next();
}

function next() {
  if (at === links.length - 1) return pause();
  const wait = 1000 * (Number(links[at + 1].dataset.at) - Number(links[at].dataset.at));
  timer = setTimeout(() => {
    show(at + 1);
    next();
  }, Math.min(LONGEST_WAIT_MS, Math.max(30, wait)));
}

function pause() {
  clearTimeout(timer);
  timer = null;
  playButton.setAttribute("aria-pressed", "false");
  playButton.textContent = "Play";
}

function step(by) {
  pause();
  show(at + by);
}

function toggleBoxes() {
  const hidden = book.classList.toggle("no-boxes");
  boxesButton.setAttribute("aria-pressed", String(!hidden));
}

/** Nobody decides with a key about a picture that is not there yet. */
function whenSeen(key) {
  onKey(key, () => {
    if (image && !(image.complete && image.naturalWidth > 0)) return false;
    const button = document.querySelector(`[data-key="${key}"]`);
    if (!button || button.getAttribute("aria-disabled") === "true") return false;
    button.click();
    return true;
  });
}

for (const key of ["b", "n", "u"]) whenSeen(key);

if (links.length) {
  for (const [index, link] of links.entries()) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      pause();
      show(index, false);
    });
  }
  for (const button of document.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => step(Number(button.dataset.step)));
  }
  playButton.addEventListener("click", play);
  boxesButton.addEventListener("click", toggleBoxes);
  scrub.addEventListener("input", () => {
    pause();
    show(Number(scrub.value) - 1);
  });
  onKey("ArrowLeft", (event) => step(event.shiftKey ? -10 : -1));
  onKey("ArrowRight", (event) => step(event.shiftKey ? 10 : 1));
  onKey("space", play);
  onKey("o", toggleBoxes);
  show(at);
}
