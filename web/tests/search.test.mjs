// Search: the first query, a file that is dropped or pasted, terms, filters, the cut-off, and the way back.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { closeBrowser, drop, names, open, REAL, SAMPLES, search, serve, settled, shot } from './harness.mjs';

let server;
before(async () => {
  server = await serve();
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

test('the collection is there before anything is asked', async () => {
  const { page, check } = await open(server.url);
  await settled(page);
  await page.waitForFunction(() => /57 assets/.test(document.querySelector('.status').textContent));
  await shot(page, 'browse');
  await check();
});

test('the first search answers Enter, says how many, and why', async () => {
  const { page, check } = await open(server.url);
  await search(page, 'a dog on the grass');
  assert.match(await page.textContent('.status'), /hits? in \d/);
  assert.ok((await names(page)).slice(0, 3).includes('dog_on_grass.jpg'));
  const tile = page.locator('.tile', { hasText: 'dog_on_grass.jpg' });
  assert.match(await tile.locator('.score').textContent(), /^-?\d+\.\d$/);
  assert.match(await tile.locator('.tile-why').textContent(), /seen/);
  await page.waitForFunction(() => [...document.querySelectorAll('.tile.image img')].some((image) => image.naturalWidth > 0));
  assert.equal(new URL(page.url()).searchParams.get('q'), 'a dog on the grass');
  await shot(page, 'search');
  await check();
});

test('an address with a query opens with it answered', async () => {
  const { page, check } = await open(`${server.url}?q=a+red+car`);
  await settled(page);
  assert.equal(await page.inputValue('#box'), 'a red car');
  assert.ok((await names(page)).slice(0, 3).includes('red_car.jpg'));
  await check();
});

test('Enter searches again where nothing was changed', async () => {
  const { page, check } = await open(`${server.url}?q=rain`);
  await settled(page);
  const asked = page.waitForRequest((request) => request.url().includes('/v1/query'));
  await page.press('#box', 'Enter');
  await asked;
  await settled(page);
  await check();
});

test('an image that is dropped is searched by, and survives a reload', async () => {
  const { page, check } = await open(server.url);
  await settled(page);
  await drop(page, '[data-drop="ask"]', 'images/red_car.jpg', 'image/jpeg');
  await page.waitForSelector('.chip');
  await settled(page);
  assert.equal(await page.textContent('.chip-title'), 'red_car.jpg');
  await page.waitForFunction(() => /hit/.test(document.querySelector('.status').textContent));
  await page.reload();
  await page.waitForFunction(() => /hit/.test(document.querySelector('.status')?.textContent ?? ''));
  assert.equal(await page.textContent('.chip-title'), 'red_car.jpg');
  await shot(page, 'dropped');
  await check();
});

test('a file that is pasted is combined with the words', async () => {
  const { page, check } = await open(`${server.url}?q=at+night`);
  await settled(page);
  await page.evaluate(() => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 64;
    return new Promise((resolve) => {
      canvas.toBlob((blob) => {
        const data = new DataTransfer();
        data.items.add(new File([blob], 'pasted.png', { type: 'image/png' }));
        document.getElementById('box').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
        resolve();
      });
    });
  });
  await page.waitForSelector('.chip');
  await settled(page);
  assert.equal(await page.inputValue('#box'), 'at night');
  assert.match(page.url(), /q=at\+night&t=1%3Afile%3A/);
  await check();
});

test('terms have a sign and a weight, and a query needs one that leads towards something', async () => {
  const { page, check } = await open(server.url);
  await settled(page);
  await page.fill('#box', 'a beach');
  await page.press('#box', 'Shift+Enter');
  await page.waitForSelector('.chip');
  await settled(page);
  assert.equal(await page.inputValue('#box'), '');
  await page.selectOption('.chip-weight', '2');
  await page.waitForURL(/t=2%3Atext%3Aa\+beach/);
  await page.click('.chip-sign');
  await page.waitForURL(/t=-2%3Atext/);
  await page.waitForSelector('.nothing');
  assert.match(await page.textContent('.nothing'), /lead towards/);
  await page.click('.chip-sign');
  await settled(page);
  await page.waitForSelector('.tile');
  await page.press('#box', 'Backspace');
  await page.waitForFunction(() => document.getElementById('box').value === 'a beach' && !document.querySelector('.chip'));
  await check();
});

test('modality and filter narrow, and a filter that is wrong says so', async () => {
  const { page, check } = await open(`${server.url}?q=an+animal`);
  await settled(page);
  await page.click('.segments button:has-text("Images")');
  await page.waitForURL(/m=image/);
  await settled(page);
  assert.equal(await page.$$eval('.tile:not(.image)', (tiles) => tiles.length), 0);
  await page.click('button:has-text("Filter")');
  await page.fill('.filter-row input[list="fields"]', 'label');
  await page.fill('.filter-row input[list="values"]', 'dog');
  await page.click('.filter-row button:has-text("Add")');
  await page.waitForURL(/f=label/);
  await page.waitForFunction(() => document.querySelectorAll('.tile').length === 1);
  assert.deepEqual(await names(page), ['dog_on_grass.jpg']);
  await shot(page, 'filter');
  await page.fill('.filter-text input', 'label = (');
  await page.click('.filter-text button:has-text("Apply")');
  await page.waitForSelector('.filter .bad');
  assert.ok((await page.textContent('.filter .bad')).length > 10);
  await page.click('.filter-text button:has-text("Clear")');
  await page.waitForFunction(() => document.querySelectorAll('.tile').length > 1);
  await check();
});

test('the cut-off leaves hits out, down to none, which is said', async () => {
  const { page, check } = await open(`${server.url}?q=a+sailing+boat`);
  await settled(page);
  const all = await page.$$eval('.tile', (tiles) => tiles.length);
  const slide = (value) => page.$eval('.cutoff input', (input, to) => {
    input.value = to;
    input.dispatchEvent(new Event('input', { bubbles: true }));
  }, String(value));
  await slide(2.5);
  await page.waitForURL(/min=2\.5/);
  await page.waitForFunction((before) => document.querySelector('.grid').getAttribute('aria-busy') === 'false' && document.querySelectorAll('.tile').length < before, all);
  for (const score of await page.$$eval('.tile .score', (scores) => scores.map((one) => Number(one.textContent)))) assert.ok(score >= 2.45, `${score}`);
  await slide(8);
  await page.waitForSelector('.nothing');
  assert.match(await page.textContent('.nothing'), /Nothing matches/);
  await shot(page, 'nothing');
  await page.click('.nothing button:has-text("Lift the cut-off")');
  await page.waitForSelector('.tile');
  assert.equal(new URL(page.url()).searchParams.get('min'), null);
  await check();
});

test('Back restores the query, its hits and the place', async () => {
  const { page, check } = await open(`${server.url}?q=the+sea`, { height: 600 });
  await settled(page);
  await page.evaluate(() => scrollTo(0, 700));
  await page.waitForFunction(() => scrollY > 600);
  const place = await page.evaluate(() => scrollY);
  await page.keyboard.press('/');
  await page.keyboard.type('a clock');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=a\+clock/);
  await settled(page);
  await page.waitForFunction(() => scrollY === 0);
  await page.goBack();
  await page.waitForFunction(() => document.getElementById('box').value === 'the sea');
  await page.waitForFunction((y) => Math.abs(scrollY - y) < 3, place);
  await page.goForward();
  await page.waitForFunction(() => document.getElementById('box').value === 'a clock' && scrollY === 0);
  await check();
});

test('what the server says is never markup', async () => {
  const { page, check } = await open(server.url);
  await page.route('**/v1/query*', (route) => route.fulfill({
    json: {
      hits: [{
        rank: 1, asset_id: '"><img src=x onerror=alert(1)>/../é', score: 3, cosine: 0.3, modality: 'MODALITY_VIDEO', path: '<b>path</b>', paths: ['<b>path</b>'],
        payload: { name: '<img src=x onerror=alert(1)>', width: '<i>', bytes: 'many', duration_ms: { a: 1 }, _caption: { text: '<script>alert(1)</script>' } }, point: { track: 'TRACK_VIDEO', ordinal: 0 },
      }],
      weak: false,
    },
  }));
  page.on('dialog', () => assert.fail('a script of the server ran'));
  await search(page, 'anything');
  assert.equal(await page.textContent('.tile-title'), '<img src=x onerror=alert(1)>');
  assert.match(await page.textContent('.tile-why'), /<script>alert\(1\)<\/script>/);
  assert.equal(await page.$$eval('.tile [onerror], .tile script, .tile b', (found) => found.length), 0);
  await openFirst(page);
  assert.equal(await page.textContent('.viewer-head h2'), '<img src=x onerror=alert(1)>');
  await check();
});

async function openFirst(page) {
  await page.click('.tile-media');
  await page.waitForSelector('dialog.viewer[open]');
}

test('what comes in while a query is shown is announced, and shown when asked', async () => {
  const { page, check } = await open(`${server.url}?q=a+pizza`);
  await settled(page);
  // The query stands once its stream has said where it begins.
  await page.waitForTimeout(500);
  const image = readFileSync(join(SAMPLES, 'images/pizza.jpg'));
  await page.evaluate(async (bytes) => {
    const form = new FormData();
    form.append('file', new File([new Uint8Array(bytes)], 'a new pizza.jpg'));
    await fetch('v1/ingest', { method: 'POST', body: form });
  }, [...image, 7]);
  await page.waitForSelector('.standing button');
  assert.match(await page.textContent('.standing'), /Show 1 new match/);
  await page.click('.standing button');
  await settled(page);
  await page.waitForSelector('.standing', { state: 'detached' });
  if (REAL) assert.ok((await names(page)).includes('a new pizza.jpg'));
  await check();
});
