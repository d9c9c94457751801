// Live pages. One stream a browser: the tab that holds the lock listens and tells the others. A page that is told that
// something is new fetches its own address again and takes over the parts that are marked (docs/design/web.md).

const about = document.body.dataset.live;
const channel = new BroadcastChannel("callscope");
const LEAST_MS = { index: about === "live" ? 300 : 2000, call: 300, counted: 300 };
const AGAIN_MS = 5000;
const AT = "[data-row].at, tr.at";
let generation = Number(document.body.dataset.generation || 0);
let timer = 0;
let due = 0;
let busy = false;
let again = false;
let last = 0;
let state = "";
let ahead = Date.now() - Number(document.body.dataset.now);  // of this clock against the server's

function concerns(name, value) {
  if (name === "index" && about.startsWith("call:")) return false;  // its rows are told of by themselves, and sooner
  if (name === "index") {
    const is_new = value.generation !== generation;
    generation = value.generation;
    return is_new;
  }
  if (name === "counted") return about === "index";
  if (about === "live") return true;
  return value.all ? about.startsWith("call:") : about.startsWith("call:") && about.slice(5) in value.calls;
}

function heard({ name, value }) {
  if (name === "state") {
    if (about && value === "live" && (state === "reconnecting" || isWaiting())) schedule(0);  // nobody told what happened meanwhile
    state = value;
    return showState(value);
  }
  if (about && concerns(name, value)) schedule(LEAST_MS[name]);
}

function schedule(least) {
  if (document.hidden) { again = true; return; }
  const wanted = Math.max(Date.now(), last + least);
  if (timer && wanted >= due) return;
  clearTimeout(timer);
  due = wanted;
  timer = setTimeout(update, due - Date.now());
}

async function update() {
  timer = 0;
  if (busy) { again = true; return; }
  busy = true;
  again = false;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.ok || answer.status === 503) takeOver(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch { /* the server is away: the stream says so, and comes back with it */ }
  busy = false;
  last = Date.now();
  if (again) schedule(LEAST_MS.call);
}

function takeOver(fresh) {
  ahead = Date.now() - Number(fresh.body.dataset.now);
  for (const part of document.querySelectorAll("[data-part][id]")) {
    const other = fresh.getElementById(part.id);
    if (!other && part.matches(".empty, [data-waiting]")) {
      if (!isTyping(document.body)) return location.reload();  // nobody read anything
      const list = fresh.getElementById("rows")?.closest(".panel");
      if (list && part.matches(".empty")) part.replaceWith(document.adoptNode(list));  // the first calls, instead of help
      continue;
    }
    const at = other && !other.querySelector(AT) ? part.querySelector(AT) : null;  // the row that the keys went to
    at?.classList.remove("at");
    if (at && !at.className) at.removeAttribute("class");
    if (!other || other.outerHTML === part.outerHTML || isTyping(part)) {
      at?.classList.add("at");
      continue;
    }
    for (const open of part.querySelectorAll("details[open][id]")) other.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    renew(part, other);
    if (at?.isConnected) at.classList.add("at");
    if (focused && document.activeElement.id !== focused) document.getElementById(focused)?.focus();
  }
  takeOverRows(fresh);
  document.dispatchEvent(new CustomEvent("callscope:updated"));
}

// What is as it was stays the same element, so that a browser keeps what is read where it is, however much is added
// above, and keeps what is selected, scrolled or typed there.
function renew(part, other) {
  if (part.isEqualNode(other)) return;
  if (part.nodeType !== Node.ELEMENT_NODE || part.nodeName !== other.nodeName) return part.replaceWith(document.adoptNode(other));
  for (const { name } of [...part.attributes]) if (name !== "open" && !other.hasAttribute(name)) part.removeAttribute(name);
  for (const { name, value } of other.attributes) if (part.getAttribute(name) !== value) part.setAttribute(name, value);
  const [old, fresh] = [[...part.childNodes], [...other.childNodes]];
  while (old.length && fresh.length && old[0].isEqualNode(fresh[0])) { old.shift(); fresh.shift(); }
  let end = null;  // from here on all is as it was
  while (old.length && fresh.length && old.at(-1).isEqualNode(fresh.at(-1))) { end = old.pop(); fresh.pop(); }
  for (const [place, child] of fresh.entries()) {
    if (place < old.length) renew(old[place], child);
    else part.insertBefore(document.adoptNode(child), end);
  }
  for (const child of old.slice(fresh.length)) child.remove();
}

// Rows that are read do not move: known ones are renewed where they stand, new ones are counted and announced.
function takeOverRows(fresh) {
  const others = fresh.getElementById("rows");
  if (!others) return;
  let added = 0;
  for (const other of [...others.children]) {
    const row = document.getElementById(other.id);
    if (!row) { added += 1; continue; }
    if (row.innerHTML !== other.innerHTML && !row.contains(document.activeElement)) row.innerHTML = other.innerHTML;
  }
  const news = document.getElementById("news");
  if (!news || !added) return;
  const link = document.createElement("a");
  link.href = location.href;
  link.className = "link";
  link.textContent = `${added} new: show`;
  news.replaceChildren(link);
  news.hidden = false;
}

function isTyping(part) {
  return part.contains(document.activeElement) && /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
}

// Something was being counted when the page was made. That it is there was perhaps told before anybody listened.
function isWaiting() {
  return document.querySelector("[data-waiting]") !== null;
}

function tell(name, value) {
  heard({ name, value });
  channel.postMessage({ name, value });
}

function listen() {
  let source = null;
  function connect() {
    source = new EventSource("/events");
    for (const name of ["index", "call", "counted"]) source.addEventListener(name, (event) => tell(name, JSON.parse(event.data)));
    source.addEventListener("open", () => tell("state", "live"));
    source.addEventListener("error", () => {
      tell("state", "reconnecting");
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS);  // it was refused: a browser gives up
    });
  }
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  connect();
  return new Promise(() => {});
}

function showState(state) {
  let shown = document.getElementById("connection");
  if (!shown) {
    shown = document.createElement("p");
    shown.id = "connection";
    shown.className = "faint";
    shown.setAttribute("role", "status");
    document.querySelector(".rail footer")?.append(shown);
  }
  shown.textContent = state === "live" ? "● live" : "○ reconnecting";
}

// Lengths that grow: the server says since when, the page counts on.
function tick() {
  for (const each of document.querySelectorAll("[data-since]")) {
    const ms = Math.max(0, Date.now() - ahead - Number(each.dataset.since));
    const s = Math.floor(ms / 1000);
    each.textContent = "clock" in each.dataset
      ? `${s >= 3600 ? `${Math.floor(s / 3600)}:${String(Math.floor(s / 60) % 60).padStart(2, "0")}` : Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`
      : ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
  }
}

if (about) {
  channel.addEventListener("message", (event) => heard(event.data));
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) { again = false; schedule(0); } });
  if (navigator.locks) navigator.locks.request("callscope-live", listen);
  else listen();  // beyond this machine without https there are no locks: a stream a tab
  if (isWaiting()) schedule(LEAST_MS.counted);
  setInterval(tick, 500);
}
