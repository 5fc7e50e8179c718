// Messages on their way: a dot while the film plays, an arrow while it stands still.

import { make } from "./page.js";
import { textOf } from "./state.js";
import { isAgain } from "./tell.js";

const FLIES = 450;        // milliseconds that a dot is seen: far longer than the message takes
const MOST_DOTS = 40, MOST_ARROWS = 12;

// Where a step's message goes from and to, by the names of the stage's places; null where nothing travels.
export function journey(index, slice, rows) {
  const { columns } = slice, row = rows[0], kind = index.kinds[columns.kind[row]];
  const actor = `actor ${columns.actor[row]}`, partition = `partition ${columns.tp[row]}`;
  const again = isAgain(index, slice, row);
  const ways = {
    appended: () => [`actor ${slice.records[columns.message[row]]?.[0]}`, partition],
    acked: () => [partition, actor], delivered: () => [partition, actor], committed: () => [actor, partition],
    effect: () => [actor, "world"], executed: () => [actor, store(index, columns.actor[row], kind)],
    transaction: () => [actor, store(index, columns.actor[row], kind)],
    redis: () => [actor, store(index, columns.actor[row], kind)], request: () => [`actor ${caller(index, textOf(slice, row))}`, actor],
  };
  if (!(kind in ways)) return null;
  const [from, to] = ways[kind]();
  return { from, to, kind, again };
}

// The database that a process uses, or Redis.
function store({ databases, redis }, actor, kind) {
  const its = databases.find(one => (one.name === redis) === (kind === "redis") && one.processes.includes(actor));
  return `database ${its?.name}`;
}

// "shop-0: {...}" was asked by shop-0.
function caller(index, text) {
  return index.actors.findIndex(actor => text.startsWith(`${actor.name}:`));
}

export class Flights {
  constructor(stage) {
    this.stage = stage;
    this.dots = [];
    this.element = make("svg", "sp-flights", { "aria-hidden": "true" });
  }

  // Dots for steps that just happened; says how many of them are not drawn.
  launch(journeys, now) {
    const room = MOST_DOTS - this.dots.length;
    const chosen = journeys.length <= room ? journeys : journeys.slice(journeys.length - Math.max(room, 0));
    for (const journey of chosen) {
      const line = this.line(journey);
      if (!line) continue;
      const dot = make("circle", this.look(journey, "sp-dotted"), { r: 4.5 });
      this.dots.push({ dot, line, start: now });
      this.element.append(dot);
    }
    return journeys.length - chosen.length;
  }

  fly(now) {
    this.dots = this.dots.filter(({ dot, line: [x1, y1, x2, y2], start }) => {
      const part = (now - start) / FLIES;
      if (part >= 1) { dot.remove(); return false; }
      dot.setAttribute("cx", x1 + (x2 - x1) * part);
      dot.setAttribute("cy", y1 + (y2 - y1) * part);
      return true;
    });
  }

  arrows(journeys) {
    this.clear();
    for (const journey of journeys.slice(-MOST_ARROWS)) {
      const line = this.line(journey);
      if (line) this.element.append(this.arrow(journey, line));
    }
  }

  arrow(journey, [x1, y1, x2, y2]) {
    const angle = Math.atan2(y2 - y1, x2 - x1), [c, s] = [Math.cos(angle), Math.sin(angle)];
    const head = [[0, 0], [-11, 5.5], [-11, -5.5]].map(([x, y]) => [x2 + c * x - s * y, y2 + s * x + c * y].join());
    return make("g", this.look(journey, "sp-arrow"), {},
      make("line", "", { x1, y1, x2: x2 - c * 9, y2: y2 - s * 9 }), make("polygon", "", { points: head.join(" ") }));
  }

  look({ kind, again }, base) {
    return `${base} sp-of-${kind} ${again ? "sp-again" : ""}`;
  }

  // From the edge of one place to the edge of the other, in pixels of the stage.
  line({ from, to }) {
    const ends = [from, to].map(name => this.stage.places.get(name));
    if (!ends.every(one => one?.isConnected && !one.hidden)) return null;
    const here = this.stage.element.getBoundingClientRect();
    const [a, b] = ends.map(one => one.getBoundingClientRect());
    if (a.right <= b.left) return [a.right - here.left, middle(a, here), b.left - here.left, middle(b, here)];
    if (b.right <= a.left) return [a.left - here.left, middle(a, here), b.right - here.left, middle(b, here)];
    const x = (a.left + a.right) / 2 - here.left, down = a.top < b.top;
    return [x, (down ? a.bottom : a.top) - here.top, x, (down ? b.top : b.bottom) - here.top];
  }

  clear() {
    this.dots = [];
    this.element.replaceChildren();
  }
}

const middle = (box, here) => box.top + Math.min(box.height / 2, 40) - here.top;
