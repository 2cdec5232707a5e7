import assert from "node:assert/strict";
import { test } from "node:test";

import { percentage, ranking, readable } from "../src/ranking.js";

test("the likeliest classes come first, and equals in the order of the classes", () => {
  assert.deepEqual(ranking(Float32Array.of(0.25, 0.5, 0, 0.25), ["a", "b", "c", "d"], 3), [
    { label: "b", probability: 0.5 },
    { label: "a", probability: 0.25 },
    { label: "d", probability: 0.25 },
  ]);
});

test("a model of few classes has a short ranking", () => {
  assert.equal(ranking([0.1, 0.9], ["no", "yes"], 5).length, 2);
});

test("class names are readable", () => {
  assert.equal(readable("pickup_truck"), "pickup truck");
});

test("percentages claim certainty only where there is certainty", () => {
  const texts = [0, 0.0004, 0.001, 0.123, 0.999, 0.9991, 1].map(percentage);
  assert.deepEqual(texts, ["0.0%", "< 0.1%", "0.1%", "12.3%", "99.9%", "> 99.9%", "100.0%"]);
});
