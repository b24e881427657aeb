import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../fakes/clock.js';
import { FakeServer } from '../fakes/server.js';
import { TidingsClient } from '../src/client.js';

/** A client that is online, and what it asks over HTTP. */
async function online(answer) {
  const clock = new FakeClock();
  const server = new FakeServer(clock);
  const asked = [];
  const discover = server.environment.fetch;
  const fetch = async (url, options = {}) => {
    if (!String(url).includes('/v1/sessions')) return discover(url, options);
    asked.push([options.method, String(url), options.headers.Authorization]);
    return answer;
  };
  const environment = { ...server.environment, fetch };
  const client = new TidingsClient({ url: 'http://fake/', token: 'token-1', environment });
  return { client, clock, server, asked };
}

async function connect({ client, clock, server }) {
  client.connect();
  await clock.advance(0);
  await server.peer.welcome({ clock });
}

const told = (data) => ({ ok: true, status: 200, json: async () => ({ data }) });

test('sessions are asked for with the token, and the own one is named', async () => {
  const made = await online(told([{ id: 's1', current: true }]));
  await connect(made);
  assert.deepEqual(await made.client.sessions(), [{ id: 's1', current: true }]);
  assert.deepEqual(made.asked, [['GET', 'http://fake/v1/sessions?current=s1', 'Bearer token-1']]);
  made.client.close();
});

test('ending the others spares the session of this client, and there must be one', async () => {
  const made = await online(told({ ended: 2 }));
  await assert.rejects(made.client.endOtherSessions(), { code: 'unavailable' });
  assert.deepEqual(made.asked, []);
  await connect(made);
  assert.equal(await made.client.endOtherSessions(), 2);
  assert.deepEqual(made.asked, [['DELETE', 'http://fake/v1/sessions?except=s1', 'Bearer token-1']]);
  made.client.close();
});

test('a refusal of the server is an error with its code', async () => {
  const refusal = { ok: false, status: 404, json: async () => ({ code: 'not_found', message: 'not found' }) };
  const made = await online(refusal);
  await assert.rejects(made.client.endSession('x/y'), { name: 'TidingsError', code: 'not_found' });
  assert.equal(made.asked[0][1], 'http://fake/v1/sessions/x%2Fy');
  made.client.close();
});
