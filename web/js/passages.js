// The words of a text asset. HTML is read by an inert parser: nothing of it runs, and only its words are shown.
import { request } from './api.js';

const MOST_BYTES = 512 * 1024;
const KEPT = 60;
const texts = new Map();

async function fetchText(hit, collection) {
  const response = await request('GET', `v1/assets/${encodeURIComponent(hit.asset_id)}/media`, { params: { collection } });
  const length = Number(response.headers.get('content-length') ?? 0);
  if (length > MOST_BYTES) {
    await response.body?.cancel();
    return '';
  }
  const raw = await response.text();
  if (!/html/.test(response.headers.get('content-type') ?? '') && !/html/.test(hit.payload?.mime ?? '')) return raw;
  // Its styles would not apply either; without them the browser has nothing to complain of.
  const bare = raw.replace(/<style[\s\S]*?<\/style>/gi, '').replace(/\sstyle\s*=\s*("[^"]*"|'[^']*')/gi, '');
  const page = new DOMParser().parseFromString(bare, 'text/html');
  for (const unseen of page.querySelectorAll('script, style, noscript, template, title')) unseen.remove();
  return (page.body?.textContent ?? '').replace(/[ \t]+/g, ' ').replace(/\s*\n\s*/g, '\n').trim();
}

/** All words of a text asset; empty where it is too long to be shown. */
export function words(hit, collection) {
  const key = `${collection}/${hit.asset_id}`;
  if (!texts.has(key)) {
    texts.set(key, fetchText(hit, collection));
    texts.get(key).catch(() => texts.delete(key));
    if (texts.size > KEPT) texts.delete(texts.keys().next().value);
  }
  return texts.get(key);
}

/** A text cut at the passage of a hit: before it, it, and behind it. */
export function cut(text, range) {
  if (!range) return ['', text, ''];
  const letters = Array.from(text);
  return [letters.slice(0, range.from).join(''), letters.slice(range.from, range.to).join(''), letters.slice(range.to).join('')];
}

/** The passage that was found. */
export async function passage(hit, collection) {
  return cut(await words(hit, collection), hit.range)[1].trim();
}
