// The server is killed and comes back with its data; tabs that were open all the time converge.

import assert from 'node:assert/strict';
import { DemoPage } from '../demo-page.mjs';

export const title = 'after a kill and a restart open tabs converge without a reload';
export const carriers = ['webtransport', 'websocket', 'auto'];

export async function run({ browser, server, carrier }) {
  const here = await DemoPage.open(browser, server.url, carrier);
  const there = await DemoPage.open(browser, server.url, carrier);
  const pages = [here, there];
  const address = server.url;
  await here.publish({ to: 'ada', subject: 'Before the kill' });
  await here.publish({ to: 'ada', subject: 'Also before the kill' });
  for (const page of pages) {
    await page.untilBadge('ada', 2);
    await page.tab.look(() => void (window.neverReloaded = true));
  }

  await server.kill();
  // Nobody tells a QUIC client that the server is gone; a click makes it find out.
  await here.act('ada', 'read', 'Before the kill');
  await here.untilRow('ada', 'Before the kill', { isUnread: false });
  await there.act('ada', 'archive', 'Also before the kill');
  for (const page of pages) await page.untilAway('ada');

  // On other ports, so that it is certain that no tab hears of it while it happens.
  await server.begin({ elsewhere: true });
  await server.publish({ to: 'ada', subject: 'While the tabs were away', body: 'Nobody was listening.' });
  await server.publish({ to: { type: 'tenant' }, subject: 'To everyone, meanwhile', body: 'Nobody was listening.' });
  await server.kill();
  await server.begin();
  assert.equal(server.url, address);

  const expected = [
    { subject: 'To everyone, meanwhile', isUnread: true },
    { subject: 'While the tabs were away', isUnread: true },
    { subject: 'Before the kill', isUnread: false },
  ];
  for (const page of pages) {
    if (carrier === 'auto') await page.untilOnline('ada');
    else await page.untilCarrier('ada', carrier);
    await page.untilRow('ada', 'To everyone, meanwhile');
    await page.untilRow('ada', 'Before the kill', { isUnread: false });
    await page.untilRow('ada', 'Also before the kill', { isThere: false });
    await page.untilBadge('ada', 2);
    assert.deepEqual(await page.rows('ada'), expected);
    await page.assertSound('ada');
    assert.equal(await page.tab.look(() => window.neverReloaded), true);
  }

  await here.publish({ to: 'ada', subject: 'After the restart' });
  for (const page of pages) {
    await page.untilRow('ada', 'After the restart', { isUnread: true });
    await page.untilBadge('ada', 3);
    await page.assertSound('ada');
  }
}
