// Search: the box, what narrows, the hits, and the one that is open.
import { html, useEffect, useRef, useState } from './html.js';
import { Icon } from './icons.js';
import { ApiError, call } from './api.js';
import { asks, go, linkTo, route } from './address.js';
import { ask, askByFiles, Box } from './box.js';
import { droppedFiles } from './files.js';
import { Grid } from './grid.js';
import { hitKey, hitOf, place, termOf } from './hits.js';
import { Picked } from './picked.js';
import { Standing } from './standing.js';
import { QueryError } from './ask.js';
import { found, more, run } from './searcher.js';
import { copyText, pick, picked } from './selection.js';
import { number, plural } from './format.js';
import { say } from './say.js';
import { Toolbar } from './toolbar.js';
import { typing } from './keyboard.js';
import { prefs } from './prefs.js';
import { useStore } from './store.js';
import { Viewer } from './viewer.js';

function Status({ list, state, total }) {
  if (list.status === 'loading') return html`<p class="status" role="status">Searching…</p>`;
  if (list.status !== 'done') return html`<p class="status" role="status"></p>`;
  if (!list.asked) return html`<p class="status" role="status">${total === null ? plural(list.hits.length, 'asset') : plural(total, 'asset')}</p>`;
  const count = `${number(list.hits.length)}${list.more ? '+' : ''} ${list.hits.length === 1 ? 'hit' : 'hits'}`;
  return html`<p class="status" role="status">${count}${state.min !== null ? ` of score ${state.min.toFixed(1)} or better` : ''}<span class="took"> in ${(list.ms / 1000).toFixed(2)} s</span></p>`;
}

function Nothing({ list, state }) {
  if (list.status === 'error') {
    const { error } = list;
    if (error instanceof ApiError && error.status === 0) return null;
    return html`<div class="nothing bad" role="alert"><${Icon} name="warning" size=${28} /><h2>${error instanceof QueryError ? 'That is no query yet' : 'That did not work'}</h2><p>${error.message}</p>
      ${!(error instanceof QueryError) && html`<button type="button" class="button" onClick=${() => run({ force: true })}><${Icon} name="retry" size=${16} />Try again</button>`}</div>`;
  }
  if (list.status !== 'done' || list.hits.length > 0) return null;
  const narrowed = state.filter || state.modalities.length > 0;
  if (list.asked) {
    return html`<div class="nothing"><${Icon} name="search" size=${28} /><h2>Nothing matches</h2>
      <p>${state.min !== null ? `No hit has a score of ${state.min.toFixed(1)} or better.` : narrowed ? 'Nothing meets the filter and the modality.' : 'There is nothing to find in this collection yet.'}</p>
      <p class="offers">${state.min !== null && html`<button type="button" class="button" onClick=${() => { go({ min: null }); run(); }}>Lift the cut-off</button>`}
      ${narrowed && html`<button type="button" class="button" onClick=${() => { go({ filter: '', modalities: [] }); run(); }}>Drop the filter</button>`}</p></div>`;
  }
  if (narrowed) return html`<div class="nothing"><${Icon} name="filter" size=${28} /><h2>Nothing meets the filter</h2><p class="offers"><button type="button" class="button" onClick=${() => { go({ filter: '', modalities: [] }); run(); }}>Drop the filter</button></p></div>`;
  return html`<div class="nothing"><${Icon} name="file" size=${28} /><h2>Nothing is here yet</h2><p>Bring in images, videos, audio and texts; they can be searched the moment they are in.</p>
    <p class="offers"><button type="button" class="button primary" onClick=${() => go({ view: 'library' })}>Bring media in</button></p></div>`;
}

/** Where a file that is dragged over the page would go. */
function DropZones({ combinable }) {
  const [over, setOver] = useState(false);
  const [target, setTarget] = useState('');
  useEffect(() => {
    let depth = 0;
    const files = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
    const enter = (event) => {
      if (!files(event)) return;
      depth += 1;
      setOver(true);
    };
    const leave = () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) setOver(false);
    };
    const move = (event) => {
      if (!files(event)) return;
      event.preventDefault();
      setTarget(event.target.closest?.('[data-drop]')?.dataset.drop ?? '');
    };
    const drop = async (event) => {
      if (!files(event)) return;
      event.preventDefault();
      depth = 0;
      setOver(false);
      const combine = event.target.closest?.('[data-drop]')?.dataset.drop === 'combine';
      askByFiles(await droppedFiles(event.dataTransfer), { combine });
    };
    const all = { dragenter: enter, dragleave: leave, dragover: move, drop };
    for (const [name, fn] of Object.entries(all)) addEventListener(name, fn);
    return () => {
      for (const [name, fn] of Object.entries(all)) removeEventListener(name, fn);
    };
  }, []);
  if (!over) return null;
  return html`<div class="drops">
    <div class=${target === 'ask' ? 'drop over' : 'drop'} data-drop="ask"><${Icon} name="search" size=${34} /><b>Search by this file</b></div>
    ${combinable && html`<div class=${target === 'combine' ? 'drop over' : 'drop'} data-drop="combine"><${Icon} name="combine" size=${34} /><b>Combine it with the query</b></div>`}
  </div>`;
}

/** A hit that a link names, where the list does not hold it. */
function useLinked(state, list) {
  const [linked, setLinked] = useState(null);
  const index = state.hit ? list.hits.findIndex((hit) => hit.asset_id === state.hit && (!state.at || place(hit) === state.at)) : -1;
  const near = index < 0 && state.hit ? list.hits.findIndex((hit) => hit.asset_id === state.hit) : -1;
  const wanted = state.hit && index < 0 && near < 0 && list.status !== 'loading' ? state.hit : '';
  useEffect(() => {
    setLinked(null);
    if (!wanted) return;
    call('GET', `v1/assets/${encodeURIComponent(wanted)}`, { params: { collection: state.collection } }).then(
      (answer) => {
        const hit = hitOf(answer.asset ?? answer.assets?.[0] ?? answer);
        const start = Number(state.at);
        if (state.at && Number.isFinite(start) && (hit.payload.duration_ms ?? 0) > 0) hit.moment = { start_ms: start, end_ms: Math.min(start + 5000, hit.payload.duration_ms), peak_ms: start, tracks: [] };
        setLinked(hit);
      },
      (error) => {
        say(error.status === 404 ? 'The asset of this link is no longer stored.' : error.message, { bad: true });
        go({ hit: '', at: '' }, { replace: true, keep: true });
      },
    );
  }, [wanted]);
  if (!state.hit) return [-1, null];
  const at = index >= 0 ? index : near;
  return at >= 0 ? [at, list.hits[at]] : [-1, wanted && linked?.asset_id === wanted ? linked : null];
}

let opened = false;

export function Search() {
  const state = useStore(route);
  const list = useStore(found);
  const chosen = useStore(picked, (value) => value.hits);
  const control = useRef(null);
  const [total, setTotal] = useState(null);
  const [index, hit] = useLinked(state, list);

  useEffect(() => {
    run();
  }, [state.collection, state.q, state.terms, state.modalities, state.filter, state.min, state.moments]);
  useEffect(() => {
    setTotal(null);
    if (list.status === 'done' && !list.asked && !state.filter && state.modalities.length === 0) {
      call('POST', 'v1/count', { params: { collection: state.collection }, body: {} }).then(({ count }) => setTotal(count), () => {});
    }
  }, [list.key, list.status]);

  const open = (at) => {
    opened = true;
    go({ hit: list.hits[at].asset_id, at: place(list.hits[at]) }, { keep: true });
  };
  const close = () => {
    const at = index;
    if (opened) history.back();
    else go({ hit: '', at: '' }, { replace: true, keep: true });
    opened = false;
    if (at >= 0) setTimeout(() => control.current?.focus(at), 60);
  };
  const step = (by) => {
    const to = index + by;
    if (index < 0 || to < 0) return;
    if (to >= list.hits.length - 5) more();
    const next = list.hits[to];
    if (next) go({ hit: next.asset_id, at: place(next) }, { replace: true, keep: true });
  };
  const leave = (patch) => {
    opened = false;
    ask(patch);
  };
  const act = {
    more: (of) => leave({ q: '', terms: [termOf(of, 1)] }),
    combine: (of) => leave({ terms: [...state.terms, termOf(of, 1)] }),
    less: (of) => (asks(state) ? leave({ terms: [...state.terms, termOf(of, -1)] }) : say('Search for something first: a hit can only lead away from a query.', { bad: true })),
    link: (of) => copyText(linkTo({ hit: of.asset_id, at: place(of) }), 'Link'),
    select: (of) => {
      const at = list.hits.findIndex((one) => hitKey(one) === hitKey(of));
      pick(at >= 0 ? list.hits : [of], at >= 0 ? at : 0);
    },
  };
  const keys = (event) => {
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey || !prefs.get().letters || !event.target.closest('.grid')) return;
    const of = list.hits[control.current?.current() ?? -1];
    const does = of && { m: act.more, l: act.less, c: act.combine, y: act.link }[event.key];
    if (does) {
      event.preventDefault();
      does(of);
    } else if (event.key === 'e') {
      document.querySelector('.picked button')?.focus();
    }
  };
  return html`<main class="search" onKeyDown=${keys}>
    <h1 class="unseen">Search</h1>
    <${Box} onDown=${() => list.hits.length > 0 && control.current?.focus(control.current.current())} />
    <${Toolbar} />
    <div class="status-row"><${Status} list=${list} state=${state} total=${total} /><${Standing} list=${list} />
      ${list.status === 'done' && list.weak && list.hits.length > 0 && html`<p class="weak" role="status"><${Icon} name="warning" size=${16} />Nothing matches well: even the best is no better than chance.</p>`}</div>
    <${Nothing} list=${list} state=${state} />
    <div class="hits"><${Grid} list=${list} collection=${state.collection} onOpen=${open} control=${control} /></div>
    ${list.paging && html`<p class="paging" role="status">More…</p>`}
    ${chosen.size > 0 && html`<${Picked} />`}
    <${DropZones} combinable=${asks(state)} />
    ${hit && html`<${Viewer} hit=${hit} index=${index} list=${list} collection=${state.collection} onClose=${close} onStep=${step} act=${act} />`}
  </main>`;
}
