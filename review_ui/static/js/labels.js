// The label cleaner by keyboard: J and K walk through the cards, one key edits the card in focus. Edits are sent
// without leaving the page; without scripts the same forms do the same.
import { onKey } from "./keys.js";

const list = document.getElementById("label-cards");
const cards = () => [...list.querySelectorAll("[data-card]")];
const current = () => document.activeElement?.closest?.("[data-card]");

function walk(step) {
  const all = cards();
  if (!all.length) return false;
  const at = all.indexOf(current());
  const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + step))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

onKey("j", () => walk(1));
onKey("k", () => walk(-1));
for (const key of ["y", "x", "z"]) {
  onKey(key, () => {
    const button = current()?.querySelector(`[data-act="${key}"]`);
    button?.click();
    return Boolean(button);
  });
}
onKey("r", () => {
  const choice = current()?.querySelector("select");
  choice?.focus();
  return Boolean(choice);
});

list.addEventListener("change", (event) => {
  // Chosen from the keyboard by R: the choice is the answer.
  if (event.target.matches("select") && event.target.value) event.target.form.querySelector('[data-act="r"]').focus();
});

list.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-label-form]");
  if (!form || !event.submitter) return;
  event.preventDefault();
  const card = form.closest("[data-card]");
  const body = new URLSearchParams(new FormData(form));
  body.set("action", event.submitter.value);
  card.setAttribute("aria-busy", "true");
  let answer;
  try {
    answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { "HX-Request": "true" } });
  } catch {
    answer = null;
  }
  card.removeAttribute("aria-busy");
  if (answer?.status === 401) {
    // The session has ended: sent as a plain form, the edit is kept through the login.
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "action", value: event.submitter.value }));
    return form.submit();
  }
  if (!answer?.ok) {
    const notice = document.getElementById("notice");
    notice.textContent = "That edit did not reach the server. Try again, or reload the page.";
    notice.hidden = false;
    return;
  }
  const part = new DOMParser().parseFromString(`<ol>${await answer.text()}</ol>`, "text/html");
  // The first is the one that was edited; others of the same visit may have been edited with it.
  const all = [...part.querySelectorAll("[data-card]")];
  const fresh = all.shift();
  document.getElementById("draft").replaceWith(part.getElementById("draft"));
  for (const other of all) document.getElementById(other.id)?.replaceWith(other);
  card.replaceWith(fresh);
  fresh.focus();
});
