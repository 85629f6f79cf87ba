// The page: its head, the view that the address names, and what lies over it.
import { html, render, useEffect, useState } from './html.js';
import { Icon, IconButton } from './icons.js';
import { link, watchForServer } from './api.js';
import { go, linkTo, route } from './address.js';
import { Help, Settings } from './dialogs.js';
import { learnFields } from './fields.js';
import { Library } from './library.js';
import { Login } from './login.js';
import { Notes } from './say.js';
import { run } from './searcher.js';
import { Search } from './search.js';
import { askedName, collections, logout, meet, server } from './server.js';
import { clearPicked, picked } from './selection.js';
import { typing } from './keyboard.js';
import { useStore } from './store.js';
import './prefs.js';

function Bar({ state, onHelp, onSettings }) {
  const { list } = useStore(collections);
  const { info, required, scope, reach } = useStore(server);
  const own = info?.collection_name ?? 'default';
  const here = state.collection || own;
  const names = [...new Set([...(reach.length > 0 ? reach : [own]), here, ...list.map(({ name }) => name)])];
  const to = (view) => (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    if (view !== state.view) go({ view, hit: '', at: '' });
    else if (view === 'search') go({ q: '', terms: [], modalities: [], filter: '', min: null, moments: false, hit: '', at: '' });
  };
  return html`<header class="bar">
    <a class="brand" href=${linkTo({ view: 'search', q: '', terms: [], modalities: [], filter: '', min: null, moments: false, hit: '', at: '' })} onClick=${to('search')} aria-label="Sensorium, to the start"><span class="mark" aria-hidden="true"><i></i><i></i><i></i><i></i></span><span class="brand-name">Sensorium</span></a>
    <nav aria-label="Views"><a href=${linkTo({ view: 'search', hit: '', at: '' })} aria-current=${state.view === 'search' ? 'page' : undefined} onClick=${to('search')}>Search</a>
      <a href=${linkTo({ view: 'library', hit: '', at: '' })} aria-current=${state.view === 'library' ? 'page' : undefined} onClick=${to('library')}>Library</a></nav>
    <span class="bar-space"></span>
    ${names.length > 1 && html`<label class="picker"><span class="unseen">Collection</span><select value=${here} onChange=${(event) => {
      clearPicked();
      go({ collection: askedName(event.target.value), hit: '', at: '' });
    }}>${names.map((name) => html`<option value=${name} selected=${name === here}>${name}</option>`)}</select></label>`}
    ${required && scope && html`<button type="button" class="text-button" title=${`Your key may: ${scope}`} onClick=${logout}>Log out</button>`}
    <${IconButton} name="settings" label="Settings" onClick=${onSettings} />
    <${IconButton} name="help" label="Keys (?)" onClick=${onHelp} />
  </header>`;
}

function App() {
  const state = useStore(route);
  const { up, locked } = useStore(link);
  const { ready, info, problem, reach } = useStore(server);
  const [over, setOver] = useState('');
  useEffect(() => {
    meet();
  }, []);
  // A key that reaches some collections alone begins in one of them.
  const shut = info && reach.length > 0 && !reach.includes(state.collection || info.collection_name);
  useEffect(() => {
    if (shut) go({ collection: reach[0], hit: '', at: '' }, { replace: true });
  }, [shut]);
  useEffect(() => {
    if (info && !shut) learnFields(state.collection);
  }, [info, shut, state.collection]);
  useEffect(() => {
    document.title = state.view === 'library' ? 'Library · Sensorium' : state.q ? `${state.q} · Sensorium` : 'Sensorium';
  }, [state.view, state.q]);
  useEffect(() => {
    const keys = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector('dialog[open]:not(.viewer)')) return;
      if (event.key === '?') {
        event.preventDefault();
        setOver('help');
      } else if (event.key === '/' && !document.querySelector('dialog[open]')) {
        event.preventDefault();
        if (route.get().view !== 'search') go({ view: 'search' });
        const enter = () => {
          document.getElementById('box')?.focus();
          document.getElementById('box')?.select();
        };
        if (document.getElementById('box')) enter();
        else setTimeout(enter, 50);
      } else if (event.key === 'g' && !document.querySelector('dialog[open]')) {
        go({ view: route.get().view === 'search' ? 'library' : 'search', hit: '', at: '' });
      } else if (event.key === 'Escape' && !document.querySelector('dialog[open]') && picked.get().hits.size > 0) {
        clearPicked();
      }
    };
    addEventListener('keydown', keys);
    return () => removeEventListener('keydown', keys);
  }, []);
  let view = html`<main class="waiting" aria-busy="true"><h1 class="unseen">Sensorium</h1></main>`;
  if (locked) view = html`<${Login} onIn=${() => run({ force: true })} />`;
  else if (info && !shut) view = state.view === 'library' ? html`<${Library} />` : html`<${Search} />`;
  else if (ready && problem) view = html`<main class="waiting"><h1 class="unseen">Sensorium</h1><div class="nothing bad" role="alert"><${Icon} name="warning" size=${28} /><h2>That did not work</h2><p>${problem}</p><button type="button" class="button" onClick=${meet}>Try again</button></div></main>`;
  return html`<${Bar} state=${state} onHelp=${() => setOver('help')} onSettings=${() => setOver('settings')} />
    <div role="alert">${!up && html`<p class="gone"><${Icon} name="warning" size=${16} />The server does not answer. Trying again…</p>`}</div>
    ${view}
    <${Notes} />
    ${over === 'help' && html`<${Help} onClose=${() => setOver('')} />`}
    ${over === 'settings' && html`<${Settings} onClose=${() => setOver('')} />`}`;
}

watchForServer();
document.getElementById('app').textContent = '';
render(html`<${App} />`, document.getElementById('app'));
