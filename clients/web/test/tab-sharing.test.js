import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../fakes/clock.js';
import { countsOf, itemOf } from '../fakes/items.js';
import { FakeServer } from '../fakes/server.js';
import { channelsOfOneBrowser, FakeLocks } from '../fakes/tabs.js';
import { TidingsClient } from '../src/client.js';

/** Several tabs of one browser. */
function newBrowser() {
  const clock = new FakeClock();
  const server = new FakeServer(clock);
  const shared = { locks: new FakeLocks(), BroadcastChannel: channelsOfOneBrowser() };
  const openTab = (options = {}) =>
    new TidingsClient({ url: 'http://fake/', token: 'token', share: 'ada', environment: { ...server.environment, ...shared }, ...options });
  return { clock, server, openTab };
}

const snapshot = (items) => ({ type: 'snapshot', inbox: 'me', cursor: 'c1', counts: countsOf(items), items, hasMore: false });

/** A leading tab and one that follows, both with one item. */
async function twoTabs() {
  const made = newBrowser();
  const { clock, server, openTab } = made;
  const leader = openTab();
  leader.connect();
  await clock.advance(0);
  await server.peer.welcome(made);
  await server.peer.send(snapshot([itemOf(1)]));
  const follower = openTab();
  follower.connect();
  await clock.advance(0);
  await server.peer.send(snapshot([itemOf(1)]));
  return { ...made, leader, follower };
}

const bodies = (client) => client.inbox().items.map(({ id, isRead }) => [id, isRead]);

test('two tabs of one person have one connection and the same items', async () => {
  const { server, leader, follower } = await twoTabs();
  assert.equal(server.peers.length, 1);
  assert.equal(server.peer.of('hello').length, 1);
  assert.deepEqual([leader.status, follower.status, follower.carrier], ['online', 'online', 'websocket']);
  await server.peer.send({ type: 'delta', inbox: 'me', cursor: 'c2', changes: [{ op: 'added', item: itemOf(2) }] });
  const expected = [['item-2', false], ['item-1', false]];
  assert.deepEqual([bodies(leader), bodies(follower)], [expected, expected]);
  leader.close();
  follower.close();
});

test('a mark of the following tab goes through the leading one and its reply comes back', async () => {
  const { clock, server, leader, follower } = await twoTabs();
  const marked = follower.inbox().mark('mark_read', 'item-1');
  await clock.advance(0);
  const [command] = server.peer.of('command');
  await server.peer.send(
    { type: 'delta', inbox: 'me', cursor: 'c2', changes: [{ op: 'changed', id: 'item-1', item: { isRead: true, isSeen: true } }], counts: countsOf([]) },
    { type: 'reply', id: command.id, ok: true },
  );
  await marked;
  assert.deepEqual([bodies(leader), bodies(follower)], [[['item-1', true]], [['item-1', true]]]);
  leader.close();
  follower.close();
});

test('tabs that mark at the same time do not take each other for themselves', async () => {
  const { clock, server, leader, follower } = await twoTabs();
  const refused = assert.rejects(follower.inbox().mark('delete', 'item-1'), { code: 'not_found' });
  const done = leader.inbox().mark('mark_read', 'item-1');
  await clock.advance(0);
  const commands = server.peer.of('command');
  assert.equal(new Set(commands.map(({ id }) => id)).size, 2);
  for (const { id, command } of commands) {
    const answer = command === 'delete' ? { ok: false, error: { code: 'not_found', message: 'no such item' } } : { ok: true };
    await server.peer.send({ type: 'reply', id, ...answer });
  }
  await done;
  await refused;
  leader.close();
  follower.close();
});

test('when the leading tab goes the other one connects, resumes and repeats what was under way', async () => {
  const made = await twoTabs();
  const { clock, server, leader, follower } = made;
  const marked = follower.inbox().mark('mark_read', 'item-1');
  await clock.advance(0);
  const { commandId } = server.peer.of('command')[0];
  leader.close();
  await clock.advance(500);
  assert.equal(server.peers.length, 2);
  assert.deepEqual(server.peer.of('hello')[0].subscribe, [{ inbox: 'me', from: 'c1' }]);
  await server.peer.welcome(made);
  const [again] = server.peer.of('command');
  assert.equal(again.commandId, commandId);
  await server.peer.send({ type: 'reply', id: again.id, ok: true });
  await marked;
  follower.close();
  assert.equal(clock.timersCount, 0);
});

test('when the connection is lost all tabs wait, and one of them brings it back', async () => {
  const made = await twoTabs();
  const { clock, server, leader, follower } = made;
  await server.peer.cut();
  assert.deepEqual([leader.status, follower.status], ['waiting', 'waiting']);
  await clock.advance(1_000);
  assert.equal(server.peers.length, 2);
  await server.peer.welcome(made);
  await clock.advance(0);
  await server.peer.send(snapshot([itemOf(1), itemOf(0)]));
  assert.deepEqual([leader.status, follower.status], ['online', 'online']);
  assert.deepEqual([bodies(leader).length, bodies(follower).length], [2, 2]);
  leader.close();
  follower.close();
});

test('the token of a following tab does not leave it', async () => {
  const { server, leader, follower } = await twoTabs();
  assert.equal(server.peer.received.filter((frame) => 'token' in frame).length, 1);
  leader.close();
  follower.close();
});

test('a tab with a forced carrier has its own connection', async () => {
  const { clock, server, leader, openTab } = await twoTabs();
  const forced = openTab({ carrier: 'websocket' });
  forced.connect();
  await clock.advance(0);
  assert.equal(server.peers.length, 2);
  leader.close();
  forced.close();
});
