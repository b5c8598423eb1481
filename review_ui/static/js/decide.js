// Decision forms: sent by script where scripts run, so that nothing is lost without a network; plain forms elsewhere.
import { submit, takeBack, unsent, words } from "./outbox.js";
import { refresh } from "./refresh.js";

const SAY_AFTER_MS = 400; // an answer that comes sooner says more

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-decision]") || !event.submitter) return;
  event.preventDefault();
  if (form.dataset.sent) return; // a doubled click
  taken(form, event.submitter.value);
  submit({
    alert: Number(form.dataset.decision),
    name: form.dataset.name,
    verdict: event.submitter.value,
    seen_version: Number(form.elements.seen_version.value),
    key: form.elements.idempotency_key.value,
  });
});

/** The page says at once what was chosen; when the server does not answer soon, also that it is on its way. */
function taken(form, verdict) {
  form.dataset.sent = "1";
  form.closest(".deck")?.classList.add("pending");
  for (const button of form.querySelectorAll("button")) {
    button.setAttribute("aria-disabled", "true");
    if (button.value === verdict && verdict !== "undo") button.classList.add("chosen");
  }
  if (form.classList.contains("decide")) setTimeout(() => sayUnsent(form), SAY_AFTER_MS);
}

function sayUnsent(form) {
  const entry = form.isConnected && form.dataset.sent ? unsent(Number(form.dataset.decision)) : null;
  if (!entry || form.parentElement.querySelector(".on-its-way")) return;
  const line = document.createElement("p");
  line.className = "on-its-way";
  const said = Object.assign(document.createElement("b"), { textContent: `${words[entry.verdict]}: kept, not sent yet` });
  const undo = Object.assign(document.createElement("button"), { type: "button", className: "button undo", textContent: "Undo" });
  undo.dataset.key = "z";
  undo.addEventListener("click", () => {
    undo.setAttribute("aria-disabled", "true");
    said.textContent = "Taken back";
    takeBack(entry);
  }, { once: true });
  line.append(said, " ", undo);
  form.after(line);
}

/** A page that was opened while a decision about its alert is still on its way shows it. */
for (const form of document.querySelectorAll(".decide[data-decision]")) {
  const entry = unsent(Number(form.dataset.decision));
  if (!entry || entry.verdict === "undo") continue;
  taken(form, entry.verdict);
  sayUnsent(form);
}

document.addEventListener("decision", ({ detail }) => {
  const notice = document.getElementById("notice");
  notice.hidden = detail.outcome === "done" || detail.outcome === "dropped";
  if (detail.outcome === "conflict") notice.textContent = `${detail.answer.detail} Your decision was not written down.`;
  if (detail.outcome === "refused") {
    notice.textContent = `Your decision about ${detail.entry.name} was refused. Reload the page and look again.`;
  }
  if (detail.outcome === "dropped") open(detail.entry.alert);
  const panel = document.querySelector(`#panel[data-alert="${detail.entry.alert}"]`);
  if (panel) {
    document.addEventListener("htmx:after:swap", () => document.getElementById("verdict")?.focus(), { once: true });
  }
  refresh(`alert:${detail.entry.alert}`, { now: true });
});

/** The question is open again, without the server. */
function open(alert) {
  for (const form of document.querySelectorAll(`.decide[data-decision="${alert}"]`)) {
    delete form.dataset.sent;
    form.closest(".deck")?.classList.remove("pending");
    form.parentElement.querySelector(".on-its-way")?.remove();
    for (const button of form.querySelectorAll("button")) {
      button.removeAttribute("aria-disabled");
      button.classList.remove("chosen");
    }
  }
}
