// The fields of a collection, for filters: those that have an index, and those that hits were seen to have.
import { call } from './api.js';
import { store } from './store.js';

const VALUES = 40;
const LONGEST = 60;

/** Field name to the values seen of it. */
export const fields = store({ seen: new Map() });

let pending = false;

function note(seen, name, value) {
  if (name.startsWith('_') || value === null || typeof value === 'object') return;
  const values = seen.get(name) ?? seen.set(name, new Set()).get(name);
  if (values.size < VALUES && String(value).length <= LONGEST) values.add(value);
}

/** Learns from the payloads of hits. */
export function noteFields(hits) {
  const { seen } = fields.get();
  for (const hit of hits) {
    for (const [name, value] of Object.entries(hit.payload ?? {})) {
      if (Array.isArray(value)) value.slice(0, 8).forEach((one) => note(seen, name, one));
      else note(seen, name, value);
    }
  }
  if (pending) return;
  pending = true;
  // Not while the hits are drawn.
  setTimeout(() => {
    pending = false;
    fields.set({ seen: new Map(seen) });
  }, 300);
}

/** Learns from the server which fields are indexed, and from some assets which there are. */
export async function learnFields(collection) {
  const params = { collection };
  fields.set({ seen: new Map() });
  const [indexed, some] = await Promise.allSettled([
    call('GET', 'v1/fields', { params }),
    call('POST', 'v1/scroll', { params, body: { limit: 60 } }),
  ]);
  const { seen } = fields.get();
  for (const { field } of indexed.value?.indexes ?? []) if (!seen.has(field)) seen.set(field, new Set());
  noteFields((some.value?.assets ?? []).map((asset) => ({ payload: asset.payload })));
}

/** A condition in the text grammar. */
export function condition(field, operator, value) {
  const plain = /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(field) && !['and', 'or', 'not', 'in', 'exists', 'within', 'at', 'true', 'false'].includes(field.toLowerCase());
  const left = plain ? field : JSON.stringify(field);
  if (operator === 'exists') return `${left} exists`;
  if (operator === 'missing') return `not ${left} exists`;
  const bare = /^-?\d+(\.\d+)?$/.test(value) || value === 'true' || value === 'false';
  return `${left} ${operator} ${bare ? value : JSON.stringify(value)}`;
}
