// Puts the page together in dist: its sources, ONNX Runtime, the model of public, and the sample images of dia_keras.

import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { metadataOf } from "./src/metadata.js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const RUNTIME = here("node_modules/onnxruntime-web/dist/");
const SAMPLES = here("../../dia_keras/samples/");
const DIST = here("dist/");

function need(path, command) {
  if (existsSync(path)) return;
  console.error(`${path} is missing. Run: ${command}`);
  process.exit(1);
}

need(RUNTIME, "npm ci");
need(here("public/model.onnx"), "python make_model.py");
const { kind } = metadataOf(await readFile(here("public/model.onnx")));
if (kind !== "detector") need(here("public/labels.json"), "python make_model.py");

await rm(DIST, { recursive: true, force: true });
await cp(here("src"), DIST, { recursive: true });
await cp(here("public"), DIST, { recursive: true });
// Renamed, since some servers do not know .mjs and browsers refuse modules without a JavaScript type.
await cp(`${RUNTIME}ort.wasm.bundle.min.mjs`, `${DIST}vendor/onnxruntime.js`);
await cp(`${RUNTIME}ort-wasm-simd-threaded.wasm`, `${DIST}vendor/onnxruntime.wasm`);

const samples = (await readdir(SAMPLES)).filter((name) => name.endsWith(".png")).sort();
await mkdir(`${DIST}samples`);
await Promise.all(samples.map((name) => cp(SAMPLES + name, `${DIST}samples/${name}`)));
// Their names are <dataset>_<class>_<number>.png.
const listed = samples.map((file) => ({ file, label: file.match(/^[^_]+_(.+)_\d+\.png$/)[1] }));
await writeFile(`${DIST}samples/samples.json`, JSON.stringify(listed));

console.log(`Built ${DIST}`);
