// Small dialogs: a question, the list of keys, the settings.
import { html, useEffect, useRef, useState } from './html.js';
import { Icon, IconButton } from './icons.js';
import { KEYS } from './keyboard.js';
import { prefs } from './prefs.js';
import { server } from './server.js';
import { useStore } from './store.js';

export function Dialog({ title, onClose, children, className = '' }) {
  const dialog = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    return () => {
      dialog.current?.close();
      before?.focus?.();
    };
  }, []);
  return html`<dialog class=${`small ${className}`} ref=${dialog} aria-label=${title} onCancel=${(event) => {
    event.preventDefault();
    onClose();
  }} onKeyDown=${(event) => event.stopPropagation()} onClick=${(event) => event.target === dialog.current && onClose()}>
    <div class="dialog-in"><header><h2>${title}</h2><${IconButton} name="close" label="Close (Esc)" onClick=${onClose} /></header>${children}</div>
  </dialog>`;
}

/** A question; with `word`, it has to be typed before yes counts. */
export function Confirm({ title, word, action, onYes, onNo, children }) {
  const [typed, setTyped] = useState('');
  return html`<${Dialog} title=${title} onClose=${onNo}>
    <form onSubmit=${(event) => {
      event.preventDefault();
      if (!word || typed === word) onYes();
    }}>${children}
      ${word && html`<label class="field wide"><span>Type its name to be sure</span><input value=${typed} onInput=${(event) => setTyped(event.target.value)} autocomplete="off" /></label>`}
      <p class="dialog-acts"><button type="button" class="button" onClick=${onNo}>Cancel</button><button type="submit" class="button danger" disabled=${Boolean(word) && typed !== word}>${action}</button></p></form>
  </${Dialog}>`;
}

export function Help({ onClose }) {
  return html`<${Dialog} title="Keys" onClose=${onClose} className="help"><div class="help-lists">${KEYS.map(([title, keys]) => html`<section><h3>${title}</h3><dl>${keys.map(([key, does]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl></section>`)}</div></${Dialog}>`;
}

export function Settings({ onClose }) {
  const value = useStore(prefs);
  const { info } = useStore(server);
  return html`<${Dialog} title="Settings" onClose=${onClose}>
    <fieldset class="choice"><legend>Colours</legend>${[['auto', 'as the system'], ['light', 'light'], ['dark', 'dark']].map(([theme, title]) => html`<label class="check"><input type="radio" name="theme" checked=${value.theme === theme} onChange=${() => prefs.set({ theme })} /><span>${title}</span></label>`)}</fieldset>
    <label class="check"><input type="checkbox" checked=${value.sound} onChange=${(event) => prefs.set({ sound: event.target.checked })} /><span><${Icon} name=${value.sound ? 'sound' : 'quiet'} size=${16} /> sound, also of audio under the pointer</span></label>
    <label class="check"><input type="checkbox" checked=${value.letters} onChange=${(event) => prefs.set({ letters: event.target.checked })} /><span>keys of one letter (m, l, c, …)</span></label>
    ${info && html`<p class="quiet">Sensorium ${info.version}, protocol ${info.protocol} · <a href="docs">HTTP and JSON</a></p>`}
  </${Dialog}>`;
}
