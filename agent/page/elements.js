/**
 * Making and changing parts of the page. Text always goes in as text: what a model or a caller sent is never read as markup.
 */

const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {{ [name: string]: string | number | null }} Attributes null = leave out */

/**
 * @param {string} tag
 * @param {Attributes} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  made.append(...children);
  return made;
}

/**
 * @param {string} tag
 * @param {Attributes} [attributes]
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const made = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  setAttributes(made, attributes);
  made.append(...children);
  return made;
}

/**
 * The element of `index.html` with this id.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found;
}

/**
 * Touches the page only when the text is another one: a selection stays, and a screen reader is told only of changes.
 *
 * @param {Element} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Draws anew only when what is drawn has changed.
 *
 * @param {HTMLElement} holder
 * @param {unknown} shown JSON; compared with the last one
 * @param {() => (Node | string)[]} draw
 */
export function redraw(holder, shown, draw) {
  const mark = JSON.stringify(shown);
  if (drawn.get(holder) === mark) return;
  drawn.set(holder, mark);
  holder.replaceChildren(...draw());
}

/** @type {WeakMap<HTMLElement, string>} */
const drawn = new WeakMap();

/**
 * Keeps one child per item, in the items' order. A child whose key stays is changed, not replaced: focus and opened details live on.
 *
 * @template T
 * @param {HTMLElement} parent
 * @param {readonly T[]} items
 * @param {{ key: (item: T) => string, create: (item: T) => HTMLElement, update: (child: HTMLElement, item: T) => void }} how
 */
export function keyed(parent, items, { key, create, update }) {
  const old = new Map(
    [...parent.children].map((child) => [/** @type {HTMLElement} */ (child).dataset.key, /** @type {HTMLElement} */ (child)]),
  );
  const kept = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let child = old.get(name);
    if (child === undefined || kept.has(child)) {
      child = create(item);
      child.dataset.key = name;
    }
    kept.add(child);
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
}

/**
 * @param {Element} made
 * @param {Attributes} attributes
 */
function setAttributes(made, attributes) {
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, String(value));
}
