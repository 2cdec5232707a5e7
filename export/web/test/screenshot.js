// Takes the pictures of README.md: node test/screenshot.js URL FILE [light|dark] [WIDTH] [IMAGE] [THRESHOLD]
//
// IMAGE is the name of a sample or the path of a file, and THRESHOLD the least score of what a detector's page shows.

import { existsSync } from "node:fs";

import { openPage } from "./page.js";

const [url, path, colorScheme = "light", width = "1000", image = "castle", threshold] = process.argv.slice(2);
const { browser, page } = await openPage(url, { colorScheme, viewport: { width: Number(width), height: 720 } });
if (existsSync(image)) await page.setInputFiles("#file", image);
else await page.getByAltText(image).click();
await page.locator("#preview").waitFor();
if (threshold) {
  await page.locator("#threshold").fill(threshold);
  await page.locator("#threshold").blur();
}
await page.mouse.move(0, 0);
await page.waitForTimeout(500); // transitions
await page.screenshot({ path, fullPage: true });
await browser.close();
