// <tidings-inbox>: the inbox as a custom element. It shows a store and clicks its marks; it knows nothing of carriers.

import { element, icon } from './dom.js';
import { badgeText } from './format.js';
import { InboxRow } from './inbox-row.js';
import { inboxStyle } from './inbox-style.js';
import { SeenWatcher } from './seen-watcher.js';

/** How often ages are brought up to date, in milliseconds. */
const TICK_MS = 20_000;
/** Arrivals within this time are announced together, in milliseconds. */
const ANNOUNCE_MS = 250;

/** @type {{key: string, label: string, filter: import('./filter.js').Filter, empty: [string, string]}[]} */
const TABS = [
  { key: 'all', label: 'All', filter: { archived: false, snoozed: false }, empty: ['All quiet', 'What happens next arrives here by itself.'] },
  { key: 'unread', label: 'Unread', filter: { read: false, archived: false, snoozed: false }, empty: ['Nothing unread', 'You are up to date.'] },
  { key: 'archived', label: 'Archived', filter: { archived: true }, empty: ['No archive yet', 'What you put away is kept here.'] },
];

/**
 * The inbox of a person. Set `inbox` (an `Inbox` of a client), or `client`.
 *
 * Attributes: `heading` (default "Inbox"), `layout` (`inline`, the default, or `popover` behind a bell), `theme` (`light`, `dark`; the
 * system's choice otherwise). Colours by custom properties `--tidings-…`.
 */
export class TidingsInbox extends HTMLElement {
  static observedAttributes = ['heading', 'layout'];

  /** @type {import('./inbox.js').Inbox | null} */
  #inbox = null;
  #tab = TABS[0];
  /** @type {Map<string, InboxRow>} */
  #rows = new Map();
  #parts;
  #seen = new SeenWatcher((ids) => this.#try(() => this.#inbox?.mark('mark_seen', ids)));
  /** @type {AbortController | null} listeners and timers while in a document */
  #life = null;
  #drawIsDue = false;
  /** @type {string[]} */
  #arrivals = [];

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [inboxStyle()];
    this.#parts = this.#build();
    root.append(this.#parts.bell, this.#parts.panel, this.#parts.live);
  }

  get inbox() {
    return this.#inbox;
  }

  /** @param {import('./inbox.js').Inbox | null} inbox */
  set inbox(inbox) {
    this.#inbox = inbox;
    for (const { root } of this.#rows.values()) root.remove();
    this.#rows.clear();
    if (this.isConnected) this.#begin();
  }

  /** The inbox `me` of a client. @param {import('./client.js').TidingsClient} client */
  set client(client) {
    this.inbox = client.inbox('me');
  }

  connectedCallback() {
    this.#begin();
  }

  disconnectedCallback() {
    this.#end();
  }

  attributeChangedCallback() {
    this.#arrange();
  }

  #begin() {
    this.#end();
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#arrange();
    const ticking = setInterval(() => this.#tick(), TICK_MS);
    signal.addEventListener('abort', () => clearInterval(ticking));
    document.addEventListener('pointerdown', (event) => this.#pressedOutside(event), { signal });
    this.#inbox?.addEventListener('items', () => this.#requestDraw(), { signal });
    this.#inbox?.addEventListener('notification', (event) => this.#arrived(/** @type {CustomEvent} */ (event).detail), { signal });
    this.#requestDraw();
  }

  #end() {
    this.#life?.abort();
    this.#life = null;
    this.#seen.stop();
  }

  #build() {
    const badge = element('span', { class: 'badge', part: 'badge', hidden: true, 'aria-hidden': 'true' });
    const tabs = TABS.map(({ key, label }) =>
      element('button', { class: 'tab', type: 'button', role: 'tab', id: `tab-${key}`, 'data-tab': key, 'aria-controls': 'list', onclick: () => this.#choose(key) }, label),
    );
    const tool = (/** @type {string} */ name, /** @type {string} */ picture, /** @type {string} */ command) =>
      element('button', { class: 'tool', type: 'button', title: name, 'aria-label': name, 'data-command': command, onclick: () => this.#try(() => this.#inbox?.markAll(command)) }, icon(picture));
    const parts = {
      badge,
      bell: element('button', { class: 'bell', type: 'button', part: 'bell', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', onclick: () => this.#toggle() }, icon('bell')),
      mark: element('span', { class: 'bell', role: 'img' }, icon('bell')),
      title: element('h2', { class: 'title', id: 'title', part: 'heading' }),
      tabs,
      seenAll: tool('Mark all as seen', 'eye', 'mark_all_seen'),
      readAll: tool('Mark all as read', 'checks', 'mark_all_read'),
      problem: element('p', { class: 'problem', role: 'alert', hidden: true }),
      feed: element('div', { class: 'feed', role: 'feed', 'aria-labelledby': 'title', onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event) }),
      empty: element('div', { class: 'empty', hidden: true }),
      more: element('button', { class: 'more', type: 'button', hidden: true, onclick: () => this.#try(() => this.#view?.more()) }, 'Show older'),
      live: element('div', { class: 'hidden-text', role: 'status', 'aria-live': 'polite' }),
      panel: /** @type {any} */ (null),
    };
    const { mark, title, seenAll, readAll, problem, feed, empty, more } = parts;
    parts.panel = element(
      'section',
      { class: 'panel', part: 'panel', 'aria-labelledby': 'title', onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === 'Escape' && this.#close() },
      element('div', { class: 'head' }, title, mark),
      element('div', { class: 'bar' }, element('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Lists', onkeydown: (/** @type {KeyboardEvent} */ event) => this.#tabKey(event) }, ...tabs), seenAll, readAll),
      problem,
      element('div', { class: 'scroll', id: 'list', role: 'tabpanel', 'aria-labelledby': 'tab-all' }, feed, empty, more),
    );
    return parts;
  }

  /** Puts bell and panel where the layout wants them. */
  #arrange() {
    const { bell, mark, badge, panel, title } = this.#parts;
    const isPopover = this.getAttribute('layout') === 'popover';
    title.textContent = this.getAttribute('heading') ?? 'Inbox';
    bell.hidden = !isPopover;
    mark.hidden = isPopover;
    (isPopover ? bell : mark).append(badge);
    if (isPopover) panel.setAttribute('role', 'dialog');
    else panel.removeAttribute('role');
    panel.hidden = isPopover && bell.getAttribute('aria-expanded') !== 'true';
  }

  get #view() {
    return this.#inbox?.view(this.#tab.filter) ?? null;
  }

  /** Several changes in one turn are drawn once. */
  #requestDraw() {
    if (this.#drawIsDue) return;
    this.#drawIsDue = true;
    queueMicrotask(() => {
      this.#drawIsDue = false;
      if (this.isConnected) this.#draw();
    });
  }

  #draw() {
    const view = this.#view;
    const items = view?.items ?? [];
    this.#drawRows(items);
    this.#drawCounts();
    const { tabs, empty, more, panel } = this.#parts;
    for (const tab of tabs) {
      const isChosen = tab.dataset.tab === this.#tab.key;
      tab.setAttribute('aria-selected', String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
    }
    panel.querySelector('#list').setAttribute('aria-labelledby', `tab-${this.#tab.key}`);
    empty.hidden = items.length > 0 || !view?.isLoaded;
    if (!empty.hidden) this.#drawEmpty();
    more.hidden = !view?.isLoaded || !view.hasMore || items.length === 0;
    more.disabled = Boolean(view?.isLoading);
  }

  /** @param {import('./item-table.js').Item[]} items */
  #drawRows(items) {
    const { feed } = this.#parts;
    const nowMs = Date.now();
    const kept = new Set(items.map(({ id }) => id));
    for (const [id, row] of this.#rows) if (!kept.has(id)) this.#removeRow(id, row);
    let previous = null;
    for (const [index, item] of items.entries()) {
      const row = this.#rows.get(item.id) ?? this.#addRow(item);
      row.update(item, index, items.length);
      row.tick(nowMs);
      const expected = previous ? previous.nextSibling : feed.firstChild;
      if (row.root !== expected) feed.insertBefore(row.root, expected);
      previous = row.root;
    }
    this.#seen.watch(items.filter(({ isSeen }) => !isSeen).map(({ id }) => this.#rows.get(id)?.root));
  }

  /** @param {import('./item-table.js').Item} item */
  #addRow(item) {
    const row = new InboxRow(item, (action, of) => this.#act(action, of));
    this.#rows.set(item.id, row);
    return row;
  }

  /** A row that goes away while focused hands the focus to its neighbour. @param {string} id @param {InboxRow} row */
  #removeRow(id, row) {
    const hadFocus = row.root.contains(this.shadowRoot?.activeElement ?? null);
    const neighbour = row.root.nextElementSibling ?? row.root.previousElementSibling;
    row.root.remove();
    this.#rows.delete(id);
    if (hadFocus) (neighbour ?? this.#parts.tabs.find((tab) => tab.tabIndex === 0))?.focus();
  }

  #drawCounts() {
    const { badge, bell, mark, seenAll, readAll } = this.#parts;
    const { unread, unseen } = this.#inbox?.counts ?? { unread: 0, unseen: 0 };
    badge.hidden = unread === 0;
    badge.textContent = badgeText(unread);
    const label = `${unread === 0 ? 'No' : unread} unread notification${unread === 1 ? '' : 's'}`;
    bell.setAttribute('aria-label', `${this.#parts.title.textContent}: ${label}`);
    mark.setAttribute('aria-label', label);
    seenAll.disabled = unseen === 0;
    readAll.disabled = unread === 0;
  }

  #drawEmpty() {
    const [title, text] = this.#tab.empty;
    this.#parts.empty.replaceChildren(icon('letter'), element('strong', {}, title), element('span', {}, text));
  }

  #tick() {
    const nowMs = Date.now();
    for (const row of this.#rows.values()) row.tick(nowMs);
  }

  /** @param {string} key */
  #choose(key) {
    this.#tab = TABS.find((tab) => tab.key === key) ?? TABS[0];
    this.#requestDraw();
    this.#try(() => this.#view?.open());
  }

  /** @param {import('./inbox-row.js').RowAction} action @param {import('./item-table.js').Item} item */
  #act(action, item) {
    /** @type {import('./transitions.js').Mark | null} */
    let mark = null;
    if (action === 'toggle_read') mark = item.isRead ? 'mark_unread' : 'mark_read';
    if (action === 'toggle_archived') mark = item.isArchived ? 'unarchive' : 'archive';
    if (action === 'delete') mark = 'delete';
    if (action === 'open' && !item.isRead) mark = 'mark_read';
    const chosen = mark;
    if (chosen) this.#try(() => this.#inbox?.mark(chosen, item.id));
    if (action === 'open') this.dispatchEvent(new CustomEvent('tidings-open', { detail: { item }, bubbles: true, composed: true }));
  }

  /** Shows what went wrong; the mark itself has been rolled back by then. @param {() => Promise<void> | undefined} run */
  async #try(run) {
    const { problem } = this.#parts;
    try {
      await run();
      problem.hidden = true;
    } catch (error) {
      const { code, message } = /** @type {any} */ (error);
      if (code === 'closed') return;
      problem.textContent = `That did not work: ${message}`;
      problem.hidden = false;
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const article = /** @type {HTMLElement} */ (event.target);
    if (!article.matches('.row') || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = this.#rows.get(article.dataset.id ?? '');
    const run = row && this.#keyAction(event.key, row);
    if (!run) return;
    event.preventDefault();
    run();
  }

  /** @param {string} key @param {InboxRow} row @returns {(() => void) | null} */
  #keyAction(key, row) {
    const focus = (/** @type {Element | null} */ target) => () => /** @type {HTMLElement | null} */ (target)?.focus();
    switch (key) {
      case 'ArrowDown':
      case 'PageDown':
        return focus(row.root.nextElementSibling);
      case 'ArrowUp':
      case 'PageUp':
        return focus(row.root.previousElementSibling);
      case 'Enter':
        return () => {
          this.#act('open', row.item);
          row.root.querySelector('.subject a')?.click();
        };
      case 'r':
        return () => this.#act('toggle_read', row.item);
      case 'e':
        return () => this.#act('toggle_archived', row.item);
      case 'Delete':
        return () => this.#act('delete', row.item);
      default:
        return null;
    }
  }

  /** Arrow keys walk through tabs, as they do in every tab list. @param {KeyboardEvent} event */
  #tabKey(event) {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const { tabs } = this.#parts;
    const index = (tabs.findIndex((tab) => tab.tabIndex === 0) + step + tabs.length) % tabs.length;
    this.#choose(tabs[index].dataset.tab);
    tabs[index].focus();
  }

  /** @param {{item: import('./item-table.js').Item, live: boolean}} arrival */
  #arrived({ item, live }) {
    queueMicrotask(() => this.#rows.get(item.id)?.root.classList.add('arriving'));
    if (!live) return;
    this.#arrivals.push(item.subject || item.body);
    if (this.#arrivals.length === 1) setTimeout(() => this.#announce(), ANNOUNCE_MS);
  }

  #announce() {
    const [first, ...rest] = this.#arrivals;
    this.#arrivals = [];
    const text = rest.length === 0 ? `New notification: ${first}` : `${rest.length + 1} new notifications, the last: ${rest.at(-1)}`;
    this.#parts.live.textContent = text;
  }

  #toggle() {
    const { bell, panel } = this.#parts;
    const opens = bell.getAttribute('aria-expanded') !== 'true';
    bell.setAttribute('aria-expanded', String(opens));
    panel.hidden = !opens;
    if (opens) this.#requestDraw();
  }

  #close() {
    const { bell } = this.#parts;
    if (bell.hidden || bell.getAttribute('aria-expanded') !== 'true') return;
    this.#toggle();
    bell.focus();
  }

  /** @param {PointerEvent} event */
  #pressedOutside(event) {
    const { bell } = this.#parts;
    const isOpen = !bell.hidden && bell.getAttribute('aria-expanded') === 'true';
    if (isOpen && !event.composedPath().includes(this)) this.#toggle();
  }
}

customElements.define('tidings-inbox', TidingsInbox);
