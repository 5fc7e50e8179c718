// States at given times, as the player computes them: `node states.mjs FOLDER` reads index.bin, 0.bin, 1.bin, ...
// and times.json (one list for each slice), and prints a JSON list of lists. On the way each slice, played to its
// end, must lead to the state with which the next one begins.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { stateAt } from "../../../simlib/views/player/state.js";
import { unpack } from "../../../simlib/views/player/unpack.js";

const folder = process.argv[2];
const read = async name => unpack(readFileSync(`${folder}/${name}.bin`));
const index = await read("index");
const times = JSON.parse(readFileSync(`${folder}/times.json`, "utf-8"));
const states = [];
let before = null;
for (const [number, those] of times.entries()) {
  const slice = await read(number);
  if (before) follows(stateAt(index, before, Infinity), slice.base, number);
  states.push(those.map(time => stateAt(index, slice, time)));
  before = slice;
}
process.stdout.write(JSON.stringify(states));

// Of a log that lost its tail the player knows fewer of the newest records until the next slice begins.
function follows(played, base, number) {
  for (const [tp, log] of played.logs.entries()) {
    const known = base.logs[tp].newest.slice(base.logs[tp].newest.length - log.newest.length);
    assert.deepEqual(log.newest, known, `slice ${number}, partition ${tp}`);
    log.newest = base.logs[tp].newest;
  }
  assert.deepEqual(played, base, `slice ${number}`);
}
