// Uses the page of a detector, and prints what came of it as JSON. tests/deployment/test_web.py runs this and compares
// with the answers of detect_objects.py.
//
//     node test/detector.js URL FOLDER
//
// FOLDER has `images`, `broken.png`, and in `odd` files that are no models for the page.

import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

import { openPage } from "./page.js";

const [url, folder] = process.argv.slice(2);
const { browser, page, requests, errors } = await openPage(url);

const messages = { invitation: await page.locator("#message").textContent() };

/** Returns what the page answers to an image, and what it shows. */
async function answerTo(path) {
  const detected = page.evaluate(
    () =>
      new Promise((resolve) => {
        const report = ({ detail: { file, pixels, ...answer } }) =>
          resolve({ ...answer, name: file.name, pixels: Array.from(pixels) });
        document.addEventListener("detected", report, { once: true });
      }),
  );
  await page.setInputFiles("#file", path);
  return { ...(await detected), shown: await shown(), places: await places() };
}

/** Returns texts and boxes on the page: of the list, from its first row, and of the drawing, from the top one. */
function shown() {
  return page.evaluate(() => {
    const texts = (row) => [".label", ".percentage", ".place"].map((name) => row.querySelector(name).textContent);
    const numbers = (box) => ["x", "y", "width", "height"].map((name) => Number(box.getAttribute(name)));
    const all = (selector, what) => Array.from(document.querySelectorAll(selector), what);
    return {
      count: document.querySelector("[role=status]").textContent,
      threshold: document.getElementById("score").textContent,
      list: all("#found li", texts),
      boxes: all("#boxes .box", numbers).reverse(),
      tags: all("#boxes text", (text) => text.textContent).reverse(),
      time: document.getElementById("time").textContent,
    };
  });
}

/** Returns where the picture, the drawing and its tags are on the screen. */
function places() {
  return page.evaluate(async () => {
    await document.getElementById("preview").decode();
    // Names are fitted to the size of the drawing after a frame is laid out.
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    const place = (element) => {
      const { x, y, width, height } = element.getBoundingClientRect();
      return [x, y, width, height];
    };
    return {
      preview: place(document.getElementById("preview")),
      boxes: place(document.getElementById("boxes")),
      letters: Array.from(document.querySelectorAll("#boxes text"), (text) => place(text)[3]),
    };
  });
}

const answers = {};
await page.context().setOffline(true); // since the page needs no network for an image
for (const name of await readdir(join(folder, "images"))) {
  answers[name] = await answerTo(join(folder, "images", name));
}
await page.context().setOffline(false);

const last = Object.keys(answers).sort().at(-1);
await answerTo(join(folder, "images", last));
const slider = page.locator("#threshold");
const thresholds = { range: await slider.evaluate(({ min, max, step }) => [min, max, step].map(Number)) };
for (const threshold of ["0.1", "0.5", "1"]) {
  await slider.fill(threshold);
  thresholds[threshold] = await shown();
}
await slider.fill("0.1");
await page.locator("#found li").first().hover();
const dimmed = await page.evaluate(() => document.querySelectorAll("#boxes .object.dim").length);

const widths = {};
for (const width of [320, 768, 1280]) {
  await page.setViewportSize({ width, height: 800 });
  widths[width] = { page: await page.evaluate(() => document.documentElement.scrollWidth), ...(await places()) };
}
const tree = await page.locator("#answer").ariaSnapshot();
const spoken = await slider.getAttribute("aria-valuetext");

await page.setInputFiles("#file", join(folder, "broken.png"));
await page.locator("#message.error").waitFor();
messages.broken = await page.locator("#message").textContent();
messages.boxesOfBroken = await page.locator("#boxes").isVisible();

for (const name of await readdir(join(folder, "odd"))) {
  const opened = await browser.newPage();
  const body = await readFile(join(folder, "odd", name));
  await opened.route("**/model.onnx", (route) => route.fulfill({ body }));
  await opened.route("**/labels.json", (route) => route.fulfill({ json: ["one", "two"] }));
  await opened.goto(url);
  await opened.locator("#message.error").waitFor();
  messages[name] = await opened.locator("#message").textContent();
}

await browser.close();
console.log(JSON.stringify({ answers, thresholds, dimmed, widths, tree, spoken, messages, requests, errors }));
