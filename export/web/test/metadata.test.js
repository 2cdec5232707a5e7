import assert from "node:assert/strict";
import { test } from "node:test";

import { metadataOf, resizingOf, takesPixels } from "../src/metadata.js";

const bytes = (text) => Array.from(new TextEncoder().encode(text));

/** Returns a field of a protocol buffer that holds bytes, of fewer than 16,384. */
function field(number, content) {
  const length = content.length < 128 ? [content.length] : [128 + (content.length % 128), content.length >> 7];
  return [8 * number + 2, ...length, ...content];
}

const property = (key, value) => field(14, [...field(1, bytes(key)), ...field(2, bytes(value))]);

test("properties are read, whatever lies between them", () => {
  const file = [
    ...[8, 9], // ir_version: 9
    ...field(2, bytes("producer")),
    ...property("kind", "detector"),
    ...[8 * 5, 200, 1], // model_version: 200
    ...field(7, [8 * 14 + 2, 1, 2, 3]), // a graph, whose fields are its own
    ...[8 * 9 + 1, 1, 2, 3, 4, 5, 6, 7, 8], // numbers of 8 and of 4 bytes
    ...[8 * 10 + 5, 1, 2, 3, 4],
    ...property("labels", JSON.stringify(["Äpfel", "x".repeat(200)])),
    ...property("empty", ""),
  ];
  assert.deepEqual(metadataOf(Uint8Array.from(file)), {
    kind: "detector",
    labels: JSON.stringify(["Äpfel", "x".repeat(200)]),
    empty: "",
  });
});

test("a file without properties, cut off or of another kind has none", () => {
  assert.deepEqual(metadataOf(Uint8Array.from([8, 9, ...field(7, [1, 2, 3])])), {});
  assert.deepEqual(metadataOf(Uint8Array.of()), {});
  assert.deepEqual(metadataOf(Uint8Array.from(bytes("<!doctype html>"))), {});
  assert.deepEqual(metadataOf(Uint8Array.from(field(7, [1, 2, 3]).slice(0, 3))), {});
});

test("a file takes pixels unless it says that it takes other values", () => {
  assert.equal(takesPixels({ input: JSON.stringify({ name: "images", values: null }) }), false);
  assert.equal(takesPixels({ input: JSON.stringify({ name: "images", values: [0, 255] }) }), true);
  for (const input of [undefined, "{}", "null", "7", "images"]) assert.equal(takesPixels({ input }), true);
});

test("the rule of resizing is that of the input", () => {
  assert.equal(resizingOf({ input: JSON.stringify({ name: "images", resize: "pad" }) }), "pad");
  for (const input of [undefined, "{}", "null", "7", "images"]) assert.equal(resizingOf({ input }), "crop");
});
