// The page without a mouse, and as a screen reader is told of it.

import assert from 'node:assert/strict';
import { DemoPage } from '../demo-page.mjs';

export const title = 'every control has a name, and the keyboard alone publishes and marks';

/** More than the page has stops. */
const TABS_COUNT_MAX = 80;

export async function run({ browser, server, carrier }) {
  const page = await DemoPage.open(browser, server.url, carrier);
  await server.publish({ to: 'bob', subject: 'Already there', body: 'So that a row has controls.', severity: 'high' });
  await page.untilRow('bob', 'Already there');
  assert.deepEqual(await page.tab.look(findings), []);

  await tabTo(page, () => document.activeElement.id === 'subject');
  await page.tab.press('Control+a');
  await page.tab.type('Typed by hand');
  await page.tab.press('Shift+Tab');
  await page.tab.press('ArrowRight');
  await tabTo(page, () => document.activeElement.id === 'subject');
  await page.tab.press('Enter');
  await page.untilRow('bob', 'Typed by hand', { isUnread: true });
  await page.tab.until(
    (text) => document.querySelector('#bob tidings-inbox').shadowRoot.querySelector('[role=status]').textContent.includes(text),
    'Typed by hand',
  );

  await tabTo(page, () => {
    const row = document.querySelector('#bob tidings-inbox').shadowRoot.activeElement;
    return Boolean(row?.matches('.row') && row.textContent.includes('Typed by hand'));
  });
  await page.tab.press('r');
  await page.untilRow('bob', 'Typed by hand', { isUnread: false });
  await page.tab.press('ArrowDown');
  await page.tab.press('Enter');
  await page.untilRow('bob', 'Already there', { isUnread: false });
  await page.tab.press('Delete');
  await page.untilRow('bob', 'Already there', { isThere: false });
  assert.deepEqual(await page.tab.look(findings), []);
}

/** Presses Tab until the focus is where it should be. */
async function tabTo(page, isThere) {
  for (let count = 0; count < TABS_COUNT_MAX; count += 1) {
    if (await page.tab.look(isThere)) return;
    await page.tab.press('Tab');
  }
  assert.fail(`the keyboard does not reach it: ${isThere}`);
}

/* What follows runs in the page. */

/** Everything that a person with a screen reader or without a mouse would stumble over. @returns {string[]} */
function findings() {
  const found = [];
  const roots = [document];
  for (const root of roots) {
    for (const element of root.querySelectorAll('*')) if (element.shadowRoot) roots.push(element.shadowRoot);
  }
  const textOf = (element) => (element?.textContent ?? '').trim();
  const nameOf = (element, root) => {
    const labelled = (element.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => id && textOf(root.getElementById(id)));
    const labels = [...(element.labels ?? [])].map(textOf);
    const own = ['INPUT', 'TEXTAREA', 'SELECT'].includes(element.tagName) ? '' : textOf(element);
    return [labelled.join(' ').trim(), element.getAttribute('aria-label'), ...labels, own, element.getAttribute('title')].find(Boolean);
  };
  for (const root of roots) {
    const controls = 'button, a[href], input, textarea, select, summary, [role=tab], [role=img], [role=feed], [role=dialog], [tabindex="0"]';
    for (const element of root.querySelectorAll(controls)) {
      if (!nameOf(element, root)) found.push(`no name: ${element.outerHTML.slice(0, 120)}`);
    }
    for (const image of root.querySelectorAll('img:not([alt])')) found.push(`no alt: ${image.outerHTML}`);
    for (const element of root.querySelectorAll('[tabindex]')) {
      if (element.tabIndex > 0) found.push(`jumps the queue: ${element.outerHTML.slice(0, 120)}`);
    }
    for (const attribute of ['aria-labelledby', 'aria-describedby', 'aria-controls']) {
      for (const element of root.querySelectorAll(`[${attribute}]`)) {
        for (const id of element.getAttribute(attribute).split(' ')) {
          if (!root.getElementById(id)) found.push(`${attribute} points nowhere: ${id}`);
        }
      }
    }
    const ids = [...root.querySelectorAll('[id]')].map(({ id }) => id);
    if (new Set(ids).size < ids.length) found.push(`an id occurs twice: ${ids.filter((id, index) => ids.indexOf(id) < index)}`);
    for (const hidden of root.querySelectorAll('[aria-hidden=true]')) {
      if (hidden.querySelector('button, a[href], input, [tabindex]')) found.push(`hidden, yet reachable: ${hidden.outerHTML.slice(0, 120)}`);
    }
  }
  if (!document.documentElement.lang) found.push('the page says no language');
  if (document.querySelectorAll('h1').length !== 1) found.push('the page needs one main heading');
  if (document.querySelectorAll('main').length !== 1) found.push('the page needs one main part');
  return found;
}
