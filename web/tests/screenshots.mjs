// Makes the three images of the page in docs/ anew, of samples/ alone: node screenshots.mjs. PAGE_SAMPLES
// names a copy of samples/ whose path may be seen.
import { join } from 'node:path';
import { closeBrowser, open, openHit, SAMPLES, serve, settled } from './harness.mjs';

const DOCS = join(SAMPLES, '../docs');
const SIZE = { width: 1280, height: 800 };
/** Room for a scroll bar, which headless Chromium keeps and does not draw. */
const BAR = 15;
const server = await serve();

async function keep(page, name) {
  await page.waitForFunction(() => [...document.images].every((image) => image.complete));
  // Notes at the foot pass by themselves.
  await page.waitForFunction(() => !document.querySelector('.notes p'));
  await page.screenshot({ path: join(DOCS, name), type: 'jpeg', quality: 84, clip: { x: 0, y: 0, ...SIZE } });
}

{
  const { page, check } = await open(`${server.url}?q=flowers+in+a+meadow`, { width: SIZE.width + BAR, height: SIZE.height, colorScheme: 'light' });
  await settled(page);
  await keep(page, 'page-search.jpg');
  await check();
}
{
  const { page, check } = await open(`${server.url}?q=a+city+at+night`, { width: SIZE.width + BAR, height: SIZE.height, colorScheme: 'dark' });
  await settled(page);
  const peaks = page.waitForResponse((response) => response.url().includes('/peaks'));
  await openHit(page, 'day_out.mkv');
  await (await peaks).finished();
  await page.waitForSelector('.key.video');
  await page.waitForFunction(() => document.querySelector('dialog video').currentTime > 0);
  await page.keyboard.press('Space');
  await page.waitForFunction(() => document.querySelectorAll('.details dl div').length > 4);
  await keep(page, 'page-hit.jpg');
  await check();
}
{
  const { page, check } = await open(`${server.url}?view=library`, { width: SIZE.width + BAR, height: SIZE.height, colorScheme: 'light' });
  await page.waitForSelector('.figures');
  await keep(page, 'page-library.jpg');
  await check();
}
await closeBrowser();
await server.stop();
