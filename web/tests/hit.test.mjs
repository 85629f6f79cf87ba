// The open hit: the moment that plays, the curve, its moments, what can be done with it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { closeBrowser, names, open, openHit, search, serve, settled, shot } from './harness.mjs';

let server;
before(async () => {
  server = await serve();
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

/** The time of the player, once it has gone on from `from` seconds. */
function playsFrom(page, selector, from) {
  return page.waitForFunction(([of, least]) => {
    const player = document.querySelector(of);
    return player && player.currentTime > least + 0.2 && player.currentTime;
  }, [selector, from]).then((handle) => handle.jsonValue());
}

test('a video opens at its moment and plays it', async () => {
  const { page, check } = await open(`${server.url}?q=a+red+car&m=video`);
  await settled(page);
  const why = await page.locator('.tile', { hasText: 'day_out.mkv' }).locator('.tile-badge').textContent();
  const start = Number(/(\d+):(\d+)/.exec(why)[2]);
  await openHit(page, 'day_out.mkv');
  const now = await playsFrom(page, 'dialog video', Math.max(0, start - 0.1));
  assert.ok(now < start + 20, `${now} s`);
  await shot(page, 'video');
  await check();
});

test('what the browser cannot play is converted', async () => {
  const { page, check } = await open(`${server.url}?q=a+thunderstorm&m=video`);
  await settled(page);
  const asked = page.waitForRequest((request) => request.url().includes('/clip?'));
  await openHit(page, 'storm.avi');
  await asked;
  await playsFrom(page, 'dialog video', 0);
  assert.match(await page.textContent('.way'), /converted/);
  await check();
});

test('an image that the browser cannot show is converted in its full size', async () => {
  const { page, check } = await open(`${server.url}?q=the+planet+Saturn&m=image`);
  await settled(page);
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname.split('/').pop()));
  await openHit(page, 'planet.tiff');
  const shown = await page.waitForFunction(() => {
    const image = document.querySelector('.still img.still-full:not(.coming)');
    return image?.complete && image.naturalWidth > 0 && [image.naturalWidth, image.naturalHeight];
  }).then((handle) => handle.jsonValue());
  assert.deepEqual(shown, [240, 240], 'as large as it is');
  assert.ok(asked.includes('preview') && !asked.includes('media'), `asked for ${asked}`);
  await shot(page, 'converted-image');
  await check();
});

test('the score curve is drawn, its moments are marked, and a moment is gone to', async () => {
  const { page, check } = await open(`${server.url}?q=a+city+at+night&m=video`, { colorScheme: 'light' });
  await settled(page);
  await openHit(page, 'day_out.mkv');
  await page.waitForSelector('.key.video');
  const drawn = await page.$eval('.chart', (canvas) => {
    const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const near = (at, colour) => colour.every((part, of) => Math.abs(data[at + of] - part) < 24);
    const count = { curve: new Set(), moment: 0 };
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] < 200) continue;
      if (near(at, [0x25, 0x63, 0xc9])) count.curve.add((at / 4) % width);
      if (near(at, [0x4b, 0x4a, 0xc8]) && at / 4 / width < 6) count.moment += 1;
    }
    return { columns: count.curve.size / width, moment: count.moment };
  });
  assert.ok(drawn.columns > 0.8, `the curve crosses ${drawn.columns} of the chart`);
  assert.ok(drawn.moment > 20, `${drawn.moment} pixels of moments`);
  const first = page.locator('.moment').first();
  const [minutes, seconds] = (await first.textContent()).trim().split(/[:–]/).map(Number);
  await first.click();
  const now = await playsFrom(page, 'dialog video', Math.max(0, minutes * 60 + seconds - 0.2));
  assert.ok(now < minutes * 60 + seconds + 8);
  await page.focus('.strip');
  await page.keyboard.press('Home');
  await page.waitForFunction(() => document.querySelector('dialog video').currentTime < 3);
  await shot(page, 'curve');
  await check();
});

test('an audio clip plays over its waveform', async () => {
  const { page, check } = await open(`${server.url}?q=rain&m=audio`);
  await settled(page);
  await openHit(page, 'rain.ogg');
  await playsFrom(page, 'dialog audio', 0);
  await page.waitForFunction(() => {
    const canvas = document.querySelector('.chart');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let inked = 0;
    for (let at = 3; at < data.length; at += 4) if (data[at] > 0) inked += 1;
    return inked > 2000;
  });
  await shot(page, 'audio');
  await page.click('.big-play');
  await page.waitForFunction(() => document.querySelector('dialog audio').paused);
  await check();
});

test('a text shows the passage that was found', async () => {
  const { page, check } = await open(`${server.url}?q=how+is+bread+made&m=text`);
  await settled(page);
  await openHit(page, 'bread.md');
  await page.waitForSelector('.reading mark');
  assert.match(await page.textContent('.reading'), /bread/i);
  await shot(page, 'text');
  await check();
});

test('a moment plays under the pointer', async () => {
  const { page, check } = await open(`${server.url}?q=a+red+car&m=video`);
  await settled(page);
  await page.locator('.tile', { hasText: 'day_out.mkv' }).locator('.tile-media').hover();
  await page.waitForSelector('.tile video');
  await page.waitForFunction(() => document.querySelector('.tile video')?.currentTime > 0.2);
  await page.mouse.move(5, 5);
  await page.waitForSelector('.tile video', { state: 'detached' });
  await check();
});

test('previous and next are a key away, and Esc gives the place back', async () => {
  const { page, check } = await open(server.url);
  await search(page, 'flowers in a meadow');
  const list = await names(page);
  await page.click('.tile-media >> nth=0');
  await page.waitForSelector('dialog.viewer[open]');
  assert.equal(await page.textContent('.viewer-head h2'), list[0]);
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction((name) => document.querySelector('.viewer-head h2').textContent === name, list[1]);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowLeft');
  await page.waitForFunction((name) => document.querySelector('.viewer-head h2').textContent === name, list[1]);
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog.viewer', { state: 'detached' });
  await page.waitForFunction((name) => document.activeElement?.getAttribute('aria-label')?.includes(name), list[1]);
  assert.equal(new URL(page.url()).searchParams.get('hit'), null);
  await check();
});

test('more like this, less like this, combine', async () => {
  const { page, check } = await open(`${server.url}?q=the+sea&m=image`);
  await settled(page);
  await openHit(page, 'beach.jpg');
  await page.click('.acts button:has-text("Combine")');
  await page.waitForSelector('.chip');
  await settled(page);
  assert.equal(await page.inputValue('#box'), 'the sea');
  assert.ok(!(await names(page)).includes('beach.jpg'), 'a stored asset is left out of its own answer');
  await page.click('.tile-media >> nth=0');
  await page.waitForSelector('dialog.viewer[open]');
  await page.keyboard.press('l');
  await page.waitForFunction(() => document.querySelectorAll('.chip.away').length === 1);
  await settled(page);
  await page.click('.tile-media >> nth=0');
  await page.waitForSelector('dialog.viewer[open]');
  const name = await page.textContent('.viewer-head h2');
  await page.keyboard.press('m');
  await page.waitForFunction((title) => document.querySelectorAll('.chip').length === 1 && document.querySelector('.chip-title').textContent === title, name);
  await settled(page);
  await check();
});

test('a link opens the hit again, beside its query', async () => {
  const { page, check } = await open(`${server.url}?q=a+red+car&m=video`, { permissions: ['clipboard-read', 'clipboard-write'] });
  await settled(page);
  await openHit(page, 'day_out.mkv');
  await page.keyboard.press('y');
  await page.waitForFunction(() => /copied/.test(document.querySelector('.notes').textContent));
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(link, /hit=/);
  await page.goto('about:blank').catch(() => {});
  await page.goto(link);
  await page.waitForSelector('dialog.viewer[open]');
  assert.equal(await page.textContent('.viewer-head h2'), 'day_out.mkv');
  await page.context().close();
});

test('the selection is exported', async () => {
  const { page, check } = await open(`${server.url}?q=a+red+car&m=video`);
  await settled(page);
  await page.locator('.tile-media').first().focus();
  await page.keyboard.press('x');
  await page.waitForSelector('.picked');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('x');
  await page.waitForFunction(() => /2 selected/.test(document.querySelector('.picked').textContent));
  const button = page.locator('.picked button:has-text("CSV")');
  await button.waitFor();
  await shot(page, 'selected');
  for (const name of ['CSV', 'EDL', 'OTIO', 'M3U', 'WebVTT']) {
    const download = page.waitForEvent('download');
    await page.click(`.picked button:has-text("${name}")`);
    const path = await (await download).path();
    assert.ok(readFileSync(path, 'utf8').length > 10, name);
    await page.waitForFunction(() => !document.querySelector('.picked button[disabled]'));
  }
  await check();
});
