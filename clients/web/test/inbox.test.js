import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, settle } from '../fakes/clock.js';
import { countsOf, itemOf } from '../fakes/items.js';
import { Inbox } from '../src/inbox.js';
import { TidingsError } from '../src/requests.js';
import { afterMark, BULK_MARKS, isCovered } from '../src/transitions.js';

/** An inbox whose server is the test: commands and pages wait for an answer. */
function newInbox() {
  const asked = [];
  const ask = (kind) => (...details) =>
    new Promise((resolve, reject) => asked.push({ kind, details, resolve, reject }));
  const inbox = new Inbox('me', {
    command: ask('command'),
    fetch: ask('fetch'),
    startOver: (name) => asked.push({ kind: 'start over', details: [name] }),
    clock: new FakeClock(),
  });
  return { inbox, asked };
}

let nextCursor = 1;

function delta(changes, fields = {}) {
  return { type: 'delta', inbox: 'me', cursor: `c${nextCursor++}`, changes, ...fields };
}

function snapshot(items, { hasMore = false, counts = countsOf(items), cursor = `c${nextCursor++}` } = {}) {
  return { type: 'snapshot', inbox: 'me', cursor, counts, items, hasMore };
}

const ids = (items) => items.map(({ id }) => id);

test('a snapshot is shown as it is', () => {
  const { inbox } = newInbox();
  inbox.receive(snapshot([itemOf(2), itemOf(1, { isRead: true, isSeen: true })]));
  assert.deepEqual(ids(inbox.items), ['item-2', 'item-1']);
  assert.deepEqual(inbox.counts, { total: 2, unseen: 1, unread: 1, severity: { high: 0, medium: 0, low: 0, none: 1 } });
  assert.ok(inbox.isLive);
});

test('an arrival to an audience adds one to the counts, an arrival to one person brings them', () => {
  const { inbox } = newInbox();
  inbox.receive(snapshot([itemOf(1)]));
  inbox.receive(delta([{ op: 'added', item: itemOf(2, { severity: 'high' }) }]));
  assert.deepEqual(inbox.counts, { total: 2, unseen: 2, unread: 2, severity: { high: 1, medium: 0, low: 0, none: 1 } });
  const counts = { total: 9, unseen: 8, unread: 7, severity: { high: 1, medium: 2, low: 3, none: 1 } };
  inbox.receive(delta([{ op: 'added', item: itemOf(3) }], { counts }));
  assert.deepEqual(inbox.counts, counts);
});

test('an arrival that a page was ahead of counts once and is told once', async () => {
  const { inbox, asked } = newInbox();
  inbox.receive(snapshot([itemOf(2)], { hasMore: true, counts: countsOf([itemOf(2), itemOf(1)]) }));
  const told = [];
  inbox.addEventListener('notification', (event) => told.push(event.detail.item.id));
  const more = inbox.all.more();
  asked[0].resolve({ result: { items: [itemOf(3), itemOf(1)], hasMore: false } });
  await more;
  inbox.receive(delta([{ op: 'added', item: itemOf(3) }]));
  assert.deepEqual([inbox.counts.total, told, ids(inbox.items)], [3, ['item-3'], ['item-3', 'item-2', 'item-1']]);
});

test('what comes of an earlier subscription while a snapshot is owed leaves no cursor behind', () => {
  const { inbox, asked } = newInbox();
  inbox.receive(snapshot([itemOf(1)]));
  inbox.receive(delta([{ op: 'marked_all', mark: 'read', upTo: 'a cursor that was never seen', at: itemOf(1).createdAt }]));
  assert.equal(asked.at(-1).kind, 'start over');
  inbox.receive(delta([{ op: 'added', item: itemOf(2) }]));
  assert.deepEqual([inbox.cursor, inbox.isLive], [undefined, false]);
  inbox.receive(snapshot([itemOf(2), itemOf(1)], { cursor: 'fresh' }));
  assert.deepEqual([inbox.cursor, inbox.isLive, ids(inbox.items)], ['fresh', true, ['item-2', 'item-1']]);
});

test('pinned items stay on top, the newest delivery first below', () => {
  const { inbox } = newInbox();
  inbox.receive(snapshot([itemOf(1, { isPinned: true }), itemOf(5), itemOf(4)]));
  inbox.receive(delta([{ op: 'added', item: itemOf(6) }]));
  assert.deepEqual(ids(inbox.items), ['item-1', 'item-6', 'item-5', 'item-4']);
  inbox.receive(delta([{ op: 'changed', id: 'item-4', item: { isPinned: true } }]));
  inbox.receive(delta([{ op: 'changed', id: 'item-1', item: { isPinned: false } }]));
  assert.deepEqual(ids(inbox.items), ['item-4', 'item-6', 'item-5', 'item-1']);
});

test('items of the same millisecond stand in the order of their arrival', () => {
  const { inbox } = newInbox();
  const at = { createdAt: '2026-03-01T10:00:00.000Z' };
  inbox.receive(snapshot([itemOf(2, at), itemOf(1, at)]));
  inbox.receive(delta([{ op: 'added', item: itemOf(3, at) }, { op: 'added', item: itemOf(4, at) }]));
  assert.deepEqual(ids(inbox.items), ['item-4', 'item-3', 'item-2', 'item-1']);
});

test('a woken item is delivered again and comes back on top', () => {
  const { inbox } = newInbox();
  inbox.receive(snapshot([itemOf(9), itemOf(1)]));
  const woken = itemOf(1, { deliveredAt: ['2026-03-01T09:00:01.000Z', '2026-03-01T11:00:00.000Z'] });
  inbox.receive(delta([{ op: 'added', item: woken }]));
  assert.deepEqual(ids(inbox.items), ['item-1', 'item-9']);
});

test('an item told again while catching up replaces the one held, without a second arrival', () => {
  const { inbox } = newInbox();
  const arrived = [];
  inbox.addEventListener('notification', ({ detail }) => arrived.push(detail.item.id));
  inbox.receive(snapshot([itemOf(2), itemOf(1)]));
  inbox.receive({ type: 'behind', inbox: 'me', cursor: 'c1' });
  inbox.receive(delta([{ op: 'added', item: itemOf(1, { isSeen: true }) }, { op: 'added', item: itemOf(3) }]));
  assert.deepEqual(inbox.items.map(({ id, isSeen }) => [id, isSeen]), [['item-3', false], ['item-2', false], ['item-1', true]]);
  assert.deepEqual(arrived, ['item-3']);
});

test('a field that becomes null is gone', () => {
  const { inbox } = newInbox();
  inbox.receive(snapshot([itemOf(1, { isRead: true, isSeen: true, readAt: '2026-03-01T10:00:00.000Z' })]));
  inbox.receive(delta([{ op: 'changed', id: 'item-1', item: { isRead: false, readAt: null } }]));
  assert.equal('readAt' in inbox.items[0], false);
});

test('a bulk mark with a filter covers what the filter selects', () => {
  const { inbox } = newInbox();
  inbox.receive(snapshot([itemOf(3, { tags: ['a'] }), itemOf(2, { tags: ['b'] }), itemOf(1, { tags: ['a'], isSnoozed: true })]));
  inbox.receive(delta([{ op: 'marked_all', mark: 'read', filter: { tags: ['a'] } }], { counts: countsOf([]) }));
  const read = Object.fromEntries(inbox.view({}).items.map(({ id, isRead }) => [id, isRead]));
  assert.deepEqual(read, { 'item-3': true, 'item-2': false, 'item-1': false });
});

test('a bulk mark up to a cursor leaves what came later', () => {
  const { inbox } = newInbox();
  inbox.receive(snapshot([itemOf(1)], { cursor: 'before' }));
  inbox.receive(delta([{ op: 'added', item: itemOf(2) }]));
  inbox.receive(delta([{ op: 'marked_all', mark: 'read', upTo: 'before' }], { counts: countsOf([itemOf(2)]) }));
  assert.deepEqual(inbox.items.map(({ isRead }) => isRead), [false, true]);
});

test('a bulk mark up to a cursor that was never seen here asks for a snapshot instead of guessing', () => {
  const { inbox, asked } = newInbox();
  inbox.receive(snapshot([itemOf(1)]));
  inbox.receive(delta([{ op: 'marked_all', mark: 'read', upTo: 'from another device' }], { counts: countsOf([]) }));
  assert.deepEqual(asked.map(({ kind }) => kind), ['start over']);
  assert.equal(inbox.cursor, undefined);
  inbox.receive(snapshot([itemOf(1, { isRead: true, isSeen: true })]));
  assert.ok(inbox.items[0].isRead);
});

test('a mark shows at once and stays when the server confirms it', async () => {
  const { inbox, asked } = newInbox();
  inbox.receive(snapshot([itemOf(1)]));
  const marked = inbox.mark('mark_read', 'item-1');
  assert.ok(inbox.items[0].isRead && inbox.items[0].isSeen);
  assert.deepEqual(inbox.counts, countsOf(inbox.items));
  assert.deepEqual(asked[0].details, ['mark_read', { notifications: ['item-1'] }]);
  inbox.receive(delta([{ op: 'changed', id: 'item-1', item: { isRead: true, isSeen: true } }], { counts: countsOf(inbox.items) }));
  asked[0].resolve({ ok: true });
  await marked;
  assert.ok(inbox.items[0].isRead);
  assert.equal(inbox.counts.unread, 0);
});

test('a mark that the server refuses rolls back, and what arrived meanwhile stays', async () => {
  const { inbox, asked } = newInbox();
  inbox.receive(snapshot([itemOf(1)]));
  const deleted = inbox.mark('delete', 'item-1');
  assert.deepEqual(inbox.items, []);
  assert.equal(inbox.counts.total, 0);
  inbox.receive(delta([{ op: 'added', item: itemOf(2) }]));
  asked[0].reject(new TidingsError({ code: 'not_found', message: 'no such notification' }));
  await assert.rejects(deleted, { code: 'not_found' });
  assert.deepEqual(ids(inbox.items), ['item-2', 'item-1']);
  assert.deepEqual(inbox.counts, countsOf([itemOf(1), itemOf(2)]));
});

test('of two marks under way only the refused one rolls back', async () => {
  const { inbox, asked } = newInbox();
  inbox.receive(snapshot([itemOf(1)]));
  const read = inbox.mark('mark_read', 'item-1');
  const archived = inbox.mark('archive', 'item-1');
  assert.deepEqual(inbox.items, []);
  asked[1].reject(new TidingsError({ code: 'snoozed', message: 'the item is snoozed' }));
  await assert.rejects(archived);
  assert.ok(inbox.items[0].isRead);
  asked[0].resolve({ ok: true });
  await read;
});

test('mark all shows at once for items here and counts for all', async () => {
  const { inbox, asked } = newInbox();
  inbox.receive(snapshot([itemOf(2), itemOf(1)], { hasMore: true, counts: { ...countsOf([itemOf(1)]), total: 500, unread: 300, unseen: 200 } }));
  const marked = inbox.markAll('mark_all_read');
  assert.ok(inbox.items.every(({ isRead }) => isRead));
  assert.deepEqual([inbox.counts.unread, inbox.counts.unseen, inbox.counts.total], [0, 0, 500]);
  inbox.receive(delta([{ op: 'added', item: itemOf(3) }], { counts: { ...countsOf([itemOf(3)]), total: 501 } }));
  assert.equal(inbox.items[0].isRead, false, 'what arrives after the click is not covered');
  asked[0].reject(new TidingsError({ code: 'internal', message: 'internal' }));
  await assert.rejects(marked);
  assert.ok(inbox.items.every(({ isRead }) => !isRead));
});

test('a mark confirmed while the inbox catches up does not flicker', async () => {
  const { inbox, asked } = newInbox();
  inbox.receive(snapshot([itemOf(1)]));
  inbox.offline();
  const marked = inbox.mark('mark_read', 'item-1');
  asked[0].resolve({ ok: true });
  await marked;
  assert.ok(inbox.items[0].isRead, 'confirmed, and its delta has not arrived');
  inbox.receive({ type: 'behind', inbox: 'me' });
  inbox.receive(delta([{ op: 'changed', id: 'item-1', item: { isRead: true, isSeen: true } }]));
  inbox.receive({ type: 'caught_up', inbox: 'me', cursor: 'c-up' });
  assert.ok(inbox.items[0].isRead && inbox.isLive);
  assert.equal(inbox.cursor, 'c-up');
});

test('a page keeps what deltas told meanwhile', async () => {
  const { inbox, asked } = newInbox();
  inbox.receive(snapshot([itemOf(9)], { hasMore: true }));
  const more = inbox.all.more();
  assert.deepEqual(asked[0].details, ['me', { limit: 20, archived: false, snoozed: false, after: 'item-9' }]);
  inbox.receive(delta([{ op: 'changed', id: 'item-5', item: { isRead: true } }, { op: 'removed', id: 'item-4' }]));
  asked[0].resolve({ result: { items: [itemOf(5), itemOf(4), itemOf(3)], hasMore: false } });
  await more;
  assert.deepEqual(inbox.items.map(({ id, isRead }) => [id, isRead]), [['item-9', false], ['item-5', true], ['item-3', false]]);
  assert.equal(inbox.all.hasMore, false);
});

test('what lies below the last page stays hidden until its page is loaded', async () => {
  const { inbox, asked } = newInbox();
  inbox.receive(snapshot([itemOf(9), itemOf(8)], { hasMore: true }));
  const archive = inbox.view({ archived: true });
  const opened = archive.open();
  asked[0].resolve({ result: { items: [itemOf(2, { isArchived: true })], hasMore: false } });
  await opened;
  inbox.receive(delta([{ op: 'changed', id: 'item-2', item: { isArchived: false } }]));
  assert.deepEqual(ids(inbox.items), ['item-9', 'item-8'], 'item-2 would leave a gap');
  assert.deepEqual(ids(archive.items), []);
});

test('an item archived elsewhere that was never loaded here enters the archive', async () => {
  const { inbox, asked } = newInbox();
  inbox.receive(snapshot([itemOf(9)], { hasMore: true }));
  const archive = inbox.view({ archived: true });
  const opened = archive.open();
  asked[0].resolve({ result: { items: [], hasMore: false } });
  await opened;
  inbox.receive(delta([{ op: 'changed', id: 'item-3', item: { isArchived: true, isRead: true, isSeen: true } }]));
  await settle();
  assert.equal(asked.length, 2, 'the archive is asked for again, the inbox is not');
  asked[1].resolve({ result: { items: [itemOf(3, { isArchived: true, isRead: true, isSeen: true })], hasMore: false } });
  await settle();
  assert.deepEqual(ids(archive.items), ['item-3']);
});

test('after random deltas the store equals a fresh snapshot', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = generator(seed);
    const { inbox } = newInbox();
    const model = new ModelInbox(random);
    inbox.receive(snapshot(model.items));
    for (let step = 0; step < 40; step += 1) {
      inbox.receive(model.step());
      assert.deepEqual(bare(inbox.view({}).items), bare(model.items), `seed ${seed}, step ${step}`);
      assert.deepEqual(inbox.counts, countsOf(model.items), `counts, seed ${seed}, step ${step}`);
    }
    const fresh = newInbox().inbox;
    fresh.receive(snapshot(model.items));
    assert.deepEqual(bare(fresh.items), bare(inbox.items));
  }
});

/** The naive inbox: an array, newest first, and the delta that tells each change. */
class ModelInbox {
  items = [];
  #number = 0;

  constructor(random) {
    this.random = random;
    for (let count = 0; count < 5; count += 1) this.#arrive();
  }

  step() {
    const roll = this.random();
    if (roll < 0.3 || this.items.length === 0) return delta([{ op: 'added', item: this.#arrive() }]);
    if (roll < 0.45) return this.#bulk();
    const index = Math.floor(this.random() * this.items.length);
    const { id } = this.items[index];
    const marks = ['mark_seen', 'mark_unseen', 'mark_read', 'mark_unread', 'archive', 'unarchive', 'delete'];
    const after = afterMark(this.items[index], marks[Math.floor(this.random() * marks.length)], {});
    if (after === null) {
      this.items.splice(index, 1);
      return delta([{ op: 'removed', id }], { counts: countsOf(this.items) });
    }
    this.items[index] = after;
    const { isRead, isSeen, isArchived } = after;
    return delta([{ op: 'changed', id, item: { isRead, isSeen, isArchived } }], { counts: countsOf(this.items) });
  }

  #bulk() {
    const [mark, command] = this.random() < 0.5 ? ['seen', 'mark_all_seen'] : ['read', 'mark_all_read'];
    this.items = this.items.map((item) => (isCovered(item, command) ? afterMark(item, BULK_MARKS[command], {}) : item));
    return delta([{ op: 'marked_all', mark }], { counts: countsOf(this.items) });
  }

  #arrive() {
    const severity = ['high', 'medium', 'low', 'none'][Math.floor(this.random() * 4)];
    const item = itemOf(++this.#number, { severity });
    this.items.unshift(item);
    return item;
  }
}

/** Items without the fields that are merely undefined. */
function bare(items) {
  return JSON.parse(JSON.stringify(items));
}

/** A small reproducible generator (mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
