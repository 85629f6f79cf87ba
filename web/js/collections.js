// Collections: how much is in each, how large it is, and what state it is in.
import { html, useEffect, useState } from './html.js';
import { Icon, IconButton } from './icons.js';
import { call } from './api.js';
import { go, route } from './address.js';
import { bytes, number, plural } from './format.js';
import { askedName, collections, loadCollections } from './server.js';
import { Confirm } from './dialogs.js';
import { forget } from './searcher.js';
import { say } from './say.js';
import { useStore } from './store.js';

/** What is not as it should be, or is still being done, in words. */
function states(stats) {
  if (!stats) return [];
  const list = [];
  if (stats.sources_failed > 0) list.push(['bad', plural(stats.sources_failed, 'file failed', 'files failed')]);
  if (stats.points_without_hubs > 0) list.push(['busy', `${plural(stats.points_without_hubs, 'point')} not corrected yet`]);
  if (stats.captions_missing > 0) list.push(['busy', `${plural(stats.captions_missing, 'caption')} to make`]);
  if (list.length === 0) list.push(['good', 'ready']);
  return list;
}

function Row({ one, stats, aliases, current, admin, onChange, onDelete }) {
  const captions = stats?.captions_made !== undefined;
  const toggle = async () => {
    try {
      await call('PATCH', `v1/collections/${encodeURIComponent(one.name)}`, { body: { settings: { captions: !captions } } });
      say(captions ? 'Captions are no longer kept' : 'Images and videos are put into words while nothing else is asked');
      onChange();
    } catch (error) {
      say(error.message, { bad: true });
    }
  };
  return html`<li class=${current ? 'collection current' : 'collection'}>
    <div class="collection-head"><h3>${one.name}${aliases.length > 0 && html`<span class="quiet"> also called ${aliases.join(', ')}</span>`}</h3>
      <button type="button" class="button small" onClick=${() => go({ view: 'search', collection: askedName(one.name), hit: '', at: '' })}><${Icon} name="search" size=${15} />Search in it</button>
      ${admin && html`<${IconButton} name="trash" size=${16} label=${`Delete the collection ${one.name}`} onClick=${() => onDelete(one.name)} />`}</div>
    ${stats && html`<dl class="figures">
      <div><dt>assets</dt><dd>${number(stats.assets)}</dd></div>
      <div><dt>points</dt><dd>${number(stats.points)}</dd></div>
      ${stats.bytes_on_disk !== undefined && html`<div><dt>on disk</dt><dd>${bytes(stats.bytes_on_disk)}</dd></div>`}
      ${stats.bytes_in_memory !== undefined && html`<div><dt>in memory</dt><dd>${bytes(stats.bytes_in_memory)}</dd></div>`}
      ${captions && html`<div><dt>captions</dt><dd>${number(stats.captions_made)}${stats.captions_missing > 0 ? ` of ${number(stats.captions_made + stats.captions_missing)}` : ''}</dd></div>`}
    </dl>`}
    <p class="collection-foot">${states(stats).map(([kind, text]) => html`<span class=${`state ${kind}`}>${text}</span>`)}
      <span class="quiet">${one.space?.id} · ${one.space?.dim} dimensions${stats?.space?.revision ? ` · ${stats.space.revision}` : ''}</span>
      ${admin && stats && html`<label class="check"><input type="checkbox" checked=${captions} onChange=${toggle} /><span>keep captions</span></label>`}</p>
  </li>`;
}

export function Collections({ changed, onChange, admin }) {
  const { list, loaded, error } = useStore(collections);
  const here = useStore(route, (state) => state.collection);
  const [stats, setStats] = useState({});
  const [aliases, setAliases] = useState([]);
  const [name, setName] = useState('');
  const [doomed, setDoomed] = useState('');
  useEffect(() => {
    loadCollections();
  }, [changed]);
  useEffect(() => {
    let gone = false;
    call('GET', 'v1/aliases').then((found) => !gone && setAliases(found.aliases ?? []), () => {});
    for (const one of list) {
      call('GET', 'v1/stats', { params: { collection: one.name } }).then((found) => !gone && setStats((before) => ({ ...before, [one.name]: found })), () => {});
    }
    return () => {
      gone = true;
    };
  }, [list]);
  const create = async (event) => {
    event.preventDefault();
    try {
      await call('POST', 'v1/collections', { body: { collection_name: name.trim() } });
      setName('');
      onChange();
    } catch (problem) {
      say(problem.message, { bad: true });
    }
  };
  const remove = async () => {
    try {
      await call('DELETE', `v1/collections/${encodeURIComponent(doomed)}`);
      say(`${doomed} is deleted`);
      if (here === doomed) go({ collection: '' }, { replace: true });
      forget();
      onChange();
    } catch (problem) {
      say(problem.message, { bad: true });
    }
    setDoomed('');
  };
  return html`<section class="card" aria-labelledby="collections"><h2 id="collections">Collections</h2>
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    ${loaded && list.length === 0 && !error && html`<p class="quiet">None yet. The first is made when something is brought in.</p>`}
    <ul class="collections">${list.map((one) => html`<${Row} key=${one.name} one=${one} stats=${stats[one.name]} aliases=${aliases.filter(({ collection_name: of }) => of === one.name).map(({ alias }) => alias)} current=${askedName(one.name) === here} admin=${admin} onChange=${onChange} onDelete=${setDoomed} />`)}</ul>
    ${admin && html`<form class="bring-row" onSubmit=${create}><label class="field"><span>New collection</span><input value=${name} onInput=${(event) => setName(event.target.value)} autocomplete="off" placeholder="rushes" /></label><button type="submit" class="button" disabled=${!name.trim()}>Make it</button></form>`}
    ${doomed && html`<${Confirm} title=${`Delete ${doomed}?`} word=${doomed} action="Delete" onNo=${() => setDoomed('')} onYes=${remove}>
      <p>Everything in it goes: vectors, fields, thumbnails, and the copies of media that were sent to it. Files that were indexed where they lie stay.</p></${Confirm}>`}
  </section>`;
}
