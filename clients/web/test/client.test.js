import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, settle } from '../fakes/clock.js';
import { countsOf, itemOf } from '../fakes/items.js';
import { FakeServer } from '../fakes/server.js';
import { TidingsClient } from '../src/client.js';
import { ANSWER_MS_MAX, REPLY_MS_MAX, SILENCE_MS_MAX } from '../src/session.js';

function newClient(options = {}, offers) {
  const clock = new FakeClock();
  const server = new FakeServer(clock);
  if (offers) server.offers = offers;
  const client = new TidingsClient({ url: 'http://fake/', token: 'token-1', environment: server.environment, ...options });
  const statuses = [];
  client.addEventListener('status', ({ detail }) => statuses.push(detail));
  return { client, clock, server, statuses };
}

/** A client that is online with one item. */
async function online(options, offers) {
  const made = newClient(options, offers);
  made.client.connect();
  await made.clock.advance(0);
  await made.server.peer.welcome(made);
  await made.server.peer.send({ type: 'snapshot', inbox: 'me', cursor: 'c1', counts: countsOf([itemOf(1)]), items: [itemOf(1)], hasMore: false });
  return made;
}

const both = (behaviour) => ({
  webtransport: { url: 'https://fake/v1/connect/webtransport', certificateHashes: ['00ff'], behaviour },
  websocket: { url: 'ws://fake/v1/connect/websocket' },
});

test('hello carries token and subscriptions, and the snapshot is shown', async () => {
  const { client, server } = await online();
  const [hello] = server.peer.received;
  assert.deepEqual(hello, { type: 'hello', token: 'token-1', client: 'tidings-web/0.1.0', subscribe: [{ inbox: 'me' }] });
  assert.equal(client.status, 'online');
  assert.equal(client.carrier, 'websocket');
  assert.equal(client.inbox().items.length, 1);
  client.close();
});

test('after a cut it resumes from the cursor, and then holds what a fresh client holds', async () => {
  const { client, clock, server, statuses } = await online();
  await server.peer.cut();
  assert.equal(client.status, 'waiting');
  assert.equal(statuses.at(-1).retryInMs, 250);
  await clock.advance(250);
  assert.deepEqual(server.peer.received[0].subscribe, [{ inbox: 'me', from: 'c1' }]);
  await server.peer.welcome({ clock });
  await server.peer.send(
    { type: 'behind', inbox: 'me', cursor: 'c1' },
    { type: 'delta', inbox: 'me', cursor: 'c2', changes: [{ op: 'changed', id: 'item-1', item: itemOf(1, { isRead: true, isSeen: true }) }, { op: 'added', item: itemOf(2) }] },
    { type: 'counts', inbox: 'me', cursor: 'c3', counts: countsOf([itemOf(2), itemOf(1, { isRead: true, isSeen: true })]) },
    { type: 'caught_up', inbox: 'me', cursor: 'c3' },
  );
  const fresh = [itemOf(2), itemOf(1, { isRead: true, isSeen: true })];
  assert.deepEqual(client.inbox().items, fresh);
  assert.deepEqual(client.inbox().counts, countsOf(fresh));
  client.close();
});

test('a resync voids the state and the snapshot that follows replaces it', async () => {
  const { client, server } = await online();
  await server.peer.send({ type: 'resync', inbox: 'me', reason: 'cursor_too_old' });
  assert.equal(client.inbox().cursor, undefined);
  await server.peer.send({ type: 'snapshot', inbox: 'me', cursor: 'c9', counts: countsOf([itemOf(7)]), items: [itemOf(7)], hasMore: false });
  assert.deepEqual(client.inbox().items, [itemOf(7)]);
  client.close();
});

test('a command that was under way is sent again under the same command id, and settles once', async () => {
  const { client, clock, server } = await online();
  const marked = client.inbox().mark('mark_read', 'item-1');
  const [before] = server.peer.of('command');
  await server.peer.cut();
  assert.ok(client.inbox().items[0].isRead, 'the mark stays while the server is away');
  await clock.advance(250);
  assert.equal(server.peer.of('command').length, 0, 'nothing before the welcome');
  await server.peer.welcome({ clock });
  const [after] = server.peer.of('command');
  assert.deepEqual(after, before);
  await server.peer.send({ type: 'reply', id: after.id, ok: true });
  await marked;
  client.close();
});

test('what the server puts off is tried again after its delay, in order', async () => {
  const { client, clock, server } = await online();
  const first = client.inbox().mark('mark_read', 'item-1');
  const [asked] = server.peer.of('command');
  await server.peer.send({ type: 'reply', id: asked.id, ok: false, error: { code: 'rate_limited', message: 'too fast', retryAfterMs: 800 } });
  const second = client.inbox().mark('mark_unread', 'item-1');
  await clock.advance(799);
  assert.equal(server.peer.of('command').length, 1);
  await clock.advance(1);
  assert.deepEqual(server.peer.of('command').map(({ command }) => command), ['mark_read', 'mark_read', 'mark_unread']);
  for (const { id } of server.peer.of('command').slice(1)) await server.peer.send({ type: 'reply', id, ok: true });
  await Promise.all([first, second]);
  client.close();
});

test('the delay of a close frame is kept, and a code from 4500 stops', async () => {
  const { client, clock, server } = await online();
  await server.peer.send({ type: 'close', code: 4000, reason: 'server_draining', retry: 'after', retryAfterMs: 3_000 });
  await server.peer.cut(4000);
  await clock.advance(2_999);
  assert.equal(server.peers.length, 1);
  await clock.advance(1);
  assert.equal(server.peers.length, 2);
  await server.peer.cut(4504);
  assert.equal(client.status, 'stopped');
  assert.equal(clock.timersCount, 0);
  client.close();
});

test('a refused token stops until there is another one', async () => {
  const { client, clock, server } = newClient();
  client.connect();
  await clock.advance(0);
  await server.peer.cut(4501);
  assert.equal(client.status, 'stopped');
  await clock.advance(600_000);
  assert.equal(server.peers.length, 1);
  client.setToken('token-2');
  await clock.advance(0);
  assert.equal(server.peer.received[0].token, 'token-2');
  client.close();
});

test('an expired token is renewed by the function, and the same one is not offered twice', async () => {
  const tokens = ['old', 'new', 'new'];
  const { client, clock, server } = await online({ token: async () => tokens.shift() });
  await server.peer.cut(4502);
  await clock.advance(0);
  assert.equal(server.peer.received[0].token, 'new');
  await server.peer.cut(4502);
  await clock.advance(30_000);
  assert.equal(server.peers.length, 2);
  assert.equal(client.status, 'stopped');
  client.close();
});

test('a token from a function is renewed on the live session before it ends', async () => {
  let number = 0;
  const { client, clock, server } = newClient({ token: () => `token-${++number}` });
  client.connect();
  await clock.advance(0);
  await server.peer.welcome({ clock, expiresInMs: 100_000 });
  // The server pings; a silent one would be given up first.
  for (let turn = 0; turn < 4; turn += 1) {
    await clock.advance(17_500);
    await server.peer.send({ type: 'ping' });
  }
  assert.deepEqual(server.peer.of('refresh').map(({ token }) => token), ['token-2']);
  client.close();
});

test('drain is answered by coming back after the delay of this client', async () => {
  const { client, clock, server } = await online();
  await server.peer.send({ type: 'drain', reconnectAfterMs: 1_200 });
  await clock.advance(1_199);
  assert.equal(server.peers.length, 1);
  await clock.advance(1);
  assert.equal(server.peers.length, 2);
  assert.equal(server.peers[0].isOpen, false);
  client.close();
});

test('pings are answered, silence is asked about, and no answer is a loss', async () => {
  const { client, clock, server } = await online();
  await server.peer.send({ type: 'ping' });
  assert.equal(server.peer.of('pong').length, 1);
  await clock.advance(SILENCE_MS_MAX);
  assert.equal(server.peer.of('ping').length, 1);
  await server.peer.send({ type: 'pong' });
  await clock.advance(SILENCE_MS_MAX);
  assert.equal(server.peer.of('ping').length, 2);
  await clock.advance(ANSWER_MS_MAX);
  assert.equal(client.status, 'waiting');
  client.close();
});

test('a command without an answer is a reason to ask sooner', async () => {
  const { client, clock, server } = await online();
  client.inbox().mark('mark_read', 'item-1').catch(() => {});
  await clock.advance(REPLY_MS_MAX - 1);
  assert.equal(server.peer.of('ping').length, 0);
  await clock.advance(1);
  assert.equal(server.peer.of('ping').length, 1);
  await clock.advance(ANSWER_MS_MAX);
  assert.equal(client.status, 'waiting');
  client.close();
});

test('WebTransport is taken when it opens, with the hashes the server told', async () => {
  const { client, server } = await online({}, both('open'));
  assert.equal(client.carrier, 'webtransport');
  const [{ options }] = server.transports;
  assert.deepEqual([...options.serverCertificateHashes[0].value], [0, 255]);
  client.close();
});

test('pages travel on a second stream, marks on the ordered one', async () => {
  const { client, server } = await online({}, both('open'));
  const opened = client.inbox().view({ archived: true }).open();
  const marked = client.inbox().mark('mark_read', 'item-1');
  await settle();
  const [page] = server.peer.of('fetch');
  const [command] = server.peer.of('command');
  assert.deepEqual([page.lane, command.lane], ['pages', 'ordered']);
  server.peer.sendPages({ type: 'reply', id: page.id, ok: true, result: { items: [], hasMore: false } });
  await server.peer.send({ type: 'reply', id: command.id, ok: true });
  await Promise.all([opened, marked]);
  client.close();
});

test('when the second stream breaks the page is asked for on the ordered one', async () => {
  const { client, server } = await online({}, both('open'));
  const opened = client.inbox().view({ archived: true }).open();
  await settle();
  server.peer.breakPages();
  await settle();
  const asked = server.peer.of('fetch');
  assert.deepEqual(asked.map(({ lane }) => lane), ['pages', 'ordered']);
  await server.peer.send({ type: 'reply', id: asked[1].id, ok: true, result: { items: [], hasMore: false } });
  await opened;
  assert.equal(client.status, 'online');
  client.close();
});

test('where UDP goes nowhere WebSocket takes over, and the pending attempt is aborted', async () => {
  const { client, clock, server } = newClient({}, both('hang'));
  client.connect();
  await clock.advance(499);
  assert.equal(server.peers.length, 0);
  await clock.advance(1);
  assert.equal(server.peer.carrier, 'websocket');
  assert.ok(server.transports[0].isClosed);
  client.close();
});

test('a forced carrier is the only one tried, and the switch resumes where it was', async () => {
  const { client, clock, server } = await online({}, both('open'));
  client.useCarrier('websocket');
  await clock.advance(0);
  assert.equal(server.peer.carrier, 'websocket');
  assert.deepEqual(server.peer.received[0].subscribe, [{ inbox: 'me', from: 'c1' }]);
  assert.equal(server.peers[0].isOpen, false);
  client.close();
});

test('an inbox asked for later is subscribed to, also when the welcome was still awaited', async () => {
  const { client, clock, server } = newClient();
  client.connect();
  await clock.advance(0);
  client.inbox('tenant');
  assert.equal(server.peer.of('subscribe').length, 0);
  await server.peer.welcome({ clock });
  assert.deepEqual(server.peer.of('subscribe').map(({ inbox }) => inbox), ['tenant']);
  client.inbox('topic:news');
  assert.deepEqual(server.peer.of('subscribe').map(({ inbox }) => inbox), ['tenant', 'topic:news']);
  client.close();
});

test('an unreachable server is tried again with growing waits', async () => {
  const { client, clock, server, statuses } = newClient();
  server.isReachable = false;
  client.connect();
  await clock.advance(30_000);
  assert.deepEqual(statuses.filter(({ status }) => status === 'waiting').map(({ retryInMs }) => retryInMs).slice(0, 6), [250, 500, 1_000, 2_000, 4_000, 8_000]);
  client.close();
});

test('after close there is no timer, no connection and no request left', async () => {
  const { client, clock, server } = await online();
  const marked = client.inbox().mark('mark_read', 'item-1');
  client.close();
  await assert.rejects(marked, { code: 'closed' });
  assert.equal(clock.timersCount, 0);
  assert.equal(server.peer.isOpen, false);
  assert.equal(client.status, 'closed');
  assert.throws(() => client.connect(), { code: 'closed' });
  client.close();
});

test('closing while it waits for the next attempt leaves no timer', async () => {
  const { client, clock, server } = await online({ token: () => 'token-1' });
  assert.ok(clock.timersCount > 1, 'silence and renewal are awaited');
  await server.peer.cut();
  assert.equal(clock.timersCount, 1, 'only the next attempt is awaited');
  client.close();
  assert.equal(clock.timersCount, 0);
});

test('closing while the carrier opens leaves nothing behind either', async () => {
  const { client, clock, server } = newClient({}, both('hang'));
  client.connect();
  await clock.advance(100);
  client.close();
  await settle();
  assert.ok(server.transports[0].isClosed);
  assert.equal(clock.timersCount, 0);
  await clock.advance(60_000);
  assert.equal(server.peers.length, 0);
});
