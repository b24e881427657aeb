// One row of the inbox element: built once for an item, then brought up to date in place, so that focus stays where it is.

import { element, icon } from './dom.js';
import { bucketOf, fullTime, initials, safeImage, safeLink, shortAge } from './format.js';

/** Colours of a face without a picture. */
const HUES_COUNT = 5;

/**
 * @typedef {'toggle_read' | 'toggle_archived' | 'delete' | 'open'} RowAction
 */

/** A row and the item it shows. */
export class InboxRow {
  /** @type {import('./item-table.js').Item} */
  #item;
  #parts;

  /**
   * @param {import('./item-table.js').Item} item
   * @param {(action: RowAction, item: import('./item-table.js').Item) => void} act
   */
  constructor(item, act) {
    this.#item = item;
    const perform = (/** @type {RowAction} */ action) => () => act(action, this.#item);
    this.#parts = {
      subject: element('h3', { class: 'subject', id: `s-${item.id}`, part: 'subject' }),
      age: element('time', { class: 'age' }),
      body: element('p', { class: 'body', id: `b-${item.id}`, part: 'body' }),
      tags: element('ul', { class: 'tags', role: 'list' }),
      read: element('button', { class: 'tool', type: 'button', 'data-action': 'read', onclick: perform('toggle_read') }),
      archive: element('button', { class: 'tool', type: 'button', 'data-action': 'archive', onclick: perform('toggle_archived') }),
      remove: element('button', { class: 'tool danger', type: 'button', 'data-action': 'delete', onclick: perform('delete') }, icon('trash')),
      face: element('span', { class: 'face', 'aria-hidden': 'true' }),
    };
    this.root = this.#assemble(perform('open'));
    this.update(item, 0, 0);
  }

  get item() {
    return this.#item;
  }

  /** @param {() => void} open */
  #assemble(open) {
    const { subject, age, body, tags, read, archive, remove, face } = this.#parts;
    const spot = element('span', { class: 'spot', 'aria-hidden': 'true' });
    const { id } = this.#item;
    return element(
      'article',
      {
        class: 'row',
        tabindex: '0',
        'data-id': id,
        'aria-labelledby': `s-${id}`,
        'aria-describedby': `b-${id}`,
        // The path, not the target: a button that was clicked may have got another icon by now.
        onclick: (/** @type {Event} */ event) => {
          if (!event.composedPath().some((part) => part instanceof HTMLButtonElement)) open();
        },
      },
      face,
      element(
        'div',
        { class: 'main' },
        element('div', { class: 'line' }, subject, age, spot),
        body,
        element('div', { class: 'foot' }, tags, element('div', { class: 'tools' }, read, archive, remove)),
      ),
    );
  }

  /**
   * @param {import('./item-table.js').Item} item
   * @param {number} index place in the list, from 0
   * @param {number} count rows in the list
   */
  update(item, index, count) {
    const isFirst = !this.root.hasAttribute('data-severity');
    const before = this.#item;
    this.#item = item;
    this.root.setAttribute('aria-posinset', String(index + 1));
    this.root.setAttribute('aria-setsize', String(count));
    if (before === item && !isFirst) return;
    this.root.toggleAttribute('data-unread', !item.isRead);
    this.root.setAttribute('data-severity', item.severity ?? 'none');
    // What looks the same is left alone: a node replaced between press and release would swallow the click.
    const same = (/** @type {(of: import('./item-table.js').Item) => unknown[]} */ parts) =>
      !isFirst && JSON.stringify(parts(before)) === JSON.stringify(parts(item));
    if (!same(({ subject, body, redirect, isRead }) => [subject, body, redirect, isRead])) this.#showText();
    if (!same(({ subject, body, actor, avatar }) => [subject, body, actor, avatar])) this.#showFace();
    if (!same(({ tags, severity }) => [tags, severity])) this.#showTags();
    if (!same(({ subject, body, isRead, isArchived }) => [subject, body, isRead, isArchived])) this.#nameControls();
  }

  /** Brings the age up to date. @param {number} nowMs */
  tick(nowMs) {
    const { age } = this.#parts;
    const at = this.#item.deliveredAt?.at(-1) ?? this.#item.createdAt;
    const then = Date.parse(at);
    age.textContent = shortAge(then, nowMs);
    age.dateTime = at;
    age.title = fullTime(then);
  }

  #showText() {
    const { subject, body } = this.#parts;
    const item = this.#item;
    const title = item.subject || item.body;
    const link = safeLink(item.redirect);
    const unread = item.isRead ? null : element('span', { class: 'hidden-text' }, 'Unread: ');
    const text = link
      ? element('a', { href: link.url, target: link.target, rel: 'noopener noreferrer' }, title)
      : title;
    subject.replaceChildren(...[unread, text].filter((node) => node !== null));
    body.textContent = item.subject ? item.body : '';
    body.hidden = body.textContent === '';
  }

  #showFace() {
    const { face } = this.#parts;
    const item = this.#item;
    const name = nameOf(item.actor) ?? item.subject ?? item.body;
    face.setAttribute('data-hue', String(bucketOf(name, HUES_COUNT)));
    const picture = safeImage(item.avatar ?? item.actor?.avatar);
    const children = [document.createTextNode(initials(name))];
    if (picture) {
      const image = element('img', { src: picture, alt: '', loading: 'lazy', referrerpolicy: 'no-referrer' });
      image.addEventListener('error', () => image.remove(), { once: true });
      children.push(image);
    }
    face.replaceChildren(...children);
  }

  #showTags() {
    const { severity = 'none', tags = [] } = this.#item;
    const chips = tags.map((tag) => element('li', { class: 'tag' }, tag));
    if (severity === 'high') chips.unshift(element('li', { class: 'tag severity' }, 'Urgent'));
    if (severity === 'medium') chips.unshift(element('li', { class: 'tag severity' }, 'Important'));
    this.#parts.tags.replaceChildren(...chips);
  }

  #nameControls() {
    const { read, archive, remove } = this.#parts;
    const { isRead, isArchived, subject, body } = this.#item;
    const about = shorten(subject || body);
    name(read, isRead ? 'Mark as unread' : 'Mark as read', about, isRead ? 'letter' : 'check');
    name(archive, isArchived ? 'Move to inbox' : 'Archive', about, isArchived ? 'unarchive' : 'archive');
    name(remove, 'Delete', about, 'trash');
  }
}

/** @param {HTMLElement} button @param {string} verb @param {string} about @param {string} picture */
function name(button, verb, about, picture) {
  button.title = verb;
  button.setAttribute('aria-label', `${verb}: ${about}`);
  button.replaceChildren(icon(picture));
}

/** @param {string} text */
function shorten(text) {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** @param {any} actor text, or an object with a name @returns {string | undefined} */
function nameOf(actor) {
  if (typeof actor === 'string') return actor;
  return actor?.name ?? actor?.firstName ?? actor?.subscriberId;
}
