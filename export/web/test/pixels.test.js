import assert from "node:assert/strict";
import { test } from "node:test";

import { center, fit, scaleOf } from "../src/pixels.js";

/** Fits a picture whose red has these rows, and returns what becomes of its red. */
function fittedRed(rows, width, height, rule) {
  const data = rows.flat().flatMap((red) => [red, 255 - red, 7, 255]);
  const picture = { data, width: rows[0].length, height: rows.length };
  const rgb = fit(picture, { width, height }, scaleOf(picture, { width, height }, rule));
  assert.equal(rgb.length, width * height * 3);
  return Array.from(rgb).filter((_, i) => i % 3 === 0);
}

test("a picture of the right size stays as it is, without alpha", () => {
  const rgba = [1, 2, 3, 255, 4, 5, 6, 255, 0, 128, 255, 255, 9, 8, 7, 255];
  const rgb = fit({ data: rgba, width: 2, height: 2 }, { width: 2, height: 2 });
  assert.deepEqual(Array.from(rgb), [1, 2, 3, 4, 5, 6, 0, 128, 255, 9, 8, 7]);
});

test("the center is cut out in the proportions of the target", () => {
  const wide = [
    [9, 1, 2, 9],
    [9, 3, 4, 9],
  ];
  assert.deepEqual(fittedRed(wide, 2, 2), [1, 2, 3, 4]);
  assert.deepEqual(fittedRed([[9], [5], [9]], 1, 1), [5]);
});

test("shrinking and enlarging give what Pillow's ImageOps.fit gives", () => {
  const rows = [
    [0, 50, 100, 150, 200],
    [250, 10, 60, 110, 160],
    [210, 255, 20, 70, 120],
    [170, 220, 5, 30, 80],
  ];
  assert.deepEqual(fittedRed(rows, 2, 2), [83, 121, 157, 61]);
  const tall = [67, 100, 133, 47, 80, 113, 52, 53, 86, 152, 27, 60, 163, 13, 38, 148, 5, 22];
  assert.deepEqual(fittedRed(rows, 3, 6), tall);
});

test("seven eighths of the center are what Pillow gives with a sixteenth cut off on each side", () => {
  const rows = [
    [0, 50, 100, 150, 200],
    [250, 10, 60, 110, 160],
    [210, 255, 20, 70, 120],
    [170, 220, 5, 30, 80],
  ];
  assert.deepEqual(fittedRed(rows, 2, 2, "center"), [79, 116, 154, 58]);
  const tall = [69, 98, 127, 46, 75, 104, 57, 52, 81, 131, 28, 57, 147, 14, 38, 131, 6, 21];
  assert.deepEqual(fittedRed(rows, 3, 6, "center"), tall);
  assert.deepEqual(fittedRed(rows, 5, 4, "center"), rows.flat());
});

test("a picture of one color stays so in any size", () => {
  const rows = Array(40).fill(Array(90).fill(201));
  assert.ok(fittedRed(rows, 3, 3).every((value) => value === 201));
  assert.ok(fittedRed(rows, 200, 110).every((value) => value === 201));
});

test("what lies beside the center changes nothing", () => {
  for (const [width, height] of [
    [90, 7],
    [5, 61],
    [40, 40],
  ]) {
    const pixel = (x, y) => [(37 * x + 91 * y) % 256, (x * y) % 256, x % 256, 255];
    const rgba = (left, top, columns, lines) =>
      Array.from({ length: columns * lines }, (_, i) => pixel(left + (i % columns), top + Math.floor(i / columns))).flat();
    const target = { width: 4, height: 3 };
    for (const rule of ["crop", "center"]) {
      const scale = scaleOf({ width, height }, target, rule);
      const cut = center({ width, height }, target, scale);
      const whole = fit({ data: rgba(0, 0, width, height), width, height }, target, scale);
      const part = fit({ data: rgba(cut.left, cut.top, cut.width, cut.height), ...cut }, target, scale);
      assert.deepEqual(part, whole);
    }
    const cut = center({ width, height }, target);
    assert.ok(width === height ? cut.width === width : cut.width * cut.height < width * height);
  }
});
