// Bringing files in: a queue of uploads, each with its progress and its outcome.
import { ApiError, link, upload } from './api.js';
import { bare, bytes } from './format.js';
import { forget } from './searcher.js';
import { loadCollections, server } from './server.js';
import { store } from './store.js';

const SIDE_BY_SIDE = 3;
const MOST_TRIES = 4;

/** What was dropped since the page was opened, newest batch last. */
export const queue = store({ items: [], changed: 0 });

let next = 1;
let running = 0;
const aborts = new Map();

function change(id, patch) {
  queue.set({ items: queue.get().items.map((item) => (item.id === id ? { ...item, ...patch } : item)) });
}

/** What a result says, for a list. */
function outcome(result) {
  const state = bare(result.state);
  return {
    state: state === 'failed' ? 'failed' : state === 'unchanged' ? 'unchanged' : 'indexed',
    asset: result.asset_id ?? '',
    points: result.points ?? 0,
    message: result.failure?.message ?? '',
    retryable: result.failure?.retryable === true,
    progress: 1,
  };
}

async function send(item) {
  const abort = new AbortController();
  aborts.set(item.id, abort);
  change(item.id, { state: 'sending', progress: 0, message: '' });
  try {
    let told = 0;
    const result = await upload(item.file, {
      collection: item.collection,
      payload: item.payload,
      signal: abort.signal,
      onProgress: (progress) => {
        // As often as it can be seen.
        if (progress - told < 0.02 && progress < 1) return;
        told = progress;
        change(item.id, { progress, state: progress >= 1 ? 'reading' : 'sending' });
      },
    });
    change(item.id, outcome(result));
    queue.set({ changed: queue.get().changed + 1 });
    forget();
  } catch (error) {
    const tries = item.tries + 1;
    const later = error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status === 503);
    if (error.name === 'AbortError') {
      change(item.id, { state: 'cancelled', progress: 0 });
    } else if (later && tries < MOST_TRIES) {
      change(item.id, { state: 'waiting', tries, notBefore: Date.now() + (error.retryAfterMs ?? 500 * 2 ** tries), message: error.message });
    } else {
      change(item.id, { state: 'failed', tries, retryable: true, message: error.message, progress: 0 });
    }
  }
  aborts.delete(item.id);
  running -= 1;
  pump();
  // A first file may have made its collection.
  if (running === 0) loadCollections();
}

function pump() {
  while (running < SIDE_BY_SIDE && link.get().up) {
    const now = Date.now();
    const waiting = queue.get().items.filter((item) => item.state === 'waiting');
    const ready = waiting.find((item) => item.notBefore <= now);
    if (!ready) {
      if (waiting.length > 0) setTimeout(pump, Math.max(50, Math.min(...waiting.map((item) => item.notBefore)) - now));
      break;
    }
    running += 1;
    send(ready);
  }
}

link.watch(({ up }) => up && pump());

/** Puts files at the end of the queue. */
export function bringIn(files, collection, payload) {
  const most = server.get().info?.max_message_bytes || Infinity;
  const items = files.map((file) => ({ id: next++, file, name: file.webkitRelativePath || file.name, size: file.size, collection, payload, state: file.size > most ? 'failed' : 'waiting', progress: 0, tries: 0, notBefore: 0, message: file.size > most ? `larger than this server takes from a page (${bytes(most)}); index it on the server's machine` : '' }));
  queue.set({ items: [...queue.get().items, ...items] });
  pump();
}

export function retry(id) {
  change(id, { state: 'waiting', tries: 0, notBefore: 0, message: '' });
  pump();
}

export function cancel(id) {
  if (aborts.has(id)) aborts.get(id).abort();
  else change(id, { state: 'cancelled' });
}

/** Takes what is done out of the list. */
export function tidy() {
  queue.set({ items: queue.get().items.filter((item) => ['waiting', 'sending', 'reading'].includes(item.state)) });
}
