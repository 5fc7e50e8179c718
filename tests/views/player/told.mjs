// What the player tells of a recording: `node told.mjs FOLDER` prints every line, and the life of message 0.

import { existsSync, readFileSync } from "node:fs";
import { lifeOf, line, rowsOfStep, stepEnds, clock } from "../../../simlib/views/player/tell.js";
import { unpack } from "../../../simlib/views/player/unpack.js";

const folder = process.argv[2];
const read = async name => unpack(readFileSync(`${folder}/${name}.bin`));

async function told() {
  const index = await read("index"), slices = [];
  for (let number = 0; existsSync(`${folder}/${number}.bin`); number++) slices.push(await read(number));
  const said = ({ time, text }) => `${clock(time)} ${text}`;
  const lines = slices.flatMap(slice => stepEnds(index, slice).map((_, step) =>
    said(line(index, slice, rowsOfStep(index, slice, step)))));
  return { lines, life: lifeOf(index, slices, 0).lines.map(said) };
}

try {
  process.stdout.write(JSON.stringify(await told()));
} catch (error) {
  process.stdout.write(JSON.stringify({ refused: error.message }));
}
