// The state of the page is its address: what is asked, where, and which hit is open.
import { store } from './store.js';

const MODALITIES = ['image', 'video', 'audio', 'text'];

/** A term as the address has it: `-0.5:text:people`, `1:asset:ID`, `1:point:video.3:ID`, `1:file:KEY:NAME`. */
export function writeTerm(term) {
  const start = `${term.weight}:${term.kind}:`;
  switch (term.kind) {
    case 'text': return start + term.text;
    case 'asset': return start + term.id;
    case 'point': return `${start}${term.track}.${term.ordinal}:${term.id}`;
    default: return `${start}${term.key}:${term.name}`;
  }
}

export function readTerm(written) {
  const parts = /^(-?\d+(?:\.\d+)?):(text|asset|point|file):(.+)$/s.exec(written);
  if (!parts) return null;
  const weight = Number(parts[1]) || 1;
  const [kind, rest] = [parts[2], parts[3]];
  if (kind === 'text') return { kind, weight, text: rest };
  if (kind === 'asset') return { kind, weight, id: rest };
  const halves = /^([^:]*):(.*)$/s.exec(rest);
  if (!halves) return null;
  if (kind === 'file') return { kind, weight, key: halves[1], name: halves[2] };
  const point = /^([a-z]+)\.(\d+)$/.exec(halves[1]);
  return point && { kind, weight, id: halves[2], track: point[1], ordinal: Number(point[2]) };
}

function read(search) {
  const params = new URLSearchParams(search);
  const number = (name) => (params.get(name) !== null && params.get(name) !== '' && Number.isFinite(Number(params.get(name))) ? Number(params.get(name)) : null);
  return {
    view: params.get('view') === 'library' ? 'library' : 'search',
    collection: params.get('collection') ?? '',
    q: params.get('q') ?? '',
    terms: params.getAll('t').map(readTerm).filter(Boolean),
    modalities: (params.get('m') ?? '').split(',').filter((name) => MODALITIES.includes(name)),
    filter: params.get('f') ?? '',
    min: number('min'),
    moments: params.get('moments') === '1',
    hit: params.get('hit') ?? '',
    at: params.get('at') ?? '',
  };
}

/** `?..` of a state, without what is at its default. */
export function write(state) {
  const params = new URLSearchParams();
  const put = (name, value) => value && params.append(name, value);
  if (state.view === 'library') put('view', 'library');
  put('collection', state.collection);
  put('q', state.q);
  for (const term of state.terms) params.append('t', writeTerm(term));
  put('m', state.modalities.join(','));
  put('f', state.filter);
  if (state.min !== null) params.append('min', String(state.min));
  if (state.moments) params.append('moments', '1');
  put('hit', state.hit);
  if (state.hit) put('at', state.at);
  const text = params.toString();
  return text ? `?${text}` : location.pathname;
}

/** Where the page is. */
export const route = store(read(location.search));

/** What a list of hits depends on. */
export function queryKey({ collection, q, terms, modalities, filter, min, moments }) {
  return JSON.stringify([collection, q, terms.map(writeTerm), modalities, filter, min, moments]);
}

/** Whether something is asked, rather than the collection looked through. */
export function asks(state) {
  return state.q.trim() !== '' || state.terms.length > 0;
}

// Scroll positions by history entry: in memory, and beyond a reload in the session.
const places = new Map(JSON.parse(sessionStorage.getItem('places') ?? '[]'));
let entry = history.state?.id ?? fresh();
history.scrollRestoration = 'manual';
history.replaceState({ id: entry }, '');

function fresh() {
  return Math.random().toString(36).slice(2);
}

/** Remembers where this entry of the history stands: its scroll position and how many hits it shows. */
export function keepPlace(place) {
  places.set(entry, place);
  if (places.size > 100) places.delete(places.keys().next().value);
}

/** Where this entry was left. */
export function placeHere() {
  return places.get(entry) ?? null;
}

addEventListener('pagehide', () => sessionStorage.setItem('places', JSON.stringify([...places])));
addEventListener('popstate', (event) => {
  entry = event.state?.id ?? fresh();
  if (!event.state?.id) history.replaceState({ id: entry }, '');
  route.set({ ...read(location.search), back: true });
});

/** Goes to a changed state; a new entry of the history unless `replace`. */
export function go(patch, { replace = false, keep = false } = {}) {
  const state = { ...route.get(), ...patch, back: keep };
  const to = write(state);
  if (replace) {
    history.replaceState({ id: entry }, '', to);
  } else {
    const place = keep ? placeHere() : null;
    entry = fresh();
    history.pushState({ id: entry }, '', to);
    if (place) places.set(entry, place);
  }
  route.set(state);
}

/** The whole address of a state. */
export function linkTo(patch) {
  return new URL(write({ ...route.get(), ...patch }), location.href).href;
}
