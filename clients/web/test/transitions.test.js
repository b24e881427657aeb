import assert from 'node:assert/strict';
import { test } from 'node:test';
import { itemOf } from '../fakes/items.js';
import { matches } from '../src/filter.js';
import { afterMark, isCovered } from '../src/transitions.js';

const AT = { at: '2026-03-01T12:00:00.000Z' };

/** Every combination of the marks that an item can carry and that the rules allow. */
function states() {
  const all = [];
  for (const isSeen of [false, true]) {
    for (const isRead of [false, true]) {
      for (const isArchived of [false, true]) {
        if ((isRead && !isSeen) || (isArchived && !isRead)) continue;
        all.push({ isSeen, isRead, isArchived });
      }
    }
  }
  return all;
}

const flags = ({ isSeen, isRead, isArchived }) => ({ isSeen, isRead, isArchived });

test('each mark implies what the rules say, from every state', () => {
  const rules = {
    mark_seen: (state) => ({ ...state, isSeen: true }),
    mark_unseen: () => ({ isSeen: false, isRead: false, isArchived: false }),
    mark_read: (state) => ({ ...state, isSeen: true, isRead: true }),
    mark_unread: ({ isSeen }) => ({ isSeen, isRead: false, isArchived: false }),
    archive: () => ({ isSeen: true, isRead: true, isArchived: true }),
    unarchive: (state) => ({ ...state, isArchived: false }),
  };
  for (const state of states()) {
    for (const [mark, rule] of Object.entries(rules)) {
      assert.deepEqual(flags(afterMark(itemOf(1, state), mark, AT)), rule(state), `${mark} from ${JSON.stringify(state)}`);
    }
  }
});

test('a snoozed item refuses read, unread and archive, and takes the rest', () => {
  const snoozed = itemOf(1, { isSnoozed: true });
  for (const mark of ['mark_read', 'mark_unread', 'archive']) assert.equal(afterMark(snoozed, mark, AT), snoozed);
  assert.equal(afterMark(snoozed, 'unsnooze', AT).isSnoozed, false);
  assert.equal(afterMark(snoozed, 'delete', AT), null);
});

test('a mark that changes nothing gives the same item', () => {
  const read = afterMark(itemOf(1), 'mark_read', AT);
  assert.equal(afterMark(read, 'mark_read', { at: 'later' }), read);
});

test('completing marks the button that was pressed, and only one that exists', () => {
  const item = itemOf(1, { primaryAction: { label: 'Pay', isCompleted: false } });
  assert.equal(afterMark(item, 'complete', { action: 'primary' }).primaryAction.isCompleted, true);
  assert.equal(afterMark(item, 'complete', { action: 'secondary' }), item);
});

test('bulk marks leave snoozed items alone, and archived ones unless all is deleted', () => {
  assert.ok(isCovered(itemOf(1), 'mark_all_read'));
  assert.ok(!isCovered(itemOf(1, { isArchived: true }), 'mark_all_read'));
  assert.ok(isCovered(itemOf(1, { isArchived: true }), 'delete_all'));
  assert.ok(!isCovered(itemOf(1, { isSnoozed: true }), 'mark_all_seen'));
  assert.ok(!isCovered(itemOf(1), 'archive_read'));
});

test('filters: one of the tags, or one of each group; severity alone or in a list', () => {
  const item = itemOf(1, { tags: ['a', 'b'], severity: 'high' });
  assert.ok(matches(item, { tags: ['x', 'b'], severity: 'high' }));
  assert.ok(matches(item, { tags: [['a'], ['x', 'b']], severity: ['low', 'high'] }));
  assert.ok(!matches(item, { tags: [['a'], ['x']] }));
  assert.ok(!matches(item, { severity: ['low'] }));
  assert.ok(!matches(item, { read: true }));
  const at = Date.parse(item.createdAt);
  assert.ok(matches(item, { createdGte: at, createdLte: at }));
  assert.ok(!matches(item, { createdGte: at + 1 }) && !matches(item, { createdLte: at - 1 }) && !matches(item, { category: 'billing' }));
  assert.ok(matches(itemOf(2), { tags: [], read: false, seen: false, archived: false, snoozed: false }));
});
