// A page without the SDK: the browser's own EventSource, a ticket for each connection, and the cursor of the last event.

import assert from 'node:assert/strict';

export const title = 'an EventSource follows an inbox and goes on after a kill';
export const carriers = ['events'];

export async function run({ browser, server }) {
  const tab = await browser.open();
  await tab.goto(`${server.url}/healthz`);
  const token = await server.token('ada', 'user');
  await server.publish({ to: 'ada', subject: 'Before', body: 'Before the page came.' });
  await tab.look(follow, token);
  await tab.until(() => window.heard.snapshot?.length === 1);
  assert.deepEqual(await tab.look(() => window.items), ['Before']);
  await server.publish({ to: 'ada', subject: 'Live', body: 'Two lines\nand ümlauts.' });
  await tab.until(() => window.items.includes('Live'));

  await server.kill();
  await server.begin({ elsewhere: true });
  await server.publish({ to: 'ada', subject: 'Meanwhile', body: 'Nobody was listening.' });
  await server.kill();
  await server.begin();
  // The used ticket is refused, and the browser gives the stream up: a new one goes on where the last event was.
  await tab.until(() => window.source.readyState === EventSource.CLOSED);
  await tab.look(() => window.open_());
  await tab.until(() => window.items.includes('Meanwhile') && window.heard.caught_up);
  await server.publish({ to: 'ada', subject: 'After', body: 'Live again.' });
  await tab.until(() => window.items.includes('After'));
  assert.deepEqual(await tab.look(() => window.items), ['Before', 'Live', 'Meanwhile', 'After']);
  assert.equal(await tab.look(() => window.heard.snapshot.length), 1);

  await server.stop();
  await tab.until(() => window.heard.close);
  assert.equal(await tab.look(() => window.heard.close[0].code), 4000);
  assert.deepEqual(tab.faults, []);
}

/* What follows runs in the page. */

function follow(token) {
  window.heard = {};
  window.items = [];
  let last = null;
  window.open_ = async () => {
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch('/v1/connect/ticket', { method: 'POST', headers });
    const { data } = await response.json();
    const from = last ? `&from=${encodeURIComponent(last)}` : '';
    const source = new EventSource(`/v1/connect/events?ticket=${encodeURIComponent(data.ticket)}${from}`);
    window.source = source;
    for (const type of ['welcome', 'snapshot', 'delta', 'counts', 'behind', 'caught_up', 'resync', 'close']) {
      source.addEventListener(type, (event) => {
        const frame = JSON.parse(event.data);
        (window.heard[type] ??= []).push(frame);
        if (event.lastEventId) last = event.lastEventId;
        const added = (frame.changes ?? []).filter((change) => change.op === 'added').map((change) => change.item);
        window.items.push(...(frame.items ?? []).concat(added).map((item) => item.subject));
      });
    }
  };
  return window.open_();
}
