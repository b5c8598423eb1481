// The service worker: the shell and the open alert stay readable without a network, and a device can be told of alerts.
// STATIC and SHELL stand above, written by the server. A kept page always says since when it has been kept.
const SHELL_CACHE = `bearwatch-shell${STATIC}`;
const PAGES = "bearwatch-pages";
const PICTURES = "bearwatch-pictures";
const MOST_PAGES = 12;
const MOST_PICTURES = 240;
const PATIENCE_MS = 6000; // a page that takes longer is shown as it was kept; the network may be there and useless
const KEPT = /^\/$|^\/alerts\/\d+$/;
const FORGETS = /^\/(login|logout|watches)(\/|$)/; // who looks, or what they may see, changes

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL_CACHE).then((cache) => cache.addAll([...SHELL, "/offline"])));
  self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("bearwatch-shell") && name !== SHELL_CACHE;
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name)))));
  event.waitUntil(self.clients.claim());
});

self.addEventListener("message", (event) => {
  if (event.data === "forget") event.waitUntil(forget());
});

// An answer that was asked for before something was forgotten must not be kept after it.
let forgotten = 0;
const forget = () => {
  forgotten += 1;
  return Promise.all([caches.delete(PAGES), caches.delete(PICTURES)]);
};

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname, search } = new URL(request.url);
  if (origin !== location.origin) return;
  if (FORGETS.test(pathname)) event.waitUntil(forget());
  if (request.method !== "GET") {
    if (request.mode === "navigate") event.respondWith(sent(request, FORGETS.test(pathname)));
  } else if (pathname.startsWith("/static/")) event.respondWith(fromShell(request));
  else if (pathname.startsWith("/media/")) event.respondWith(picture(event));
  else if (KEPT.test(pathname) && !search && (request.mode === "navigate" || request.headers.has("X-Keep"))) {
    event.respondWith(page(event, pathname));
  } else if (request.mode === "navigate") event.respondWith(fetch(request).catch(notKept));
});

/** What is seen while the server has not decided yet belongs to before: it is forgotten with the answer once more. */
async function sent(request, forgets) {
  try {
    return await fetch(request);
  } catch {
    return notKept();
  } finally {
    if (forgets) await forget();
  }
}

async function fromShell(request) {
  return (await caches.match(request)) ?? fetch(request);
}

async function notKept() {
  return (await caches.match("/offline")) ?? Response.error();
}

/** The page from the server; without it, as it was kept. */
async function page(event, pathname) {
  const before = forgotten;
  const fresh = fetch(event.request).then(async (answer) => {
    if (answer.status >= 500) throw new Error("the server is away");
    event.waitUntil(keep(pathname, answer.clone(), before));
    return answer;
  });
  const late = new Promise((done) => setTimeout(done, PATIENCE_MS));
  try {
    const first = await Promise.race([fresh, late]);
    return first ?? (await kept(pathname)) ?? (await fresh);
  } catch {
    return (await kept(pathname)) ?? notKept();
  }
}

async function keep(pathname, answer, before) {
  const cache = await caches.open(PAGES);
  if (answer.type === "opaqueredirect" || answer.redirected || !answer.ok) {
    await cache.delete(pathname); // signed out, hidden, or gone: what was kept must not come back
    return;
  }
  const headers = { "Content-Type": "text/html; charset=utf-8", "X-Kept-At": String(Date.now() / 1000) };
  for (const name of ["Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"]) {
    if (answer.headers.has(name)) headers[name] = answer.headers.get(name);
  }
  const html = await answer.text();
  if (before !== forgotten) return;
  await cache.delete(pathname);
  await cache.put(pathname, new Response(html, { headers }));
  await trim(cache, MOST_PAGES);
  if (before !== forgotten) await forget(); // while it was written
}

/** The kept page, with the moment of its keeping written into it. */
async function kept(pathname) {
  const answer = await (await caches.open(PAGES)).match(pathname);
  if (!answer) return null;
  const html = (await answer.text()).replace("<html ", `<html data-kept="${answer.headers.get("X-Kept-At")}" `);
  return new Response(html, { headers: answer.headers });
}

async function picture(event) {
  const before = forgotten;
  const cache = await caches.open(PICTURES);
  try {
    const answer = await fetch(event.request);
    if (answer.ok) {
      event.waitUntil(keepPicture(event.request.url, answer.clone(), before));
    } else if (answer.status < 500) event.waitUntil(cache.delete(event.request.url));
    return answer;
  } catch {
    return (await cache.match(event.request.url)) ?? Response.error();
  }
}

async function keepPicture(url, answer, before) {
  const content = await answer.blob();
  if (before !== forgotten) return;
  const cache = await caches.open(PICTURES);
  await cache.put(url, new Response(content, { headers: answer.headers }));
  await trim(cache, MOST_PICTURES);
  if (before !== forgotten) await forget(); // while it was written
}

async function trim(cache, most) {
  const keys = await cache.keys();
  for (const key of keys.slice(0, Math.max(0, keys.length - most))) await cache.delete(key);
}

// The words are the server's, and always the same: a locked screen tells nobody where a bear is.
self.addEventListener("push", (event) => {
  let said = {};
  try {
    said = event.data?.json() ?? {};
  } catch {
    // Something else than the server sends: the words below do.
  }
  event.waitUntil(self.registration.showNotification(said.title ?? "Bearwatch", {
    body: said.body ?? "Look at the queue.", icon: `${STATIC}icon-192.png`,
    ...(said.quiet ? { tag: "test", silent: true } : { tag: "queue", renotify: true }),
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.matchAll({ type: "window", includeUncontrolled: true }).then((open) => {
    const page = open.find((each) => new URL(each.url).pathname === "/") ?? open[0];
    return page ? page.focus() : self.clients.openWindow("/");
  }));
});
