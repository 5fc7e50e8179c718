// States at given times, as the player computes them: `node states.mjs FOLDER` reads index.bin, 0.bin, 1.bin, ...
// and times.json (one list for each slice), and prints a JSON list of lists.

import { readFileSync } from "node:fs";
import { stateAt } from "../../../simlib/views/player/state.js";
import { unpack } from "../../../simlib/views/player/unpack.js";

const folder = process.argv[2];
const read = async name => unpack(readFileSync(`${folder}/${name}.bin`));
const index = await read("index");
const times = JSON.parse(readFileSync(`${folder}/times.json`, "utf-8"));
const states = [];
for (const [number, those] of times.entries()) {
  const slice = await read(number);
  states.push(those.map(time => stateAt(index, slice, time)));
}
process.stdout.write(JSON.stringify(states));
