// The items this client holds of one inbox, as the server last told them.

import { matches } from './filter.js';
import { afterMark, BULK_BY_MARK, BULK_MARKS, isCovered } from './transitions.js';

/** How many cursors are remembered to resolve the `upTo` of a bulk mark. */
const CURSORS_COUNT_MAX = 1_024;

/**
 * @typedef {object} ActionButton
 * @property {string} label
 * @property {boolean} [isCompleted]
 * @property {{url: string, target?: string}} [redirect]
 */

/**
 * One notification as it stands in one inbox.
 * @typedef {object} Item
 * @property {string} id
 * @property {string} [transactionId]
 * @property {string} [subject]
 * @property {string} body
 * @property {boolean} isRead
 * @property {boolean} isSeen
 * @property {boolean} isArchived
 * @property {boolean} isSnoozed
 * @property {boolean} [isPinned]
 * @property {string} createdAt
 * @property {string[]} [deliveredAt] times of delivery, the last one is what the list sorts by
 * @property {string} [snoozedUntil]
 * @property {string} [readAt]
 * @property {string} [firstSeenAt]
 * @property {string} [archivedAt]
 * @property {string} [avatar]
 * @property {any} [actor]
 * @property {ActionButton} [primaryAction]
 * @property {ActionButton} [secondaryAction]
 * @property {string[]} [tags]
 * @property {any} [data]
 * @property {string} [category]
 * @property {string} [groupKey]
 * @property {string} [expiresAt]
 * @property {{url: string, target?: string} | string} [redirect]
 * @property {'high' | 'medium' | 'low' | 'none'} [severity]
 */

/**
 * @typedef {object} Row
 * @property {Item} item
 * @property {number} deliveredMs when it was last delivered, milliseconds since 1970
 * @property {number} rank grows with each arrival; older pages get ever lower ones. Breaks ties of `deliveredMs`, and says
 *   which items were there when a bulk mark was made.
 */

/**
 * @typedef {object} Effect what a change did
 * @property {Item[]} arrived items that were added
 * @property {boolean} elsewhere it touched an item that this client does not hold
 * @property {boolean} lost it cannot be applied here: a fresh snapshot is needed
 */

/** Items by id, in the order of the inbox: pinned first, then newest delivery first. */
export class ItemTable {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {Row[] | null} null when it must be sorted anew */
  #ordered = null;
  /** @type {Map<string, number>} the highest rank at each cursor seen, oldest first */
  #rankAt = new Map();
  #highest = 0;
  #lowest = 0;

  /** @param {string} id @returns {Row | undefined} */
  row(id) {
    return this.#rows.get(id);
  }

  /** Rows in the order of the inbox. Not to be changed. */
  get ordered() {
    this.#ordered ??= [...this.#rows.values()].sort(compareRows);
    return this.#ordered;
  }

  /** The highest rank given so far: everything held now has at most this one. */
  get highestRank() {
    return this.#highest;
  }

  /**
   * Forgets everything and begins with a snapshot.
   * @param {Item[]} items newest first
   */
  reset(items) {
    this.#rows.clear();
    this.#rankAt.clear();
    this.#ordered = null;
    this.addOlder(items);
  }

  /**
   * Takes a page, newest first. Items held already stay: the deltas have kept them current, the page may be older.
   * @param {Item[]} items
   * @returns {string[]} ids that were new
   */
  addOlder(items) {
    const added = items.filter(({ id }) => !this.#rows.has(id));
    for (const item of added) this.#put(item, --this.#lowest);
    return added.map(({ id }) => id);
  }

  /**
   * The highest rank there was at a cursor.
   * @param {string} cursor
   * @returns {number | undefined} undefined when this client did not see that cursor
   */
  rankAt(cursor) {
    return this.#rankAt.get(cursor);
  }

  /** After a gap arrivals come out of their order: ranks say nothing about cursors from before. */
  forgetCursors() {
    this.#rankAt.clear();
  }

  /** Remembers how far the inbox was at a cursor. @param {string | undefined} cursor */
  noteCursor(cursor) {
    if (cursor === undefined) return;
    this.#rankAt.set(cursor, this.#highest);
    if (this.#rankAt.size > CURSORS_COUNT_MAX) {
      const [oldest] = this.#rankAt.keys();
      this.#rankAt.delete(oldest);
    }
  }

  /**
   * Applies one change of a delta.
   * @param {any} change
   * @param {{cursor?: string, only?: Set<string>, live?: boolean}} [context] the delta's own cursor; ids to which the change is
   *   confined; whether it comes as it happens
   * @returns {Effect}
   */
  apply(change, { cursor, only, live = false } = {}) {
    const none = { arrived: [], elsewhere: false, lost: false };
    if (only && change.op !== 'marked_all' && !only.has(change.id ?? change.item.id)) return none;
    switch (change.op) {
      case 'added':
        return { ...none, arrived: this.#add(change.item, live) };
      case 'changed':
        return { ...none, elsewhere: !this.#change(change) };
      case 'removed':
        this.#remove(change.id);
        return none;
      case 'marked_all':
        return { ...none, elsewhere: true, lost: !this.#markAll(change, cursor, only) };
      default:
        return { ...none, lost: true };
    }
  }

  /**
   * Catching up tells items again that are held already: those replace what is held and are no arrival. Live, an item is told
   * once: where it is held already, a page was ahead of it.
   * @param {Item} item
   * @param {boolean} live
   * @returns {Item[]} the item when it arrived now
   */
  #add(item, live) {
    const held = this.#rows.get(item.id);
    const isAgain = !live && held !== undefined && held.deliveredMs === deliveredMs(item);
    this.#put(item, isAgain ? held.rank : ++this.#highest);
    return isAgain ? [] : [item];
  }

  /** @param {{id: string, item: Partial<Item>}} change @returns {boolean} whether the item is held */
  #change({ id, item }) {
    const row = this.#rows.get(id);
    if (!row) return false;
    this.#put(merged(row.item, item), row.rank);
    return true;
  }

  /**
   * @param {{mark: string, upTo?: string | null, filter?: import('./filter.js').Filter | null, at?: string}} change
   * @param {string | undefined} cursor
   * @param {Set<string> | undefined} only
   * @returns {boolean} false when it cannot be told which items it covers
   */
  #markAll({ mark, upTo, filter, at }, cursor, only) {
    const command = BULK_BY_MARK[mark];
    // Without `upTo`, or with the delta's own cursor, it covers all that was there when it was made.
    const ceiling = (upTo ?? cursor) === cursor ? Infinity : this.#rankAt.get(upTo ?? '');
    if (command === undefined || ceiling === undefined) return false;
    const details = { at };
    for (const row of [...this.#rows.values()]) {
      const { item, rank } = row;
      if (only && !only.has(item.id)) continue;
      if (rank > ceiling || !isCovered(item, command) || !matches(item, filter ?? {})) continue;
      const after = afterMark(item, BULK_MARKS[command], details);
      if (after === null) this.#remove(item.id);
      else if (after !== item) this.#put(after, rank);
    }
    return true;
  }

  /** @param {Item} item @param {number} rank */
  #put(item, rank) {
    this.#rows.set(item.id, { item, rank, deliveredMs: deliveredMs(item) });
    this.#ordered = null;
  }

  /** @param {string} id */
  #remove(id) {
    if (this.#rows.delete(id)) this.#ordered = null;
  }
}

/**
 * An item with changed fields; null on the wire takes a field away.
 * @param {Item} item
 * @param {Partial<Item>} change
 */
function merged(item, change) {
  const after = { ...item, ...change };
  for (const [field, value] of Object.entries(change)) {
    if (value === null) delete (/** @type {any} */ (after)[field]);
  }
  return after;
}

/** @param {Item} item */
function deliveredMs(item) {
  return Date.parse(item.deliveredAt?.at(-1) ?? item.createdAt);
}

/**
 * The order of an inbox.
 * @param {Row} left
 * @param {Row} right
 */
export function compareRows(left, right) {
  const pinned = Number(right.item.isPinned ?? false) - Number(left.item.isPinned ?? false);
  return pinned || right.deliveredMs - left.deliveredMs || right.rank - left.rank;
}
