// The marks an item can carry and what each implies. The server decides; this foresees its decision, so that a click
// shows at once.

/**
 * @typedef {'mark_seen' | 'mark_unseen' | 'mark_read' | 'mark_unread' | 'archive' | 'unarchive' | 'delete' | 'pin'
 *   | 'unpin' | 'snooze' | 'unsnooze' | 'complete' | 'revert'} Mark
 */

/** Marks that a snoozed item refuses. */
const REFUSED_WHILE_SNOOZED = new Set(['mark_read', 'mark_unread', 'archive']);

/**
 * What an item becomes by a mark.
 * @param {import('./item-table.js').Item} item left as it is
 * @param {Mark} mark
 * @param {{at?: string, snoozeUntil?: string, action?: 'primary' | 'secondary'}} details `at` is the time of the mark, RFC 3339;
 *   without it the time fields stay as they are
 * @returns {import('./item-table.js').Item | null} null when it is deleted; the same object when nothing changes
 */
export function afterMark(item, mark, details) {
  if (mark === 'delete') return null;
  if (item.isSnoozed && REFUSED_WHILE_SNOOZED.has(mark)) return item;
  const change = changeBy(item, mark, details);
  const differs = Object.entries(change).some(([field, value]) => /** @type {any} */ (item)[field] !== value);
  return differs ? { ...item, ...change } : item;
}

/**
 * The fields that a mark sets, implications included.
 * @param {import('./item-table.js').Item} item
 * @param {Mark} mark
 * @param {{at?: string, snoozeUntil?: string, action?: 'primary' | 'secondary'}} details
 * @returns {Partial<import('./item-table.js').Item>}
 */
function changeBy(item, mark, { at, snoozeUntil, action }) {
  switch (mark) {
    case 'mark_seen':
      return seen(item, at);
    case 'mark_unseen':
      return { isSeen: false, isRead: false, isArchived: false, readAt: undefined, archivedAt: undefined };
    case 'mark_read':
      return read(item, at);
    case 'mark_unread':
      return { isRead: false, readAt: undefined, isArchived: false, archivedAt: undefined };
    case 'archive':
      return { ...read(item, at), isArchived: true, archivedAt: item.archivedAt ?? at };
    case 'unarchive':
      return { isArchived: false, archivedAt: undefined };
    case 'pin':
      return { isPinned: true };
    case 'unpin':
      return { isPinned: false };
    case 'snooze':
      return { isSnoozed: true, snoozedUntil: snoozeUntil };
    case 'unsnooze':
      return { isSnoozed: false, snoozedUntil: undefined };
    case 'complete':
      return completed(item, action, true);
    case 'revert':
      return completed(item, action, false);
    default:
      return {};
  }
}

/** @param {import('./item-table.js').Item} item @param {string | undefined} at */
function seen(item, at) {
  return { isSeen: true, firstSeenAt: item.firstSeenAt ?? at };
}

/** @param {import('./item-table.js').Item} item @param {string | undefined} at */
function read(item, at) {
  return { ...seen(item, at), isRead: true, readAt: item.readAt ?? at };
}

/**
 * @param {import('./item-table.js').Item} item
 * @param {'primary' | 'secondary' | undefined} action
 * @param {boolean} isCompleted
 */
function completed(item, action, isCompleted) {
  const field = action === 'secondary' ? 'secondaryAction' : 'primaryAction';
  const button = item[field];
  if (!button || button.isCompleted === isCompleted) return {};
  return { [field]: { ...button, isCompleted } };
}

/**
 * Bulk commands, each with the mark it puts on every item it covers.
 * @type {Record<string, Mark>}
 */
export const BULK_MARKS = {
  mark_all_seen: 'mark_seen',
  mark_all_read: 'mark_read',
  archive_all: 'archive',
  archive_read: 'archive',
  delete_all: 'delete',
};

/** The bulk command that a `marked_all` change of the wire names by its mark. @type {Record<string, string>} */
export const BULK_BY_MARK = {
  seen: 'mark_all_seen',
  read: 'mark_all_read',
  archived: 'archive_all',
  archive: 'archive_all',
  archived_read: 'archive_read',
  archive_read: 'archive_read',
  deleted: 'delete_all',
  delete: 'delete_all',
};

/**
 * Whether a bulk command covers an item that its filter selects: snoozed ones stay as they are, and archived ones unless all is deleted.
 * @param {import('./item-table.js').Item} item
 * @param {string} command
 */
export function isCovered(item, command) {
  if (item.isSnoozed || (item.isArchived && command !== 'delete_all')) return false;
  return command !== 'archive_read' || item.isRead;
}
