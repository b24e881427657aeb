import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterEnd, Backoff, BACKOFF_BASE_MS, BACKOFF_CAP_MS, STABLE_SESSION_MS } from '../src/backoff.js';
import { renewAfterMs } from '../src/tokens.js';

const lost = { reason: 'lost', welcomed: true, livedMs: 0 };

test('waits are uniform below a bound that doubles from 500 ms to 20 s', () => {
  const highest = new Backoff(() => 1);
  const bounds = Array.from({ length: 8 }, () => highest.next());
  assert.deepEqual(bounds, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
  const lowest = new Backoff(() => 0);
  assert.equal(lowest.next(), 0);
  assert.ok(BACKOFF_BASE_MS < BACKOFF_CAP_MS);
});

test('the bound stays at its cap however often it fails', () => {
  const backoff = new Backoff(() => 1);
  for (let attempt = 0; attempt < 5_000; attempt += 1) backoff.next();
  assert.equal(backoff.next(), BACKOFF_CAP_MS);
});

test('a session that lived starts the waits anew, one that did not goes on', () => {
  const backoff = new Backoff(() => 1);
  for (let attempt = 0; attempt < 4; attempt += 1) backoff.next();
  assert.equal(afterEnd({ ...lost, livedMs: STABLE_SESSION_MS - 1 }, backoff).delayMs, 8_000);
  assert.equal(afterEnd({ ...lost, livedMs: STABLE_SESSION_MS }, backoff).delayMs, BACKOFF_BASE_MS);
});

test('the delay that the server gave is kept exactly', () => {
  const end = { ...lost, code: 4000, retry: 'after', retryAfterMs: 7_321 };
  assert.deepEqual(afterEnd(end, new Backoff(() => 0)), { action: 'retry', delayMs: 7_321 });
  assert.deepEqual(afterEnd({ ...lost, welcomed: false, retryAfterMs: 900 }, new Backoff(() => 0)), { action: 'retry', delayMs: 900 });
});

test('now means at once after a session and with a wait without one', () => {
  const end = { ...lost, code: 4006, retry: 'now' };
  assert.equal(afterEnd(end, new Backoff(() => 1)).delayMs, 0);
  assert.equal(afterEnd({ ...end, welcomed: false }, new Backoff(() => 1)).delayMs, 500);
});

test('codes from 4500 stop, codes below come back, and token codes ask for another token', () => {
  const verdicts = new Map();
  for (let code = 4000; code <= 4999; code += 1) verdicts.set(code, afterEnd({ ...lost, code }, new Backoff(() => 0)).action);
  for (const [code, action] of verdicts) {
    const expected = code < 4500 ? 'retry' : [4501, 4502, 4503].includes(code) ? 'renew' : 'stop';
    assert.equal(action, expected, String(code));
  }
  assert.equal(afterEnd({ ...lost, retry: 'never' }, new Backoff()).action, 'stop');
});

test('a token is renewed before it ends, never in a tight loop', () => {
  assert.equal(renewAfterMs(3_600_000), 2_880_000);
  assert.equal(renewAfterMs(60_000), 30_000);
  assert.equal(renewAfterMs(10), 1_000);
  assert.equal(renewAfterMs(10 ** 12), 86_400_000);
});
