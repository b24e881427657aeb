// What one person sends, the other one sees.

import assert from 'node:assert/strict';
import { DemoPage } from '../demo-page.mjs';

const NAMES = { webtransport: 'over WebTransport', websocket: 'over WebSocket' };

export const title = 'a published notification is visible in the inbox it is for';

export async function run({ browser, server, carrier }) {
  const page = await DemoPage.open(browser, server.url, carrier);
  assert.equal(await page.carrierText('bob'), NAMES[carrier]);

  await page.publish({ to: 'bob', subject: 'For Bob alone', severity: 'high', tags: 'first, second' });
  await page.untilRow('bob', 'For Bob alone', { isUnread: true });
  await page.untilBadge('bob', 1);
  await page.untilBadge('ada', 0);
  assert.deepEqual(await page.rows('ada'), []);

  await page.publish({ to: 'both', subject: 'For a list of two' });
  await page.publish({ to: 'everyone', subject: 'For everyone in acme' });
  for (const [user, count] of [['bob', 3], ['ada', 2]]) {
    await page.untilRow(user, 'For everyone in acme', { isUnread: true });
    await page.untilBadge(user, count);
    const subjects = (await page.rows(user)).map(({ subject }) => subject);
    assert.deepEqual(subjects.slice(0, 2), ['For everyone in acme', 'For a list of two'], 'newest first');
    await page.assertSound(user);
  }
}
