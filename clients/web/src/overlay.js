// Marks that were clicked and not confirmed yet, laid over what the server last told. Taking one away is the rollback:
// nothing below was changed.

import { noCounts, replaceIn } from './counts.js';
import { matches } from './filter.js';
import { afterMark, BULK_MARKS, isCovered } from './transitions.js';

/**
 * @typedef {object} PendingMark
 * @property {import('./transitions.js').Mark} mark
 * @property {Set<string>} ids
 * @property {{at?: string, snoozeUntil?: string, action?: 'primary' | 'secondary'}} details
 */

/**
 * @typedef {object} PendingBulk
 * @property {string} command
 * @property {import('./filter.js').Filter} filter
 * @property {number} ceiling rank of the newest item it covers
 * @property {boolean} everything whether it also covers all items not held here
 * @property {{at?: string}} details
 */

/** The marks under way, in the order of the clicks. */
export class Overlay {
  /** @type {Map<symbol, PendingMark | PendingBulk>} */
  #pending = new Map();
  /** @type {Set<symbol>} confirmed, but what they did has not arrived yet */
  #confirmed = new Set();

  get isEmpty() {
    return this.#pending.size === 0;
  }

  /**
   * @param {PendingMark | PendingBulk} mark
   * @returns {symbol} to take it away by
   */
  add(mark) {
    const key = Symbol('pending mark');
    this.#pending.set(key, mark);
    return key;
  }

  /** @param {symbol} key */
  remove(key) {
    this.#pending.delete(key);
    this.#confirmed.delete(key);
  }

  /** Keeps a confirmed mark until `removeConfirmed`, while the inbox catches up. @param {symbol} key */
  confirm(key) {
    this.#confirmed.add(key);
  }

  /** The inbox has caught up: what was confirmed is in it. */
  removeConfirmed() {
    for (const key of this.#confirmed) this.#pending.delete(key);
    this.#confirmed.clear();
  }

  /**
   * An item as the person should see it now.
   * @param {import('./item-table.js').Row} row
   * @returns {import('./item-table.js').Item | null} null when it is being deleted
   */
  project({ item, rank }) {
    /** @type {import('./item-table.js').Item | null} */
    let shown = item;
    for (const pending of this.#pending.values()) {
      if (shown === null) return null;
      shown = 'mark' in pending ? byMark(shown, pending) : byBulk(shown, rank, pending);
    }
    return shown;
  }

  /**
   * Counts as the person should see them now.
   * @param {import('./counts.js').Counts} counts what the server last told
   * @param {import('./item-table.js').Row[]} rows
   * @returns {import('./counts.js').Counts}
   */
  projectCounts(counts, rows) {
    let shown = counts;
    for (const row of rows) {
      const item = this.project(row);
      if (item !== row.item) shown = replaceIn(shown, row.item, item);
    }
    for (const pending of this.#pending.values()) {
      if ('command' in pending && pending.everything) shown = cleared(shown, pending.command);
    }
    return shown;
  }
}

/** @param {import('./item-table.js').Item} item @param {PendingMark} pending */
function byMark(item, { mark, ids, details }) {
  return ids.has(item.id) ? afterMark(item, mark, details) : item;
}

/** @param {import('./item-table.js').Item} item @param {number} rank @param {PendingBulk} pending */
function byBulk(item, rank, { command, filter, ceiling, details }) {
  const covered = rank <= ceiling && isCovered(item, command) && matches(item, filter);
  return covered ? afterMark(item, BULK_MARKS[command], details) : item;
}

/**
 * What a bulk mark over everything leaves, items that are not held here included.
 * @param {import('./counts.js').Counts} counts
 * @param {string} command
 */
function cleared(counts, command) {
  switch (command) {
    case 'mark_all_seen':
      return { ...counts, unseen: 0 };
    case 'mark_all_read':
      return { ...noCounts(), total: counts.total };
    case 'archive_all':
    case 'delete_all':
      return noCounts();
    default:
      return counts;
  }
}
