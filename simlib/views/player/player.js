// The player: pieces of one trace or two in, a film out. In a notebook pieces come from the kernel, in a file they
// are all there.

import { Controls } from "./controls.js";
import { Deck, SPEEDS, Track } from "./deck.js";
import { make, setText } from "./page.js";
import { Pane } from "./pane.js";
import { asked, sentAlong } from "./source.js";
import { Timeline } from "./timeline.js";
import { clock } from "./tell.js";
import { fromBase64, unpack } from "./unpack.js";

const SHORT_BREATH = 0.1;   // s of the viewer's time that one picture may stand for: a tab that slept does not jump

class Player {
  constructor(root, tracks, difference, start) {
    this.root = root;
    this.deck = new Deck(tracks);
    this.failed = error => this.fail(error);
    const scale = roundedUp(Math.max(...tracks.map(track => track.index.most_behind))), alone = tracks.length === 1;
    this.panes = tracks.map(track => new Pane(track, scale, alone, this.failed));
    this.controls = new Controls(this.deck, this.actions());
    this.timeline = new Timeline(this.deck, difference, time => this.seek(time));
    this.live = make("p", "sp-live", { "aria-live": "polite" });
    this.wait = make("p", "sp-small sp-waits", { hidden: true }, "Waiting for the kernel (is it busy?) ...");
    root.append(this.controls.element, this.controls.keys, this.timeline.element,
      ...(difference ? [make("p", "sp-differs", {}, difference.text)] : []), this.wait,
      make("div", `sp-panes sp-panes-${tracks.length}`, {}, ...this.panes.map(pane => pane.element)), this.live, legend());
    root.addEventListener("keydown", event => this.key(event));
    this.queue = Promise.resolve();
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.start = start;
  }

  actions() {
    return { playOrPause: () => this.play(!this.deck.playing), toStart: () => this.seek(0),
             step: forward => this.then(() => this.deck.step(forward)),
             toMoment: forward => this.then(() => this.deck.toMoment(forward)), keys: () => this.controls.toggleKeys(),
             speed: speed => { this.deck.speed = speed; this.controls.show(); },
             pace: byEvent => { Object.assign(this.deck, { byEvent, owed: 0 }); this.controls.show(); } };
  }

  // Stop, do something to the clock, draw. One thing after the other, in the order of the keys.
  then(change) {
    this.play(false);
    const late = setTimeout(() => { this.wait.hidden = false; }, 700);
    this.queue = this.queue.then(change).then(() => this.draw(true)).catch(this.failed).finally(() => {
      clearTimeout(late);
      this.wait.hidden = true;
    });
    return this.queue;
  }

  seek(time) {
    return this.then(() => this.deck.seek(time));
  }

  draw(still) {
    const lines = this.panes.map(pane => pane.draw(this.deck.time, still));
    this.timeline.show(this.deck.time);
    this.controls.show();
    this.root.dataset.time = this.deck.time;
    if (still) setText(this.live, lines.filter(Boolean).map(line => `${clock(line.time)} s: ${line.text}`).join(" "));
  }

  play(on) {
    if (on === this.deck.playing) return;
    this.deck.playing = on;
    this.controls.show();
    for (const pane of this.panes) pane.flights.clear();
    if (!on) { cancelAnimationFrame(this.frame); return; }
    this.last = null;
    this.queue = this.queue.then(async () => {
      if (this.deck.time >= this.deck.end) await this.deck.seek(0);
      this.frame = requestAnimationFrame(now => this.tick(now));
    }).catch(this.failed);
  }

  async tick(now) {
    if (!this.deck.playing || !this.root.isConnected) return;
    const passed = Math.min((now - (this.last ?? now)) / 1000, SHORT_BREATH);
    this.last = now;
    const before = this.deck.tracks.map(({ number, rows }) => ({ number, rows }));
    try {
      const goesOn = await this.deck.pass(passed);
      this.draw(false);
      this.panes.forEach((pane, place) => this.fly(pane, before[place], now));
      this.root.dataset.frames = Number(this.root.dataset.frames ?? 0) + 1;
      if (goesOn) this.frame = requestAnimationFrame(next => this.tick(next));
      else { this.play(false); this.draw(true); }
    } catch (error) { this.fail(error); }
  }

  fly(pane, before, now) {
    const { number, rows } = pane.track;
    pane.fly(before.number === number ? before.rows : 0, rows, now, !this.still.matches && !this.deck.byEvent);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event, choice = target.tagName === "SELECT";
    if (choice && key !== "Escape") { event.stopPropagation(); return; }
    const acts = this.actions();
    const keys = { ArrowRight: () => acts.step(true), ArrowLeft: () => acts.step(false), n: () => acts.toMoment(true),
      p: () => acts.toMoment(false), Home: acts.toStart, End: () => this.seek(this.deck.end), "+": () => this.faster(1),
      "=": () => this.faster(1), "-": () => this.faster(-1), e: () => acts.pace(!this.deck.byEvent), "?": acts.keys,
      Escape: () => this.panes.map(pane => pane.close()).some(Boolean) || this.controls.toggleKeys(false) };
    if (!["BUTTON", "SUMMARY"].includes(target.tagName)) keys[" "] = acts.playOrPause;
    event.stopPropagation();   // JupyterLab has single letters of its own: "x" would cut this cell
    const act = keys[key] ?? keys[key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }

  faster(steps) {
    const place = SPEEDS.indexOf(this.deck.speed) + steps;
    this.deck.speed = SPEEDS[Math.min(Math.max(place, 0), SPEEDS.length - 1)];
    this.controls.show();
  }

  fail(error) {
    this.play(false);
    this.root.append(make("p", "sp-failed", { role: "alert" }, `The player stopped: ${error.message}`));
  }
}

// The next 1, 2 or 5 with zeros: a full bar of both runs, where two are compared.
function roundedUp(number) {
  const size = 10 ** Math.floor(Math.log10(Math.max(number, 10)));
  return [1, 2, 5, 10].map(step => step * size).find(step => step >= number);
}

function legend() {
  const sign = look => make("span", look, { "aria-hidden": "true" });
  const cell = (look, text) => [make("span", `sp-cell sp-sample ${look}`, { "aria-hidden": "true" }), ` ${text}`];
  return make("details", "sp-legend", {}, make("summary", "", {}, "What the marks mean"), make("p", "", {},
    ...cell("", "a record: its colour is its key, its number the last digits of its offset. "),
    ...cell("sp-unread", "not read yet. "), ...cell("sp-unsafe", "above the high watermark: not on all replicas in sync. "),
    ...cell("sp-repeat", "handed over again. "), ...cell("sp-copy", "the same message, written again. "),
    ...cell("sp-marker", "no record: the marker that ends a transaction. "),
    sign("sp-mark sp-read sp-sample"), " the group reads on here. ", sign("sp-mark sp-kept sp-sample"),
    " committed up to here. ", sign("sp-replica sp-leads sp-sample"), " the broker that leads the partition. ",
    sign("sp-replica sp-behind sp-sample"), " not in sync: what it lacks, as far as its leader knows, stands below the records. One in sync has at least all "
    + "below the high watermark; how much more is not in a trace. Dots and arrows are drawn far slower than messages travel."));
}

// `pieces`: for each trace its packed index and where its slices come from.
export async function open(root, pieces, difference = null, start = 0) {
  root.className = "sp";
  root.tabIndex = 0;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "player; the question mark key tells the keys");
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  try {
    const tracks = await Promise.all(pieces.map(async ({ index, source }) => new Track(await unpack(index), source)));
    const player = new Player(root, tracks, difference, start);
    await player.seek(start);
    return player;
  } catch (error) {
    root.append(make("p", "sp-failed", { role: "alert" }, `This cannot be played: ${error.message}`));
    return null;
  }
}

// A file that plays offline: everything is in one JSON text.
export function openFile(root, text) {
  const { recordings, difference, start } = JSON.parse(text);
  return open(root, recordings.map(({ index, slices }) => ({
    index: fromBase64(index), source: sentAlong(slices.map(fromBase64)) })), difference, start);
}

// In a notebook (anywidget calls this).
function render({ model, el }) {
  const bytes = view => new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);
  const sources = model.get("indexes").map((_, track) => {
    const slices = model.get("slices")[track];
    return slices.length ? sentAlong(slices.map(bytes)) : asked(question => model.send({ track, ...question }));
  });
  const answer = ({ track, name, error }, buffers) => sources[track].answered?.(name, buffers?.[0] && bytes(buffers[0]),
                                                                              error);
  model.on("msg:custom", answer);
  const root = make("div");
  el.append(root);
  open(root, model.get("indexes").map((index, track) => ({ index: bytes(index), source: sources[track] })),
       model.get("difference"), model.get("start"));
  return () => model.off("msg:custom", answer);
}

export default { render };
