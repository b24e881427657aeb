import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, settle } from '../fakes/clock.js';
import { CarrierMemory, REMEMBER_MS } from '../src/carrier-memory.js';
import { HEAD_START_MS, race } from '../src/race.js';

/** A runner that records what is done to it and opens or fails when told to. */
function recordingRunner(name, log) {
  const runner = { name, carrier: { name, close: () => log.push(`${name} closed`) } };
  runner.open = (signal) => {
    log.push(`${name} started`);
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => {
        log.push(`${name} aborted`);
        if (!runner.ignoresAbort) reject(signal.reason);
      });
      runner.succeed = () => resolve(runner.carrier);
      runner.fail = (error) => reject(error);
    });
  };
  return runner;
}

function begin(names = ['first', 'second']) {
  const log = [];
  const clock = new FakeClock();
  const runners = names.map((name) => recordingRunner(name, log));
  const stop = new AbortController();
  const winner = race(runners, { signal: stop.signal, clock });
  winner.catch(() => {});
  return { log, clock, runners, stop, winner };
}

test('the preferred carrier is alone for its head start', async () => {
  const { log, clock, runners, winner } = begin();
  await clock.advance(HEAD_START_MS - 1);
  assert.deepEqual(log, ['first started']);
  runners[0].succeed();
  assert.equal((await winner).name, 'first');
  await clock.advance(10_000);
  assert.deepEqual(log, ['first started', 'first aborted']);
  assert.equal(clock.timersCount, 0);
});

test('the second starts after the head start and may win; the first is aborted', async () => {
  const { log, clock, runners, winner } = begin();
  await clock.advance(HEAD_START_MS);
  runners[1].succeed();
  assert.equal((await winner).name, 'second');
  assert.deepEqual(log.slice(0, 3), ['first started', 'second started', 'first aborted']);
});

test('the first may still win after the second has started', async () => {
  const { clock, runners, winner } = begin();
  await clock.advance(HEAD_START_MS);
  runners[0].succeed();
  assert.equal((await winner).name, 'first');
});

test('a refusal starts the second at once', async () => {
  const { log, runners, winner } = begin();
  runners[0].fail(new Error('refused'));
  await settle();
  assert.deepEqual(log, ['first started', 'second started']);
  runners[1].succeed();
  assert.equal((await winner).name, 'second');
});

test('when all fail the error of the preferred one is told', async () => {
  const { runners, winner, clock } = begin();
  await clock.advance(HEAD_START_MS);
  runners[1].fail(new Error('no second'));
  await settle();
  runners[0].fail(new Error('no first'));
  await assert.rejects(winner, { message: 'no first' });
  assert.equal(clock.timersCount, 0);
});

test('a loser that opens in spite of the abort is closed', async () => {
  const { log, clock, runners, winner } = begin();
  runners[0].ignoresAbort = true;
  await clock.advance(HEAD_START_MS);
  runners[1].succeed();
  await winner;
  runners[0].succeed();
  await settle();
  assert.equal(log.at(-1), 'first closed');
});

test('giving up aborts every runner and leaves no timer', async () => {
  const { log, clock, stop, winner } = begin();
  stop.abort(new Error('given up'));
  await assert.rejects(winner, { message: 'given up' });
  assert.deepEqual(log, ['first started', 'first aborted']);
  assert.equal(clock.timersCount, 0);
});

test('the winner is remembered for a while, per origin, and forgotten when told', () => {
  const clock = new FakeClock();
  const entries = new Map();
  const storage = { getItem: (key) => entries.get(key) ?? null, setItem: (key, value) => entries.set(key, value), removeItem: (key) => entries.delete(key) };
  const memory = new CarrierMemory('https://one.example', { storage, clock });
  memory.remember('websocket');
  assert.equal(memory.recall(), 'websocket');
  assert.equal(new CarrierMemory('https://two.example', { storage, clock }).recall(), null);
  clock.advance(REMEMBER_MS);
  return settle().then(() => {
    assert.equal(memory.recall(), null);
    memory.remember('webtransport');
    memory.forget();
    assert.equal(memory.recall(), null);
  });
});

test('a storage that refuses or holds nonsense is no error', () => {
  const refusing = { getItem: () => { throw new Error('denied'); }, setItem: () => { throw new Error('full'); }, removeItem: () => { throw new Error('denied'); } };
  const memory = new CarrierMemory('https://one.example', { storage: refusing, clock: new FakeClock() });
  memory.remember('websocket');
  memory.forget();
  assert.equal(memory.recall(), null);
  const nonsense = { getItem: () => '{"carrier":"pigeon","until":9e15}', setItem() {}, removeItem() {} };
  assert.equal(new CarrierMemory('https://one.example', { storage: nonsense, clock: new FakeClock() }).recall(), null);
});
