import assert from "node:assert/strict";
import { test } from "node:test";

import { counts, detectionsOf, surest } from "../src/detections.js";
import { letterboxOf } from "../src/letterbox.js";

// An image of 20 x 10 pixels in an input of 40 x 40: twice as large, below 10 rows of black.
const letterbox = letterboxOf({ width: 20, height: 10 }, { width: 40, height: 40 });

const answer = (rows, number = rows.length) => ({
  boxes: Float32Array.from(rows.flatMap(([box]) => box)),
  classes: Int32Array.from(rows, ([, kind]) => kind),
  scores: Float32Array.from(rows, ([, , score]) => score),
  num_detections: Int32Array.of(number),
});
const filling = [[-1, -1, -1, -1], -1, -1];

test("boxes are given in pixels of the image, as many as the answer says", () => {
  const found = detectionsOf(answer([[[4, 12, 8, 20], 2, 0.75], [[0, 0, 40, 40], 0, 0.5], filling], 2), letterbox);
  assert.deepEqual(found, {
    boxes: [
      [2, 1, 4, 5],
      [0, 0, 20, 10],
    ],
    classes: [2, 0],
    scores: [0.75, 0.5],
  });
  assert.deepEqual(detectionsOf(answer([filling], 0), letterbox), { boxes: [], classes: [], scores: [] });
});

test("boxes in the black border are left out", () => {
  const rows = [
    [[4, 0, 8, 10], 0, 0.9],
    [[4, 12, 8, 20], 1, 0.75],
    [[4, 30, 8, 40], 2, 0.5],
  ];
  assert.deepEqual(detectionsOf(answer(rows), letterbox).classes, [1]);
});

test("integers of 64 bits are taken", () => {
  const large = { ...answer([[[4, 12, 8, 20], 0, 0.75]]), classes: BigInt64Array.of(3n), num_detections: [1n] };
  assert.deepEqual(detectionsOf(large, letterbox).classes, [3]);
});

test("boxes and scores that are not finite are an error, but not those after the last object", () => {
  for (const row of [
    [[4, 12, NaN, 20], 0, 0.75],
    [[4, 12, 8, 20], 0, Infinity],
  ]) {
    assert.throws(() => detectionsOf(answer([row]), letterbox), /finite boxes and scores/);
    assert.deepEqual(detectionsOf(answer([row], 0), letterbox).boxes, []);
  }
});

test("what has the least score is shown, with names where there are any", () => {
  const box = [0, 0, 1, 1];
  const found = { boxes: [box, box, box], classes: [1, 0, 7], scores: [0.9, 0.5, 0.25] };
  assert.deepEqual(surest(found, ["cat", "dog"], 0.5), [
    { label: "dog", number: 1, score: 0.9, box },
    { label: "cat", number: 0, score: 0.5, box },
  ]);
  assert.deepEqual(
    surest(found, null, 0).map(({ label }) => label),
    ["1", "0", "7"],
  );
  assert.equal(surest(found, ["cat", "dog"], 0)[2].label, "7");
});

test("the page says how many objects there are, and how many it does not show", () => {
  assert.deepEqual(counts(2, 2), ["2 objects", ""]);
  assert.deepEqual(counts(1, 2), ["1 object", "1 more has a lower score."]);
  assert.deepEqual(counts(2, 9), ["2 objects", "7 more have lower scores."]);
  assert.deepEqual(counts(0, 1), ["No objects", "1 has a lower score."]);
  assert.deepEqual(counts(0, 0), ["No objects", ""]);
});
