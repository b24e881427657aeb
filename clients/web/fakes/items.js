// Items as the server would tell them.

const BEGIN_MS = Date.parse('2026-03-01T09:00:00.000Z');

/**
 * @param {number} number orders items by time: a higher one is newer
 * @param {Partial<import('../src/item-table.js').Item>} [fields]
 */
export function itemOf(number, fields = {}) {
  return {
    id: `item-${number}`,
    subject: `Subject ${number}`,
    body: `Body ${number}`,
    isRead: false,
    isSeen: false,
    isArchived: false,
    isSnoozed: false,
    createdAt: new Date(BEGIN_MS + number * 1000).toISOString(),
    severity: 'none',
    ...fields,
  };
}

/** Counts of a list of items, made anew. */
export function countsOf(items) {
  const listed = items.filter((item) => !item.isArchived && !item.isSnoozed);
  const unread = listed.filter((item) => !item.isRead);
  const severity = { high: 0, medium: 0, low: 0, none: 0 };
  for (const item of unread) severity[item.severity ?? 'none'] += 1;
  return { total: listed.length, unseen: listed.filter((item) => !item.isSeen).length, unread: unread.length, severity };
}
