// Every page: ages, the live stream, decisions, keys, brightness.
import "./theme.js";
import "./time.js";
import "./outbox.js";
import "./decide.js";
import "./kept.js";
import { fetchAhead } from "./app.js";
import { connect } from "./live.js";
import { onKey } from "./keys.js";

connect();

// What will be opened next is fetched while nobody waits for it: the next alert, or what has waited longest.
const NEXT = ".after a.primary[href^='/alerts/'], .neighbours [rel=next], .hero-link";
const idle = window.requestIdleCallback ?? ((call) => setTimeout(call, 500));
function aheadOfTime() {
  const next = document.querySelector(NEXT)?.getAttribute("href");
  if (next) idle(() => fetchAhead(next));
}
window.addEventListener("load", () => setTimeout(aheadOfTime, 300));
document.addEventListener("htmx:after:swap", aheadOfTime);

// After a decision Enter goes on to the next alert.
if (document.getElementById("panel")) {
  onKey("Enter", () => {
    if (!["verdict", "main", ""].includes(document.activeElement.id) || document.activeElement.closest("a, button, input, summary")) return false;
    const onward = document.querySelector(".after a.primary");
    onward?.click();
    return Boolean(onward);
  });
}

// J and K walk through the waiting alerts; on an alert's page their links are followed instead.
const alerts = () => [...document.querySelectorAll("[data-alert-link]")];
if (alerts().length || location.pathname === "/") {
  const walk = (step) => () => {
    const links = alerts();
    if (!links.length) return false;
    const at = links.indexOf(document.activeElement);
    links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + step))].focus();
    return true;
  };
  onKey("j", walk(1));
  onKey("k", walk(-1));
  onKey("Enter", () => {
    // With nothing in focus Enter opens what has waited longest: from alert to decision in two keys.
    if (document.activeElement !== document.body && document.activeElement.id !== "main") return false;
    const first = document.querySelector(".hero-link");
    first?.click();
    return Boolean(first);
  });
}

// Typing minutes or a time chooses that answer.
for (const field of document.querySelectorAll("[data-chooses]")) {
  field.addEventListener("input", () => {
    field.form.querySelector(`[name=when][value=${field.dataset.chooses}]`).checked = true;
  });
}
