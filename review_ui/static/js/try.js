// Try a photo: drop one on the page, and be told at once when it is too large. Without scripts the form does the same.
const form = document.querySelector("[data-photo]");
const drop = form.querySelector("[data-drop]");
const input = form.querySelector("input[type=file]");
const button = form.querySelector("[data-predict]");
const error = document.getElementById("photo-error");
const said = document.getElementById("photo-said");
const maxMb = Number(form.dataset.maxMb);
const words = button.textContent;

function refuse(why) {
  error.textContent = why;
  error.hidden = !why;
  return Boolean(why);
}

function wrong(file) {
  if (file && file.size > maxMb * 1024 * 1024) return `The file is too large; at most ${maxMb} MB fit.`;
  return "";
}

input.addEventListener("change", () => refuse(wrong(input.files[0])));

form.addEventListener("submit", (event) => {
  if (refuse(wrong(input.files[0]))) {
    event.preventDefault();
    return;
  }
  button.setAttribute("aria-disabled", "true");
  button.textContent = "Looking…";
  said.textContent = "The photo is being looked at.";
});
button.addEventListener("click", (event) => {
  if (button.getAttribute("aria-disabled") === "true") event.preventDefault();
});

// A picture that misses the frame by a little must not replace the page.
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
document.addEventListener("dragover", () => drop.classList.add("over"));
document.addEventListener("dragleave", (event) => event.relatedTarget || drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  drop.classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (!file) return;
  const chosen = new DataTransfer();
  chosen.items.add(file);
  input.files = chosen.files;
  if (!refuse(wrong(file))) form.requestSubmit(button);
});

// A page that comes back from the browser's memory can be used again.
window.addEventListener("pageshow", () => {
  button.removeAttribute("aria-disabled");
  button.textContent = words;
});
document.getElementById("answer-title")?.focus();
