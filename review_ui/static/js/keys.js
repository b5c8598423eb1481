// Single keys. Not while typing, not on key repeat, not with Ctrl, Alt or Meta, and not when they are switched off.
const STORE = "bearwatch.keys";
const dialog = document.getElementById("keys");
const toggle = document.getElementById("keys-on");

toggle.checked = localStorage.getItem(STORE) !== "off";
toggle.addEventListener("change", () => localStorage.setItem(STORE, toggle.checked ? "on" : "off"));
document.querySelector("[data-help]")?.addEventListener("click", () => dialog.showModal());

const TYPING = "input:not([type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const OPERABLE = "button, a[href], summary, input, select";
const handlers = new Map();

/** Call `handler(event)` for a key; "space" and letters in lower case. It returns false when it did nothing. */
export function onKey(key, handler) {
  handlers.set(key, handler);
}

document.addEventListener("keydown", (event) => {
  if (event.repeat && !event.key.startsWith("Arrow")) return;
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest?.(TYPING)) return;
  if (event.key === "?") return dialog.open ? dialog.close() : dialog.showModal();
  if (!toggle.checked || dialog.open) return;
  const key = event.key === " " ? "space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "space" && event.target.closest?.(OPERABLE)) return; // Space presses what has the focus
  if (key.startsWith("Arrow") && event.target.matches?.("input[type=range]")) return;
  const handler = handlers.get(key) ?? press(key);
  if (handler && handler(event) !== false) event.preventDefault();
});

/** The default: a key presses the button or follows the link that names it. */
function press(key) {
  if (!/^[a-z]$/.test(key)) return null;
  return () => {
    const target = document.querySelector(`[data-key="${key}"]`);
    if (!target || target.getAttribute("aria-disabled") === "true") return false;
    target.click();
    return true;
  };
}
