// Pass this page on: by what the device offers, else its address is copied. Whoever gets it logs in and lands here.
const button = document.getElementById("share");

async function share() {
  const page = { title: document.title, url: location.origin + location.pathname };
  if (navigator.share) return navigator.share(page).catch(() => {}); // closed without choosing
  const copied = await navigator.clipboard?.writeText(page.url).then(() => true, () => false);
  button.textContent = copied ? "Address copied" : page.url;
}

button?.addEventListener("click", share);
