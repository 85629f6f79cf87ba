// Keys that work wherever the page is, and the list of all of them.

/** Whether a key that is pressed here is text. */
export function typing(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('textarea, select, input:not([type=checkbox]):not([type=radio]):not([type=range]):not([type=button])'));
}

export const KEYS = [
  ['Anywhere', [['/', 'go to the search box'], ['?', 'show this list'], ['Esc', 'close what is open, or leave the box'], ['g', 'search or library']]],
  ['In the box', [['Enter', 'search'], ['Shift + Enter', 'make the words a term of their own, and search'], ['Backspace', 'in the empty box: take the last term back'], ['↓', 'go to the hits'], ['Ctrl + V', 'paste an image or a file to search by']]],
  ['Among the hits', [['← → ↑ ↓', 'move'], ['Home, End', 'first, last'], ['Enter', 'open'], ['Space', 'play the moment, or stop it'], ['x', 'select'], ['m', 'more like this'], ['l', 'less like this'], ['c', 'combine with the query'], ['y', 'copy the link'], ['e', 'go to the export of the selection']]],
  ['In an open hit', [['← →', 'previous, next hit'], ['↑ ↓', 'previous, next moment'], ['Space', 'play, pause'], ['← → on the curve', 'a second back, on'], ['f', 'the whole screen'], ['m l c x y', 'as among the hits']]],
];
