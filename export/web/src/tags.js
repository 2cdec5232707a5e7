/**
 * Returns where the tags of boxes go, `[{left, top, width, height}]`: inside the picture if it is large enough,
 * and over no other tag where that can be. The first boxes choose first. It is how `dia_keras.detection.pictures.draw` places them.
 *
 * @param boxes `[left, top, right, bottom]` each.
 * @param sizes `{width, height}` of each tag.
 * @param picture `{width, height}`.
 */
export function tagPlaces(boxes, sizes, picture) {
  const taken = [];
  boxes.forEach((box, i) => {
    const { width, height } = sizes[i];
    const places = corners(box, width, height).map(([left, top]) => ({
      left: Math.max(0, Math.min(left, picture.width - width)),
      top: Math.max(0, Math.min(top, picture.height - height)),
      width,
      height,
    }));
    const covered = places.map((place) => taken.reduce((sum, other) => sum + overlap(place, other), 0));
    taken.push(places[covered.indexOf(Math.min(...covered))]);
  });
  return taken;
}

/** Returns left and top of all places for a tag of a box, the best first. */
function corners([left, top, right, bottom], width, height) {
  return [
    [left, top - height], // above the box
    [right - width, top - height],
    [left, top], // in its corners
    [right - width, top],
    [left, bottom], // below
    [left, bottom - height],
    [right - width, bottom - height],
    [right, top], // beside
    [left - width, top],
    [left, top - 2 * height], // above another tag
  ];
}

/** Returns the area in both rectangles. */
function overlap(one, other) {
  const width = Math.min(one.left + one.width, other.left + other.width) - Math.max(one.left, other.left);
  const height = Math.min(one.top + one.height, other.top + other.height) - Math.max(one.top, other.top);
  return Math.max(0, width) * Math.max(0, height);
}
