// The time line: how much waits over the run, the moments worth stopping at, and the slider.

import { icon, make } from "./page.js";
import { clock } from "./tell.js";

const WIDE = 1000, HIGH = 40;
const MOST_SIGNS = 60;
const TELLING = ["again", "lost", "death", "election", "back", "end", "rebalance"];
const SIGN_ICONS = { back: "back_up" };

export class Timeline {
  constructor(deck, difference, seek) {
    this.deck = deck;
    this.slider = make("input", "sp-slider", { type: "range", min: 0, max: deck.end, step: "any", value: 0,
      "aria-label": "time in the run", oninput: () => seek(Number(this.slider.value)) });
    this.now = make("div", "sp-now", { "aria-hidden": "true" });
    this.chart = make("div", "sp-chart", {}, this.curves(), this.signs(seek), this.now);
    this.element = make("div", "sp-timeline", {}, this.scale(), this.chart, this.slider);
    if (difference) this.chart.append(this.mark(difference));
  }

  at(time) {
    return `${100 * time / this.deck.end}%`;
  }

  show(time) {
    this.now.style.left = this.at(time);
    if (document.activeElement !== this.slider || Number(this.slider.value) !== time) this.slider.value = time;
    this.slider.setAttribute("aria-valuetext", `${clock(time)} of ${clock(this.deck.end)} seconds`);
  }

  // Records behind, one curve a trace, on one scale.
  curves() {
    const most = this.most();
    const shapes = this.deck.tracks.map((track, number) => make("path", `sp-area sp-area-${number}`, {
      d: this.area(track.index.lag, most, track.index.end / this.deck.end) }));
    const svg = make("svg", "sp-curves", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none",
                                          "aria-hidden": "true" }, ...shapes);
    return make("div", "sp-curvebox", {}, svg);
  }

  most() {
    return Math.max(1, ...this.deck.tracks.flatMap(track => track.index.lag));
  }

  // What the curves are, above them: nothing that is drawn covers it.
  scale() {
    const names = this.deck.tracks.map(track => track.index.title);
    const which = names.length > 1 ? `: area ${names[0]}, line ${names[1]}` : "";
    const tell = this.deck.tracks.every(track => track.index.tells.high);
    return make("p", "sp-scale", {}, tell ? `records behind, at most ${this.most().toLocaleString("en")}${which}`
      : "how many records are behind is not in this trace");
  }

  area(lag, most, part) {
    const points = lag.map((number, bucket) => `${((bucket + 1) / lag.length * WIDE * part).toFixed(1)},`
      + `${(HIGH - number / most * (HIGH - 2)).toFixed(1)}`);
    return `M0,${HIGH} L${points.join(" L")} L${WIDE * part},${HIGH} Z`;
  }

  // Signs that would cover each other are one sign, the most telling of them; its tip names them all.
  signs(seek) {
    return make("div", "sp-signs", { "aria-hidden": "true" }, ...this.clusters().map(cluster => {
      const [first] = cluster.toSorted((a, b) => TELLING.indexOf(a.sign) - TELLING.indexOf(b.sign));
      return make("span", `sp-sign sp-sign-${first.sign}`, { style: `left: ${this.at(first.time)}`,
        title: cluster.map(moment => `${clock(moment.time)} s: ${moment.text}`).join("\n"),
        onclick: () => seek(first.time) }, icon(SIGN_ICONS[first.sign] ?? first.sign));
    }));
  }

  clusters() {
    const room = this.deck.end / MOST_SIGNS, found = [];
    for (const moment of this.deck.moments) {
      if (found.length && moment.time - found.at(-1)[0].time < room) found.at(-1).push(moment);
      else found.push([moment]);
    }
    return found;
  }

  mark(difference) {
    const late = difference.time > 0.8 * this.deck.end ? "sp-late-difference" : "";
    return make("div", `sp-difference ${late}`, { style: `left: ${this.at(difference.time)}` },
      make("span", "", {}, "differs"));
  }
}
