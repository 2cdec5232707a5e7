// Takes the picture of README.md: node test/screenshot.js URL FILE [light|dark] [WIDTH] [SAMPLE]

import { openPage } from "./page.js";

const [url, path, colorScheme = "light", width = "1000", sample = "castle"] = process.argv.slice(2);
const { browser, page } = await openPage(url, { colorScheme, viewport: { width: Number(width), height: 720 } });
await page.getByAltText(sample).click();
await page.locator("#preview").waitFor();
await page.mouse.move(0, 0);
await page.waitForTimeout(500); // transitions
await page.screenshot({ path, fullPage: true });
await browser.close();
