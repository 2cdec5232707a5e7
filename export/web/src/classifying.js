// The page of a classifier: the likeliest classes and their probabilities.

import { download } from "./download.js";
import { resizingOf, takesPixels } from "./metadata.js";
import { readResized } from "./picture.js";
import { RULES } from "./pixels.js";
import { percentage, ranking, readable } from "./ranking.js";

const TOP = 5;
const element = (id) => document.getElementById(id);

/** Returns what the page does with a classifier; see `main.js`. The file's labels are in `labels.json`, too. */
export async function classifying(model) {
  const labelsUrl = "labels.json";
  const labels = await (await download(labelsUrl)).json();
  if (!takesPixels(model.metadata)) throw new Error(`${model.url} must take pixel values, 0 to 255. It takes others.`);
  const rule = resizingOf(model.metadata);
  if (!RULES.includes(rule)) {
    throw new Error(`${model.url} must take images resized by one of ${RULES.join(", ")}. It says ${rule}.`);
  }

  async function answerTo(file) {
    const pixels = await readResized(file, model, rule);
    return { pixels, ...(await probabilitiesOf(pixels)) };
  }

  async function probabilitiesOf(pixels) {
    const { outputs, milliseconds } = await model.run(pixels);
    return { probabilities: outputs[model.outputNames[0]], milliseconds };
  }

  function show({ probabilities }) {
    const rows = ranking(probabilities, labels, TOP).map(({ label, probability }) => {
      const row = element("row").content.cloneNode(true);
      row.querySelector(".label").textContent = readable(label);
      row.querySelector(".percentage").textContent = percentage(probability);
      row.querySelector(".bar").style.width = `${100 * probability}%`;
      return row;
    });
    element("ranking").replaceChildren(...rows);
  }

  // The first run takes longer than all others.
  const { probabilities } = await probabilitiesOf(new Uint8Array(model.height * model.width * 3));
  if (probabilities.length !== labels.length) {
    const { url, outputNames } = model;
    const classes = `${url} has ${probabilities.length} classes, and ${labelsUrl} has ${labels.length} names.`;
    if (outputNames.length === 1) throw new Error(classes);
    throw new Error(`${url} must be a classifier, or a detector of dia_keras. It gives ${outputNames.join(", ")}.`);
  }
  return { samplesOf: labels, invitation: "The likeliest classes appear here.", event: "classified", answerTo, show };
}
