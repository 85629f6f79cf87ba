// Library: what is stored, what failed, how to bring more in, and who may.
import { html, useState } from './html.js';
import { Collections } from './collections.js';
import { Failures } from './failures.js';
import { Icon } from './icons.js';
import { Ingest } from './bring.js';
import { Keys } from './keys.js';
import { Recent } from './recent.js';
import { may, server } from './server.js';
import { route } from './address.js';
import { useStore } from './store.js';

export function Library() {
  const who = useStore(server);
  const collection = useStore(route, (state) => state.collection);
  const [changed, setChanged] = useState(0);
  const touch = () => setChanged((count) => count + 1);
  return html`<main class="library">
    <h1>Library</h1>
    ${may('write', who)
      ? html`<${Ingest} collection=${collection} onChange=${touch} />`
      : html`<p class="quiet"><${Icon} name="key" size=${16} /> Your key may read. To bring media in, log in with one that may write.</p>`}
    <${Recent} collection=${collection} changed=${changed} />
    <${Collections} changed=${changed} onChange=${touch} admin=${may('admin', who)} />
    <${Failures} collection=${collection} changed=${changed} admin=${may('admin', who)} />
    ${may('admin', who) && html`<${Keys} />`}
  </main>`;
}
