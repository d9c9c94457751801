// Keys: the list is in the page (?). Everything they do is also a link, a button or a field.

const CALLS = { play: "callscope:play", seek: "callscope:seek" };
let at = -1;

const all = (selector) => [...document.querySelectorAll(selector)];
const follow = (selector) => document.querySelector(selector)?.click();
const send = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

function isTyping(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

// The rows that a page marks; where it marks none, those of its tables that lead somewhere.
function rowsOfPage() {
  const marked = all("[data-row]");
  return (marked.length ? marked : all("main tbody tr:has(a[href])")).filter((row) => !row.closest("details:not([open]), .preview"));
}

function linkOfRow() {
  return rowsOfPage().find((row) => row.classList.contains("at"))?.querySelector("a[href]");
}

function move(by) {
  const rows = rowsOfPage();
  if (!rows.length) return;
  const current = rows.findIndex((row) => row.classList.contains("at"));
  at = Math.min(Math.max((current < 0 ? at : current) + by, 0), rows.length - 1);
  for (const row of rows) row.classList.remove("at");
  rows[at].classList.add("at");
  const link = rows[at].querySelector("a[href]");
  (link ?? rows[at]).focus({ preventScroll: true });
  rows[at].scrollIntoView({ block: "nearest" });
  // A row of this very page (a turn of a call) is in its address.
  if (link?.pathname === location.pathname) history.replaceState(history.state, "", link.href);
}

function open() {
  linkOfRow()?.click();
}

function nextProblem() {
  const problems = all("[data-problem]");
  if (!problems.length) return;
  const now = problems.indexOf(document.activeElement);
  const next = problems[(now + 1) % problems.length];
  next.focus();
  const moment = Number(next.dataset.problem);
  if (Number.isFinite(moment) && document.querySelector("audio")) send("callscope:moment", { t: moment });
  next.scrollIntoView({ block: "nearest" });
}

function lines() {
  const summary = document.querySelector("[data-log-lines]");
  summary?.click();
  summary?.focus();
}

// The call that is at, when its page is another one.
function ahead() {
  const link = linkOfRow();
  const path = link && new URL(link.href).pathname;
  return path && path.startsWith("/calls/") && path !== location.pathname ? link : null;
}

async function preview() {
  const known = document.getElementById("preview");
  if (known) { known.remove(); return; }
  const link = ahead();
  const answer = await fetch(link.href, { headers: { accept: "text/html" } });
  if (link !== ahead() || document.getElementById("preview")) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const aside = document.createElement("aside");
  aside.id = "preview";
  aside.className = "panel preview";
  aside.setAttribute("aria-label", "Preview of the call");
  for (const id of ["facts", "problems", "transcript"]) {
    const part = page.getElementById(id);
    if (part) aside.append(document.adoptNode(part));
  }
  for (const each of aside.querySelectorAll("*")) {
    for (const name of ["id", "data-part", "data-row", "aria-labelledby"]) each.removeAttribute(name);
  }
  for (const each of aside.querySelectorAll("a[href]")) each.href = new URL(each.getAttribute("href"), link.href).href;
  for (const sheet of page.querySelectorAll('link[rel="stylesheet"]')) {
    const href = sheet.getAttribute("href");
    if (!document.querySelector(`link[href="${CSS.escape(href)}"]`)) document.head.append(document.adoptNode(sheet));
  }
  document.querySelector("main").append(aside);
}

function escape() {
  document.getElementById("preview")?.remove();
  if (document.activeElement && isTyping(document.activeElement)) document.activeElement.blur();
}

// A page without a filter leads to the list that has one.
function filter() {
  const box = document.querySelector('input[name="q"]');
  if (box) box.focus();
  else follow('[rel~="up"]');
}

const KEYS = {
  "/": filter,
  j: () => move(1),
  k: () => move(-1),
  o: open,
  u: () => follow('[rel~="up"]'),
  n: nextProblem,
  l: lines,
  "[": () => follow('[rel~="prev"]'),
  "]": () => follow('[rel~="next"]'),
  e: () => follow("[data-export]"),
  ArrowLeft: () => send(CALLS.seek, { by: -5 }),
  ArrowRight: () => send(CALLS.seek, { by: 5 }),
  " ": () => (document.querySelector("audio") ? send(CALLS.play) : preview()),
  "?": () => document.getElementById("keys")?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return escape();
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const does = KEYS[event.key];
  if (!does) return;
  if (event.key === " " && (event.target.closest("button, summary, audio") || !(document.querySelector("audio, #preview") || ahead()))) return;
  if (event.key.startsWith("Arrow") && event.target.closest("audio, .scroll, [role=slider]")) return;
  event.preventDefault();
  does();
});
