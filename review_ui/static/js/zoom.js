// A picture larger: onto the animal with a button or the keys + and -, anywhere with two fingers, moved by dragging.
import { onKey } from "./keys.js";

const STEPS = [1, 2, 4];
const MOST = 6;
const stage = document.getElementById("stage");
const button = document.getElementById("zoom");
const touching = new Map();
let zoom = 1;
let middle = { x: 0.5, y: 0.5 }; // of what is shown, in 0-1 of the picture
let apart = 0;

/** Where the animal of this frame is; what is enlarged follows it. */
export function animalAt(box) {
  if (!box) return;
  const [x0, y0, x1, y1] = box.split(" ").map(Number);
  middle = { x: (x0 + x1) / 2, y: (y0 + y1) / 2 };
  draw();
}

function within(value, half) {
  return Math.min(1 - half, Math.max(half, value));
}

function draw() {
  const half = 0.5 / zoom;
  if (zoom > 1) middle = { x: within(middle.x, half), y: within(middle.y, half) };
  const shown = zoom > 1 ? middle : { x: 0.5, y: 0.5 };
  stage.style.setProperty("--zoom", zoom);
  stage.style.setProperty("--left", `${-100 * (shown.x - half) * zoom}%`);
  stage.style.setProperty("--top", `${-100 * (shown.y - half) * zoom}%`);
  stage.classList.toggle("zoomed", zoom > 1);
  button.textContent = zoom > 1 ? `Zoom ${zoom.toFixed(zoom % 1 ? 1 : 0)}×` : "Zoom";
  button.setAttribute("aria-pressed", String(zoom > 1));
}

function to(value) {
  zoom = Math.min(MOST, Math.max(1, value));
  draw();
}

function step(by) {
  const at = STEPS.findIndex((value) => value >= zoom);
  to(STEPS[Math.min(STEPS.length - 1, Math.max(0, at + by))] ?? 1);
}

function distance() {
  const [one, other] = [...touching.values()];
  return Math.hypot(one.x - other.x, one.y - other.y);
}

function moved(event) {
  const before = touching.get(event.pointerId);
  if (!before) return;
  const now = { x: event.clientX, y: event.clientY };
  touching.set(event.pointerId, now);
  if (touching.size === 2) {
    const length = distance();
    if (apart) to((zoom * length) / apart);
    apart = length;
  } else if (zoom > 1) {
    const size = stage.getBoundingClientRect();
    middle = { x: middle.x - (now.x - before.x) / size.width / zoom, y: middle.y - (now.y - before.y) / size.height / zoom };
    draw();
  }
}

function letGo(event) {
  touching.delete(event.pointerId);
  apart = 0;
}

if (stage && button) {
  button.addEventListener("click", () => to(STEPS[(STEPS.indexOf(zoom) + 1) % STEPS.length] ?? 1));
  onKey("+", () => step(1));
  onKey("-", () => step(-1));
  stage.addEventListener("pointerdown", (event) => touching.set(event.pointerId, { x: event.clientX, y: event.clientY }));
  stage.addEventListener("pointermove", moved);
  stage.addEventListener("dragstart", (event) => event.preventDefault()); // the browser would drag the image away
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) stage.addEventListener(name, letGo);
  draw();
}
