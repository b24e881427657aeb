// A network that swallows UDP: the page is told of a WebTransport address where nobody answers.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import assert from 'node:assert/strict';
import { DemoPage } from '../demo-page.mjs';
import { Server } from '../server.mjs';

export const title = 'where UDP goes nowhere WebSocket takes over';
export const ownServer = true;
export const carriers = ['auto'];

export async function run({ browser, binary }) {
  // A socket that reads nothing: packets vanish, as behind a firewall, and no "port unreachable" comes back.
  const hole = createSocket('udp4');
  hole.bind(0, '127.0.0.1');
  await once(hole, 'listening');
  const url = `https://127.0.0.1:${hole.address().port}/v1/connect/webtransport`;
  const server = await Server.start(binary, { TIDINGS__PUBLIC__WEBTRANSPORT: url });
  try {
    const told = await (await fetch(`${server.url}/v1/connect`)).json();
    assert.equal(told.webtransport.url, url);
    const page = await DemoPage.open(browser, server.url);
    for (const user of ['ada', 'bob']) await page.untilCarrier(user, 'websocket');
    assert.equal(await page.carrierText('bob'), 'over WebSocket');
    await page.publish({ to: 'bob', subject: 'By the other road' });
    await page.untilRow('bob', 'By the other road', { isUnread: true });
    await page.assertSound('bob');
  } finally {
    await server.remove();
    hole.close();
  }
}
