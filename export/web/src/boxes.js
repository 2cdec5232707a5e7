// Boxes with names and scores over a picture, as SVG in the picture's own pixels.

import { colorOf, inkOn } from "./colors.js";
import { readable } from "./ranking.js";
import { tagPlaces } from "./tags.js";

const LETTERS = 13; // height of a tag's letters on the screen, in CSS pixels
const TAG = 1.4; // height of a tag, in letters
const MARGIN = 0.3; // on both sides of a tag's text, in letters

/**
 * Draws boxes, the surest on top, in an SVG element that lies over the picture.
 *
 * @param svg The element. It is emptied first.
 * @param found `[{label, number, score, box}]`, the surest first; boxes in pixels of the picture.
 * @param picture `{width, height}` of the picture.
 */
export function drawBoxes(svg, found, picture) {
  svg.setAttribute("viewBox", `0 0 ${picture.width} ${picture.height}`);
  svg.replaceChildren();
  const colors = found.map(({ number }) => colorOf(number));
  const boxes = found.map(({ box: [left, top, right, bottom] }, i) => {
    const place = { x: left, y: top, width: right - left, height: bottom - top };
    const group = shape("g", { class: "object" });
    group.append(shape("rect", { class: "edge", ...place }));
    group.append(shape("rect", { class: "box", ...place, stroke: css(colors[i]) }));
    return group;
  });
  const tags = found.map(({ label, score }, i) => {
    const group = shape("g", { class: "tag" });
    const text = shape("text", { fill: inkOn(colors[i]) });
    text.textContent = `${readable(label)} ${Math.floor(100 * score)}%`;
    group.append(shape("rect", { fill: css(colors[i]) }), text);
    return group;
  });
  svg.append(...boxes.toReversed(), ...tags.toReversed());

  const letters = LETTERS * pixelsOnScreen(svg, picture);
  svg.setAttribute("font-size", letters);
  const sizes = tags.map((tag) => ({
    width: tag.lastChild.getComputedTextLength() + 2 * MARGIN * letters,
    height: TAG * letters,
  }));
  tagPlaces(
    found.map(({ box }) => box),
    sizes,
    picture,
  ).forEach(({ left, top, width, height }, i) => {
    const [rectangle, text] = tags[i].children;
    set(rectangle, { x: left, y: top, width, height });
    set(text, { x: left + MARGIN * letters, y: top + height / 2 });
  });
}

/** Returns how many pixels of the picture are one of the screen. */
function pixelsOnScreen(svg, picture) {
  const { width, height } = svg.getBoundingClientRect();
  return 1 / Math.min(width / picture.width || 1, height / picture.height || 1);
}

const css = (color) => `rgb(${color.join(" ")})`;

const shape = (name, attributes) => set(document.createElementNS("http://www.w3.org/2000/svg", name), attributes);

function set(element, attributes) {
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  return element;
}
