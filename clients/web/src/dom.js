// Builds elements without markup in strings: whatever a notification says stays text.

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `class`, `aria-…` and so on; `true` sets an empty one, false and null none;
 *   a function `onclick` and the like becomes a listener
 * @param {(Node | string | null)[]} children
 * @returns {any} the element
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(.../** @type {any} */ (children.filter((child) => child !== null)));
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

/** Paths of the icons, drawn with a 1.6 stroke on 20 by 20. @type {Record<string, string[]>} */
const ICONS = {
  bell: ['M10 2.8a4.7 4.7 0 0 0-4.7 4.7c0 4.2-1.7 5.6-1.7 5.6h12.8s-1.7-1.4-1.7-5.6A4.7 4.7 0 0 0 10 2.8Z', 'M8.3 15.9a1.9 1.9 0 0 0 3.4 0'],
  check: ['M4.2 10.6l3.7 3.7 7.9-8.4'],
  checks: ['M1.9 10.8l3.5 3.5 7-7.9', 'M9.3 13.3l1 1 7.6-8'],
  dot: ['M10 6.6a3.4 3.4 0 1 0 0 6.8 3.4 3.4 0 0 0 0-6.8Z'],
  archive: ['M3 4.2h14v3.4H3z', 'M4.3 7.6v8.2h11.4V7.6', 'M8 10.8h4'],
  unarchive: ['M3 4.2h14v3.4H3z', 'M4.3 7.6v8.2h11.4V7.6', 'M10 14v-4.2', 'M8.1 11.4 10 9.5l1.9 1.9'],
  trash: ['M3.6 5.4h12.8', 'M8 5.2V3.4h4v1.8', 'M5.2 5.4l.8 11.2h8l.8-11.2', 'M8.4 8.6v4.8', 'M11.6 8.6v4.8'],
  eye: ['M1.9 10s2.9-5 8.1-5 8.1 5 8.1 5-2.9 5-8.1 5-8.1-5-8.1-5Z', 'M10 7.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4Z'],
  letter: ['M2.6 5h14.8v10.4H2.6z', 'M2.9 5.4 10 11.2l7.1-5.8'],
};

/** An icon; it says nothing to a screen reader, the control around it has the name. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  for (const [attribute, value] of Object.entries({ viewBox: '0 0 20 20', 'aria-hidden': 'true', class: 'icon' })) {
    svg.setAttribute(attribute, value);
  }
  for (const d of ICONS[name]) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}
