// Keys: the page asks for one, refuses a wrong one, and takes a right one; admins make and revoke them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeBrowser, open, search, serve, settled, shot } from './harness.mjs';

let server;
before(async () => {
  server = await serve({ keys: ['admin'] });
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

test('a wrong key is refused, the right one lets in, and logging out shuts again', async () => {
  const { page, check } = await open(`${server.url}?q=a+dog`);
  await page.waitForSelector('.login input');
  await page.waitForFunction(() => document.activeElement?.matches('.login input'));
  await shot(page, 'login');
  await page.keyboard.type('not a key');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('#login-error').textContent !== '');
  assert.match(await page.textContent('#login-error'), /not known/);
  await page.fill('.login input', server.keys[0]);
  await page.keyboard.press('Enter');
  await settled(page);
  assert.equal(await page.inputValue('#box'), 'a dog', 'the query that was opened is answered');
  await search(page, 'a cat');
  const cookies = await page.context().cookies();
  assert.ok(cookies.length > 0 && cookies.every(({ httpOnly, sameSite }) => httpOnly && sameSite === 'Strict'));
  await page.click('button:has-text("Log out")');
  await page.waitForSelector('.login input');
  await check();
});

test('an admin makes a key, which is shown once, and revokes it', async () => {
  const { page, check } = await open(server.url);
  await page.waitForSelector('.login input');
  await page.fill('.login input', server.keys[0]);
  await page.keyboard.press('Enter');
  await settled(page);
  await page.keyboard.press('g');
  await page.fill('input[placeholder="edit suite 2"]', 'night shift');
  await page.click('button:has-text("Make a key")');
  await page.waitForSelector('.made code');
  const key = await page.textContent('.made code');
  assert.ok(key.length > 30);
  await page.waitForSelector('tr:has-text("night shift")');
  await shot(page, 'keys');
  await page.click('button[aria-label="Revoke night shift"]');
  await page.click('dialog button.danger');
  await page.waitForSelector('tr:has-text("night shift")', { state: 'detached' });
  await check();
});
