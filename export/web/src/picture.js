// From an image file to the pixels that a model takes.

import { center, fit } from "./pixels.js";

// The browser shrinks what is larger first: some give no pixels of more than a few thousand lines.
const LARGEST = 2048;

/** Returns the center of an image file in the size of the target, as RGB bytes; throws if it is not an image. */
export async function readPixels(file, target) {
  const bitmap = await decode(file);
  const cut = center(bitmap, target);
  const scale = Math.min(1, LARGEST / Math.max(cut.width, cut.height));
  const width = Math.ceil(cut.width * scale);
  const height = Math.ceil(cut.height * scale);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.fillStyle = "white"; // behind transparent pixels
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, cut.left, cut.top, cut.width, cut.height, 0, 0, width, height);
  bitmap.close();
  return fit(context.getImageData(0, 0, width, height), target);
}

async function decode(file) {
  try {
    // The values in the file, as in training, not what its color profile makes of them.
    return await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch (error) {
    throw new Error(`“${file.name}” is not an image that this browser can read.`, { cause: error });
  }
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
