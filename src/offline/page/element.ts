import { visible } from '../../report/html/markup.ts';

/** The element of the page with this id. It throws where the page has none of that kind. */
export function element<E extends Element>(id: string, kind: abstract new () => E): E {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new TypeError(`the page has no ${kind.name} #${id}`);
}

/** A new element with text, which may hold the name of a file: what turns it around is shown. */
export function made<K extends keyof HTMLElementTagNameMap>(
  name: K,
  text = '',
  className = '',
): HTMLElementTagNameMap[K] {
  const one = document.createElement(name);
  if (text !== '') one.textContent = visible(text);
  if (className !== '') one.className = className;
  return one;
}
