import assert from 'node:assert/strict';
import { test } from 'node:test';
import { badgeText, bucketOf, initials, safeLink, shortAge } from '../src/format.js';

const NOW = Date.parse('2026-03-10T12:00:00.000Z');
const SECOND = 1_000;
const DAY = 86_400 * SECOND;

test('only http, https and paths of this site are links', () => {
  const taken = ['/orders/1', '/', 'https://example.com/a', 'HTTP://example.com', { url: '/a', target: '_top' }];
  for (const redirect of taken) assert.ok(safeLink(redirect), JSON.stringify(redirect));
  const refused = ['javascript:alert(1)', ' javascript:alert(1)', 'data:text/html,x', '//evil.example', '/\\evil.example', 'https://', 'orders', '', null, undefined, 7, {}, { url: null }];
  for (const redirect of refused) assert.equal(safeLink(redirect), null, JSON.stringify(redirect));
});

test('a link opens where it says if that is a browsing context, else where it belongs', () => {
  assert.equal(safeLink({ url: '/a', target: '_parent' }).target, '_parent');
  assert.equal(safeLink({ url: '/a', target: 'my frame' }).target, '_self');
  assert.equal(safeLink('https://example.com').target, '_blank');
});

test('ages are short and never in the future', () => {
  const ages = [[-5 * SECOND, 'now'], [59 * SECOND, 'now'], [60 * SECOND, '1m'], [3_599 * SECOND, '59m'], [3_600 * SECOND, '1h'], [DAY - 1, '23h'], [DAY, '1d'], [7 * DAY - 1, '6d']];
  for (const [age, text] of ages) assert.equal(shortAge(NOW - age, NOW, 'en-GB'), text);
  assert.equal(shortAge(NOW - 8 * DAY, NOW, 'en-GB'), '2 Mar');
  assert.equal(shortAge(NOW - 100 * DAY, NOW, 'en-GB'), '30 Nov 2025');
});

test('initials are letters or digits of any script, and never nothing', () => {
  assert.deepEqual(['Ada Lovelace', 'bob', 'Émile de Zola', '“quoted” words', '李 雷', '🕊', '', undefined].map(initials), ['AL', 'B', 'ÉZ', 'QW', '李雷', '·', '·', '·']);
});

test('a badge has at most three characters, a bucket is stable and in range', () => {
  assert.deepEqual([1, 99, 100, 12_345].map(badgeText), ['1', '99', '99+', '99+']);
  for (const text of ['', 'ada', '🕊'.repeat(500)]) {
    assert.equal(bucketOf(text, 5), bucketOf(text, 5));
    assert.ok(bucketOf(text, 5) >= 0 && bucketOf(text, 5) < 5);
  }
});
