// How far a group is behind, and what a marker is. Run by node's own test runner.

import assert from "node:assert/strict";
import { test } from "node:test";
import { behind, behindInWords, isMarker, lateInWords, markerInWords } from "../../../simlib/views/player/log.js";

const state = { logs: [{ start: 2, end: 30, high: 28, stable: 20 }], counted: [[5]] };
const index = (high, read_committed) => ({ tells: { high }, read_committed: [read_committed] });

test("a group is behind up to the high watermark, or to the last stable offset if it reads what is committed", () => {
  assert.equal(behind(index(true, false), state, 0, 0), 23);
  assert.equal(behind(index(true, true), state, 0, 0), 15);
  assert.equal(behindInWords(index(true, false), state, 0, 0), "23 behind");
});

test("what retention took does not wait for anybody", () => {
  assert.equal(behind(index(true, false), { ...state, counted: [[0]] }, 0, 0), 26);
});

test("where a trace does not tell of high watermarks, it is known of so many at least", () => {
  assert.equal(behindInWords(index(false, false), state, 0, 0), "at least 25 behind");
  assert.equal(behindInWords(index(false, false), { ...state, counted: [[30]] }, 0, 0), "none known behind");
});

test("a replica out of step lacks records, or has some that are gone, or has caught up", () => {
  assert.equal(lateInWords("broker-1", 1050, 0), "broker-1 lacks the last 1,050");
  assert.equal(lateInWords("broker-0", 105, 5), "broker-0 lacks the last 105 and has 5 that are gone here");
  assert.equal(lateInWords("broker-0", 0, 1), "broker-0 has 1 that is gone here");
  assert.equal(lateInWords("broker-2", 0, 0), "broker-2 has all");
});

test("a marker is no record, and says what it ends", () => {
  assert.equal(isMarker([20, -1, -1, 1, 0]), true);
  assert.equal(isMarker([20, 0, -1, 1, 0]), false);
  assert.match(markerInWords([20, -1, -1, 0, 0]), /^offset 20, a marker: here a transaction was aborted/);
});
