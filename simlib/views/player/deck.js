// Time: one clock for one trace or two. Knows nothing of the page.

import { advanced, rowsUpTo, stateAt } from "./state.js";
import { lastSentences, rowsOfStep, stepEnds, stepsDone } from "./tell.js";

export const SPEEDS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const EVENTS_A_SECOND = 1.25;   // event by event, at speed 1
const FEW = 150;                // events of a trace that is best watched event by event
const LASTS = 40;               // seconds in which a longer one is over at the speed it starts with

// One trace at one time: the slice, how many of its rows are done, and the state after them.
export class Track {
  constructor(index, source) {
    Object.assign(this, { index, source, number: -1, slice: null, before: null, rows: 0, state: null });
  }

  numberAt(time) {
    const { bounds } = this.index;
    let number = 0;
    while (number < bounds.length - 2 && bounds[number + 1] <= time) number++;
    return number;
  }

  async open(number) {
    const slice = await this.source.slice(number), before = number ? await this.source.slice(number - 1) : null;
    Object.assign(this, { number, slice, before, rows: 0, state: structuredClone(slice.base) });
  }

  // The last sentences up to now, oldest first: a slice just begun has few, the one before it has the others.
  told(most) {
    const lines = lastSentences(this.index, this.slice, this.rows, most), left = most - lines.length;
    if (!this.before || !left) return lines;
    return [...lastSentences(this.index, this.before, this.before.columns.time.length, left), ...lines];
  }

  async seek(time) {
    const number = this.numberAt(time);
    if (number !== this.number) await this.open(number);
    const rows = rowsUpTo(this.slice, time);
    if (rows >= this.rows) advanced(this.index, this.slice, this.state, this.rows, rows);
    else this.state = stateAt(this.index, this.slice, time);
    this.rows = rows;
  }

  done(rows) {
    this.state = advanced(this.index, this.slice, structuredClone(this.slice.base), 0, rows);
    this.rows = rows;
  }

  // The next step: when it is and after how many rows it is done; null at the end of the trace.
  async ahead() {
    for (let number = this.number; number < this.index.bounds.length - 1; number++) {
      const slice = number === this.number ? this.slice : await this.source.slice(number);
      const ends = stepEnds(this.index, slice), done = number === this.number ? stepsDone(ends, this.rows) : 0;
      if (done < ends.length) return { number, rows: ends[done], time: timeOfStep(this.index, slice, done) };
    }
    return null;
  }

  // When the last step that is done was, and how many rows were done before it; null at the beginning.
  async behind() {
    for (let number = this.number; number >= 0; number--) {
      const slice = number === this.number ? this.slice : await this.source.slice(number);
      const ends = stepEnds(this.index, slice), done = number === this.number ? stepsDone(ends, this.rows) : ends.length;
      if (done > 0) return { number, rows: done > 1 ? ends[done - 2] : 0, time: timeOfStep(this.index, slice, done - 1) };
    }
    return null;
  }

  async go({ number, rows }) {
    if (number !== this.number) await this.open(number);
    this.done(rows);
  }

  // The steps between two counts of rows of this slice, as lists of rows.
  stepsBetween(from, to, most) {
    const ends = stepEnds(this.index, this.slice), found = [];
    const last = stepsDone(ends, to), first = Math.max(stepsDone(ends, from), last - most);
    for (let step = first; step < last; step++) found.push(rowsOfStep(this.index, this.slice, step));
    return found;
  }
}

const timeOfStep = (index, slice, step) => slice.columns.time[rowsOfStep(index, slice, step)[0]];

export class Deck {
  constructor(tracks) {
    this.tracks = tracks;
    this.end = Math.max(...tracks.map(track => track.index.end));
    this.time = 0;
    this.playing = false;
    this.byEvent = Math.max(...tracks.map(track => track.index.events)) <= FEW;
    this.speed = this.byEvent ? 1 : SPEEDS.find(speed => speed * LASTS >= this.end) ?? SPEEDS.at(-1);
    this.owed = 0;
  }

  get moments() {
    return this.tracks.flatMap((track, number) => track.index.moments.map(moment => ({ ...moment, number })))
      .sort((a, b) => a.time - b.time);
  }

  async seek(time) {
    this.time = Math.min(Math.max(time, 0), this.end);
    for (const track of this.tracks) await (this.time > 0 ? track.seek(this.time) : track.open(0));
  }

  // One event forward (of whichever trace is next) or backward; false where there is none.
  async step(forward = true) {
    const found = await Promise.all(this.tracks.map(track => forward ? track.ahead() : track.behind()));
    const times = found.filter(Boolean).map(one => one.time);
    if (!times.length) { await this.seek(forward ? this.end : 0); return false; }
    const time = forward ? Math.min(...times) : Math.max(...times);
    for (const [number, one] of found.entries()) if (one && one.time === time) await this.tracks[number].go(one);
    this.time = forward ? time : await this.lastDone();
    return true;
  }

  async lastDone() {
    const last = await Promise.all(this.tracks.map(track => track.behind()));
    return Math.max(0, ...last.filter(Boolean).map(one => one.time));
  }

  async toMoment(forward = true) {
    const times = this.moments.map(moment => moment.time);
    const next = forward ? times.find(time => time > this.time) : times.findLast(time => time < this.time);
    await this.seek(next ?? (forward ? this.end : 0));
    return next !== undefined;
  }

  // Let so many seconds of the viewer's time pass; false when the end is reached.
  async pass(seconds) {
    if (!this.byEvent) {
      await this.seek(this.time + seconds * this.speed);
      return this.time < this.end;
    }
    this.owed += seconds * this.speed * EVENTS_A_SECOND;
    for (; this.owed >= 1; this.owed -= 1) if (!await this.step()) { this.owed = 0; return false; }
    return true;
  }
}
