// Library: bringing files in, what became of each, collections, keys.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { closeBrowser, drop, open, REAL, SAMPLES, serve, settled, shot } from './harness.mjs';

let server;
before(async () => {
  server = await serve();
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

const image = readFileSync(join(SAMPLES, 'images/pizza.jpg'));

test('collections have counts and sizes', async () => {
  const { page, check } = await open(`${server.url}?view=library`);
  await page.waitForSelector('.figures');
  assert.match(await page.textContent('.collection'), /assets57/);
  assert.match(await page.textContent('.collection'), /on disk/);
  await shot(page, 'library');
  await check();
});

test('what came in last stands first, whoever brought it', async () => {
  const { page, check } = await open(`${server.url}?view=library`);
  await page.waitForSelector('.recent a');
  assert.equal((await page.$$('.recent a')).length, 12);
  await page.evaluate(async (bytes) => {
    const form = new FormData();
    form.append('file', new File([new Uint8Array(bytes)], 'the latest pizza.jpg'));
    await fetch('v1/ingest', { method: 'POST', body: form });
  }, [...image, 9]);
  await page.reload();
  await page.waitForSelector('.recent a');
  if (REAL) assert.match(await page.textContent('.recent li'), /the latest pizza\.jpg/);
  await page.click('.recent-foot button');
  await page.waitForFunction(() => document.querySelectorAll('.recent a').length > 12);
  await page.click('.recent a');
  await page.waitForSelector('dialog.viewer[open]');
  await check();
});

test('of two files the broken one says why, the other is in and found', async () => {
  const { page, check } = await open(`${server.url}?view=library`);
  await page.waitForSelector('#bring-files', { state: 'attached' });
  await page.fill('.bring-row input', 'lunch, from the page');
  await page.setInputFiles('#bring-files', [
    { name: 'new pizza.jpg', mimeType: 'image/jpeg', buffer: Buffer.concat([image, Buffer.from([0])]) },
    { name: 'broken.jpg', mimeType: 'image/jpeg', buffer: image.subarray(0, 300) },
  ]);
  await page.waitForSelector('.job.failed');
  await page.waitForSelector('.job.indexed');
  assert.ok((await page.textContent('.job.failed .job-reason')).length > 8);
  assert.match(await page.textContent('.job.failed'), /broken\.jpg/);
  assert.match(await page.textContent('.jobs-head'), /1 done, 1 failed/);
  await shot(page, 'ingest');
  await page.click('.job.failed button[aria-label^="Try"]');
  await page.waitForSelector('.job.failed');
  await page.click('.job.indexed a');
  await page.waitForSelector('dialog.viewer[open]');
  if (REAL) {
    assert.equal(await page.textContent('.viewer-head h2'), 'new pizza.jpg');
    assert.match(await page.textContent('.details'), /lunch, from the page/);
  }
  await check();
});

test('a file that is dropped on the library is brought in', async () => {
  const { page, check } = await open(`${server.url}?view=library`);
  await page.waitForSelector('.zone');
  await drop(page, '.zone', 'images/pizza.jpg', 'image/jpeg');
  await page.waitForSelector('.job.unchanged, .job.indexed');
  await check();
});

test('a collection is made, searched in, and deleted by its name', async () => {
  const { page, check } = await open(`${server.url}?view=library`);
  await page.waitForSelector('.figures');
  if (REAL) {
    await page.fill('input[placeholder="rushes"]', 'tests');
    await page.click('button:has-text("Make it")');
  }
  const name = REAL ? 'tests' : 'rushes';
  const one = page.locator('.collection', { has: page.locator(`h3:text-is("${name}")`) });
  await one.locator('button:has-text("Search in it")').click();
  await page.waitForURL(new RegExp(`collection=${name}`));
  await settled(page);
  await page.keyboard.press('g');
  await one.locator('button[aria-label^="Delete"]').click();
  await page.waitForSelector('dialog.small[open]');
  assert.ok(await page.isDisabled('dialog button.danger'));
  await page.fill('dialog input', name);
  await page.click('dialog button.danger');
  await page.waitForFunction(() => /is deleted/.test(document.querySelector('.notes').textContent));
  await check();
});

test('failed files are listed with their reason', async () => {
  const { page, check } = await open(`${server.url}?view=library`);
  await page.route('**/v1/failures*', (route) => route.fulfill({ json: { files: route.request().url().includes('warnings') ? [] : [{ path: '/media/rushes/<b>take 4</b>.mov', failure: { reason: 'REASON_KIND_CORRUPT', message: 'corrupt: moov atom not found', retryable: false }, tries: 2, bytes: 1000 }] } }));
  await page.reload();
  await page.waitForSelector('.failures li');
  assert.match(await page.textContent('.failures li'), /<b>take 4<\/b>\.mov.*moov atom not found.*2 tries/s);
  await check();
});
