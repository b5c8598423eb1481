// Decision forms: sent by script where scripts run, so that nothing is lost without a network; plain forms elsewhere.
import { refresh } from "./live.js";
import { submit } from "./outbox.js";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-decision]") || !event.submitter) return;
  event.preventDefault();
  if (form.dataset.sent) return; // a doubled click
  form.dataset.sent = "1";
  form.closest(".deck")?.classList.add("pending");
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  submit({
    alert: Number(form.dataset.decision),
    name: form.dataset.name,
    verdict: event.submitter.value,
    seen_version: Number(form.elements.seen_version.value),
    key: form.elements.idempotency_key.value,
  });
});

document.addEventListener("decision", ({ detail }) => {
  const notice = document.getElementById("notice");
  notice.hidden = detail.outcome === "done";
  if (detail.outcome === "conflict") notice.textContent = `${detail.answer.detail} Your decision was not written down.`;
  if (detail.outcome === "refused") {
    notice.textContent = `Your decision about ${detail.entry.name} was refused. Reload the page and look again.`;
  }
  const panel = document.querySelector(`#panel[data-alert="${detail.entry.alert}"]`);
  if (panel) {
    document.addEventListener("htmx:after:swap", () => document.getElementById("verdict")?.focus(), { once: true });
  }
  refresh(`alert:${detail.entry.alert}`);
});
