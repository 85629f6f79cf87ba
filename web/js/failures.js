// Files that could not be brought in, or only with a warning, each with its reason.
import { html, useEffect, useState } from './html.js';
import { Icon, IconButton } from './icons.js';
import { call, events } from './api.js';
import { bare, bytes, plural } from './format.js';
import { say } from './say.js';

const ROWS = 200;

function Table({ files, count, onRetry, trying, admin }) {
  return html`<ul class="failures">${files.map((file) => html`<li key=${file.path}>
    <div class="failure-head"><code title=${file.path}>${file.path}</code>
      ${admin && html`<${IconButton} name="retry" size=${16} disabled=${trying !== ''} label=${`Try ${file.path} again`} onClick=${() => onRetry(file.path)} />`}</div>
    <p>${file.failure?.message ?? 'no reason is known'}</p>
    <p class="quiet">${[bare(file.failure?.reason ?? file.failure?.error), file.tries ? plural(file.tries, 'try', 'tries') : '', bytes(file.bytes), file.failure?.retryable ? 'may work later' : ''].filter(Boolean).join(' · ')}</p>
  </li>`)}</ul>${count > files.length && html`<p class="quiet">and ${count - files.length} more</p>`}`;
}

export function Failures({ collection, changed, admin }) {
  const [lists, setLists] = useState({ failed: null, warned: null });
  const [error, setError] = useState('');
  const [warnings, setWarnings] = useState(false);
  const [trying, setTrying] = useState('');
  const [again, setAgain] = useState(0);
  useEffect(() => {
    let gone = false;
    const ask = (flag, name) => call('GET', 'v1/failures', { params: { collection, warnings: flag || undefined, limit: ROWS } }).then(({ files = [], count = files.length }) => !gone && setLists((before) => ({ ...before, [name]: { files, count } })), (problem) => !gone && setError(problem.message));
    setError('');
    ask(false, 'failed');
    ask(true, 'warned');
    return () => {
      gone = true;
    };
  }, [collection, changed, again]);
  const retry = async (path) => {
    setTrying(path);
    try {
      let last = null;
      for await (const event of events('v1/index_paths', { params: { collection }, body: { paths: [path], retry_all: true } })) last = event.file ?? last;
      say(last && bare(last.state) === 'failed' ? `Still: ${last.failure?.message ?? 'it failed'}` : 'It is in now', { bad: Boolean(last && bare(last.state) === 'failed') });
    } catch (error) {
      say(error.message, { bad: true });
    }
    setTrying('');
    setAgain(again + 1);
  };
  const shown = warnings ? lists.warned : lists.failed;
  return html`<section class="card" aria-labelledby="failures"><h2 id="failures">Files with problems</h2>
    <div class="segments" role="group" aria-label="Which files">
      <button type="button" aria-pressed=${!warnings} onClick=${() => setWarnings(false)}>Failed <b>${lists.failed?.count ?? ''}</b></button>
      <button type="button" aria-pressed=${warnings} onClick=${() => setWarnings(true)}>In, with a warning <b>${lists.warned?.count ?? ''}</b></button></div>
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    ${error || !shown ? null : shown.count === 0 ? html`<p class="quiet"><${Icon} name="check" size=${16} /> ${warnings ? 'No file has a warning.' : 'Every file could be read.'}</p>` : html`<${Table} files=${shown.files} count=${shown.count} onRetry=${retry} trying=${trying} admin=${admin} />`}
  </section>`;
}
