/** Returns the color of a class, RGB from 0 to 255: that of `dia_keras.detection.pictures.color_of`. */
export function colorOf(number) {
  const hue = (0.02 + number * 0.6180339887) % 1;
  const [saturation, value] = [
    [0.85, 1],
    [0.55, 1],
    [0.95, 0.75],
  ][number % 3];
  return [5, 3, 1].map((shift) => {
    const turn = (shift + 6 * hue) % 6;
    return Math.round(255 * value * (1 - saturation * Math.max(0, Math.min(turn, 4 - turn, 1))));
  });
}

/** Returns the color of letters that can be read on a color. */
export const inkOn = ([red, green, blue]) =>
  0.299 * red + 0.587 * green + 0.114 * blue > 0.45 * 255 ? "black" : "white";
