// Where a key is needed.
import { html, useEffect, useRef, useState } from './html.js';
import { Icon } from './icons.js';
import { login } from './server.js';

export function Login({ onIn }) {
  const [key, setKey] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const field = useRef(null);
  useEffect(() => field.current?.focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError('');
    try {
      await login(key.trim());
      onIn();
    } catch (problem) {
      setError(problem.status === 401 || problem.status === 403 ? 'This key is not known here, has expired or was revoked.' : problem.message);
      field.current?.select();
    }
    setBusy(false);
  };
  return html`<main class="login"><form class="card" onSubmit=${submit}>
    <h1><${Icon} name="key" size=${22} />A key is needed</h1>
    <p class="quiet">Ask whoever runs this server for one. It stays in a cookie that only this server reads.</p>
    <label class="field wide"><span>Key</span><input ref=${field} type="password" autocomplete="current-password" value=${key} aria-invalid=${error !== ''} aria-describedby="login-error" onInput=${(event) => setKey(event.target.value)} /></label>
    <p id="login-error" class="bad" role="alert">${error}</p>
    <button type="submit" class="button primary" disabled=${busy || !key.trim()}>${busy ? 'Looking…' : 'Log in'}</button>
  </form></main>`;
}
