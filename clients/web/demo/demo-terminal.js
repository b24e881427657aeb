// Lines for a terminal that do what the form does.

import { element } from '/sdk/dom.js';

/**
 * @param {HTMLElement} place
 * @param {{tenant: string, notification: any, origin: string}} values
 */
export function showTerminal(place, { tenant, notification, origin }) {
  const steps = [
    ['A token that may publish', `TOKEN=$(tidings token --tenant ${tenant} --user front-desk --role service)`],
    ['Publish what the form says', publishLine(notification, origin)],
    ['Read Ada’s inbox', `curl -s ${origin}/v1/inbox/notifications \\\n  -H "Authorization: Bearer $(tidings token --tenant ${tenant} --user ada --role user)"`],
    ['Prove the history', 'tidings audit verify'],
  ];
  const known = place.querySelectorAll('.step pre');
  if (known.length === steps.length) {
    for (const [index, [, line]] of steps.entries()) known[index].textContent = line;
    return;
  }
  place.replaceChildren(...steps.map(([title, line]) => step(title, line)));
}

/** @param {any} notification @param {string} origin */
function publishLine(notification, origin) {
  const json = JSON.stringify(notification).replaceAll("'", "'\\''");
  return `curl -s ${origin}/v1/notifications \\\n  -H "Authorization: Bearer $TOKEN" \\\n  -H 'Content-Type: application/json' \\\n  -d '${json}'`;
}

/** @param {string} title @param {string} line */
function step(title, line) {
  const text = element('pre', { tabindex: '0', role: 'group', 'aria-label': title }, line);
  const copy = element('button', { class: 'copy', type: 'button', 'aria-label': `Copy: ${title}` }, 'Copy');
  copy.addEventListener('click', () => copied(copy, text.textContent));
  return element('div', { class: 'step' }, element('p', {}, title), element('div', { class: 'snippet' }, text, copy));
}

/** @param {HTMLElement} button @param {string} line */
async function copied(button, line) {
  try {
    await navigator.clipboard.writeText(line);
    button.textContent = 'Copied';
  } catch {
    button.textContent = 'Select and copy';
  }
  setTimeout(() => (button.textContent = 'Copy'), 1600);
}
