// Rows as steps and as sentences. A step is what one process does at one instant: a batch is one step.

import { countUpTo, textOf } from "./state.js";

const SAME = ["time", "kind", "actor", "group", "tp"];

// For each step of a slice, how many rows are done after it.
export function stepEnds(index, slice) {
  if (slice.stepEnds) return slice.stepEnds;
  const { columns } = slice, ends = [];
  let last = -1;
  for (let row = 0; row < columns.time.length; row++) {
    if (isSilent(index, slice, row)) { if (ends.length) ends[ends.length - 1] = row + 1; continue; }
    if (last >= 0 && SAME.every(name => columns[name][last] === columns[name][row])) ends[ends.length - 1] = row + 1;
    else ends.push(row + 1);
    last = row;
  }
  return (slice.stepEnds = ends);
}

// The rows of the step that ends after so many rows, without what is not told.
export function rowsOfStep(index, slice, number) {
  const ends = stepEnds(index, slice), rows = [];
  for (let row = number ? ends[number - 1] : 0; row < ends[number]; row++) {
    if (!isSilent(index, slice, row)) rows.push(row);
  }
  return rows;
}

// Drawn and not told: a high watermark that moves.
function isSilent(index, slice, row) {
  return index.sentences[index.kinds[slice.columns.kind[row]]] === "";
}

export function sentence(index, slice, rows) {
  const { columns } = slice, row = rows[0], kind = index.kinds[columns.kind[row]];
  const known = (table, code) => code >= 0 ? table[code] : null;
  const group = kind === "effect" ? "" : known(index.groups, columns.group[row]) ?? "";
  const several = what => what(rows.at(-1)) === what(row) ? `${what(row)}` : `${what(row)} to ${what(rows.at(-1))}`;
  return fill(index.sentences[kind], {
    who: known(index.actors, columns.actor[row])?.name ?? "somebody", group,
    where: known(index.partitions, columns.tp[row])?.name ?? "", offset: several(one => columns.offset[one]),
    record: several(one => recordName(index, slice, columns.message[one])), a: columns.a[row], what: textOf(slice, row),
    again: columns.a[row] > 1 ? index.again[kind] ?? "" : "",
  });
}

export function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (whole, name) => name in values ? values[name] : whole);
}

export function recordName(index, slice, message) {
  const record = slice.records[message];
  return record ? `${index.actors[record[0]].name}:${record[1]}` : "";
}

// 48.0105 and 3.2, as long as it must be.
export function clock(time) {
  return time.toLocaleString("en", { maximumFractionDigits: 4, minimumFractionDigits: 1, useGrouping: false });
}

// The sentences of the last steps, oldest first.
export function lastSentences(index, slice, rows, most) {
  const ends = stepEnds(index, slice), lines = [];
  let number = stepsDone(ends, rows) - 1;
  for (; number >= 0 && lines.length < most; number--) lines.push(line(index, slice, rowsOfStep(index, slice, number)));
  return lines.reverse();
}

// How many steps are done after so many rows.
export function stepsDone(ends, rows) {
  return countUpTo(ends, rows);
}

export function line(index, slice, rows) {
  const { columns } = slice, kind = index.kinds[columns.kind[rows[0]]];
  return { time: columns.time[rows[0]], kind, actor: columns.actor[rows[0]], again: isAgain(index, slice, rows[0]), text: sentence(index, slice, rows) };
}

// Whether a row says that something was done that had been done before.
export function isAgain(index, slice, row) {
  const kind = index.kinds[slice.columns.kind[row]];
  return slice.columns.a[row] > 1 && (kind === "effect" || kind in index.again);
}

// What a record lived through, in order, from slices that hold its rows.
export function lifeOf(index, slices, message) {
  const lines = [], covered = new Set();
  let about = null, written = null;
  for (const slice of slices) {
    about ??= slice.records[message];
    const { columns } = slice;
    for (let row = 0; row < columns.time.length; row++) {
      const kind = index.kinds[columns.kind[row]], own = columns.message[row] === message;
      if (own && (kind === "appended" || kind === "seen")) written ??= [columns.tp[row], columns.offset[row]];
      const covers = kind === "committed" && written && columns.tp[row] === written[0]
        && columns.offset[row] > written[1] && !covered.has(columns.group[row]);
      if (covers) covered.add(columns.group[row]);
      if (own || covers) lines.push({ ...line(index, slice, [row]), tp: columns.tp[row] });
    }
  }
  return { about, lines };
}
