// From the address of the server to an open carrier: ask where the carriers are, then race them.

import { CarrierError } from './carrier.js';
import { race } from './race.js';
import { openWebSocket } from './websocket.js';
import { openWebTransport } from './webtransport.js';

/** How long one attempt may take, from asking where the carriers are to an open one: 15 seconds. */
export const ATTEMPT_MS_MAX = 15_000;

/** @typedef {'auto' | import('./carrier.js').CarrierName} CarrierChoice */

/**
 * What a client uses of its surroundings; tests hand in their own.
 * @typedef {object} Environment
 * @property {typeof globalThis.fetch} fetch
 * @property {typeof globalThis.WebSocket | undefined} WebSocket
 * @property {any} WebTransport undefined where the browser has none
 * @property {import('./clock.js').Clock} clock
 */

/**
 * @typedef {object} Endpoints
 * @property {{url: string, certificateHashes?: string[]}} [webtransport]
 * @property {{url: string}} [websocket]
 */

/**
 * Opens a carrier to a server.
 * @param {object} options
 * @param {string} options.baseUrl origin of the HTTP surface, perhaps with a path
 * @param {CarrierChoice} options.carrier
 * @param {import('./carrier-memory.js').CarrierMemory} options.memory
 * @param {AbortSignal} options.signal
 * @param {Environment} options.environment
 * @returns {Promise<import('./carrier.js').Carrier>}
 */
export async function openCarrier({ baseUrl, carrier, memory, signal, environment }) {
  const deadline = new AbortController();
  const abort = () => deadline.abort(signal.reason);
  signal.addEventListener('abort', abort);
  const timer = environment.clock.setTimeout(
    () => deadline.abort(new CarrierError('no carrier opened in time')),
    ATTEMPT_MS_MAX,
  );
  try {
    signal.throwIfAborted();
    const endpoints = await discover(baseUrl, deadline.signal, environment);
    const favourite = carrier === 'auto' ? memory.recall() : null;
    const runners = runnersFor(endpoints, carrier, environment);
    if (favourite === 'websocket') runners.reverse();
    const winner = await race(runners, { signal: deadline.signal, clock: environment.clock });
    if (carrier === 'auto') memory.remember(winner.name);
    return winner;
  } catch (error) {
    if (carrier === 'auto' && !signal.aborted) memory.forget();
    throw error;
  } finally {
    environment.clock.clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

/**
 * Asks the server where its carriers are. Asked anew at each attempt: ports and certificates may have changed with a restart.
 * @param {string} baseUrl
 * @param {AbortSignal} signal
 * @param {Environment} environment
 * @returns {Promise<Endpoints>}
 */
async function discover(baseUrl, signal, { fetch, clock }) {
  let response;
  try {
    response = await fetch(new URL('v1/connect', baseUrl), { signal, cache: 'no-store', credentials: 'omit' });
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new CarrierError('the server could not be reached', { cause });
  }
  if (!response.ok) {
    const retryAfterMs = retryAfter(response.headers.get('retry-after'), clock);
    throw new CarrierError(`the server answered ${response.status}`, { retryAfterMs });
  }
  return response.json();
}

/**
 * @param {string | null} header seconds or a date
 * @param {import('./clock.js').Clock} clock
 * @returns {number | undefined} milliseconds
 */
function retryAfter(header, clock) {
  if (!header) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - clock.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/**
 * The carriers that both the server offers and this browser has, WebTransport first.
 * @param {Endpoints} endpoints
 * @param {CarrierChoice} carrier
 * @param {Environment} environment
 * @returns {import('./race.js').Runner<import('./carrier.js').Carrier>[]}
 */
function runnersFor({ webtransport, websocket }, carrier, { WebTransport, WebSocket }) {
  const runners = [];
  if (webtransport && WebTransport && carrier !== 'websocket') {
    const target = { url: webtransport.url, certificateHashes: webtransport.certificateHashes ?? [] };
    const open = (/** @type {AbortSignal} */ signal) => openWebTransport(target, { signal, WebTransport });
    runners.push({ name: 'webtransport', open });
  }
  if (websocket && WebSocket && carrier !== 'webtransport') {
    const open = (/** @type {AbortSignal} */ signal) => openWebSocket(websocket.url, { signal, WebSocket });
    runners.push({ name: 'websocket', open });
  }
  if (runners.length === 0) throw new CarrierError(`no carrier is left: ${carrier} is not available here`);
  return runners;
}
