// Ages that count on, by the server's clock. The words are those of words.age on the server.
// A page that was kept on this device says since when: its "now" is long ago.
export const keptAt = Number(document.documentElement.dataset.kept) || null;
let ahead = Number(document.body.dataset.now || Date.now() / 1000) - (keptAt ?? Date.now() / 1000);

export function setServerTime(at) {
  ahead = at - Date.now() / 1000;
}

export function serverNow() {
  return Date.now() / 1000 + ahead;
}

export function age(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 48 * 3600) {
    return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
  }
  return `${Math.floor(whole / 86400)} days`;
}

export function tick() {
  const now = serverNow();
  for (const element of document.querySelectorAll("[data-since]")) {
    setText(element, age(now - Number(element.dataset.since)));
  }
  for (const element of document.querySelectorAll("[data-until]")) {
    const left = Number(element.dataset.until) - now;
    if (left > 0) setText(element, age(left));
    else element.closest(".soon")?.remove();
  }
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

setInterval(tick, 1000);
