// One list of an inbox: a filter, the pages loaded so far, and whether there are more.

import { matches } from './filter.js';
import { compareRows } from './item-table.js';

/** Items a page asks for. */
export const PAGE_ITEMS_COUNT = 20;
/** The most a page may have. */
const PAGE_ITEMS_COUNT_MAX = 100;

/**
 * What a view needs of its inbox.
 * @typedef {object} ViewSource
 * @property {() => {rows: import('./item-table.js').Row[], project: (row: import('./item-table.js').Row) => import('./item-table.js').Item | null, version: number}} state
 * @property {(query: any) => Promise<{ids: string[], hasMore: boolean, after?: string, generation: number}>} page
 * @property {() => number} generation grows with each snapshot
 * @property {(id: string) => import('./item-table.js').Row | undefined} row
 * @property {() => void} changed tells that a list may look different
 */

/**
 * A filtered, live list. It shows everything down to the end of its last page: items further below that happen to be
 * known stay hidden until their page is loaded, so that there is never a gap.
 */
export class View {
  #source;
  #filter;
  /** @type {import('./item-table.js').Row | null} the last row of the last page; null shows everything */
  #horizon = null;
  /** @type {string | undefined} */
  #after;
  #hasMore = true;
  #loaded = false;
  /** @type {Promise<void> | null} */
  #loading = null;
  #stale = false;
  /** @type {{version: number, items: import('./item-table.js').Item[]} | null} */
  #cache = null;

  /**
   * @param {ViewSource} source
   * @param {import('./filter.js').Filter} filter
   */
  constructor(source, filter) {
    this.#source = source;
    this.#filter = filter;
  }

  /** Items that match, in the order of the inbox, marks under way included. @returns {import('./item-table.js').Item[]} */
  get items() {
    const { rows, project, version } = this.#source.state();
    if (this.#cache?.version !== version) this.#cache = { version, items: this.#select(rows, project) };
    return this.#cache.items;
  }

  /** Whether older items can be loaded. True before the first page. */
  get hasMore() {
    return this.#hasMore;
  }

  /** Whether a first page has arrived. */
  get isLoaded() {
    return this.#loaded;
  }

  get isLoading() {
    return this.#loading !== null;
  }

  /** Loads the first page, unless it is there. */
  async open() {
    if (!this.#loaded) await this.#load(() => this.#fetch({}));
  }

  /** Loads the next page. */
  async more() {
    if (this.#loaded && !this.#hasMore) return;
    await this.#load(() => this.#fetch(this.#loaded ? { after: this.#after } : {}));
  }

  /** The first page came with a snapshot. @param {import('./item-table.js').Item[]} items @param {boolean} hasMore */
  begin(items, hasMore) {
    this.#settle(items.map(({ id }) => id), hasMore, items.at(-1)?.id);
  }

  /** Items may have entered that this client does not hold: loads as much as is shown again. */
  reload() {
    if (!this.#loaded && !this.#stale) return;
    this.#stale = true;
    if (this.#loading) return;
    this.#load(() => this.#refetch()).catch(() => {});
  }

  /**
   * Whether an item that is not held here may enter the list by a change.
   * @param {Partial<import('./item-table.js').Item>} change
   */
  mayGain(change) {
    const { read, archived, snoozed, seen } = this.#filter;
    const pairs = [[read, change.isRead], [archived, change.isArchived], [snoozed, change.isSnoozed], [seen, change.isSeen]];
    return change.isPinned === true || pairs.some(([wanted, value]) => wanted !== undefined && value === wanted);
  }

  /**
   * @param {import('./item-table.js').Row[]} rows
   * @param {(row: import('./item-table.js').Row) => import('./item-table.js').Item | null} project
   */
  #select(rows, project) {
    const items = [];
    for (const row of rows) {
      if (this.#horizon && compareRows(row, this.#horizon) > 0) break;
      const item = project(row);
      if (item && matches(item, this.#filter)) items.push(item);
    }
    return items;
  }

  /** One load at a time; a second caller waits for the first. @param {() => Promise<void>} run */
  #load(run) {
    this.#loading ??= run().finally(() => {
      this.#loading = null;
      this.#source.changed();
      if (this.#stale) this.reload();
    });
    this.#source.changed();
    return this.#loading;
  }

  async #refetch() {
    while (this.#stale) {
      this.#stale = false;
      const shown = Math.ceil(this.items.length / PAGE_ITEMS_COUNT) * PAGE_ITEMS_COUNT;
      await this.#fetch({ limit: Math.min(PAGE_ITEMS_COUNT_MAX, Math.max(PAGE_ITEMS_COUNT, shown)) });
    }
  }

  /** @param {{after?: string, limit?: number}} place */
  async #fetch(place) {
    const page = await this.#source.page({ limit: PAGE_ITEMS_COUNT, ...this.#filter, ...place });
    if (page.generation !== this.#source.generation()) {
      // A snapshot replaced what the page belonged to.
      this.#stale = true;
      return;
    }
    this.#settle(page.ids, page.hasMore, page.after);
  }

  /** @param {string[]} ids @param {boolean} hasMore @param {string | undefined} after */
  #settle(ids, hasMore, after) {
    const lowest = ids.map((id) => this.#source.row(id)).filter((row) => row !== undefined).sort(compareRows).at(-1);
    this.#horizon = hasMore && lowest ? { ...lowest } : null;
    this.#hasMore = hasMore;
    this.#after = after;
    this.#loaded = true;
    this.#cache = null;
  }
}
