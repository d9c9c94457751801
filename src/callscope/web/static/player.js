// The sound of a call in step with its axis and its transcript. Without scripts the browser's own controls play it.
// Moments are seconds after the call's start; the sound may begin later than that, or earlier.

const SPEEDS = [1, 1.25, 1.5, 2];
const player = document.getElementById("player");
const audio = player?.querySelector("audio");

let moment = 0;
let spoken = null;
let sides = null;

const offset = () => Number(player.dataset.offsetMs) / 1000;
const length = () => (Number.isFinite(audio.duration) ? audio.duration : Number(player.dataset.durationMs) / 1000);
const part = (name) => player.querySelector(`[data-player="${name}"]`);

function clock(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const rest = `${String(Math.floor(s / 60) % 60).padStart(s >= 3600 ? 2 : 1, "0")}:${String(s % 60).padStart(2, "0")}`;
  return s >= 3600 ? `${Math.floor(s / 3600)}:${rest}` : rest;
}

// -- Where it is ------------------------------------------------------------------------------------

function show() {
  for (const axis of document.querySelectorAll("[data-axis]")) {
    const share = (moment * 1000 - Number(axis.dataset.startMs ?? 0)) / Number(axis.dataset.lengthMs);
    axis.style.setProperty("--moment", `${Math.min(Math.max(share, 0), 1) * 100}%`);
    axis.classList.toggle("has-moment", Number.isFinite(share));
  }
  part("clock").textContent = `${clock(moment)} / ${clock(offset() + length())}`;
  const slider = part("slider");
  if (document.activeElement !== slider || !audio.paused) slider.value = String(moment);
  slider.setAttribute("aria-valuetext", clock(moment));
  speak();
}

function speak() {
  const at = moment * 1000;
  const turns = [...document.querySelectorAll("[data-from-ms]")];
  const now = turns.findLast((turn) => Number(turn.dataset.fromMs) <= at && at < Number(turn.dataset.toMs || Infinity)) ?? null;
  if (now === spoken && (now === null || now.classList.contains("speaking"))) return;
  for (const turn of turns) turn.classList.toggle("speaking", turn === now);
  spoken = now;
  if (now && !audio.paused && part("follow").checked) now.scrollIntoView({ block: "nearest" });
}

function remember() {
  const address = new URL(location.href);
  address.searchParams.set("t", String(Math.round(moment * 10) / 10));
  history.replaceState(history.state, "", address);
}

function follow() {
  if (audio.paused) return;
  moment = offset() + audio.currentTime;
  show();
  requestAnimationFrame(follow);
}

function seek(to, { keep = true } = {}) {
  const first = Math.min(0, offset());
  moment = Math.min(Math.max(to, first), Math.max(offset() + length(), 0));
  audio.currentTime = Math.min(Math.max(moment - offset(), 0), length());
  show();
  if (keep) remember();
}

function toggle() {
  if (audio.paused) audio.play().catch(() => say("The sound cannot be played."));
  else audio.pause();
}

function say(text) {
  part("problem").textContent = text;
}

// -- One side alone ---------------------------------------------------------------------------------

function hear(who) {
  if (!sides && who === "both") return;
  if (!sides) {
    const context = new AudioContext();
    const source = context.createMediaElementSource(audio);
    const splitter = context.createChannelSplitter(2);
    source.connect(splitter);
    sides = { context, source, splitter };
  }
  const { context, source, splitter } = sides;
  context.resume();
  source.disconnect();
  splitter.disconnect();
  if (who === "both") source.connect(context.destination);
  else {
    source.connect(splitter);
    splitter.connect(context.destination, who === "caller" ? 0 : 1);
  }
}

// -- What is clicked --------------------------------------------------------------------------------

function clicked(event) {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest("a[href]");
  if (link) {
    const to = new URL(link.getAttribute("href"), location.href);  // an SVG link's href is no string
    const t = Number(to.searchParams.get("t") ?? NaN);
    // While it plays, a link to a moment of this page goes there without loading the page again.
    if (audio.paused || to.pathname !== location.pathname || !Number.isFinite(t)) return;
    event.preventDefault();
    seek(t);
    return;
  }
  const axis = event.target.closest("[data-axis]");
  if (!axis || event.target.closest("button, input, select, summary")) return;
  const box = axis.getBoundingClientRect();
  const share = (event.clientX - box.left) / box.width;
  if (share < 0 || share > 1) return;
  seek((Number(axis.dataset.startMs ?? 0) + share * Number(axis.dataset.lengthMs)) / 1000);
}

function start() {
  audio.controls = false;
  audio.hidden = true;
  part("bar").hidden = false;
  const slider = part("slider");
  slider.min = String(Math.min(0, offset()));
  slider.max = String(offset() + length());
  slider.addEventListener("input", () => seek(Number(slider.value)));
  part("play").addEventListener("click", toggle);
  part("speed").addEventListener("change", (event) => { audio.playbackRate = SPEEDS[event.target.selectedIndex]; });
  part("side")?.addEventListener("change", (event) => hear(event.target.value));
  for (const name of ["wheel", "touchmove"]) {
    addEventListener(name, () => { if (!audio.paused) part("follow").checked = false; }, { passive: true });
  }
  audio.addEventListener("play", () => { say(""); part("play").textContent = "Pause"; sides?.context.resume(); follow(); });
  audio.addEventListener("pause", () => { part("play").textContent = "Play"; moment = offset() + audio.currentTime; show(); remember(); });
  audio.addEventListener("loadedmetadata", () => { slider.max = String(offset() + length()); show(); });
  audio.addEventListener("error", () => say("The sound cannot be played here; the file can be kept and heard elsewhere."));
  document.addEventListener("callscope:play", toggle);
  document.addEventListener("callscope:seek", (event) => seek(moment + event.detail.by));
  document.addEventListener("callscope:moment", (event) => seek(event.detail.t));
  document.addEventListener("callscope:updated", show);
  document.addEventListener("click", clicked);
  const asked = Number(new URLSearchParams(location.search).get("t") ?? NaN);
  seek(Number.isFinite(asked) ? asked : 0, { keep: false });
}

if (audio) start();
