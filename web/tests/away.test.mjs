// The server goes away and comes back; it is slow; it lies below a path of its own.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, names, open, search, serve, serveStub, settled } from './harness.mjs';

after(closeBrowser);

test('a server that is gone is said, and what was asked meanwhile is answered when it is back', async () => {
  const server = await serve();
  const { page, check } = await open(server.url);
  await search(page, 'a dog');
  await server.goAway();
  await page.fill('#box', 'a red car');
  await page.press('#box', 'Enter');
  await page.waitForSelector('.gone');
  assert.match(await page.textContent('.gone'), /does not answer/);
  await server.comeBack();
  await page.waitForSelector('.gone', { state: 'detached' });
  await settled(page);
  await page.waitForFunction(() => document.querySelector('.tile'));
  assert.ok((await names(page)).slice(0, 3).includes('red_car.jpg'));
  await check();
  await server.stop();
});

test('a page that was opened by an address goes on from there when the server comes', async () => {
  const server = await serve();
  const { page, check } = await open(server.url);
  await settled(page);
  await page.route('**/v1/**', (route) => route.abort('connectionrefused'));
  await page.route('**/livez', (route) => route.abort('connectionrefused'));
  await page.goto(`${server.url}?q=a+dog`);
  await page.waitForSelector('.gone');
  await page.unroute('**/v1/**');
  await page.unroute('**/livez');
  await page.waitForSelector('.tile');
  await check();
  await server.stop();
});

test('an answer that was overtaken is dropped', async () => {
  const server = await serveStub({ delay: 300 });
  const { page, check } = await open(server.url);
  await settled(page);
  await page.fill('#box', 'a dog on the grass');
  await page.press('#box', 'Enter');
  await page.fill('#box', 'a lighthouse');
  await page.press('#box', 'Enter');
  await settled(page);
  await page.waitForFunction(() => /lighthouse/.test(document.querySelector('.tile-title')?.textContent ?? ''));
  await check();
  await server.stop();
});

test('it works below a path', async () => {
  const server = await serve({ base: '/media' });
  const { page, check } = await open(`${server.url}?q=a+dog+on+the+grass`);
  await settled(page);
  await page.waitForFunction(() => [...document.querySelectorAll('.tile img')].some((image) => image.naturalWidth > 0));
  assert.match(page.url(), /\/media\/\?q=/);
  await page.keyboard.press('g');
  await page.waitForSelector('.figures');
  assert.match(page.url(), /\/media\/\?view=library/);
  await check();
  await server.stop();
});
