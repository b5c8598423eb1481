// Draw masks and zones: corners by click or tap, written as lines into the text, which is what counts.
const draw = document.getElementById("draw");
const text = document.getElementById("areas-text");
const pen = document.getElementById("pen");
const kind = document.getElementById("pen-kind");
const name = document.getElementById("pen-name");
const open = document.getElementById("pen-corners"); // of a shape that is not closed yet: sent along, never read there
let corners = [];

const round = (value) => Math.round(Math.min(1, Math.max(0, value)) * 1000) / 1000;

function show() {
  pen.setAttribute("points", corners.map(([x, y]) => `${100 * x},${100 * y}`).join(" "));
  open.value = corners.length ? JSON.stringify(corners) : "";
}

/** The text with a line added at the end of a section; `masks: []` and `zones: {}` become lists. */
function added(section, line) {
  const lines = text.value.trimEnd().split("\n");
  const at = lines.findIndex((each) => each.trimStart().startsWith(`${section}:`));
  if (at < 0) return `${lines.join("\n")}\n    ${section}:\n      ${line}\n`;
  const indent = lines[at].length - lines[at].trimStart().length;
  lines[at] = `${" ".repeat(indent)}${section}:`;
  let end = at + 1;
  while (end < lines.length && lines[end].length - lines[end].trimStart().length > indent) end += 1;
  lines.splice(end, 0, `${" ".repeat(indent + 2)}${line}`);
  return `${lines.join("\n")}\n`;
}

function close() {
  if (corners.length < 3) return;
  const shape = `[${corners.map(([x, y]) => `[${x}, ${y}]`).join(", ")}]`;
  const zone = kind.value === "zone";
  if (zone && !name.reportValidity()) return;
  text.value = zone ? added("zones", `${name.value}: ${shape}`) : added("masks", `- ${shape}`);
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
  drawn.setAttribute("class", zone ? "zone zone-entered" : "mask");
  drawn.setAttribute("points", pen.getAttribute("points"));
  pen.before(drawn);
  corners = [];
  show();
  document.getElementById("said").textContent = "The shape is written into the text.";
}

if (draw?.hasAttribute("data-drawing")) {
  draw.querySelector(".picture").addEventListener("click", (event) => {
    const place = event.currentTarget.getBoundingClientRect();
    corners.push([round((event.clientX - place.left) / place.width), round((event.clientY - place.top) / place.height)]);
    show();
  });
  open.addEventListener("change", () => {
    corners = JSON.parse(open.value || "[]"); // they come back after a login
    show();
  });
  document.getElementById("pen-close").addEventListener("click", close);
  document.getElementById("pen-back").addEventListener("click", () => {
    corners.pop();
    show();
  });
}

document.getElementById("areas-copy")?.addEventListener("click", async (event) => {
  await navigator.clipboard?.writeText(text.value);
  event.target.textContent = "Copied";
});
