// The service worker: where Kalends cannot be reached, a page says so. Nothing else is kept on the
// device: no page of the clinic, no client.
const KEPT = "offline-1";
const PAGE = "/offline";

const fetched = async () => {
  const answer = await fetch(PAGE, { cache: "reload" });
  const sheets = (await answer.clone().text()).matchAll(/href="(\/static\/[^"]+\.css[^"]*)"/g);
  const store = await caches.open(KEPT);
  await store.addAll([...sheets].map(([, address]) => address));
  await store.put(PAGE, answer);
};
const tidied = async () => {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name)));
};

addEventListener("install", (event) => event.waitUntil(fetched().then(() => skipWaiting())));
addEventListener("activate", (event) => event.waitUntil(tidied()));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate")
    event.respondWith(fetch(request).catch(() => caches.match(PAGE)));
  else if (request.destination === "style")
    event.respondWith(
      fetch(request).catch(async () => (await caches.match(request)) ?? Response.error()),
    );
});
