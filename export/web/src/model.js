// The exported model, run by ONNX Runtime.

import { download } from "./download.js";
import { metadataOf } from "./metadata.js";
import * as ort from "./vendor/onnxruntime.js";

ort.env.wasm.wasmPaths = { wasm: new URL("vendor/onnxruntime.wasm", import.meta.url).href };
ort.env.wasm.numThreads = 1; // more need a server that isolates the page, by COOP and COEP headers

const ARRAYS = { uint8: Uint8Array, float32: Float32Array };

/**
 * Loads a file that `dia_keras.export.to_onnx` wrote.
 *
 * Returns `{url, metadata, width, height, outputNames, run}`. `metadata` are texts by name. `run` takes the RGB bytes of
 * an image of that width and height and returns `{outputs, milliseconds}`, arrays of numbers by name.
 */
export async function loadModel(url) {
  const bytes = new Uint8Array(await (await download(url)).arrayBuffer());
  const metadata = metadataOf(bytes);
  // Detectors take seconds, for which the page would stand still if they did not run beside it.
  ort.env.wasm.proxy = metadata.kind === "detector";
  const session = await ort.InferenceSession.create(bytes);
  const [{ name, type, shape }] = session.inputMetadata;
  const [, height, width, channels] = shape;
  if (!(type in ARRAYS) || channels !== 3) {
    throw new Error(`${url} must take uint8 or float32 RGB images. It takes ${type} of shape (${shape.join(", ")}).`);
  }

  async function run(pixels) {
    const images = new ort.Tensor(type, ARRAYS[type].from(pixels), [1, height, width, channels]);
    const start = performance.now();
    const outputs = await session.run({ [name]: images });
    const milliseconds = performance.now() - start;
    const arrays = Object.entries(outputs).map(([output, tensor]) => [output, tensor.data]);
    return { outputs: Object.fromEntries(arrays), milliseconds };
  }

  return { url, metadata, width, height, outputNames: session.outputNames, run };
}
