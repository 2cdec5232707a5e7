// The exported model, run by ONNX Runtime.

import { download } from "./download.js";
import * as ort from "./vendor/onnxruntime.js";

ort.env.wasm.wasmPaths = { wasm: new URL("vendor/onnxruntime.wasm", import.meta.url).href };
ort.env.wasm.numThreads = 1; // more need a server that isolates the page, by COOP and COEP headers

const ARRAYS = { uint8: Uint8Array, float32: Float32Array };

/**
 * Loads a file that `dia_keras.export.to_onnx` wrote, and the names of its classes.
 *
 * Returns `{width, height, labels, classify}`, where `classify` takes the RGB bytes of an image of that width and height
 * and returns `{probabilities, milliseconds}`.
 */
export async function loadModel(modelUrl, labelsUrl) {
  const [session, labels] = await Promise.all([
    download(modelUrl)
      .then((response) => response.arrayBuffer())
      .then((bytes) => ort.InferenceSession.create(bytes)),
    download(labelsUrl).then((response) => response.json()),
  ]);
  const [{ name, type, shape }] = session.inputMetadata;
  const [, height, width, channels] = shape;
  if (!(type in ARRAYS) || channels !== 3) {
    throw new Error(
      `${modelUrl} must take uint8 or float32 RGB images. It takes ${type} of shape (${shape.join(", ")}).`,
    );
  }

  async function classify(pixels) {
    const images = new ort.Tensor(type, ARRAYS[type].from(pixels), [1, height, width, channels]);
    const start = performance.now();
    const outputs = await session.run({ [name]: images });
    return { probabilities: outputs[session.outputNames[0]].data, milliseconds: performance.now() - start };
  }

  // The first run takes longer than all others.
  const { probabilities } = await classify(new Uint8Array(height * width * channels));
  if (probabilities.length !== labels.length) {
    throw new Error(`${modelUrl} has ${probabilities.length} classes, and ${labelsUrl} has ${labels.length} names.`);
  }
  return { width, height, labels, classify };
}
