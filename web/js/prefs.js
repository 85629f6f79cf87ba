// What a person set for this browser.
import { store } from './store.js';

const DEFAULTS = { theme: 'auto', tile: 190, sound: true, letters: true };

function stored() {
  try {
    return JSON.parse(localStorage.getItem('prefs')) ?? {};
  } catch {
    return {};
  }
}

export const prefs = store({ ...DEFAULTS, ...stored() });

function apply({ theme }) {
  document.documentElement.dataset.theme = theme;
}

apply(prefs.get());
prefs.watch((value) => {
  apply(value);
  try {
    localStorage.setItem('prefs', JSON.stringify(value));
  } catch {
    // A private window keeps nothing.
  }
});

/** Whether things may move by themselves. */
export function calm() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}
