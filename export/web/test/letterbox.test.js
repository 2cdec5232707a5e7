import assert from "node:assert/strict";
import { test } from "node:test";

import { letterboxOf, place, undo } from "../src/letterbox.js";
import { resize } from "../src/pixels.js";

const size = (width, height) => ({ width, height });

/** Returns a picture whose red has these rows, in bands of some of them. */
function bands(rows, lines) {
  const starts = Array.from({ length: Math.ceil(rows.length / lines) }, (_, i) => i * lines);
  return starts.map((start) => {
    const part = rows.slice(start, start + lines);
    const data = part.flat().flatMap((red) => [red, 255 - red, 7, 255]);
    return { data, ...size(part[0].length, part.length) };
  });
}

/** Returns the red of the rows of a picture in an input. */
function letterboxedRed(rows, input, lines = rows.length) {
  const letterbox = letterboxOf(size(rows[0].length, rows.length), input);
  const scaled = resize(bands(rows, lines), letterbox.original, letterbox.scaled);
  const red = Array.from(place(scaled, letterbox)).filter((_, i) => i % 3 === 0);
  return Array.from({ length: input.height }, (_, i) => red.slice(i * input.width, (i + 1) * input.width));
}

test("an image lies in the center, as large as it fits", () => {
  // 256 / 480 of 320 rows are 170.67, and 85 rows are left.
  const wide = letterboxOf(size(480, 320), size(256, 256));
  assert.deepEqual(wide, {
    original: size(480, 320),
    scaled: size(256, 171),
    left: 0,
    top: 42,
    size: size(256, 256),
  });
  const strip = letterboxOf(size(5000, 60), size(40, 24));
  assert.deepEqual([strip.scaled, strip.left, strip.top], [size(40, 1), 0, 11]);
  const tall = letterboxOf(size(77, 1333), size(256, 256));
  assert.deepEqual([tall.scaled, tall.left, tall.top], [size(15, 256), 120, 0]);
});

test("halves of a pixel are rounded to the even number, as Python does", () => {
  const heights = [1, 3, 5, 7].map((height) => letterboxOf(size(8, height), size(4, 4)).scaled.height);
  assert.deepEqual(heights, [1, 2, 2, 4]); // of 0.5, 1.5, 2.5 and 3.5; at least 1
});

test("boxes of the input become boxes of the image, exactly", () => {
  const wide = letterboxOf(size(480, 320), size(256, 256));
  assert.deepEqual(undo([0, 42, 256, 213], wide), [0, 0, 480, 320]);
  assert.deepEqual(undo([64, 42, 128, 213], wide), [120, 0, 240, 320]);
  // By `dia_keras.detection.data.letterboxing.Letterbox.undo`, which rounds to float32.
  const [left, top, right, bottom] = undo([100, 20, 130.5, 21], letterboxOf(size(640, 427), size(1344, 800)));
  assert.deepEqual(
    [left, top, right, bottom].map(Math.fround),
    [14.945788383483887, 10.675000190734863, 31.22602081298828, 11.208749771118164],
  );
});

test("boxes are cut to the image", () => {
  const wide = letterboxOf(size(480, 320), size(256, 256));
  assert.deepEqual(undo([-8, 0, 300, 250], wide), [0, 0, 480, 320]);
  const [, top, , bottom] = undo([10, 2, 20, 30], wide);
  assert.deepEqual([top, bottom], [0, 0]); // all of it in the black above
});

test("the scaled image lies on black", () => {
  const letterbox = { scaled: size(2, 1), left: 1, top: 1, size: size(4, 3) };
  const none = [0, 0, 0];
  assert.deepEqual(Array.from(place(Uint8Array.of(1, 2, 3, 4, 5, 6), letterbox)), [
    ...[none, none, none, none].flat(),
    ...[none, [1, 2, 3], [4, 5, 6], none].flat(),
    ...[none, none, none, none].flat(),
  ]);
});

/** Asserts that rows differ by 1 at most, since Pillow rounds, too, and not the same in all versions. */
function assertClose(rows, expected) {
  assert.equal(rows.length, expected.length);
  const differences = rows.flatMap((row, y) => row.map((red, x) => Math.abs(red - expected[y][x])));
  assert.ok(Math.max(...differences) <= 1, `${JSON.stringify(rows)} is not ${JSON.stringify(expected)}`);
}

test("pixels are those of dia_keras' letterbox", () => {
  const rows = [
    [0, 50, 100, 150, 200],
    [250, 10, 60, 110, 160],
    [210, 255, 20, 70, 120],
    [170, 220, 5, 30, 80],
  ];
  assert.deepEqual(letterboxedRed(rows, size(5, 4)), rows);
  const scaled = [
    [66, 59, 117, 176],
    [206, 94, 69, 128],
    [194, 138, 29, 80],
  ];
  assertClose(letterboxedRed(rows, size(4, 4)), [...scaled, [0, 0, 0, 0]]);
  assertClose(
    letterboxedRed(rows, size(9, 3)),
    scaled.map((row) => [0, 0, ...row, 0, 0, 0]),
  );
  assertClose(letterboxedRed(rows, size(7, 8)), [
    [0, 0, 0, 0, 0, 0, 0],
    [0, 29, 64, 100, 136, 171, 200],
    [125, 71, 44, 80, 116, 151, 180],
    [243, 134, 51, 53, 89, 124, 153],
    [217, 215, 161, 27, 63, 98, 127],
    [190, 218, 174, 13, 40, 71, 100],
    [170, 199, 159, 5, 23, 51, 80],
    [0, 0, 0, 0, 0, 0, 0],
  ]);
});

test("a picture in bands gives what the whole gives", () => {
  const rows = Array.from({ length: 23 }, (_, y) => Array.from({ length: 17 }, (_, x) => (37 * x + 91 * y) % 256));
  for (const input of [size(8, 8), size(40, 30)]) {
    const whole = letterboxedRed(rows, input);
    for (const lines of [1, 5, 23]) assert.deepEqual(letterboxedRed(rows, input, lines), whole);
  }
});
