// What is marked in one tab is marked in the other.

import assert from 'node:assert/strict';
import { DemoPage } from '../demo-page.mjs';

export const title = 'marks made in one tab appear in another';
export const carriers = ['webtransport', 'websocket', 'auto'];

export async function run({ browser, server, carrier }) {
  const here = await DemoPage.open(browser, server.url, carrier);
  const there = await DemoPage.open(browser, server.url, carrier);
  if (carrier === 'auto') assert.equal(await there.tab.look(followersCount), 2, 'both people have one connection for both tabs');
  for (const subject of ['To read', 'To archive', 'To delete', 'To keep']) {
    await server.publish({ to: 'ada', subject, body: 'Four of these.' });
  }
  await here.untilBadge('ada', 4);
  await there.untilBadge('ada', 4);

  await here.act('ada', 'read', 'To read');
  await there.untilRow('ada', 'To read', { isUnread: false });
  await there.untilBadge('ada', 3);

  await there.act('ada', 'archive', 'To archive');
  await here.untilRow('ada', 'To archive', { isThere: false });
  await here.choose('ada', 'archived');
  await here.untilRow('ada', 'To archive');
  await here.choose('ada', 'all');
  await here.untilRow('ada', 'To delete');

  await here.act('ada', 'delete', 'To delete');
  await there.untilRow('ada', 'To delete', { isThere: false });
  await there.untilBadge('ada', 1);

  await there.act('ada', 'read', 'To read');
  await here.untilRow('ada', 'To read', { isUnread: true });
  await here.untilBadge('ada', 2);

  await there.markAllRead('ada');
  for (const page of [here, there]) {
    await page.untilBadge('ada', 0);
    await page.untilRow('ada', 'To keep', { isUnread: false });
    assert.deepEqual(await page.rows('ada'), [
      { subject: 'To keep', isUnread: false },
      { subject: 'To read', isUnread: false },
    ]);
    await page.assertSound('ada');
  }
}

/** Runs in the page: how many clients wait for another tab's lead. */
async function followersCount() {
  const { pending } = await navigator.locks.query();
  return pending.filter(({ name }) => name.startsWith('tidings ')).length;
}
