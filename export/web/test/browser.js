// Uses the page as people do, and prints what came of it as JSON. tests/deployment/test_web.py runs this and compares
// with Python's answers.
//
//     node test/browser.js URL BROKEN_FILE IMAGE...

import { readFile } from "node:fs/promises";
import { basename } from "node:path";

import { openPage } from "./page.js";

const [url, broken, ...images] = process.argv.slice(2);
const { browser, page, requests, errors } = await openPage(url);

/** Returns what the page answers to the image that `act` gives it, and the pixels that the model got. */
async function answerTo(act) {
  const classified = page.evaluate(
    () =>
      new Promise((resolve) => {
        const report = ({ detail: { probabilities, pixels } }) =>
          resolve({ probabilities: Array.from(probabilities), pixels: Array.from(pixels) });
        document.addEventListener("classified", report, { once: true });
      }),
  );
  await act();
  return { ...(await classified), ...(await shown()) };
}

/** Returns the texts of the answer. */
function shown() {
  return page.evaluate(() => ({
    ranking: Array.from(document.querySelectorAll("#ranking li"), (row) => [
      row.querySelector(".label").textContent,
      row.querySelector(".percentage").textContent,
    ]),
    time: document.getElementById("time").textContent,
  }));
}

const pick = (path) => page.setInputFiles("#file", path);

/** Drops a file on the page or pastes it. */
async function send(kind, path) {
  const file = { kind, name: basename(path), bytes: Array.from(await readFile(path)) };
  await page.evaluate(({ kind, name, bytes }) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(bytes)], name));
    const event =
      kind === "drop"
        ? new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data })
        : new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data });
    document.getElementById("zone").dispatchEvent(event);
  }, file);
}

// Listened for from the start, since Chromium needs a moment before it hands its dialogues over.
const chooserOpens = page.waitForEvent("filechooser", { timeout: 0 });

const answers = { samples: {}, picked: {}, dropped: {}, pasted: {}, byKeyboard: {} };
const samples = await page.locator("#samples img").all();

for (const sample of samples) {
  answers.samples[basename(await sample.getAttribute("src"))] = await answerTo(() => sample.click());
}

// Without the network, since the page needs none for an image of one's own.
await page.context().setOffline(true);
for (const path of images) {
  const name = basename(path);
  answers.picked[name] = await answerTo(() => pick(path));
  answers.dropped[name] = await answerTo(() => send("drop", path));
  answers.pasted[name] = await answerTo(() => send("paste", path));
}
await page.locator("#file").focus();
await page.keyboard.press("Enter");
const chooser = await chooserOpens;
answers.byKeyboard[basename(images.at(-1))] = await answerTo(() => chooser.setFiles(images.at(-1)));
await page.context().setOffline(false);

if (samples.length) {
  await page.keyboard.press("Tab");
  const name = await page.evaluate(() => document.activeElement.firstChild.src);
  answers.byKeyboard[basename(name)] = await answerTo(() => page.keyboard.press("Enter"));
}

const messages = {};
await pick(broken);
await page.locator("#message.error").waitFor();
messages.broken = await page.locator("#message").textContent();
await answerTo(() => pick(images.at(-1)));
messages.after = await page.locator("#message").isVisible();

const widths = {};
for (const width of [320, 768, 1280]) {
  await page.setViewportSize({ width, height: 800 });
  widths[width] = await page.evaluate(() => document.documentElement.scrollWidth);
}

/** Returns the message of a page, opened anew, that does not get some of its files. */
async function messageWithout(files, act = async () => {}, state = "#message.error") {
  const opened = await browser.newPage();
  await opened.route(files, (route) => route.abort());
  await opened.goto(url);
  await act(opened);
  await opened.locator(state).waitFor();
  return opened.locator("#message").textContent();
}

messages.withoutRuntime = await messageWithout("**/vendor/onnxruntime.js");
messages.withoutModel = await messageWithout("**/model.onnx");
messages.withoutList = await messageWithout("**/samples.json", undefined, "body:has(#file:enabled) #message");
if (samples.length) {
  messages.withoutSamples = await messageWithout("**/samples/*.png", (opened) =>
    opened.locator("#samples button").first().click(),
  );
}
const withoutScripts = await browser.newPage({ javaScriptEnabled: false });
await withoutScripts.goto(url);
messages.withoutScripts = await withoutScripts.locator("#message").textContent();

await browser.close();
console.log(JSON.stringify({ answers, messages, widths, requests, errors }));
