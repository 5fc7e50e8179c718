// One trace at one time, drawn: who writes on the left, the logs in the middle, who reads on the right.

import { count, icon, make, setHidden, setLook, setText } from "./page.js";
import { Log, behind, behindInWords } from "./log.js";

const LIFE = ["", "died", "stands still", "stopped"];
const LOOKS = ["", "sp-dead", "sp-paused", "sp-ended"];
const MOST_PENDING = 20, MOST_PARTITIONS = 12, MOST_ACTORS = 12, MOST_LAG_BARS = 8;

export class Stage {
  constructor(index, choose, scale) {
    this.index = index;
    this.scale = scale;           // what a full bar of records behind stands for
    this.places = new Map();      // "actor 3", "partition 1", "world": where arrows begin and end
    const shown = index.partitions.map((partition, tp) => tp).filter(tp => !index.partitions[tp].internal);
    this.logs = shown.slice(0, MOST_PARTITIONS).map(tp => new Log(index, tp, choose));
    this.left_out = shown.slice(MOST_PARTITIONS);
    this.cards = new Map();
    this.element = make("div", "sp-stage", {},
      make("div", "sp-column sp-writers", {}, make("h4", "", {}, "writes"), ...this.actors("producer")),
      make("div", "sp-column sp-cluster", {}, make("div", "sp-brokers", {}, ...this.actors("broker")),
           ...this.logs.map(log => log.element), this.rest = make("p", "sp-small", { hidden: true })),
      make("div", "sp-column sp-readers", {}, ...this.groups(), ...this.actors("service"), ...this.databases(),
           ...this.world()));
    for (const log of this.logs) this.places.set(`partition ${log.tp}`, log.element);
  }

  codes(role) {
    return this.index.actors.map((actor, code) => code).filter(code => this.index.actors[code].role === role);
  }

  actors(role) {
    const codes = this.codes(role);
    const cards = codes.slice(0, MOST_ACTORS).map(code => this.card(code));
    if (codes.length > MOST_ACTORS) cards.push(make("p", "sp-small", {}, `and ${codes.length - MOST_ACTORS} more`));
    return cards;
  }

  card(code) {
    const actor = this.index.actors[code];
    const parts = { life: make("span", "sp-life"), says: make("div", "sp-says"), lags: make("div", "sp-lags") };
    parts.element = make("div", "sp-card", { style: `--own: ${this.colour(actor)}` },
      make("div", "sp-name", {}, make("span", "sp-dot", { "aria-hidden": "true" }), actor.name, parts.life),
      parts.says, parts.lags);
    this.cards.set(code, parts);
    this.places.set(`actor ${code}`, parts.element);
    return parts.element;
  }

  colour({ colour }) {
    return colour === this.index.colours.ink ? "var(--sp-ink)" : colour;
  }

  groups() {
    this.heads = [];
    return this.index.groups.map((name, group) => {
      const head = make("h4", "");
      this.heads.push(head);
      return make("div", "sp-group", {}, head, ...this.membersOf(group));
    });
  }

  // A process reads in one group, as a rule: it stands where it owned something or was handed something first.
  membersOf(group) {
    const codes = this.codes("member").filter(code => (this.index.actors[code].group ?? 0) === group);
    const cards = codes.slice(0, MOST_ACTORS).map(code => this.card(code));
    if (codes.length > MOST_ACTORS) cards.push(make("p", "sp-small", {}, `and ${codes.length - MOST_ACTORS} more`));
    return cards;
  }

  databases() {
    this.stores = this.index.databases.map(database => ({ database, says: make("div", "sp-says") }));
    return this.stores.map(({ database, says }) => {
      const card = make("div", "sp-card sp-database", {}, make("div", "sp-name", {}, database.name), says);
      this.places.set(`database ${database.name}`, card);
      return card;
    });
  }

  world() {
    if (!this.index.effects.length) return [];
    this.done = this.index.effects.map(() => make("div", "sp-effect"));
    const card = make("div", "sp-card sp-world", {}, make("div", "sp-name", {}, "the world"), ...this.done);
    this.places.set("world", card);
    return [card];
  }

  draw(state, time) {
    this.index.actors.forEach((actor, code) => { if (this.cards.has(code)) this.drawActor(state, actor, code); });
    this.heads.forEach((head, group) => this.drawGroup(head, state, group));
    for (const log of this.logs) log.draw(state, time);
    this.drawRest(state);
    for (const store of this.stores) this.drawDatabase(store, state, time);
    this.done?.forEach((element, name) => this.drawEffect(element, state, name));
  }

  drawActor(state, actor, code) {
    const card = this.cards.get(code), up = state.up[code];
    const fenced = state.fenced[code] ? "out of service" : "";
    const cut = state.cuts.filter(([a, b]) => a === code || b === actor.name)
      .map(([a, b]) => `cut off from ${a === code ? b : this.index.actors[a].name}`);
    setLook(card.element, `sp-card sp-is-${actor.role} ${LOOKS[up]} ${fenced ? "sp-fenced" : ""}`);
    setText(card.life, [LIFE[up], up ? "" : fenced, ...cut].filter(Boolean).join(", "));
    const says = { producer: () => this.sent(state, code), member: () => this.reads(state, code),
                   service: () => this.works(state, code), broker: () => [] }[actor.role]();
    setText(card.says, says.filter(Boolean).join(" \u00b7 "));
    if (actor.role === "member") this.drawLags(card.lags, state, code);
    if (actor.role === "producer") this.drawPending(card.lags, state, code);
  }

  // Records that are on their way: hollow until they are written, then full until they are acknowledged.
  drawPending(element, state, code) {
    const { waits, unsure } = pending(state, code), drawn = Math.min(waits + unsure, MOST_PENDING);
    const full = Math.min(unsure, drawn);
    if (element.dataset.is === `${full} ${drawn}`) return;
    element.dataset.is = `${full} ${drawn}`;
    element.replaceChildren(...Array.from({ length: drawn }, (_, place) =>
      make("span", place < full ? "sp-pending sp-written" : "sp-pending", { "aria-hidden": "true" })));
  }

  sent(state, code) {
    const created = state.created[code], { waits, unsure } = pending(state, code);
    const waiting = this.index.tells.writes ? "not yet written" : "not yet known to be written";
    return [`${created.toLocaleString("en")} sent`, waits ? `${waits.toLocaleString("en")} ${waiting}` : "",
            unsure > 0 ? `${unsure.toLocaleString("en")} not yet acknowledged` : "",
            state.gave_up[code] ? `gave up on ${state.gave_up[code].toLocaleString("en")}` : "",
            ...this.works(state, code)];
  }

  reads(state, code) {
    return [state.hand[code] > 0 ? `has ${count(state.hand[code], "record")} in hand` : "",
            state.created[code] ? this.sent(state, code)[0] : "", ...this.works(state, code)];
  }

  works(state, code) {
    const [, , calls, answers, served] = state.work[code], open = calls - answers;
    return [calls ? `${count(calls, "call")}${open > 0 ? `, ${open} unanswered` : ""}` : "",
            served ? `${count(served, "request")} served` : "",
            state.screen[code] ? `screen: ${state.screen[code].replaceAll("\n", " / ")}` : ""];
  }

  drawLags(element, state, code) {
    const owned = this.index.groups.flatMap((_, group) => state.owner[group]
      .flatMap((owner, tp) => owner === code
        ? [[tp, behind(this.index, state, group, tp), behindInWords(this.index, state, group, tp)]] : []));
    const texts = owned.map(([tp, , said]) => `${this.index.partitions[tp].name} ${said}`);
    if (element.dataset.is === texts.join()) return;
    element.dataset.is = texts.join();
    const bars = owned.slice(0, MOST_LAG_BARS).map(one => this.lagBar(...one));
    if (owned.length > MOST_LAG_BARS) bars.push(make("div", "sp-small", {}, `and ${owned.length - MOST_LAG_BARS} more`));
    element.replaceChildren(...bars);
  }

  lagBar(tp, lag, behindHow) {
    const nothing = this.index.tells.high ? "nothing behind" : "none known";
    const said = lag ? behindHow : nothing;
    return make("div", "sp-lag", {}, make("span", "", {}, this.index.partitions[tp].name),
      make("span", "sp-track", {}, make("span", "sp-fill", { style: `width: ${Math.min(100 * lag / this.scale, 100)}%` })),
      make("span", "sp-number", {}, said));
  }

  drawGroup(head, state, group) {
    const unformed = this.index.tells.generations ? "not formed yet" : "";
    const of = state.generation[group] >= 0 ? `generation ${state.generation[group]}` : unformed;
    const now = state.rebalancing[group] ? "rebalancing: nobody reads" : of;
    const again = state.repeated[group] ? count(state.repeated[group], "repeat") : "";
    setText(head, [`reads: ${this.index.groups[group]}`, now, again].filter(Boolean).join(" \u00b7 "));
    setLook(head, state.rebalancing[group] ? "sp-rebalancing" : "");
  }

  drawRest(state) {
    setHidden(this.rest, !this.left_out.length);
    if (!this.left_out.length) return;
    const records = this.left_out.reduce((sum, tp) => sum + state.logs[tp].end, 0);
    setText(this.rest, `${count(this.left_out.length, "more partition")}, not drawn, ${count(records, "record")} in all`);
  }

  // What its processes did there; what its tables hold is known at the end.
  drawDatabase({ database, says }, state, time) {
    const [statements, ended, , , , commands, undone] = database.processes.map(code => state.work[code])
      .reduce((sums, work) => sums.map((sum, place) => sum + work[place]), [0, 0, 0, 0, 0, 0, 0]);
    const isRedis = database.name === this.index.redis;
    const did = isRedis ? [count(commands, "command")] : [count(statements, "statement"),
      ended - undone ? `${count(ended - undone, "transaction")} committed` : "",
      undone ? `${undone.toLocaleString("en")} rolled back` : ""];
    const holds = time < this.index.end ? [] : database.tables.map(([table, rows]) => `${table}: ${count(rows, "row")} in the end`);
    setText(says, [...did, ...holds].filter(Boolean).join(" \u00b7 "));
  }

  drawEffect(element, state, name) {
    const [done, again] = state.effects[name], title = this.index.effects[name];
    const wanted = this.index.expected[title];
    setText(element, `${title}: ${done.toLocaleString("en")} done`
      + (wanted === undefined ? "" : `, ${wanted.toLocaleString("en")} expected`)
      + (again ? `, ${again.toLocaleString("en")} of them again` : ""));
    setLook(element, `sp-effect ${again ? "sp-again" : ""}`);
  }

  // Who did what just happened.
  point(codes) {
    for (const [code, card] of this.cards) card.element.toggleAttribute("data-now", codes.has(code));
  }

  // Light up what a record touched; nothing for null.
  light(message, codes, tps) {
    for (const [code, card] of this.cards) card.element.toggleAttribute("data-lit", codes.has(code));
    for (const log of this.logs) log.light(message, tps.has(log.tp));
  }
}

// Of a producer: how many records wait to be written, and how many are written but not yet acknowledged.
function pending(state, code) {
  const waits = state.created[code] - state.written[code] - state.unwritten[code];
  return { waits, unsure: Math.max(state.created[code] - waits - state.acked[code] - state.gave_up[code], 0) };
}
