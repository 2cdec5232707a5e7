// Arithmetic on pixels, without the DOM.

/** The rules by which images get a model's size, as `resize` of `dia_keras.data.load`. */
export const RULES = ["crop", "center", "stretch", "pad"];

/** Returns how many pixels of a picture's center make one of the target: "crop" takes all that fit, "center" 7/8. */
export function scaleOf(picture, target, rule = "crop") {
  const isExact = picture.width === target.width && picture.height === target.height;
  const share = rule === "center" && !isExact ? 7 / 8 : 1;
  return share * Math.min(picture.width / target.width, picture.height / target.height);
}

/**
 * Returns the center of a picture, in the size of the target, as RGB bytes.
 *
 * It is resized by a triangle filter that widens when it shrinks, so that no pixel is skipped: as Pillow's
 * `ImageOps.fit(picture, (width, height), Image.Resampling.BILINEAR)` does, up to rounding. A picture of the right size
 * stays exactly as it is.
 *
 * @param picture `{data, width, height}` with RGBA bytes, such as an `ImageData`. Alpha is ignored.
 * @param target `{width, height}`
 * @param scale How many of the picture's pixels make one of the target.
 */
export function fit(picture, target, scale = scaleOf(picture, target)) {
  const rows = resizedAndTurned(picture, target.width, scale);
  return resizedAndTurned(rows, target.height, scale).data;
}

/**
 * Returns a whole picture in the size of the target, out of shape if need be, as RGB bytes.
 *
 * It is resized as by `fit`: `picture.resize((width, height), Image.Resampling.BILINEAR)` in Pillow, up to rounding.
 *
 * @param bands The picture in parts, as `fit` takes it, of all columns and some of the rows, from top to bottom.
 * @param picture `{width, height}` of the whole.
 * @param target `{width, height}`
 */
export function resize(bands, picture, target) {
  const columns = new Uint8Array(target.width * picture.height * 3);
  let top = 0;
  for (const band of bands) {
    const resized = resizedAndTurned(band, target.width, picture.width / target.width);
    const size = 3 * band.height;
    for (let i = 0; i < target.width; i++) {
      columns.set(resized.data.subarray(i * size, (i + 1) * size), 3 * (i * picture.height + top));
    }
    top += band.height;
  }
  const turned = { data: columns, width: picture.height, height: target.width };
  return resizedAndTurned(turned, target.height, picture.height / target.height).data;
}

/** Returns the part of a picture that `fit` takes notice of: `{left, top, width, height}`, in whole pixels. */
export function center(picture, target, scale = scaleOf(picture, target)) {
  const [left, top] = ["width", "height"].map((side) => {
    const spare = (picture[side] - target[side] * scale) / 2;
    return Math.max(0, Math.floor(spare - Math.max(1, scale))); // the filter looks that much further
  });
  return { left, top, width: picture.width - 2 * left, height: picture.height - 2 * top };
}

/** Resizes the rows and returns them as columns, without alpha, so that a second call resizes the other direction. */
function resizedAndTurned({ data, width, height }, length, scale) {
  const stride = data.length / (width * height); // 4 bytes a pixel the first time, then 3
  const resized = new Uint8Array(length * height * 3);
  filters(width, length, scale).forEach(({ first, weights }, i) => {
    for (let row = 0; row < height; row++) {
      for (let channel = 0; channel < 3; channel++) {
        let from = (row * width + first) * stride + channel;
        let sum = 0.5; // since bytes round down
        for (const weight of weights) {
          sum += weight * data[from];
          from += stride;
        }
        resized[(i * height + row) * 3 + channel] = sum;
      }
    }
  });
  return { data: resized, width: height, height: length };
}

/** Returns for every new pixel of a row the first old pixel that it is made of, and the weights from there on. */
function filters(oldLength, newLength, scale) {
  const start = (oldLength - newLength * scale) / 2;
  const radius = Math.max(1, scale);
  return Array.from({ length: newLength }, (_, i) => {
    const center = start + (i + 0.5) * scale;
    const first = Math.max(0, Math.round(center - radius));
    const end = Math.min(oldLength, Math.round(center + radius));
    const weights = Array.from({ length: end - first }, (_, j) =>
      Math.max(0, 1 - Math.abs(first + j + 0.5 - center) / radius),
    );
    const sum = weights.reduce((a, b) => a + b);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}
