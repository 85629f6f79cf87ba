// From the state of the page to the messages of a query.
import { base64, keptFile } from './files.js';

/** What is wrong with a query before anybody is asked. */
export class QueryError extends Error {}

async function fileTerm(term) {
  const file = await keptFile(term.key);
  if (!file) throw new QueryError(`The file "${term.name}" is no longer in this browser. Drop it here again.`);
  const kind = /^(image|audio|video)\//.exec(file.type)?.[1] ?? 'media';
  return { [kind]: { data: await base64(file) } };
}

async function messageOf(term) {
  const weight = term.weight;
  switch (term.kind) {
    case 'text': return { weight, text: term.text };
    case 'asset': return { weight, asset_id: term.id };
    case 'point': return { weight, point: { asset_id: term.id, track: `TRACK_${term.track.toUpperCase()}`, ordinal: term.ordinal } };
    default: return { weight, ...(await fileTerm(term)) };
  }
}

/** The terms of a state; the box comes first. */
export async function termsOf(state) {
  const terms = state.q.trim() ? [{ kind: 'text', weight: 1, text: state.q.trim() }, ...state.terms] : state.terms;
  if (!terms.some((term) => term.weight > 0)) throw new QueryError('Something must lead towards a hit: add a term, or make one of these count for the query (+).');
  return Promise.all(terms.map(messageOf));
}

/** The request for some hits of a state; without numbers, for whatever comes. */
export async function requestOf(state, offset, limit) {
  const request = { terms: await termsOf(state) };
  if (limit !== undefined) Object.assign(request, { limit, offset });
  if (state.modalities.length > 0) request.modalities = state.modalities.map((name) => `MODALITY_${name.toUpperCase()}`);
  if (state.filter.trim()) request.filter_text = state.filter.trim();
  if (state.min !== null) request.score_threshold = state.min;
  if (state.moments) request.every_moment = true;
  return request;
}

/** The filter of a collection that is only looked through: modalities are a field of the payload. */
export function browseFilter(state) {
  const parts = [];
  if (state.filter.trim()) parts.push(`(${state.filter.trim()})`);
  if (state.modalities.length > 0) parts.push(`modality in [${state.modalities.map((name) => JSON.stringify(name)).join(', ')}]`);
  return parts.join(' and ');
}
