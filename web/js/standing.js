// While a query is shown, the server is asked to tell what new matches come in.
import { html, useEffect, useState } from './html.js';
import { Icon } from './icons.js';
import { asks, route } from './address.js';
import { events } from './api.js';
import { forget, run } from './searcher.js';
import { plural } from './format.js';
import { requestOf } from './ask.js';
import { useStore } from './store.js';

/** Follows a query until the signal; `tell` gets each asset that matches. A server that has no place for it is not asked again. */
async function follow(state, signal, tell) {
  try {
    const query = await requestOf(state);
    for await (const { hits = [] } of events('v1/watch', { params: { collection: state.collection }, body: { query }, signal, tries: 1 })) {
      for (const hit of hits) tell(hit.asset_id);
    }
  } catch {
    // The hits that are there stay right.
  }
}

/** Says how many assets came that match what is shown, and shows them when asked. */
export function Standing({ list }) {
  const state = useStore(route);
  const [fresh, setFresh] = useState(new Set());
  const [seen, setSeen] = useState(document.visibilityState === 'visible');
  useEffect(() => {
    const look = () => setSeen(document.visibilityState === 'visible');
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, []);
  const stands = asks(state) && list.status === 'done';
  useEffect(() => {
    setFresh(new Set());
  }, [list.key, list.ms]);
  useEffect(() => {
    // A page that nobody looks at holds no connection: a browser has few for each server.
    if (!stands || !seen) return;
    const control = new AbortController();
    follow(state, control.signal, (asset) => setFresh((before) => new Set(before).add(asset)));
    return () => control.abort();
  }, [list.key, stands, seen]);
  if (fresh.size === 0) return null;
  const show = () => {
    forget();
    run({ force: true });
  };
  return html`<p class="standing" role="status"><button type="button" class="button small" onClick=${show}><${Icon} name="retry" size=${15} />Show ${plural(fresh.size, 'new match', 'new matches')}</button></p>`;
}
