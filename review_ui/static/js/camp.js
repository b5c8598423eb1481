// The state renews itself. When it cannot, the page says that it must not be relied on.
const EVERY_MS = 10_000;
const STALE_MS = 90_000;
const stale = document.getElementById("stale");
let renewed = performance.now();

async function renew() {
  const address = new URL(location.href);
  address.searchParams.delete("sent");
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(10_000), cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const state = document.getElementById("state");
    const fresh = page.getElementById("state");
    const words = (element) => element.className + element.querySelector("h2").textContent + (element.querySelector(".unwatched")?.textContent ?? "");
    if (words(state) !== words(fresh)) location.replace(address); // the advice changes too
    else state.querySelector(".as-of").textContent = fresh.querySelector(".as-of").textContent;
    stale.textContent = page.getElementById("stale").textContent;
    renewed = performance.now();
  } catch {
    // No network, or the server is away: what is shown grows old, and says so.
  }
  stale.hidden = performance.now() - renewed < STALE_MS;
}

setInterval(renew, EVERY_MS);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && renew());
