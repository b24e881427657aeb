// Counts of an inbox and how items add to them.

/** @typedef {{high: number, medium: number, low: number, none: number}} SeverityCounts unread items by severity */
/** @typedef {{total: number, unseen: number, unread: number, severity: SeverityCounts}} Counts */

/** @returns {Counts} */
export function noCounts() {
  return { total: 0, unseen: 0, unread: 0, severity: { high: 0, medium: 0, low: 0, none: 0 } };
}

/**
 * Counts with an item taken away and another put in: what a change does to them.
 * @param {Counts} counts left as they are
 * @param {import('./item-table.js').Item | null} before null for none
 * @param {import('./item-table.js').Item | null} after null for none
 * @returns {Counts}
 */
export function replaceIn(counts, before, after) {
  return plus(plus(counts, before, -1), after, 1);
}

/**
 * @param {Counts} counts
 * @param {import('./item-table.js').Item | null} item
 * @param {1 | -1} sign
 * @returns {Counts}
 */
function plus(counts, item, sign) {
  if (!item || item.isArchived || item.isSnoozed) return counts;
  const severity = { ...counts.severity };
  if (!item.isRead) {
    const level = item.severity && item.severity in severity ? item.severity : 'none';
    severity[level] = atLeastZero(severity[level] + sign);
  }
  return {
    total: atLeastZero(counts.total + sign),
    unseen: atLeastZero(counts.unseen + (item.isSeen ? 0 : sign)),
    unread: atLeastZero(counts.unread + (item.isRead ? 0 : sign)),
    severity,
  };
}

/** @param {number} count */
function atLeastZero(count) {
  return Math.max(0, count);
}
