// What a detector found, without the DOM.

import { undo } from "./letterbox.js";

/**
 * Returns what a detector found in an image: `{boxes, classes, scores}`, in the order of the answer, the surest first.
 *
 * Boxes are `[left, top, right, bottom]` in pixels of the image, cut to it. Those in the black border are left out.
 *
 * @param answer `{boxes, classes, scores, num_detections}`, arrays of numbers, of one image.
 * @param letterbox Where the image lies in the detector's input.
 */
export function detectionsOf(answer, letterbox) {
  const found = { boxes: [], classes: [], scores: [] };
  const number = Number(answer.num_detections[0]);
  const boxes = answer.boxes.subarray(0, 4 * number);
  const scores = answer.scores.subarray(0, number);
  if (![...boxes, ...scores].every(Number.isFinite)) {
    throw new Error("The model must answer with finite boxes and scores. It answers with NaN or infinity.");
  }
  for (let i = 0; i < number; i++) {
    const box = undo(boxes.subarray(4 * i, 4 * i + 4), letterbox);
    if (box[2] <= box[0] || box[3] <= box[1]) continue;
    found.boxes.push(box);
    found.classes.push(Number(answer.classes[i])); // a BigInt where the file has 64 bits
    found.scores.push(scores[i]);
  }
  return found;
}

/** Returns what has at least a score, as `[{label, number, score, box}]`; a class without a name has its number. */
export function surest({ boxes, classes, scores }, labels, threshold) {
  return boxes
    .map((box, i) => ({ label: labels?.[classes[i]] ?? String(classes[i]), number: classes[i], score: scores[i], box }))
    .filter(({ score }) => score >= threshold);
}

/** Returns how many objects are shown, and how many are not: "2 objects" and "1 more has a lower score." */
export function counts(shown, all) {
  const more = all - shown;
  return [
    shown ? `${shown} ${shown === 1 ? "object" : "objects"}` : "No objects",
    more ? `${more} ${shown ? "more " : ""}${more === 1 ? "has a lower score." : "have lower scores."}` : "",
  ];
}
