// Contact sheets: keys from picture to picture, full size in place, the next sheet fetched while this one is looked at.
import { onKey } from "./keys.js";

const form = document.getElementById("sheet");
const marks = [...form.querySelectorAll("[name=mark]")];
const answers = [...form.querySelectorAll("[name=bear]")];
const pictures = [...form.querySelectorAll("img")];
const dialog = document.getElementById("full");
const large = document.getElementById("full-picture");

// Keys answer nothing until every picture has come: nobody says "no bear" about a picture that was not there.
for (const button of answers) button.setAttribute("aria-disabled", "true");
const settled = (image) => image.complete || new Promise((done) => {
  image.addEventListener("load", done, { once: true });
  image.addEventListener("error", done, { once: true });
});
Promise.all(pictures.map(settled)).then(() => {
  for (const button of answers) button.removeAttribute("aria-disabled");
  for (const link of document.getElementById("next-sheet").content.querySelectorAll("link")) {
    new Image().src = link.getAttribute("href");
  }
});

function say() {
  const number = marks.filter((mark) => mark.checked).length;
  document.getElementById("marked").textContent = number ? `${number} marked` : "";
}
form.addEventListener("change", say);
say();

function columns() {
  const top = marks[0]?.getBoundingClientRect().top;
  const row = marks.filter((mark) => Math.abs(mark.getBoundingClientRect().top - top) < 2);
  return Math.max(1, row.length);
}

function go(step) {
  return () => {
    if (dialog.open || !marks.length) return false;
    const at = marks.indexOf(document.activeElement);
    const next = marks[at < 0 ? 0 : Math.min(marks.length - 1, Math.max(0, at + step()))];
    next.focus();
    next.closest("li").scrollIntoView({ block: "nearest" });
    return true;
  };
}
onKey("ArrowRight", go(() => 1));
onKey("ArrowLeft", go(() => -1));
onKey("ArrowDown", go(columns));
onKey("ArrowUp", go(() => -columns()));

function open(link) {
  const image = link.closest("li").querySelector("img");
  large.src = link.href;
  large.alt = image.alt;
  large.width = image.width;
  large.height = image.height;
  dialog.showModal();
}
form.addEventListener("click", (event) => {
  const link = event.target.closest("[data-full]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  open(link);
});
onKey("f", () => {
  if (dialog.open) return dialog.close();
  const link = document.activeElement.closest?.("li")?.querySelector("[data-full]");
  if (!link) return false;
  open(link);
  return true;
});
// The same answer is not sent twice by an impatient thumb; the key makes it one answer anyway.
form.addEventListener("submit", (event) => {
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => delete form.dataset.sent);
