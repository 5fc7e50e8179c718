// What is true at one time: the state at the beginning of a slice, and its rows applied one after the other.
// state.py looks the same numbers up in the tables; that both agree is tested.

const UP = 0, DEAD = 1, PAUSED = 2, ENDED = 3;
const LIVENESS = { started: UP, restarted: UP, resumed: UP, crashed: DEAD, power_lost: DEAD, exception: DEAD,
                   shutdown: ENDED, paused: PAUSED };

// How many rows of a slice are not later than a time (s).
export function rowsUpTo(slice, time) {
  return countUpTo(slice.columns.time, time);
}

// How many of these numbers, which never fall, are not above another one.
export function countUpTo(numbers, most) {
  let low = 0, high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] <= most) low = middle + 1; else high = middle;
  }
  return low;
}

export function stateAt(index, slice, time) {
  return advanced(index, slice, structuredClone(slice.base), 0, rowsUpTo(slice, time));
}

// The state after the rows from one to another; the state given is changed.
export function advanced(index, slice, state, from, to) {
  for (let row = from; row < to; row++) apply(index, slice, state, row);
  return state;
}

function apply(index, slice, state, row) {
  const kind = index.kinds[slice.columns.kind[row]];
  const event = { kind, text: textOf(slice, row) };
  for (const name of ["actor", "group", "tp", "offset", "message", "key", "a"]) event[name] = slice.columns[name][row];
  event.producer = slice.records[event.message]?.[0];
  CHANGES[kind]?.(state, event, index);
  if (kind in index.work && event.actor >= 0) counts(state.work[event.actor], event, index);
}

function counts(work, { kind, text }, index) {
  work[index.work[kind]] += 1;
  if (kind === "transaction" && text.startsWith(index.undone)) work.splice(-1, 1, work.at(-1) + 1);
}

export function textOf(slice, row) {
  const text = slice.columns.text[row];
  return text < 0 ? "" : slice.texts[text];
}

const lives = (state, { kind, actor }) => {
  if (actor < 0) return;
  state.up[actor] = LIVENESS[kind];
  if (state.up[actor] === DEAD || state.up[actor] === ENDED) state.hand[actor] = 0;
};
const fences = (state, { kind, actor }) => { if (actor >= 0) state.fenced[actor] = Number(kind === "fenced"); };
const cutsLink = (state, { kind, actor, text }) => {
  state.cuts = state.cuts.filter(([a, b]) => a !== actor || b !== text);
  if (kind === "link_cut") state.cuts.push([actor, text]);
};
const leads = (state, { kind, actor, tp }) => { if (tp >= 0) state.leader[tp] = kind === "elected" ? actor : -1; };
const rebalances = (state, { kind, group, a }) => {
  if (group < 0) return;
  state.rebalancing[group] = Number(kind === "rebalancing");
  if (kind === "generation") state.generation[group] = a;
};
const leaves = (state, { kind, actor, group, tp }) => {
  if (group < 0) return;
  const all = tp < 0 || kind === "left" || kind === "evicted";
  state.owner[group].forEach((owner, one) => {
    if (owner === actor && (all || one === tp)) state.owner[group][one] = -1;
  });
};

const CHANGES = {
  ...Object.fromEntries(Object.keys(LIVENESS).map(kind => [kind, lives])),
  fenced: fences, unfenced: fences, link_cut: cutsLink, link_healed: cutsLink, elected: leads, leaderless: leads,
  rebalancing: rebalances, generation: rebalances, revoked: leaves, lost_partitions: leaves, left: leaves,
  evicted: leaves,
  isr(state, { tp, text }, index) {
    if (tp < 0) return;
    const code = name => index.actors.findIndex(actor => actor.name === name);
    state.isr[tp] = text.split(" ").map(code).filter(actor => actor >= 0);
  },
  assigned(state, { actor, group, tp }) {
    if (group < 0 || tp < 0) return;
    state.owner[group][tp] = actor;
    state.position[group][tp] = state.committed[group][tp];
  },
  reset(state, { group, tp, a }) { if (group >= 0 && tp >= 0) state.position[group][tp] = a; },
  shown(state, { actor, text }) { if (actor >= 0) state.screen[actor] = text; },
  produced(state, { actor }) { state.created[actor] += 1; },
  appended(state, { tp, offset, message, key, a, producer }, index) {
    const log = state.logs[tp];
    if (a === 1) state.written[producer] += 1;
    log.end = offset + 1;
    log.newest.push([offset, message, key, a, 0]);
    while (log.newest[0][0] < log.end - index.newest) log.newest.shift();
  },
  seen(state, { tp, offset, message, key, a, producer }, index) {
    const log = state.logs[tp];
    if (a === 1) state.written[producer] += 1;
    log.end = offset + 1;
    log.newest = log.newest.filter(record => record[0] !== offset && record[0] >= log.end - index.newest);
    log.newest.push([offset, message, key, a, 0]);
  },
  cut(state, { tp, offset, a }) {
    const log = state.logs[tp];
    log.end = offset;
    log.lost += a;
    log.ends = log.ends.map(([broker, end, gone]) => end > offset ? [broker, offset, gone + end - offset]
      : [broker, end, gone]);
    while (log.newest.length && log.newest.at(-1)[0] >= offset) log.newest.pop();
  },
  marker(state, { tp, offset, a }, index) {
    const log = state.logs[tp];
    log.end = offset + 1;
    log.newest.push([offset, -1, -1, a, 0]);
    log.newest = log.newest.filter(record => record[0] >= log.end - index.newest);
  },
  replica(state, { actor, tp, offset }) {
    const others = state.logs[tp].ends.filter(([broker]) => broker !== actor);
    const shared = Math.min(offset, state.logs[tp].end);
    state.logs[tp].ends = [...others, [actor, shared, offset - shared]].sort(([a], [b]) => a - b);
  },
  removed(state, { tp, offset }) {
    state.logs[tp].newest = state.logs[tp].newest.filter(record => record[0] !== offset);
  },
  log_start(state, { tp, offset }) {
    state.logs[tp].start = offset;
    state.logs[tp].newest = state.logs[tp].newest.filter(record => record[0] >= offset);
  },
  watermark(state, { tp, offset }) { state.logs[tp].high = offset; },
  stable(state, { tp, offset }) { state.logs[tp].stable = offset; },
  acked(state, { actor }) { state.acked[actor] += 1; },
  gave_up(state, { actor, a }) {
    state.gave_up[actor] += 1;
    if (a === 0) state.unwritten[actor] += 1;
  },
  delivered(state, { actor, group, tp, offset, message, a }) {
    state.delivered[group] += 1;
    if (a > 1) state.repeated[group] += 1;
    state.position[group][tp] = offset + 1;
    state.hand[actor] += 1;
    const record = state.logs[tp].newest.find(one => one[0] === offset && one[1] === message);
    if (record) record[4] = Math.max(record[4], a);
  },
  handled(state, { actor }) { state.hand[actor] -= 1; },
  committed(state, { group, tp, offset }) { state.committed[group][tp] = state.counted[group][tp] = offset; },
  skipped(state, { group, tp, offset }) { state.counted[group][tp] = offset; },
  effect(state, { group, a }) {
    state.effects[group][0] += 1;
    if (a > 1) state.effects[group][1] += 1;
  },
};
