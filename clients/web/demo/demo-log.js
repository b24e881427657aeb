// The log of frames: what went over the wire, newest first.

import { element } from '/sdk/dom.js';

/** Lines kept. */
const LINES_COUNT_MAX = 150;

/** A list that shows frames as they pass. */
export class WireLog {
  #list;

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  clear() {
    this.#list.replaceChildren();
  }

  /** @param {string} who @param {{direction: 'in' | 'out', frame: any}} passed */
  frame(who, { direction, frame }) {
    if (frame.type === 'ping' || frame.type === 'pong') return;
    this.#add({ who, arrow: direction === 'in' ? '←' : '→', kind: frame.type, gist: gistOf(frame), whole: frame });
  }

  /** Something beside the frames. @param {string} who @param {string} kind @param {string} gist @param {any} whole */
  note(who, kind, gist, whole) {
    this.#add({ who, arrow: '→', kind, gist, whole });
  }

  /** @param {{who: string, arrow: string, kind: string, gist: string, whole: any}} line */
  #add({ who, arrow, kind, gist, whole }) {
    const time = new Date().toLocaleTimeString('en-GB') + '.' + String(Date.now() % 1000).padStart(3, '0');
    const details = element(
      'details',
      {},
      element(
        'summary',
        {},
        element('span', { class: 'time' }, time.slice(0, 12)),
        element('span', { class: 'from' }, who),
        element('span', { class: 'arrow' }, arrow),
        element('span', { class: 'kind' }, kind),
        element('span', { class: 'gist' }, gist),
      ),
    );
    // The whole frame is written out when somebody looks, not before.
    details.addEventListener('toggle', () => details.append(element('pre', {}, JSON.stringify(whole, null, 2))), { once: true });
    this.#list.prepend(element('li', { 'data-who': who }, details));
    while (this.#list.childElementCount > LINES_COUNT_MAX) this.#list.lastElementChild?.remove();
  }
}

/** A frame in a few words. @param {any} frame */
function gistOf(frame) {
  switch (frame.type) {
    case 'hello':
      return frame.subscribe.map(({ inbox, from }) => (from ? `${inbox} from ${from.slice(0, 10)}…` : inbox)).join(', ');
    case 'welcome':
      return `${frame.subject} of ${frame.tenant}`;
    case 'snapshot':
      return `${frame.inbox} · ${frame.items.length} items · ${countsOf(frame.counts)}`;
    case 'delta':
      return `${frame.inbox} · ${frame.changes.map(changeOf).join(', ')}${frame.counts ? ` · ${countsOf(frame.counts)}` : ''}`;
    case 'counts':
      return `${frame.inbox} · ${countsOf(frame.counts)}`;
    case 'command':
      return `${frame.command}${frame.notifications ? ` · ${frame.notifications.length}` : ''}`;
    case 'reply':
      return frame.ok ? `${frame.id} · ok` : `${frame.id} · ${frame.error.code}`;
    case 'fetch':
      return `${frame.inbox} · ${JSON.stringify(frame.query)}`;
    default:
      return frame.inbox ?? frame.reason ?? frame.message ?? '';
  }
}

/** @param {any} counts */
function countsOf({ unread, unseen, total }) {
  return `${unread} unread, ${unseen} unseen, ${total} in all`;
}

/** @param {any} change */
function changeOf(change) {
  if (change.op === 'added') return `added “${change.item.subject ?? change.item.body}”`;
  if (change.op === 'marked_all') return `marked all ${change.mark}`;
  if (change.op === 'changed') return `changed ${Object.keys(change.item).join(', ')}`;
  return change.op;
}
