// For everybody: by keyboard alone, at 200 % and at 360 px, without a violation that axe knows, in light and in dark.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { closeBrowser, names, open, openHit, search, serve, settled, shot } from './harness.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let server;
before(async () => {
  server = await serve();
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

async function noViolation(page, where) {
  // What is fading in has less contrast for a moment.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));
  await page.evaluate(axe);
  const violations = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).slice(0, 4).join(' | ')}`)));
  assert.deepEqual(violations, [], where);
}

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing, ${colorScheme}`, async () => {
    const { page, check } = await open(`${server.url}?q=a+dog+on+the+grass&t=-0.5%3Atext%3Apeople`, { colorScheme });
    await settled(page);
    await noViolation(page, 'search');
    await page.click('button:has-text("Filter")');
    await page.waitForSelector('.filter');
    await page.locator('.tile-media').first().focus();
    await page.keyboard.press('x');
    await page.waitForSelector('.picked');
    await noViolation(page, 'search with a filter and a selection');
    await shot(page, `axe-search-${colorScheme}`);
    await page.keyboard.press('Escape');
    for (const name of ['dog_on_grass.jpg', 'day_out.mkv']) {
      await openHit(page, name);
      await page.waitForFunction(() => document.querySelectorAll('.details dl div').length > 3);
      await noViolation(page, name);
      await shot(page, `axe-${name}-${colorScheme}`);
      await page.keyboard.press('Escape');
      await page.waitForSelector('dialog.viewer', { state: 'detached' });
    }
    await page.keyboard.press('?');
    await page.waitForSelector('dialog.help[open]');
    await noViolation(page, 'help');
    await shot(page, `axe-help-${colorScheme}`);
    await page.keyboard.press('Escape');
    await page.click('button[aria-label="Settings"]');
    await noViolation(page, 'settings');
    await page.keyboard.press('Escape');
    await page.keyboard.press('g');
    await page.waitForSelector('.figures');
    await page.setInputFiles('#bring-files', [{ name: 'broken.jpg', mimeType: 'image/jpeg', buffer: Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 1]) }]);
    await page.waitForSelector('.job.failed');
    await noViolation(page, 'library');
    await shot(page, `axe-library-${colorScheme}`);
    await check();
  });
}

test('everything by keyboard', async () => {
  const { page, check } = await open(server.url);
  await settled(page);
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.id ?? '');
  await page.keyboard.press('/');
  await page.waitForFunction(() => document.activeElement.id === 'box');
  await page.keyboard.type('a red car');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=a\+red\+car/);
  await settled(page);
  const list = await names(page);
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction(() => document.activeElement.matches('.tile-media'));
  assert.ok((await focused()).includes(list[0]));
  await page.keyboard.press('ArrowRight');
  assert.ok((await focused()).includes(list[1]));
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('End');
  await page.waitForFunction(() => document.activeElement.matches('.tile-media') && scrollY > 0);
  await page.keyboard.press('Home');
  await page.waitForFunction((name) => document.activeElement.getAttribute('aria-label')?.includes(name), list[0]);
  // Space plays the moment in place.
  const video = await page.$$eval('.tile', (tiles) => tiles.findIndex((tile) => tile.classList.contains('video')));
  for (let at = 0; at < video; at += 1) await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Space');
  await page.waitForSelector('.tile video');
  await page.keyboard.press('Space');
  await page.waitForSelector('.tile video', { state: 'detached' });
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog.viewer[open]');
  await page.waitForFunction(() => document.querySelector('dialog video').currentTime > 0);
  await page.keyboard.press('Space');
  await page.waitForFunction(() => document.querySelector('dialog video').paused);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowLeft');
  // Tab stays within the open hit.
  for (let at = 0; at < 30; at += 1) {
    await page.keyboard.press('Tab');
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog') !== null));
  }
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog.viewer', { state: 'detached' });
  await page.waitForFunction(() => document.activeElement.matches('.tile-media'));
  await page.keyboard.press('x');
  await page.waitForSelector('.picked');
  await page.keyboard.press('e');
  await page.waitForFunction(() => document.activeElement.closest('.picked') !== null);
  await page.keyboard.press('Escape');
  await page.waitForSelector('.picked', { state: 'detached' });
  await page.keyboard.press('?');
  await page.waitForSelector('dialog.help[open]');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog.help', { state: 'detached' });
  await page.keyboard.press('g');
  await page.waitForSelector('.zone');
  await page.keyboard.press('/');
  await page.waitForFunction(() => document.activeElement.id === 'box');
  await check();
});

for (const [what, size] of [['200 %', { width: 640, height: 410, deviceScaleFactor: 2 }], ['360 px', { width: 360, height: 740, deviceScaleFactor: 2, isMobile: true, hasTouch: true }]]) {
  test(`nothing is cut off at ${what}`, async () => {
    const { page, check } = await open(`${server.url}?q=a+red+car&t=1%3Atext%3Asummer&t=-0.5%3Atext%3Apeople`, size);
    await settled(page);
    const fits = async (where) => {
      const { wide, out } = await page.evaluate(() => {
        const root = document.querySelector('dialog[open]') ?? document.body;
        const past = [...root.querySelectorAll('button, input, select, a, h1, h2, h3, p')].filter((element) => {
          if (element.closest('.unseen, .scroll, .tile-lines, .moments') || element.matches('.unseen, [type=file]')) return false;
          const box = element.getBoundingClientRect();
          return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
        });
        return { wide: document.documentElement.scrollWidth - innerWidth, out: past.map((element) => element.outerHTML.slice(0, 120)) };
      });
      assert.ok(wide <= 0, `${where} is ${wide} px too wide`);
      assert.deepEqual(out, [], where);
    };
    const label = what.replace(/\W/g, '');
    await fits('search');
    await shot(page, `${label}-search`);
    await page.click('button:has-text("Filter")');
    await fits('filter');
    await page.click('button:has-text("Filter")');
    await openHit(page, 'day_out.mkv');
    await page.waitForSelector('.strip');
    await fits('hit');
    await shot(page, `${label}-hit`);
    await page.click('dialog button[aria-label^="Close"]');
    await page.waitForSelector('dialog.viewer', { state: 'detached' });
    await page.click('nav a:has-text("Library")');
    await page.waitForSelector('.figures');
    await fits('library');
    await shot(page, `${label}-library`);
    await check();
  });
}

test('search results have names that are read out', async () => {
  const { page, check } = await open(server.url);
  await search(page, 'a red car');
  const labels = await page.$$eval('.tile-media', (links) => links.map((link) => link.getAttribute('aria-label')));
  for (const label of labels) assert.match(label, /^\d+: .+, (image|video|audio|text), score -?\d+\.\d, /);
  assert.equal(await page.getAttribute('.status', 'role'), 'status');
  await check();
});
