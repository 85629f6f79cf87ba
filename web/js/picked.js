// The bar of the selection: how many, and what becomes of them.
import { html, useState } from './html.js';
import { Icon, IconButton } from './icons.js';
import { clearPicked, copyText, exportPicked, FORMATS, picked } from './selection.js';
import { plural } from './format.js';
import { say } from './say.js';
import { useStore } from './store.js';

export function Picked() {
  const { hits, exports } = useStore(picked);
  const [busy, setBusy] = useState('');
  const write = async (format) => {
    setBusy(format);
    try {
      await exportPicked(format);
    } catch (error) {
      say(error.message, { bad: true });
    }
    setBusy('');
  };
  const paths = [...hits.values()].map((hit) => hit.path).filter(Boolean);
  return html`<section class="picked" aria-label="Selection">
    <p role="status">${plural(hits.size, 'selected hit', 'selected hits')}</p>
    <div class="picked-acts">
      ${exports && html`<span class="picked-label"><${Icon} name="download" size=${16} />Export</span>${FORMATS.map(({ format, name, about }) => html`<button type="button" class="button small" title=${`${name}: ${about}`} disabled=${busy !== ''} onClick=${() => write(format)}>${busy === format ? '…' : name}</button>`)}`}
      <button type="button" class="button small" disabled=${paths.length === 0} onClick=${() => copyText(paths.join('\n'), paths.length === 1 ? 'Path' : `${paths.length} paths`)}><${Icon} name="copy" size=${15} />Paths</button>
      <${IconButton} name="close" label="Clear the selection" onClick=${clearPicked} />
    </div>
  </section>`;
}
