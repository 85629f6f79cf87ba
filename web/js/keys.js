// Keys: who may do what, for how long. For admins.
import { html, useEffect, useState } from './html.js';
import { Icon, IconButton } from './icons.js';
import { call } from './api.js';
import { Confirm } from './dialogs.js';
import { bare, date } from './format.js';
import { copyText } from './selection.js';
import { say } from './say.js';

const SCOPES = [['read', 'read'], ['write', 'write'], ['admin', 'admin']];

export function Keys() {
  const [keys, setKeys] = useState(null);
  const [error, setError] = useState('');
  const [made, setMade] = useState('');
  const [form, setForm] = useState({ name: '', scope: 'read', collections: '', days: '' });
  const [doomed, setDoomed] = useState(null);
  const load = () => call('GET', 'v1/keys').then((found) => {
    setKeys(found.keys ?? []);
    setError('');
  }, (problem) => {
    setKeys([]);
    setError([404, 501].includes(problem.status) ? 'This server has no keys.' : problem.message);
  });
  useEffect(() => {
    load();
  }, []);
  const create = async (event) => {
    event.preventDefault();
    const body = { scope: form.scope };
    if (form.name.trim()) body.name = form.name.trim();
    const names = form.collections.split(',').map((one) => one.trim()).filter(Boolean);
    if (names.length > 0) body.collections = names;
    if (Number(form.days) > 0) body.expires_days = Number(form.days);
    try {
      const { key } = await call('POST', 'v1/keys', { body });
      setMade(key);
      setForm({ ...form, name: '' });
      load();
    } catch (problem) {
      say(problem.message, { bad: true });
    }
  };
  const revoke = async () => {
    try {
      await call('DELETE', `v1/keys/${encodeURIComponent(doomed.id)}`);
      say('The key is revoked');
      load();
    } catch (problem) {
      say(problem.message, { bad: true });
    }
    setDoomed(null);
  };
  const set = (field) => (event) => setForm({ ...form, [field]: event.target.value });
  return html`<section class="card" aria-labelledby="keys"><h2 id="keys">Keys</h2>
    ${error && html`<p class="quiet">${error}</p>`}
    ${keys?.length === 0 && !error && html`<p class="quiet">No key yet. Who works on the server’s own machine may do everything there.</p>`}
    ${keys?.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="Keys, a table"><table><thead><tr><th scope="col">name</th><th scope="col">may</th><th scope="col">collections</th><th scope="col">made</th><th scope="col">expires</th><th scope="col">last used</th><th scope="col"><span class="unseen">action</span></th></tr></thead>
      <tbody>${keys.map((key) => html`<tr key=${key.id}><th scope="row">${key.name || key.id}</th><td>${bare(key.scope)}</td><td>${key.collections?.length ? key.collections.join(', ') : 'all'}</td><td>${key.created ? date(key.created) : ''}</td><td>${key.expires ? date(key.expires) : 'never'}</td><td>${key.last_used ? date(key.last_used) : 'never'}</td>
        <td><${IconButton} name="trash" size=${16} label=${`Revoke ${key.name || key.id}`} onClick=${() => setDoomed(key)} /></td></tr>`)}</tbody></table></div>`}
    ${made && html`<div class="made" role="status"><p><b>This key is shown once.</b> Keep it where passwords are kept.</p><div class="path"><code>${made}</code><${IconButton} name="copy" size=${16} label="Copy the key" onClick=${() => copyText(made, 'Key')} /></div></div>`}
    <form class="bring-row" onSubmit=${create}>
      <label class="field"><span>Name</span><input value=${form.name} onInput=${set('name')} autocomplete="off" placeholder="edit suite 2" /></label>
      <label class="field"><span>May</span><select value=${form.scope} onChange=${set('scope')}>${SCOPES.map(([scope, title]) => html`<option value=${scope}>${title}</option>`)}</select></label>
      <label class="field"><span>Collections, by commas</span><input value=${form.collections} onInput=${set('collections')} autocomplete="off" placeholder="all" /></label>
      <label class="field narrow"><span>Days</span><input type="number" min="1" max="3650" value=${form.days} onInput=${set('days')} placeholder="no end" /></label>
      <button type="submit" class="button"><${Icon} name="key" size=${16} />Make a key</button>
    </form>
    <p class="quiet small"><b>read</b> searches and looks, <b>write</b> also brings in and deletes, <b>admin</b> also has collections and keys.</p>
    ${doomed && html`<${Confirm} title=${`Revoke ${doomed.name || doomed.id}?`} action="Revoke" onNo=${() => setDoomed(null)} onYes=${revoke}><p>Whoever uses it is let in no longer, from now on.</p></${Confirm}>`}
  </section>`;
}
