// What was entered when a session ended, back in its form after the login. Nothing is sent by itself, no password is
// kept, and what one person entered is not shown to another.
const STORE = "bearwatch.kept";
const LONGEST_MS = 12 * 3600 * 1000;
const BACK = "You are signed in again, and what you had entered is here.";
const GONE = "Its form is not on this page any more; nothing was sent.";
const user = document.body.dataset.user;
const carried = document.querySelector("[data-kept]"); // on the login page, and on the page right after it

const carry = () => sessionStorage.setItem(STORE, JSON.stringify({ ...JSON.parse(carried.dataset.kept || carried.value), at: Date.now() }));

if (carried?.dataset.page) {
  carry();
  location.replace(carried.dataset.page);
} else if (carried) {
  // The login form carries it along; an organisation's login, on another site, cannot.
  document.querySelector("a[href^='/login/openid']")?.addEventListener("click", carry);
} else if (user) {
  document.addEventListener("DOMContentLoaded", bringBack); // other scripts of the page are ready then
}

function bringBack() {
  const kept = read();
  if (!kept || new URL(kept.page, location.href).pathname !== location.pathname) return;
  sessionStorage.removeItem(STORE);
  if (kept.user !== null && String(kept.user) !== user) return;
  const form = formOf(kept);
  if (!form) return say(document.querySelector("#main > *"), `${BACK} ${GONE}`, kept);
  for (let fold = form.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  fill(form, kept);
  say(form, kept.asks.length ? `${BACK} What is secret has to be typed again.` : `${BACK} Look it over, then send it.`);
  form.scrollIntoView({ block: "start" });
}

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORE));
    return kept && Date.now() - kept.at < LONGEST_MS ? kept : null;
  } catch {
    return null;
  }
}

/** Several forms of a page may be sent to the same address: the one whose hidden fields say the same. */
function formOf(kept) {
  const same = (form) => [...form.querySelectorAll("input[type=hidden]")].filter((each) =>
    kept.fields.some(([name, value]) => name === each.name && value === each.value)).length;
  return [...document.querySelectorAll("form[method=post]")]
    .filter((form) => form.getAttribute("action") === kept.path)
    .sort((one, other) => same(other) - same(one))[0];
}

/** Fields as they were. What the page itself says, in hidden fields, stays as it is now. */
function fill(form, kept) {
  const values = new Map();
  for (const [name, value] of kept.fields) values.set(name, [...(values.get(name) ?? []), value]);
  const late = []; // choices come last: typing into a field may choose for its own sake
  for (const field of form.elements) {
    const given = values.get(field.name);
    if (!field.name || field.type === "password" || (field.type === "hidden" && !("restores" in field.dataset))) continue;
    if (field.type === "checkbox") late.push([field, () => (field.checked = Boolean(given?.includes(field.value)))]);
    else if (field.type === "radio") late.push([field, () => (field.checked = field.checked || Boolean(given?.includes(field.value)))]);
    else if (field.type === "submit") given?.includes(field.value) && field.value && choose(field);
    else if (given?.length) {
      field.value = given.shift();
      changed(field);
    }
  }
  for (const [field, set] of late) {
    set();
    changed(field);
  }
  form.querySelector("[type=password]")?.focus();
}

function changed(field) {
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

/** A button that had been pressed is marked and waits to be pressed again. */
function choose(button) {
  button.classList.add("was-chosen");
  button.focus({ preventScroll: true });
}

function say(before, words, lost) {
  const line = Object.assign(document.createElement("div"), { className: "kept" });
  line.setAttribute("role", "status");
  line.append(Object.assign(document.createElement("p"), { textContent: words }));
  for (const [name, value] of lost?.fields ?? []) {
    if (/_key$|^epoch$|^seen/.test(name) || !value) continue;
    line.append(Object.assign(document.createElement("p"), { className: "note", textContent: `${name}: ${value}` }));
  }
  if (before.matches("form")) before.prepend(line);
  else before.before(line);
}
