// The page of a detector: boxes over the picture, and a list of what they hold.

import { drawBoxes } from "./boxes.js";
import { colorOf } from "./colors.js";
import { counts, detectionsOf, surest } from "./detections.js";
import { readLetterboxed } from "./picture.js";
import { percentage, readable } from "./ranking.js";

const OUTPUTS = ["boxes", "classes", "scores", "num_detections"];
const THRESHOLD = 0.3; // as that of detect_objects.py
const element = (id) => document.getElementById(id);

/** Returns what the page does with a detector; see `main.js`. */
export async function detecting(model) {
  const { labels, least } = factsOf(model);
  let shown = { found: [], picture: model };

  async function answerTo(file) {
    const { pixels, letterbox } = await readLetterboxed(file, model);
    const { outputs, milliseconds } = await model.run(pixels);
    return { pixels, ...letterbox.original, ...detectionsOf(outputs, letterbox), milliseconds };
  }

  function show(answer) {
    const threshold = element("threshold");
    threshold.oninput = () => showFrom(answer, threshold.valueAsNumber);
    threshold.oninput();
  }

  function showFrom(answer, threshold) {
    const found = surest(answer, labels, threshold);
    const percent = `${Math.round(100 * threshold)}%`;
    element("score").textContent = percent;
    element("threshold").setAttribute("aria-valuetext", percent);
    [element("count").textContent, element("more").textContent] = counts(found.length, answer.boxes.length);
    element("found").replaceChildren(...found.map(rowOf));
    shown = { found, picture: answer };
    draw();
  }

  const draw = () => drawBoxes(element("boxes"), shown.found, shown.picture);

  document.documentElement.classList.add("detecting");
  element("ranking").hidden = true;
  element("detections").hidden = false;
  const lowest = Math.floor(100 * least) / 100; // so that the steps are whole percents
  Object.assign(element("threshold"), { min: lowest, value: Math.max(THRESHOLD, lowest) });
  new ResizeObserver(draw).observe(element("boxes")); // since names keep their size on the screen
  // The sample images have too few pixels for detectors.
  return { samplesOf: [], invitation: "What is found appears here.", event: "detected", answerTo, show };
}

/** Returns the row of the list for an object, which marks its box while the pointer is on it. */
function rowOf({ label, number, score, box }, i, { length }) {
  const row = element("object").content.cloneNode(true).firstElementChild;
  row.querySelector(".swatch").style.background = `rgb(${colorOf(number).join(" ")})`;
  row.querySelector(".label").textContent = readable(label);
  row.querySelector(".percentage").textContent = percentage(score);
  const [left, top, right, bottom] = box.map(Math.round);
  row.querySelector(".place").textContent = `left ${left}, top ${top}, right ${right}, bottom ${bottom}`;
  row.onpointerenter = () => mark(length - 1 - i);
  row.onpointerleave = () => mark(null);
  return row;
}

/** Lets one of the drawn boxes stand out, or none. */
function mark(index) {
  for (const kind of [".object", ".tag"]) {
    element("boxes")
      .querySelectorAll(kind)
      .forEach((each, i) => each.classList.toggle("dim", index !== null && i !== index));
  }
}

/** Returns what the file says of itself: the names of its classes, or null, and the least score that it gives. */
function factsOf({ url, metadata, width, height, outputNames }) {
  try {
    const [labels, input, { score_threshold: least }] = ["labels", "input", "suppression"].map((name) =>
      JSON.parse(metadata[name]),
    );
    const [lines, columns] = input.shape;
    if (lines !== height || columns !== width) {
      throw new Error(`It says that images are ${columns} × ${lines}, and takes ${width} × ${height}.`);
    }
    const missing = OUTPUTS.filter((name) => !outputNames.includes(name));
    if (missing.length) throw new Error(`It does not give ${missing.join(", ")}.`);
    return { labels, least };
  } catch (error) {
    throw new Error(`${url} must be a detector that dia_keras exported. ${error.message}`, { cause: error });
  }
}
