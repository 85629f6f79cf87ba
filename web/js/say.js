// Short notes at the foot of the page, read out as well.
import { html } from './html.js';
import { store, useStore } from './store.js';

const note = store({ text: '', bad: false, at: 0 });
let timer = 0;

export function say(text, { bad = false } = {}) {
  clearTimeout(timer);
  note.set({ text, bad, at: note.get().at + 1 });
  timer = setTimeout(() => note.set({ text: '' }), bad ? 8000 : 3500);
}

export function Notes() {
  const { text, bad } = useStore(note);
  return html`<div class="notes" role="status" aria-live="polite">${text && html`<p class=${bad ? 'note bad' : 'note'}>${text}</p>`}</div>`;
}
