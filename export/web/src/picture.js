// From an image file to the pixels that a model takes.

import { letterboxOf, place } from "./letterbox.js";
import { center, fit, resize, scaleOf } from "./pixels.js";

// The browser shrinks what is larger first: some give no pixels of more than a few thousand lines.
const LARGEST = 2048;
// Lines at a time where nothing may be shrunk first.
const BAND = 256;

/** Returns an image file in the size of the target by one of `RULES`, as RGB bytes; throws if it is not an image. */
export async function readResized(file, target, rule) {
  if (rule === "pad") return (await readLetterboxed(file, target)).pixels;
  const bitmap = await decode(file);
  const pixels = rule === "stretch" ? resize(bands(bitmap), bitmap, target) : centerOf(bitmap, target, rule);
  bitmap.close();
  return pixels;
}

function centerOf(bitmap, target, rule) {
  const scale = scaleOf(bitmap, target, rule);
  const cut = center(bitmap, target, scale);
  const shrink = Math.min(1, LARGEST / Math.max(cut.width, cut.height));
  const size = { width: Math.ceil(cut.width * shrink), height: Math.ceil(cut.height * shrink) };
  return fit(rgba(bitmap, cut, size), target, scale * Math.min(size.width / cut.width, size.height / cut.height));
}

/** Returns an image file in the center of black, `{pixels, letterbox}`, as RGB bytes; throws if it is not an image. */
export async function readLetterboxed(file, size) {
  const bitmap = await decode(file);
  const letterbox = letterboxOf(bitmap, size);
  const scaled = resize(bands(bitmap), letterbox.original, letterbox.scaled);
  bitmap.close();
  return { pixels: place(scaled, letterbox), letterbox };
}

async function decode(file) {
  try {
    // The values in the file, as in training, not what its color profile makes of them.
    return await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch (error) {
    throw new Error(`“${file.name}” is not an image that this browser can read.`, { cause: error });
  }
}

/** Yields a picture in parts of all its columns, from top to bottom. */
function* bands(bitmap) {
  for (let top = 0; top < bitmap.height; top += BAND) {
    const cut = { left: 0, top, width: bitmap.width, height: Math.min(BAND, bitmap.height - top) };
    yield rgba(bitmap, cut, cut);
  }
}

/** Returns a part of a picture in a size. */
function rgba(bitmap, { left, top, width: columns, height: lines }, { width, height }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.fillStyle = "white"; // behind transparent pixels
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, left, top, columns, lines, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** Shows RGB bytes on a canvas. */
export function drawPixels(canvas, pixels, { width, height }) {
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  image.data.fill(255);
  for (let i = 0; i < width * height; i++) {
    image.data.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
