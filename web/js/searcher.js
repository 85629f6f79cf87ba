// Runs queries and keeps their hits, page by page. A list that was left stays for Back.
import { call, link } from './api.js';
import { asks, placeHere, queryKey, route } from './address.js';
import { browseFilter, requestOf } from './ask.js';
import { hitOf } from './hits.js';
import { noteFields } from './fields.js';
import { store } from './store.js';

const FIRST = 60;
const NEXT = 200;
const MOST = 10_000;
const KEPT = 12;

const EMPTY = { key: '', status: 'idle', hits: [], more: false, after: '', weak: false, error: null, ms: 0, asked: false, paging: false };

/** The list that is shown. */
export const found = store(EMPTY);

const lists = new Map();
let running = null;

function keep(list) {
  lists.delete(list.key);
  lists.set(list.key, list);
  if (lists.size > KEPT) lists.delete(lists.keys().next().value);
}

async function page(state, list, limit, signal) {
  const params = { collection: state.collection };
  if (asks(state)) {
    const body = await requestOf(state, list.hits.length, limit);
    const answer = await call('POST', 'v1/query', { params, body, signal });
    const hits = answer.hits ?? [];
    return { hits, more: hits.length === limit && list.hits.length + hits.length < MOST, weak: list.weak || answer.weak === true, after: '' };
  }
  const body = { limit, after: list.after };
  const filter = browseFilter(state);
  if (filter) body.filter_text = filter;
  const answer = await call('POST', 'v1/scroll', { params, body, signal });
  return { hits: (answer.assets ?? []).map(hitOf), more: Boolean(answer.next_after), weak: false, after: answer.next_after ?? '' };
}

/** Shows the list of the page's state: one that is kept on the way back, else asked anew. */
export async function run({ force = false } = {}) {
  const state = route.get();
  const key = queryKey(state);
  if (!force && found.get().key === key && found.get().status !== 'error') return;
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  if (!force && state.back && lists.has(key)) {
    found.set({ ...lists.get(key) });
    return;
  }
  const before = found.get();
  // What stood there stays, dimmed, until there is something better to show.
  found.set({ ...EMPTY, key, status: 'loading', hits: before.hits, asked: asks(state) });
  const begun = performance.now();
  const wanted = Math.max(FIRST, Math.min(state.back ? placeHere()?.hits ?? 0 : 0, 1000));
  try {
    const first = await page(state, EMPTY, wanted, signal);
    if (signal.aborted) return;
    const list = { ...EMPTY, key, status: 'done', asked: asks(state), ...first, ms: performance.now() - begun };
    keep(list);
    noteFields(first.hits);
    found.set(list);
  } catch (error) {
    if (error.name === 'AbortError' || signal.aborted) return;
    found.set({ ...EMPTY, key, status: 'error', error, asked: asks(state) });
  }
}

/** Fetches the next page, if there is one. */
export async function more() {
  const list = found.get();
  if (list.status !== 'done' || !list.more || list.paging) return;
  found.set({ paging: true });
  try {
    const next = await page(route.get(), list, NEXT, running?.signal);
    if (found.get().key !== list.key) return;
    const grown = { ...found.get(), ...next, hits: [...list.hits, ...next.hits], paging: false };
    noteFields(next.hits);
    keep(grown);
    found.set(grown);
  } catch (error) {
    if (error.name === 'AbortError' || found.get().key !== list.key) return;
    found.set({ paging: false, more: false, error });
  }
}

/** Forgets every list: what is stored has changed. */
export function forget() {
  lists.clear();
}

// A query that failed because nobody answered is asked again once somebody does.
link.watch(({ up }) => {
  const { status, error } = found.get();
  if (up && status === 'error' && error?.status === 0) run({ force: true });
});
