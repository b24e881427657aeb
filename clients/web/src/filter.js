// Which items a query selects; the same rules as the server's, over items this client holds.

/**
 * @typedef {object} Filter
 * @property {boolean} [read]
 * @property {boolean} [seen]
 * @property {boolean} [archived]
 * @property {boolean} [snoozed]
 * @property {string[] | string[][]} [tags] one of them, or one of each group
 * @property {string | string[]} [severity]
 * @property {string} [category]
 * @property {number} [createdGte] milliseconds since 1970
 * @property {number} [createdLte] milliseconds since 1970
 */

/**
 * @param {import('./item-table.js').Item} item
 * @param {Filter} filter an absent field selects everything
 */
export function matches(item, filter) {
  return (
    agrees(item.isRead, filter.read) &&
    agrees(item.isSeen, filter.seen) &&
    agrees(item.isArchived, filter.archived) &&
    agrees(item.isSnoozed, filter.snoozed) &&
    hasTags(item.tags ?? [], filter.tags) &&
    hasSeverity(item.severity ?? 'none', filter.severity) &&
    (filter.category === undefined || item.category === filter.category) &&
    (filter.createdGte === undefined || Date.parse(item.createdAt) >= filter.createdGte) &&
    (filter.createdLte === undefined || Date.parse(item.createdAt) <= filter.createdLte)
  );
}

/** @param {boolean | undefined} value @param {boolean | undefined} wanted */
function agrees(value, wanted) {
  return wanted === undefined || Boolean(value) === wanted;
}

/** @param {string[]} tags @param {string[] | string[][] | undefined} wanted */
function hasTags(tags, wanted) {
  if (!wanted || wanted.length === 0) return true;
  const groups = Array.isArray(wanted[0]) ? /** @type {string[][]} */ (wanted) : [/** @type {string[]} */ (wanted)];
  return groups.every((group) => group.some((tag) => tags.includes(tag)));
}

/** @param {string} severity @param {string | string[] | undefined} wanted */
function hasSeverity(severity, wanted) {
  if (wanted === undefined || wanted.length === 0) return true;
  return Array.isArray(wanted) ? wanted.includes(severity) : severity === wanted;
}
