// What came in last, whoever brought it.
import { html, useEffect, useState } from './html.js';
import { call } from './api.js';
import { hitOf, modality, modalityName, name, thumbnail } from './hits.js';
import { Icon } from './icons.js';
import { linkTo } from './address.js';

const SHOWN = 12;

function Tile({ hit, collection }) {
  const to = linkTo({ view: 'search', collection, q: '', terms: [], filter: '', modalities: [], min: null, hit: hit.asset_id, at: '' });
  return html`<li><a href=${to} title=${hit.path || name(hit)}>
    <span class="recent-shown">${modality(hit) === 'text' ? html`<${Icon} name="text" size=${26} />` : html`<img src=${thumbnail(hit, collection)} alt="" loading="lazy" />`}</span>
    <span class="recent-name">${name(hit)}</span><span class="quiet">${modalityName(hit)}</span></a></li>`;
}

export function Recent({ collection, changed }) {
  const [state, setState] = useState({ hits: null, error: '', limit: SHOWN, more: false });
  useEffect(() => {
    let gone = false;
    call('POST', 'v1/scroll', { params: { collection }, body: { newest_first: true, limit: state.limit } }).then(
      ({ assets = [], next_after: next }) => !gone && setState((before) => ({ ...before, hits: assets.map(hitOf), error: '', more: Boolean(next) })),
      (error) => !gone && setState((before) => ({ ...before, error: error.message })),
    );
    return () => {
      gone = true;
    };
  }, [collection, changed, state.limit]);
  const { hits, error, more, limit } = state;
  return html`<section class="card" aria-labelledby="recent"><h2 id="recent">Lately added</h2>
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    ${hits?.length === 0 && html`<p class="quiet">Nothing has come in yet.</p>`}
    ${hits?.length > 0 && html`<ul class="recent">${hits.map((hit) => html`<${Tile} key=${hit.asset_id} hit=${hit} collection=${collection} />`)}</ul>`}
    ${more && limit < 600 && html`<p class="recent-foot"><button type="button" class="text-button" onClick=${() => setState({ ...state, limit: limit * 4 })}>Show more</button></p>`}
  </section>`;
}
