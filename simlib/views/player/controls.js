// Buttons and choices. What they do is given; they only ask for it.

import { SPEEDS } from "./deck.js";
import { icon, make, setText } from "./page.js";
import { clock } from "./tell.js";

export const KEYS = [["Space", "play or pause"], ["\u2192 \u2190", "one event on or back"],
  ["N P", "next or previous moment worth stopping at"], ["+ \u2212", "faster or slower"],
  ["E", "by the clock, or event by event"], ["Home End", "beginning or end"],
  ["Tab, then \u2192 \u2190", "go along the records of a log"], ["Enter", "the life of the record"],
  ["Esc", "close the life"], ["?", "these keys"]];

export class Controls {
  constructor(deck, actions) {
    this.deck = deck;
    const button = (name, label, act) => make("button", `sp-button sp-${name}`, { type: "button", title: label,
      "aria-label": label, onclick: act }, icon(name));
    this.play = button("play", "play (Space)", actions.playOrPause);
    this.clock = make("output", "sp-clock");
    this.speed = make("select", "sp-speed", { "aria-label": "speed",
      onchange: () => actions.speed(Number(this.speed.value)) },
      ...SPEEDS.map(speed => make("option", "", { value: speed }, `${speed}\u00d7`)));
    this.pace = make("select", "sp-pace", { "aria-label": "pace",
      onchange: () => actions.pace(this.pace.value === "events") },
      make("option", "", { value: "clock" }, "by the clock"), make("option", "", { value: "events" }, "event by event"));
    this.element = make("div", "sp-controls", {},
      button("start", "to the beginning (Home)", actions.toStart),
      button("previous", "previous moment (P)", () => actions.toMoment(false)),
      button("back", "one event back (\u2190)", () => actions.step(false)), this.play,
      button("step", "one event on (\u2192)", () => actions.step(true)),
      button("next", "next moment (N)", () => actions.toMoment(true)),
      make("label", "", {}, make("span", "sp-wide", {}, "speed "), this.speed), make("label", "", {}, this.pace), this.clock,
      this.help = make("button", "sp-button sp-help", { type: "button", "aria-label": "keys (?)", title: "keys (?)",
        "aria-expanded": "false", onclick: () => actions.keys() }, "?"));
    this.keys = make("dl", "sp-keys", { hidden: true }, ...KEYS.flatMap(([key, does]) =>
      [make("dt", "", {}, key), make("dd", "", {}, does)]));
  }

  show() {
    const { playing, time, end, speed, byEvent } = this.deck;
    setText(this.clock, `${clock(Math.round(time * 1e4) / 1e4)} s of ${clock(Number(end.toPrecision(4)))} s`);
    if (Number(this.speed.value) !== speed) this.speed.value = speed;
    this.pace.value = byEvent ? "events" : "clock";
    if (this.play.dataset.is === String(playing)) return;
    this.play.dataset.is = String(playing);
    this.play.replaceChildren(icon(playing ? "pause" : "play"));
    this.play.setAttribute("aria-label", playing ? "pause (Space)" : "play (Space)");
    this.play.title = this.play.getAttribute("aria-label");
  }

  toggleKeys(shown = this.keys.hidden) {
    this.keys.hidden = !shown;
    this.help.setAttribute("aria-expanded", String(shown));
  }
}
