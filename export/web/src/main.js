// The page: takes image files and shows what the model says.

import { download } from "./download.js";
import { drawPixels, readPixels } from "./picture.js";
import { percentage, ranking, readable } from "./ranking.js";

const TOP = 5;
const element = (id) => document.getElementById(id);

// Images wait for the model, and for the one before: ONNX Runtime runs one at a time.
let queue = start();

async function start() {
  say("Loading the model …");
  try {
    const { loadModel } = await import("./model.js"); // here, since ONNX Runtime may be missing
    const model = await loadModel("model.onnx", "labels.json");
    document.documentElement.style.setProperty("--proportions", `${model.width} / ${model.height}`);
    await showSamples(model.labels);
    element("file").disabled = false;
    say("The likeliest classes appear here.");
    return model;
  } catch (error) {
    say(error.message, "error");
    throw error;
  }
}

/** Classifies the file that `find` returns or promises. */
function classify(find) {
  queue = queue.then(async (model) => {
    try {
      const file = await find();
      const pixels = await readPixels(file, model);
      const answer = await model.classify(pixels);
      showPicture(file, pixels, model);
      showAnswer(answer, model);
      // For other scripts, and the tests: all probabilities, of which the page shows the largest.
      document.dispatchEvent(new CustomEvent("classified", { detail: { file, pixels, ...answer } }));
    } catch (error) {
      say(error.message, "error");
    }
    return model;
  });
}

function classifyFirst(files) {
  if (files.length) classify(() => files[0]);
  else say("That was no image file.", "error");
}

function say(text, kind = "") {
  element("message").textContent = text;
  element("message").className = kind;
  element("message").hidden = false;
  element("answer").hidden = true;
  element("preview").hidden = true;
}

function showPicture(file, pixels, model) {
  const preview = element("preview");
  preview.onload = () => URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(file);
  preview.alt = file.name;
  preview.hidden = false;
  drawPixels(element("view"), pixels, model);
}

function showAnswer({ probabilities, milliseconds }, { width, height, labels }) {
  const rows = ranking(probabilities, labels, TOP).map(({ label, probability }) => {
    const row = element("row").content.cloneNode(true);
    row.querySelector(".label").textContent = readable(label);
    row.querySelector(".percentage").textContent = percentage(probability);
    row.querySelector(".bar").style.width = `${100 * probability}%`;
    return row;
  });
  element("ranking").replaceChildren(...rows);
  element("size").textContent = `${width} × ${height}`;
  element("time").textContent = `${milliseconds.toFixed(1)} ms`;
  element("message").hidden = true;
  element("answer").hidden = false;
}

/** Shows those sample images whose classes the model knows; without any, the page does, too. */
async function showSamples(labels) {
  const samples = await download("samples/samples.json")
    .then((response) => response.json())
    .catch(() => []);
  const buttons = samples
    .filter(({ label }) => labels.includes(label))
    .map(({ file, label }) => {
      const button = document.createElement("button");
      const url = `samples/${file}`;
      const image = Object.assign(new Image(), { src: url, alt: readable(label), draggable: false });
      button.append(image);
      button.onclick = () => classify(async () => new File([await (await download(url)).blob()], file));
      return button;
    });
  element("samples").replaceChildren(...buttons);
}

element("file").onchange = ({ target }) => {
  const [file] = target.files;
  if (file) classify(() => file);
  target.value = ""; // or the same file could not be chosen again
};

document.onpaste = (event) => classifyFirst(event.clipboardData.files);

// The whole page takes drops, or a near miss would make the browser leave the page and show the file.
const highlight = (isOn) => element("zone").classList.toggle("over", isOn);
document.ondragover = (event) => {
  event.preventDefault();
  highlight(true);
};
document.ondragleave = ({ relatedTarget }) => highlight(relatedTarget !== null);
document.ondrop = (event) => {
  event.preventDefault();
  highlight(false);
  classifyFirst(event.dataTransfer.files);
};
