// Where an image of any size lies in a network's input: scaled in its own shape, in the center of black. It is what
// dia_keras/detection/data/letterboxing.py computes, to the pixel.

/** Returns the letterbox of an image in an input: `{original, scaled, left, top, size}`, sizes as `{width, height}`. */
export function letterboxOf({ width, height }, size) {
  const factor = Math.min(size.width / width, size.height / height);
  const scaled = { width: side(factor * width), height: side(factor * height) };
  const left = Math.floor((size.width - scaled.width) / 2);
  const top = Math.floor((size.height - scaled.height) / 2);
  return { original: { width, height }, scaled, left, top, size };
}

/** Returns the RGB bytes of the input, with those of the scaled image at their place. */
export function place(pixels, { scaled, left, top, size }) {
  const input = new Uint8Array(size.width * size.height * 3);
  for (let row = 0; row < scaled.height; row++) {
    const line = pixels.subarray(row * scaled.width * 3, (row + 1) * scaled.width * 3);
    input.set(line, ((top + row) * size.width + left) * 3);
  }
  return input;
}

/** Returns a box of the input, `[left, top, right, bottom]`, as a box of the image, cut to the image. */
export function undo(box, { original, scaled, left, top }) {
  // Rounding makes the two scales differ.
  const horizontal = scaled.width / original.width;
  const vertical = scaled.height / original.height;
  return [
    within((box[0] - left) / horizontal, original.width),
    within((box[1] - top) / vertical, original.height),
    within((box[2] - left) / horizontal, original.width),
    within((box[3] - top) / vertical, original.height),
  ];
}

const within = (edge, length) => Math.min(Math.max(edge, 0), length);

const side = (length) => Math.max(1, roundedToEven(length));

/** Rounds as Python: halves to the even number. */
function roundedToEven(value) {
  return value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);
}
