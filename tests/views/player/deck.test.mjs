// Time in the player: steps, moments, speeds, two traces in step. Run by node's own test runner.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Deck, SPEEDS, Track } from "../../../simlib/views/player/deck.js";

const KINDS = ["produced", "crashed"];
const state = { created: [0], up: [0], hand: [0], work: [[0]] };

// A trace of records that one producer created at these times, in slices of two seconds.
function track(times, end, moments = []) {
  const bounds = [];
  for (let bound = 0; bound < end; bound += 2) bounds.push(bound);
  bounds.push(end);
  const slices = bounds.slice(0, -1).map((from, number) => sliceOf(times, from, bounds[number + 1]));
  const index = { kinds: KINDS, work: {}, end, events: times.length, bounds, moments, again: {},
                  actors: [{ name: "shop" }], partitions: [], groups: [], sentences: { produced: "{who}" } };
  return new Track(index, { slice: async number => slices[number] });
}

function sliceOf(times, from, to) {
  const own = times.filter(time => time > from && time <= to), none = own.map(() => -1);
  const columns = { time: own, kind: own.map(() => 0), actor: own.map(() => 0), group: none, tp: none, offset: none,
                    message: own.map((_, row) => row), key: none, a: none, text: none };
  return { columns, records: {}, texts: [], base: { ...structuredClone(state), created: [times.filter(time => time <= from).length] } };
}

async function deckOf(...tracks) {
  const deck = new Deck(tracks);
  await deck.seek(0);
  return deck;
}

test("steps go from event to event, over the edge of a slice, and back to the same state", async () => {
  const deck = await deckOf(track([0.5, 1.5, 2.5, 5.5], 6));
  const seen = [];
  while (await deck.step()) seen.push([deck.time, deck.tracks[0].state.created[0]]);
  assert.deepEqual(seen, [[0.5, 1], [1.5, 2], [2.5, 3], [5.5, 4]]);
  assert.equal(deck.time, 6);
  const back = [];
  while (await deck.step(false)) back.push([deck.time, deck.tracks[0].state.created[0]]);
  assert.deepEqual(back, [[2.5, 3], [1.5, 2], [0.5, 1], [0, 0]]);
});

test("what was told last is still told when a slice begins, at its very edge too", async () => {
  const deck = await deckOf(track([0.5, 1.5, 2, 2.5, 5.5], 6));
  const seen = [];
  for (const time of [1, 2, 3, 4]) { await deck.seek(time); seen.push(deck.tracks[0].told(2).map(line => line.time)); }
  assert.deepEqual(seen, [[0.5], [1.5, 2], [2, 2.5], [2.5]]);
});

test("two traces go in step: whichever is next moves, and both where they are at one instant", async () => {
  const deck = await deckOf(track([1, 3], 4), track([1, 2], 4));
  const seen = [];
  while (await deck.step()) seen.push([deck.time, ...deck.tracks.map(one => one.state.created[0])]);
  assert.deepEqual(seen, [[1, 1, 1], [2, 1, 2], [3, 2, 2]]);
});

test("moments are gone to in both directions, and the ends behind the last ones", async () => {
  const deck = await deckOf(track([1, 2, 3], 4, [{ time: 1 }, { time: 3 }]));
  const seen = [];
  for (const forward of [true, true, true, false, false, false]) { await deck.toMoment(forward); seen.push(deck.time); }
  assert.deepEqual(seen, [1, 3, 4, 3, 1, 0]);
});

test("by the clock time passes as fast as the speed says, to the end and no further", async () => {
  const deck = await deckOf(track([1, 2, 3], 4));
  Object.assign(deck, { byEvent: false, speed: 10 });
  assert.equal(await deck.pass(0.25), true);
  assert.deepEqual([deck.time, deck.tracks[0].state.created[0]], [2.5, 2]);
  assert.equal(await deck.pass(1), false);
  assert.equal(deck.time, 4);
});

test("event by event every event gets the same time, however far the next one is", async () => {
  const deck = await deckOf(track([0.001, 0.002, 3.9], 4));
  Object.assign(deck, { byEvent: true, speed: 1 });
  const seen = [];
  for (let second = 0; second < 3; second++) { await deck.pass(0.8); seen.push(deck.time); }
  assert.deepEqual(seen, [0.001, 0.002, 3.9]);
});

test("a short trace starts event by event, a long one at a speed at which it is over soon", async () => {
  assert.equal((await deckOf(track([1], 50))).byEvent, true);
  const long = track([1], 600);
  long.index.events = 10_000;
  const deck = await deckOf(long);
  assert.equal(deck.byEvent, false);
  assert.equal(deck.speed, 20);
  assert.deepEqual([SPEEDS[0], SPEEDS.at(-1)], [0.1, 1000]);
});
