// The page: takes image files and shows what the model says.

import { classifying } from "./classifying.js";
import { detecting } from "./detecting.js";
import { download } from "./download.js";
import { drawPixels } from "./picture.js";
import { readable } from "./ranking.js";

const SOON = 300; // milliseconds after which the page says that an answer takes time
const element = (id) => document.getElementById(id);

// Images wait for the model, and for the one before: ONNX Runtime runs one at a time.
let queue = start();

/**
 * Returns what the page does with the model: `{model, samplesOf, invitation, event, answerTo, show}`.
 *
 * `samplesOf` are the classes of which the page offers sample images. `answerTo` takes an image file and returns
 * `{pixels, milliseconds, ...}`, the detail of the event, and `show` takes that and puts what the model says into the
 * page.
 */
async function start() {
  say("Loading the model …");
  try {
    const { loadModel } = await import("./model.js"); // here, since ONNX Runtime may be missing
    const model = await loadModel("model.onnx");
    document.documentElement.style.setProperty("--proportions", `${model.width} / ${model.height}`);
    const task = await (model.metadata.kind === "detector" ? detecting : classifying)(model);
    await showSamples(task.samplesOf);
    element("file").disabled = false;
    say(task.invitation);
    return { model, ...task };
  } catch (error) {
    say(error.message, "error");
    throw error;
  }
}

/** Answers to the file that `find` returns or promises. */
function answer(find) {
  queue = queue.then(async (task) => {
    const waiting = setTimeout(() => say("Looking at the image …"), SOON);
    try {
      const file = await find();
      const found = await task.answerTo(file);
      showPicture(file, found, task.model);
      task.show(found);
      // For other scripts, and the tests: all that the model said, of which the page shows the surest.
      document.dispatchEvent(new CustomEvent(task.event, { detail: { file, ...found } }));
    } catch (error) {
      say(error.message, "error");
    } finally {
      clearTimeout(waiting);
    }
    return task;
  });
}

function answerFirst(files) {
  if (files.length) answer(() => files[0]);
  else say("That was no image file.", "error");
}

function say(text, kind = "") {
  element("message").textContent = text;
  element("message").className = kind;
  element("message").hidden = false;
  element("answer").hidden = true;
  element("preview").hidden = true;
}

function showPicture(file, { pixels, milliseconds }, { width, height }) {
  const preview = element("preview");
  preview.onload = () => URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(file);
  preview.alt = file.name;
  preview.hidden = false;
  drawPixels(element("view"), pixels, { width, height });
  element("size").textContent = `${width} × ${height}`;
  element("time").textContent = `${milliseconds.toFixed(1)} ms`;
  element("message").hidden = true;
  element("answer").hidden = false;
}

/** Shows the sample images of some classes; without any, the page does, too. */
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
      button.onclick = () => answer(async () => new File([await (await download(url)).blob()], file));
      return button;
    });
  element("samples").replaceChildren(...buttons);
}

element("file").onchange = ({ target }) => {
  const [file] = target.files;
  if (file) answer(() => file);
  target.value = ""; // or the same file could not be chosen again
};

document.onpaste = (event) => answerFirst(event.clipboardData.files);

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
  answerFirst(event.dataTransfer.files);
};
