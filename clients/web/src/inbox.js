// The store of one inbox: what the server told, what was clicked since, and the lists made of both.

import { noCounts, replaceIn } from './counts.js';
import { ItemTable } from './item-table.js';
import { Overlay } from './overlay.js';
import { BULK_BY_MARK } from './transitions.js';
import { View } from './view.js';

/** Most ids one command may name; more are sent as several commands. */
const IDS_COUNT_MAX = 500;

/** What the default list shows. */
const LISTED = { archived: false, snoozed: false };

/** What a bulk mark does to items, as far as lists are concerned. @type {Record<string, object>} */
const GAINED_BY = {
  mark_all_seen: { isSeen: true },
  mark_all_read: { isRead: true, isSeen: true },
  archive_all: { isArchived: true, isRead: true, isSeen: true },
  archive_read: { isArchived: true },
  delete_all: {},
};

/**
 * The way to the server.
 * @typedef {object} Link
 * @property {(command: string, fields: any) => Promise<any>} command
 * @property {(inbox: string, query: any) => Promise<any>} fetch gives the `reply` frame
 * @property {(inbox: string) => void} startOver asks for a snapshot
 * @property {import('./clock.js').Clock} clock
 */

/**
 * One inbox, live. Dispatches `items` and `counts` when they may have changed, `notification` (`detail.item`, `detail.live`) for
 * each arrival, `behind`, `caught_up` and `resync`.
 */
export class Inbox extends EventTarget {
  #name;
  #link;
  #table = new ItemTable();
  #overlay = new Overlay();
  #counts = noCounts();
  /** @type {string | undefined} */
  #cursor;
  #live = false;
  /** Whether a snapshot must come: until then nothing can be applied, nor a cursor be kept. */
  #void = false;
  #version = 0;
  #generation = 0;
  /** @type {Map<string, View>} */
  #views = new Map();
  /** Changes since the oldest page under way was asked for. @type {{change: any, cursor?: string}[]} */
  #journal = [];
  #pagesUnderWay = 0;

  /** @param {string} name `me`, `tenant`, `topic:KEY` … @param {Link} link */
  constructor(name, link) {
    super();
    this.#name = name;
    this.#link = link;
    this.all = this.view(LISTED);
  }

  get name() {
    return this.#name;
  }

  /** Where to resume; undefined before the first snapshot and after a resync. */
  get cursor() {
    return this.#cursor;
  }

  /** Whether every change arrives as it happens. False while connecting and catching up. */
  get isLive() {
    return this.#live;
  }

  /** Items of the default list. */
  get items() {
    return this.all.items;
  }

  /** Counts, marks under way included. @returns {import('./counts.js').Counts} */
  get counts() {
    if (this.#overlay.isEmpty) return this.#counts;
    return this.#overlay.projectCounts(this.#counts, this.#table.ordered);
  }

  /** A list by filter; the same filter gives the same list. @param {import('./filter.js').Filter} filter */
  view(filter) {
    const key = JSON.stringify(filter);
    const known = this.#views.get(key);
    if (known) return known;
    const view = new View(
      {
        state: () => ({
          rows: this.#table.ordered,
          project: (row) => this.#overlay.project(row),
          version: this.#version,
        }),
        page: (query) => this.#page(query),
        generation: () => this.#generation,
        row: (id) => this.#table.row(id),
        changed: () => this.#changed(),
      },
      filter,
    );
    this.#views.set(key, view);
    return view;
  }

  /**
   * Puts a mark on items. It shows at once and goes away again when the server refuses.
   * @param {import('./transitions.js').Mark} mark
   * @param {string | string[]} ids
   * @param {{snoozeUntil?: string, action?: 'primary' | 'secondary'}} [details]
   * @throws {import('./requests.js').TidingsError} the server's no
   */
  async mark(mark, ids, details = {}) {
    const all = typeof ids === 'string' ? [ids] : ids;
    const commands = [];
    for (let start = 0; start < all.length; start += IDS_COUNT_MAX) {
      const notifications = all.slice(start, start + IDS_COUNT_MAX);
      const pending = { mark, ids: new Set(notifications), details: { ...details, at: this.#now() } };
      commands.push(this.#perform(pending, mark, { notifications, ...details }));
    }
    await Promise.all(commands);
  }

  /**
   * Performs a bulk command: `mark_all_seen`, `mark_all_read`, `archive_all`, `archive_read` or `delete_all`.
   * @param {string} command
   * @param {{filter?: import('./filter.js').Filter, upTo?: string}} [scope] everything up to now when absent
   */
  async markAll(command, { filter, upTo } = {}) {
    const everything = filter === undefined && upTo === undefined;
    const seenRank = upTo === undefined ? undefined : this.#table.rankAt(upTo);
    const ceiling = seenRank ?? this.#table.highestRank;
    const pending = { command, filter: filter ?? {}, ceiling, everything, details: { at: this.#now() } };
    await this.#perform(pending, command, { filter, upTo });
  }

  /** Takes a frame of this inbox. @param {any} frame */
  receive(frame) {
    if (this.#void && frame.type !== 'snapshot' && frame.type !== 'resync') return;
    switch (frame.type) {
      case 'snapshot':
        return this.#snapshot(frame);
      case 'delta':
        return this.#delta(frame);
      case 'counts':
        this.#counts = frame.counts;
        this.#advance(frame.cursor);
        return this.#changed();
      case 'behind':
        this.offline();
        return this.#emit('behind', {});
      case 'caught_up':
        this.#advance(frame.cursor);
        return this.#caughtUp();
      case 'resync':
        this.#forget();
        return this.#emit('resync', { reason: frame.reason });
    }
  }

  /** The session is gone: what arrives next is a catching up. */
  offline() {
    this.#live = false;
    this.#table.forgetCursors();
  }

  /** @param {any} frame */
  #snapshot({ cursor, counts, items, hasMore }) {
    this.#generation += 1;
    this.#void = false;
    this.#table.reset(items);
    this.#counts = counts;
    this.#advance(cursor);
    this.all.begin(items, hasMore);
    for (const view of this.#views.values()) if (view !== this.all) view.reload();
    this.#caughtUp();
  }

  /** @param {any} frame */
  #delta({ cursor, changes, counts }) {
    /** @type {import('./item-table.js').Item[]} */
    const arrived = [];
    for (const change of changes) {
      const effect = this.#table.apply(change, { cursor, live: this.#live });
      if (effect.lost) return this.#startOver();
      if (effect.elsewhere) this.#reloadViewsGaining(change);
      arrived.push(...effect.arrived);
      if (this.#pagesUnderWay > 0) this.#journal.push({ change, cursor });
    }
    this.#counts = counts ?? arrived.reduce((sum, item) => replaceIn(sum, null, item), this.#counts);
    this.#advance(cursor);
    this.#changed();
    for (const item of arrived) this.#emit('notification', { item, live: this.#live });
  }

  #caughtUp() {
    this.#live = true;
    this.#overlay.removeConfirmed();
    this.#changed();
    this.#emit('caught_up', {});
  }

  /** A change cannot be applied to what is held: a fresh snapshot replaces it. */
  #startOver() {
    this.#forget();
    this.#link.startOver(this.#name);
  }

  /** What is held is void. */
  #forget() {
    this.#cursor = undefined;
    this.#live = false;
    this.#void = true;
  }

  /** @param {any} change */
  #reloadViewsGaining(change) {
    const gained = change.op === 'marked_all' ? GAINED_BY[BULK_BY_MARK[change.mark]] : change.item;
    for (const view of this.#views.values()) if (view.mayGain(gained)) view.reload();
  }

  /**
   * Asks for a page. While it is under way changes are noted, and made up for on items that only it brought.
   * @param {any} query
   */
  async #page(query) {
    const generation = this.#generation;
    const since = this.#journal.length;
    this.#pagesUnderWay += 1;
    try {
      const { result } = await this.#link.fetch(this.#name, query);
      if (generation === this.#generation) this.#addPage(result.items, this.#journal.slice(since));
      const ids = result.items.map((/** @type {{id: string}} */ { id }) => id);
      return { ids, hasMore: result.hasMore, after: result.after ?? ids.at(-1), generation };
    } finally {
      this.#pagesUnderWay -= 1;
      if (this.#pagesUnderWay === 0) this.#journal = [];
    }
  }

  /** @param {import('./item-table.js').Item[]} items @param {{change: any, cursor?: string}[]} missed */
  #addPage(items, missed) {
    const only = new Set(this.#table.addOlder(items));
    if (only.size > 0) for (const { change, cursor } of missed) this.#table.apply(change, { cursor, only });
  }

  /**
   * @param {import('./overlay.js').PendingMark | import('./overlay.js').PendingBulk} pending
   * @param {string} command
   * @param {any} fields
   */
  async #perform(pending, command, fields) {
    const key = this.#overlay.add(pending);
    this.#changed();
    try {
      await this.#link.command(command, this.#name === 'me' ? fields : { ...fields, inbox: this.#name });
      // Live, the delta came before the reply. Behind, it comes with the catching up.
      if (this.#live) this.#overlay.remove(key);
      else this.#overlay.confirm(key);
    } catch (error) {
      this.#overlay.remove(key);
      throw error;
    } finally {
      this.#changed();
    }
  }

  /** @param {string} cursor */
  #advance(cursor) {
    this.#cursor = cursor;
    this.#table.noteCursor(cursor);
  }

  #changed() {
    this.#version += 1;
    this.#emit('items', {});
    this.#emit('counts', { counts: this.counts });
  }

  /** @param {string} type @param {object} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail: { inbox: this.#name, ...detail } }));
  }

  #now() {
    return new Date(this.#link.clock.now()).toISOString();
  }
}
