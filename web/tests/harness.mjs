// What the tests of the page share: a server over samples/ (the built binary, or the stub), a browser, and what no
// test may see: a request to another origin, a breach of the content policy, an error that nobody caught.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { CSP, start } from './stub.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const SAMPLES = join(ROOT, 'samples');
const BIN = process.env.SENSORIUM_BIN ?? '';
/** Whether the tests ask the built binary; some need the stub, and say so. */
export const REAL = process.env.PAGE_SERVER !== 'stub' && BIN !== '' && existsSync(BIN);
const CHROMIUM = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

let template = '';

/** A data folder with samples/ in it, indexed once and copied for each server. */
function dataFolder() {
  if (!template) {
    template = mkdtempSync(join(tmpdir(), 'sensorium-page-'));
    const from = process.env.PAGE_SAMPLES ?? SAMPLES;
    const folders = ['images', 'sounds', 'clips', 'texts'].map((name) => join(from, name));
    execFileSync(BIN, ['index', ...folders, '--meta', join(from, 'index.jsonl'), '--captions', '--data', template], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-page-'));
  execFileSync('cp', ['-a', `${template}/.`, folder]);
  return folder;
}

process.on('exit', () => template && rmSync(template, { recursive: true, force: true }));

/** Runs a command of the binary on a data folder. */
export function sensorium(folder, ...args) {
  return execFileSync(BIN, [...args, '--data', folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function launch(folder, listen, flags) {
  const child = spawn(BIN, ['serve', '--data', folder, '--listen', listen, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let said = '';
    const read = (chunk) => {
      said += chunk;
      const found = /\b127\.0\.0\.1:(\d+)/.exec(said);
      if (found) resolve({ child, port: Number(found[1]) });
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
  });
}

/** The built binary as a server. `keys`: scopes of keys that are made first. */
export async function serveReal({ keys = [], flags = [], base = '' } = {}) {
  const folder = dataFolder();
  const made = keys.map((scope) => JSON.parse(sensorium(folder, 'keys', 'create', '--scope', scope, '--json')).key);
  const all = [...(keys.length > 0 ? ['--require-key'] : []), ...(base ? ['--base-path', base] : []), ...flags];
  let running = await launch(folder, '127.0.0.1:0', all);
  const { port } = running;
  const end = () => new Promise((resolve) => {
    if (running.child.exitCode !== null || running.child.signalCode !== null) return resolve();
    running.child.on('exit', resolve);
    return running.child.kill('SIGTERM');
  });
  return {
    url: `http://127.0.0.1:${port}${base}/`,
    keys: made,
    goAway: end,
    comeBack: async () => {
      running = await launch(folder, `127.0.0.1:${port}`, all);
    },
    stop: async () => {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The stub with the same face. */
export async function serveStub(options = {}) {
  let stub = await start(options);
  const { port, url } = stub;
  return { url, keys: options.key ? [options.key] : [], state: stub.state, goAway: () => stub.stop(), comeBack: async () => { stub = await start({ ...options, port }); }, stop: () => stub.stop() };
}

/** The binary where it is built, else the stub. */
export function serve({ keys = [], base = '' } = {}) {
  return REAL ? serveReal({ keys, base }) : serveStub({ key: keys.length > 0 ? 'sk_right' : undefined, base });
}

let browser = null;

export async function closeBrowser() {
  await browser?.close();
  browser = null;
}

/** The files of the page as they lie in web/, in place of those that the binary was built with. */
async function fromDisk(context, url) {
  const { origin } = new URL(url);
  await context.route((at) => at.origin === origin && /\/(?:(?:js|css|vendor)\/[\w.-]+|favicon\.svg)?$/.test(at.pathname), (route) => {
    const path = new URL(route.request().url()).pathname.replace(/^\/media(?=\/)/, '').slice(1) || 'index.html';
    return route.fulfill({ path: join(ROOT, 'web', path), headers: { 'content-security-policy': CSP } });
  });
}

/** A fresh page; `check` fails where it saw what it must not see. */
export async function open(url, { width = 1280, height = 820, ...options } = {}) {
  browser ??= await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', '--force-color-profile=srgb'] });
  const context = await browser.newContext({ viewport: { width, height }, ...options });
  context.setDefaultTimeout(60_000);
  if (REAL && process.env.PAGE_FRESH) await fromDisk(context, url);
  const page = await context.newPage();
  const wrong = [];
  const origin = new URL(url).origin;
  page.on('pageerror', (error) => wrong.push(`uncaught: ${error.stack}`));
  page.on('console', (message) => /Content Security Policy|violates/.test(message.text()) && wrong.push(`policy: ${message.text()}`));
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== origin) wrong.push(`another origin: ${request.url()}`);
  });
  await page.goto(url);
  const check = async () => {
    await context.close();
    assert.deepEqual(wrong, []);
  };
  return { page, check };
}

/** Types a query, presses Enter, and waits for the hits. */
export async function search(page, text) {
  await page.fill('#box', text);
  await page.press('#box', 'Enter');
  await settled(page);
}

/** Waits until the list that is shown is the one that was asked for. */
export async function settled(page) {
  await page.waitForFunction(() => {
    const grid = document.querySelector('.grid');
    return grid && grid.getAttribute('aria-busy') === 'false' && (document.querySelector('.tile') || document.querySelector('.nothing'));
  });
}

/** The names of the hits in the document, best first. */
export function names(page) {
  return page.$$eval('.tile', (tiles) => tiles.sort((one, other) => one.ariaPosInSet - other.ariaPosInSet).map((tile) => tile.querySelector('.tile-title').textContent));
}

/** Drops a file of samples/ on an element. */
export async function drop(page, selector, file, type) {
  const bytes = readFileSync(join(SAMPLES, file)).toString('base64');
  const transfer = await page.evaluateHandle(([data, name, kind]) => {
    const all = new DataTransfer();
    all.items.add(new File([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))], name, { type: kind }));
    return all;
  }, [bytes, file.split('/').pop(), type]);
  await page.dispatchEvent('body', 'dragenter', { dataTransfer: transfer });
  await page.waitForSelector(selector);
  await page.dispatchEvent(selector, 'dragover', { dataTransfer: transfer });
  await page.dispatchEvent(selector, 'drop', { dataTransfer: transfer });
}

/** Opens the hit of this name. */
export async function openHit(page, name) {
  await page.locator('.tile', { hasText: name }).locator('.tile-media').first().click();
  await page.waitForSelector('dialog.viewer[open]');
}

/** Keeps an image of the page where PAGE_SHOTS names a folder, to be looked at. */
export async function shot(page, name) {
  if (process.env.PAGE_SHOTS) await page.screenshot({ path: join(process.env.PAGE_SHOTS, `${name}.png`) });
}
