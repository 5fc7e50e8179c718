// One trace on the page: its title, its stage, its text, and the life of a chosen record.

import { Flights, journey } from "./flights.js";
import { isMarker, markerInWords } from "./log.js";
import { make, setHidden, setText } from "./page.js";
import { Stage } from "./stage.js";
import { clock, lifeOf, recordName } from "./tell.js";

const LINES = 7, LINES_OF_TWO = 4;
const LONG = 1;   // s; a longer pause between two lines has a line of its own

function withPauses(lines) {
  return lines.flatMap((line, place) => {
    const pause = place ? line.time - lines[place - 1].time : 0;
    return pause >= LONG ? [{ pause: `\u22ee ${Number(pause.toPrecision(3))} s later` }, line] : [line];
  });
}

export class Pane {
  constructor(track, scale, alone, failed) {
    Object.assign(this, { track, failed, chosen: null, most: alone ? LINES : LINES_OF_TWO });
    const { index } = track;
    this.stage = new Stage(index, (record, tp) => this.choose(record, tp), scale);
    this.flights = new Flights(this.stage);
    this.stage.element.append(this.flights.element);
    this.lines = make("ol", "sp-lines", { "aria-label": "what happened last" });
    this.sample = make("p", "sp-small", { hidden: true }, "At this speed the dots are a sample of the messages.");
    this.life = make("section", "sp-lifelines", { hidden: true, tabindex: -1, "aria-label": "the life of a record" });
    this.verdict = make("p", "sp-verdict", { hidden: true }, index.broken ? `Broken: ${index.broken}` : index.ended);
    this.element = make("section", "sp-pane", { "aria-label": index.title || "the run" },
      index.title ? make("h3", "", {}, index.title) : null, this.stage.element,
      index.unknown ? make("p", "sp-small sp-unknown", {}, index.unknown) : null, this.sample, this.life,
      this.lines, this.verdict);
  }

  draw(time, still) {
    const { index, state, rows } = this.track;
    this.stage.draw(state, time);
    if (still) setHidden(this.sample, true);
    if (still) this.flights.arrows(this.journeys(this.track.stepsBetween(0, rows, 1)));
    this.stage.point(new Set(still || this.track.index.events < 1000 ? this.lastActors() : []));
    setHidden(this.verdict, time < index.end || (!index.broken && !still));
    const lines = this.track.told(this.most);
    this.drawLines(lines);
    return lines.at(-1);
  }

  lastActors() {
    return this.track.stepsBetween(0, this.track.rows, 1).map(rows => this.track.slice.columns.actor[rows[0]]);
  }

  drawLines(lines) {
    const is = lines.map(line => line.time + line.text).join("|");
    if (this.lines.dataset.is === is) return;
    this.lines.dataset.is = is;
    const { actors } = this.track.index;
    this.lines.replaceChildren(...withPauses(lines).map(({ pause, time, text, actor, again, kind }) => pause
      ? make("li", "sp-later", {}, pause)
      : make("li", `${again ? "sp-again" : ""} sp-line-${kind}`, {}, make("time", "", {}, `${clock(time)} s`),
        make("span", "sp-dot", { "aria-hidden": "true", style: `--own: ${actor < 0 ? "var(--sp-soft)"
          : this.stage.colour(actors[actor])}` }), make("span", "", {}, text))));
  }

  journeys(steps) {
    return steps.map(rows => journey(this.track.index, this.track.slice, rows)).filter(Boolean);
  }

  // While it plays: dots for the steps since the last picture.
  fly(from, rows, now, moving) {
    if (moving) {
      const skipped = this.flights.launch(this.journeys(this.track.stepsBetween(from, rows, 60)), now);
      setHidden(this.sample, !skipped);
      this.flights.fly(now);
    } else if (from !== rows) this.flights.arrows(this.journeys(this.track.stepsBetween(from, rows, 3)));
  }

  async choose(record, tp) {
    if (record === undefined) return;
    const [, message] = record;
    this.chosen = message;
    this.life.hidden = false;
    if (isMarker(record)) { this.drawMarker(record, tp); return; }
    this.life.replaceChildren(make("p", "", {}, "Looking it up ..."));
    try {
      this.drawLife(message, lifeOf(this.track.index, await this.track.source.about(message), message));
    } catch (error) { this.failed(error); }
  }

  drawMarker(record, tp) {
    this.life.replaceChildren(this.lifeHead(`No record: ${this.track.index.partitions[tp].name}, offset ${record[0]}`),
                              make("p", "", {}, `${markerInWords(record)}.`));
    this.stage.light(null, new Set(), new Set([tp]));
    this.life.focus({ preventScroll: true });
  }

  lifeHead(title) {
    return make("h4", "", {}, title,
      make("button", "sp-button sp-close", { type: "button", onclick: () => this.close() }, "close (Esc)"));
  }

  drawLife(message, { about, lines }) {
    const { index } = this.track;
    const [producer, number, key, value] = about;
    this.life.replaceChildren(
      this.lifeHead(`The life of ${index.actors[producer].name}:${number}`),
      make("p", "sp-about", {}, key === null ? "no key" : `key ${key}`, value === null ? "" : ` \u00b7 value ${value}`),
      make("ol", "sp-lines", {}, ...withPauses(lines).map(({ pause, time, text, again }) => pause
        ? make("li", "sp-later", {}, pause)
        : make("li", again ? "sp-again" : "", {}, make("time", "", {}, `${clock(time)} s`), make("span", "", {}, text)))));
    this.stage.light(message, new Set([producer, ...lines.map(line => line.actor)]),
                     new Set(lines.map(line => line.tp)));
    this.life.focus({ preventScroll: true });
  }

  close() {
    if (this.chosen === null) return false;
    this.chosen = null;
    this.life.hidden = true;
    this.stage.light(null, new Set(), new Set());
    return true;
  }
}
