// Icons of our own, drawn on a grid of 24; they take the colour of the text.
import { html } from './html.js';

const PATHS = {
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5 20.5 20.5',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17M15.5 9.2v.1',
  video: 'M3 6h13v12H3zM16 10.5l5-3v9l-5-3',
  audio: 'M4 10v4M8 7v10M12 4v16M16 8v8M20 10.5v3',
  text: 'M5 6h14M5 10.5h14M5 15h14M5 19.5h8',
  file: 'M12 16V5M7.5 9 12 4.5 16.5 9M5 15v4.5h14V15',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  close: 'M6 6l12 12M18 6 6 18',
  filter: 'M4 6h16M7 12h10M10 18h4',
  play: 'M8 5.5v13l10.5-6.5z',
  pause: 'M8.5 5.5v13M15.5 5.5v13',
  previous: 'M15 5l-7 7 7 7',
  next: 'M9 5l7 7-7 7',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1',
  copy: 'M9 9h10v11H9zM6 15H5V4h10v2',
  check: 'M5 12.5 10 17.5 19.5 7',
  more: 'M12 20s-7.5-4.6-7.5-10A4.3 4.3 0 0 1 12 7.4 4.3 4.3 0 0 1 19.5 10c0 5.4-7.5 10-7.5 10z',
  less: 'M5.6 5.6l12.8 12.8M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z',
  combine: 'M9 8.5a5 5 0 1 0 0 7M15 8.5a5 5 0 1 1 0 7M9 12h6M12 9v6',
  settings: 'M4 7h9M17 7h3M15 5v4M4 12h3M11 12h9M9 10v4M4 17h9M17 17h3M15 15v4',
  help: 'M9 9a3 3 0 1 1 4.2 2.7c-.8.4-1.2 1-1.2 2.3M12 17.5v.1M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  retry: 'M19 12a7 7 0 1 1-2-5M17.5 3v4.5H13',
  trash: 'M5 7h14M9 7V4.5h6V7M7 7l1 13h8l1-13',
  key: 'M14.5 9.5a4.5 4.5 0 1 0-3 4.2L13 15h2v2h2v2h3v-3l-5.7-5.2M8.5 9v.1',
  warning: 'M12 4 2.5 20h19zM12 10v5M12 17.5v.1',
  sound: 'M4 9.5v5h3.5L12 18V6L7.5 9.5zM15.5 9a4.5 4.5 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11',
  quiet: 'M4 9.5v5h3.5L12 18V6L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5',
  download: 'M12 4v11M7.5 11 12 15.5 16.5 11M5 19.5h14',
  grid: 'M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z',
  full: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  caption: 'M3 5h18v14H3zM7 14.5h6M15.5 14.5H17M7 11h3M12.5 11H17',
};

export function Icon({ name, size = 18, filled = false }) {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" fill=${filled ? 'currentColor' : 'none'} stroke="currentColor"
    stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}

/** A button that shows an icon alone; its label is read out and shown on hover. */
export function IconButton({ name, label, size, filled, className = '', ...rest }) {
  return html`<button type="button" class=${`icon-button ${className}`} aria-label=${label} title=${label} ...${rest}><${Icon} name=${name} size=${size} filled=${filled} /></button>`;
}
