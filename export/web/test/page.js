// Opens the page in a headless Chromium and keeps a record of what it asks for and complains about.

import { chromium } from "playwright-core";

export async function openPage(url, options = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--disable-gpu", "--disable-quic"],
  });
  const page = await browser.newPage(options);
  const requests = [];
  const errors = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
  await page.locator("#file:enabled").waitFor();
  return { browser, page, requests, errors };
}
