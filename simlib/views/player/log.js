// One partition: its replicas, its newest records, and where each group stands.

import { count, make, setHidden, setLook, setText } from "./page.js";

const CELL = 24;   // pixels; player.css has the same

export class Log {
  constructor(index, tp, choose) {
    Object.assign(this, { index, tp, choose, shown: [], lit: null, cells: [], room: index.newest, at: 0 });
    const partition = index.partitions[tp];
    this.leader = make("span", "sp-where");
    this.replicas = new Map(partition.replicas.map(code => [code, make("span", "sp-replica", {},
      index.actors[code].name.replace("broker-", ""))]));
    this.facts = make("span", "sp-facts");
    this.row = make("div", "sp-cells", { role: "group", "aria-label": `newest records of ${partition.name}`,
                                         onkeydown: event => this.move(event) });
    this.groups = index.groups.map(() => ({ read: make("span", "sp-mark sp-read"), kept: make("span", "sp-mark sp-kept"),
                                            says: make("span", "sp-stands") }));
    this.marks = this.groups.map(({ read, kept, says }) =>
      make("div", "sp-group-here", {}, make("div", "sp-marks", {}, read, kept), says));
    this.late = make("div", "sp-late", { hidden: true });
    this.element = make("div", "sp-log", {},
      make("div", "sp-loghead", {}, make("b", "", {}, partition.name), ...this.replicas.values(), this.leader, this.facts),
      this.row, this.late, ...this.marks);
    new ResizeObserver(([entry]) => this.resize(entry.contentRect.width)).observe(this.row);
  }

  resize(width) {
    const room = Math.max(Math.min(Math.floor(width / CELL), this.index.newest), 4);
    if (room === this.room) return;
    this.room = room;
    if (this.state) this.draw(this.state, this.time);
  }

  draw(state, time) {
    Object.assign(this, { state, time });
    const log = state.logs[this.tp];
    setHidden(this.element, time < this.index.partitions[this.tp].born);
    this.drawHead(state, log);
    this.drawLate(state, log);
    this.shown = log.newest.slice(-this.room);
    while (this.cells.length < this.shown.length) this.add();
    this.cells.forEach((cell, place) => this.drawCell(cell, this.shown[place], log));
    this.groups.forEach((marks, group) => this.drawMarks(marks, this.marks[group], state, group));
  }

  drawHead(state, log) {
    const leader = state.leader[this.tp], { actors } = this.index;
    for (const [code, chip] of this.replicas) {
      const looks = [code === leader ? "sp-leads" : "", state.isr[this.tp].includes(code) ? "" : "sp-behind",
                     state.up[code] ? "sp-dead" : ""];
      setLook(chip, `sp-replica ${looks.join(" ")}`);
      const said = `${actors[code].name}: ${code === leader ? "leader" : "follower"}, `
        + `${state.isr[this.tp].includes(code) ? "in sync" : "not in sync"}${state.up[code] ? ", down" : ""}`;
      if (chip.title !== said) chip.title = said;
    }
    const down = leader >= 0 && state.up[leader];
    const nobody = this.index.tells.leaders ? "no leader" : "";
    setText(this.leader, leader < 0 ? nobody : `led by ${actors[leader].name}${down ? ", which is down" : ""}`);
    setLook(this.leader, `sp-where ${leader < 0 || down ? "sp-alarm" : ""}`);
    const kept = log.end - log.start, { holes } = this.index.partitions[this.tp];
    setText(this.facts, [holes && kept ? `up to offset ${log.end - 1}` : count(kept, "record"),
                         kept > this.room ? `the last ${this.room} shown` : "",
                         log.start ? `begins at ${log.start}` : "",
                         log.lost ? `${log.lost} lost` : ""].filter(Boolean).join(" \u00b7 "));
  }

  // Replicas that are out of sync, or down: up to where they have the log, as far as the leader knows.
  drawLate(state, log) {
    const leader = state.leader[this.tp], isr = state.isr[this.tp];
    const late = log.ends.filter(([code]) => this.replicas.has(code) && code !== leader
      && (!isr.includes(code) || state.up[code]));
    setHidden(this.late, !late.length);
    setText(this.late, late.map(([code, end, gone]) =>
      lateInWords(this.index.actors[code].name, log.end - end, gone)).join(" \u00b7 "));
  }

  add() {
    const cell = make("button", "sp-cell", { type: "button", tabindex: this.cells.length ? -1 : 0 });
    const place = this.cells.length;
    cell.addEventListener("click", () => this.choose(this.shown[place], this.tp));
    cell.addEventListener("focus", () => this.rove(place));
    this.cells.push(cell);
    this.row.append(cell);
  }

  drawCell(cell, record, log) {
    setHidden(cell, !record);
    if (!record) return;
    const [offset, , key, copy] = record, look = this.look(record, log);
    const is = `${look}${offset} ${key} ${copy}`;
    if (cell.dataset.is === is) return;
    cell.dataset.is = is;
    const { keys } = this.index.colours;
    setLook(cell, look);
    cell.style.setProperty("--key", key < 0 ? "var(--sp-soft)" : keys[key % keys.length]);
    setText(cell, isMarker(record) ? (copy ? "\u2713" : "\u2715") : String(offset % 1000));
    cell.title = isMarker(record) ? markerInWords(record) : this.inWords(record, log);
    cell.setAttribute("aria-label", cell.title);
  }

  look(record, log) {
    const [offset, message, , copy, handed] = record, unsafe = this.isUnsafe(offset, log) ? "sp-unsafe" : "";
    if (isMarker(record)) return `sp-cell sp-marker ${unsafe}`;
    return `sp-cell ${unsafe} ${copy > 1 ? "sp-copy" : ""} ${handed > 1 ? "sp-repeat" : ""} `
      + `${handed ? "" : "sp-unread"} ${message === this.lit ? "sp-lit" : ""}`;
  }

  isUnsafe(offset, log) {
    return this.index.tells.high && offset >= log.high;
  }

  inWords([offset, , , copy, handed], log) {
    return [`offset ${offset}`, copy > 1 ? `the same message stands here ${copy} times` : "",
            this.isUnsafe(offset, log) ? "not yet on all replicas in sync" : "",
            handed > 1 ? `handed over ${handed} times to one group` : handed ? "handed over" : "not yet read",
            "Enter shows its life"].filter(Boolean).join(", ");
  }

  drawMarks({ read, kept, says }, row, state, group) {
    const position = state.position[group][this.tp], committed = state.committed[group][this.tp];
    const owner = state.owner[group][this.tp];
    setHidden(row, position < 0 && committed < 0);
    if (position < 0 && committed < 0) return;
    const colour = owner >= 0 ? this.index.actors[owner].colour : "var(--sp-soft)";
    if (row.dataset.colour !== colour) { row.dataset.colour = colour; row.style.setProperty("--own", colour); }
    this.put(read, position);
    this.put(kept, committed);
    const many = this.index.groups.length > 1 ? `${this.index.groups[group]}: ` : "";
    const said = position < 0 ? "" : `${many}reads on at ${position}`;
    setText(says, [said, committed >= 0 ? `committed ${committed}` : "nothing committed",
      behindInWords(this.index, state, group, this.tp)].filter(Boolean).join(" \u00b7 "));
  }

  // A mark stands before the record it names; at the left edge if that one is not shown any more.
  put(mark, offset) {
    setHidden(mark, offset < 0);
    const next = this.shown.findIndex(record => record[0] >= offset);   // compaction leaves holes
    const place = next < 0 ? this.shown.length : next;
    const left = `${place * CELL}px`;
    if (mark.style.left !== left) mark.style.left = left;
    mark.toggleAttribute("data-off", offset >= 0 && this.shown.length > 0 && offset < this.shown[0][0]);
  }

  rove(place) {
    this.cells.forEach((cell, one) => { cell.tabIndex = one === place ? 0 : -1; });
    this.at = place;
  }

  move(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (!(event.key in steps)) return;
    event.stopPropagation();
    event.preventDefault();
    this.cells[Math.min(Math.max(this.at + steps[event.key], 0), this.shown.length - 1)]?.focus();
  }

  light(message, touched) {
    this.lit = message;
    this.element.toggleAttribute("data-lit", touched);
    if (this.state) this.draw(this.state, this.time);
  }
}

// Records behind [K99]; whoever reads only what is committed counts from the last stable offset. Where a trace does
// not tell of high watermarks: of those that are known to be there.
export function behind(index, state, group, tp) {
  const { high, stable, start, end } = state.logs[tp];
  const upTo = !index.tells.high ? end : index.read_committed[group] && stable >= 0 ? stable : high;
  return Math.max(upTo - Math.max(state.counted[group][tp], start), 0);
}

export function behindInWords(index, state, group, tp) {
  const lag = behind(index, state, group, tp).toLocaleString("en");
  if (index.tells.high) return `${lag} behind`;
  return lag === "0" ? "none known behind" : `at least ${lag} behind`;
}

// A replica that lacks so many records of a log, and has some that a new leader did not have.
export function lateInWords(name, lacks, gone) {
  const own = gone ? `has ${gone.toLocaleString("en")} that ${gone === 1 ? "is" : "are"} gone here` : "";
  const less = lacks ? `lacks the last ${lacks.toLocaleString("en")}` : "";
  return `${name} ${[less, own].filter(Boolean).join(" and ") || "has all"}`;
}

// What ends a transaction takes an offset, and is never handed over.
export const isMarker = record => record[1] < 0;

export function markerInWords([offset, , , committed]) {
  return `offset ${offset}, a marker: here a transaction was ${committed ? "committed" : "aborted"}. `
    + "It takes an offset, and consumers are never handed it";
}
