import assert from "node:assert/strict";
import { test } from "node:test";

import { colorOf, inkOn } from "../src/colors.js";
import { tagPlaces } from "../src/tags.js";

const tag = { width: 30, height: 10 };
const picture = { width: 100, height: 80 };
const corner = ({ left, top }) => [left, top];

test("a tag lies above its box, and inside the picture", () => {
  const boxes = [
    [20, 30, 60, 70],
    [90, 30, 99, 70],
    [5, 2, 60, 70],
  ];
  const places = boxes.map((box) => tagPlaces([box], [tag], picture)[0]);
  assert.deepEqual(places.map(corner), [
    [20, 20],
    [70, 20],
    [5, 0],
  ]);
});

test("a tag goes where it covers no other one", () => {
  const box = [20, 30, 80, 70];
  const places = tagPlaces(Array(5).fill(box), Array(5).fill(tag), picture);
  assert.deepEqual(places.map(corner), [
    [20, 20],
    [50, 20],
    [20, 30],
    [50, 30],
    [20, 70],
  ]);
});

test("a tag that is larger than the picture begins at its edge", () => {
  const [{ left, top }] = tagPlaces([[1, 1, 4, 4]], [tag], { width: 5, height: 5 });
  assert.deepEqual([left, top], [0, 0]);
});

test("colors of classes are those of dia_keras' pictures", () => {
  assert.deepEqual([0, 1, 2, 3, 17, 79].map(colorOf), [
    [255, 64, 38],
    [115, 139, 255],
    [94, 191, 10],
    [255, 38, 202],
    [10, 162, 191],
    [255, 115, 245],
  ]);
});

test("letters are white on dark colors, and black on bright ones", () => {
  assert.deepEqual(
    [
      [0, 0, 200],
      [255, 255, 0],
    ].map(inkOn),
    ["white", "black"],
  );
});
