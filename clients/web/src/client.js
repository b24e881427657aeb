// The client: keeps one session alive, hands frames to inboxes, tells what happens.

import { afterEnd, Backoff } from './backoff.js';
import { CarrierMemory, pageStorage } from './carrier-memory.js';
import { systemClock } from './clock.js';
import { openCarrier } from './connector.js';
import { Inbox } from './inbox.js';
import { newCommandId, Requests, TidingsError } from './requests.js';
import { Session } from './session.js';
import { SessionsApi } from './sessions-api.js';
import { TabSharing } from './tab-sharing.js';
import { renewAfterMs, TokenSource } from './tokens.js';
import { listenToPage } from './wakeups.js';

/**
 * `idle` before `connect()`; `connecting`; `online`; `waiting` for the next attempt; `stopped` by the server until there is another
 * token; `closed` for good.
 * @typedef {'idle' | 'connecting' | 'online' | 'waiting' | 'stopped' | 'closed'} Status
 */

/**
 * @typedef {object} ClientOptions
 * @property {import('./tokens.js').TokenGiver} token a token, or a function that gives a fresh one
 * @property {string} [url] address of the server; default: where the page came from
 * @property {string[]} [inboxes] subscribed from the start; default `['me']`
 * @property {import('./connector.js').CarrierChoice} [carrier] default `auto`
 * @property {string} [share] tabs with the same text share one connection; the person's id is a good one. Each tab has its own when absent,
 *   when a carrier is forced, or where the browser cannot
 * @property {Partial<import('./connector.js').Environment & {storage: any, random: () => number, locks: any, BroadcastChannel: any}>} [environment] for tests
 */

/** Events of an inbox that the client passes on. */
const INBOX_EVENTS = ['items', 'counts', 'notification', 'behind', 'caught_up', 'resync'];

/** How long the server may take to answer when the page wakes, in milliseconds. */
const WAKE_ANSWER_MS_MAX = 4_000;

/** Sessions over WebTransport that ended without a welcome, one after another, before WebSocket goes first. */
const UNWELCOMED_COUNT_MAX = 2;

/**
 * A connection to Tidings that heals itself.
 *
 * Events, all `CustomEvent`: `status` {status, reason?, code?, retryInMs?}, `carrier` {carrier or null}, `welcome` (the frame),
 * `drain` {reconnectAfterMs}, `error` {code, message}, `frame` {direction, frame}, and those of every inbox, with `inbox`.
 */
export class TidingsClient extends EventTarget {
  #baseUrl;
  #choice;
  #tokens;
  #environment;
  #clock;
  #memory;
  #backoff;
  #requests;
  /** @type {TabSharing | null} */
  #tabs;
  /** @type {Map<string, Inbox>} */
  #inboxes = new Map();
  /** @type {Status} */
  #status = 'idle';
  /** @type {AbortController | null} */
  #attempt = null;
  /** @type {Session | null} */
  #session = null;
  /** Timers by purpose. @type {{retry?: unknown, drain?: unknown, renew?: unknown}} */
  #timers = {};
  #unwelcomed = 0;
  /** Whether the present wait was set by the server: then the page waking does not cut it short. */
  #waitIsServers = false;
  /** @type {Set<string>} inboxes that the present session was asked for */
  #subscribed = new Set();
  #nextId = 1;
  #stopListening;
  #sessionsApi;
  /** Name of the session, once it was welcomed. @type {string | undefined} */
  #sessionId;

  /** @param {ClientOptions} options */
  constructor({ token, url, inboxes = ['me'], carrier = 'auto', share, environment = {} }) {
    super();
    const { fetch, WebSocket, WebTransport, BroadcastChannel, navigator } = /** @type {any} */ (globalThis);
    const clock = environment.clock ?? systemClock;
    const locks = navigator?.locks;
    this.#environment = { fetch: fetch?.bind(globalThis), WebSocket, WebTransport, locks, BroadcastChannel, ...environment, clock };
    this.#clock = clock;
    this.#baseUrl = new URL(url ?? '/', globalThis.location?.href).href;
    this.#choice = carrier;
    this.#tokens = new TokenSource(token);
    const storage = environment.storage === undefined ? pageStorage() : environment.storage;
    this.#memory = new CarrierMemory(new URL(this.#baseUrl).origin, { storage, clock });
    this.#backoff = new Backoff(environment.random);
    this.#requests = new Requests(clock);
    const canShare = share !== undefined && this.#environment.locks && this.#environment.BroadcastChannel;
    this.#tabs = canShare ? new TabSharing(`${this.#baseUrl} ${share}`, this.#environment) : null;
    this.#sessionsApi = new SessionsApi({
      baseUrl: this.#baseUrl,
      fetch: /** @type {any} */ (this.#environment).fetch,
      token: () => this.#tokens.next(),
    });
    for (const name of inboxes) this.#addInbox(name);
    this.#stopListening = listenToPage({
      wake: () => this.#wake(),
      hide: () => this.#hide(),
      restore: () => this.#status === 'waiting' && this.#connect(),
    });
  }

  get status() {
    return this.#status;
  }

  /** The carrier in use, null while there is none. */
  get carrier() {
    return this.#status === 'online' ? (this.#session?.carrier ?? null) : null;
  }

  /** What was asked for with `useCarrier`. */
  get carrierChoice() {
    return this.#choice;
  }

  /** Starts to connect. Does nothing when it is under way. */
  connect() {
    if (this.#status === 'closed') throw new TidingsError({ code: 'closed', message: 'the client was closed' });
    if (this.#status === 'idle' || this.#status === 'stopped') this.#connect();
  }

  /** Ends the session, all timers and listeners; unanswered requests are rejected. */
  close() {
    if (this.#status === 'closed') return;
    this.#drop();
    this.#stopListening();
    this.#requests.close();
    this.#setStatus('closed', {});
  }

  /**
   * The inbox of that name; subscribes to it if nobody has.
   * @param {string} [name] `me`, `tenant`, `platform` or `topic:KEY`
   * @returns {Inbox}
   */
  inbox(name = 'me') {
    const known = this.#inboxes.get(name);
    if (known) return known;
    const added = this.#addInbox(name);
    this.#subscribe(name);
    return added;
  }

  /** Ends a subscription and forgets its items. @param {string} name */
  leave(name) {
    if (!this.#inboxes.delete(name)) return;
    this.#session?.send({ type: 'unsubscribe', id: this.#newId(), inbox: name });
  }

  /** Goes over to another carrier at once, resuming where it was. @param {import('./connector.js').CarrierChoice} choice */
  useCarrier(choice) {
    this.#choice = choice;
    if (['connecting', 'online', 'waiting'].includes(this.#status)) {
      this.#backoff.reset();
      this.#connect();
    }
  }

  /** Replaces the token: on the live session, or to come back after a stop. @param {import('./tokens.js').TokenGiver} token */
  setToken(token) {
    this.#tokens.replace(token);
    if (this.#status === 'stopped') this.#connect();
    else if (this.#status === 'online') this.#renewToken();
  }

  /**
   * Sends a command; it is performed once, however often the connection breaks.
   * @param {string} command
   * @param {any} [fields] its arguments
   * @returns {Promise<any>} the `reply` frame
   */
  command(command, fields = {}) {
    return this.#requests.make({ type: 'command', command, commandId: newCommandId(), ...fields });
  }

  /**
   * This person's sessions, on all devices. They are those of the server that answers.
   * @returns {Promise<import('./sessions-api.js').SessionInfo[]>}
   */
  sessions() {
    return this.#sessionsApi.list(this.#sessionId);
  }

  /**
   * Ends all of this person's sessions but this client's own; without one that is online there is nothing to spare.
   * @returns {Promise<number>} how many were ended
   */
  async endOtherSessions() {
    if (this.#status !== 'online' || this.#sessionId === undefined) {
      throw new TidingsError({ code: 'unavailable', message: 'there is no session to keep' });
    }
    return this.#sessionsApi.endOthers(this.#sessionId);
  }

  /** Ends one session. @param {string} id as `sessions()` names it */
  endSession(id) {
    return this.#sessionsApi.end(id);
  }

  async #connect() {
    this.#drop();
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#setStatus('connecting', {});
    try {
      const token = await this.#tokens.next();
      if (attempt.signal.aborted) return;
      if (token === null) {
        this.#setStatus('stopped', { reason: 'the token was refused and there is no other' });
        return;
      }
      const carrier = await this.#open(attempt.signal);
      if (attempt.signal.aborted) carrier.close();
      else this.#begin(carrier, token);
    } catch (error) {
      if (attempt.signal.aborted) return;
      const { message, retryAfterMs } = /** @type {any} */ (error);
      this.#ended({ reason: message, retryAfterMs, welcomed: false, livedMs: 0 });
    }
  }

  /** @param {AbortSignal} signal @returns {Promise<import('./carrier.js').Carrier>} */
  #open(signal) {
    const openOwn = () =>
      openCarrier({
        baseUrl: this.#baseUrl,
        carrier: this.#choice,
        memory: this.#memory,
        signal,
        environment: /** @type {any} */ (this.#environment),
      });
    return this.#tabs && this.#choice === 'auto' ? this.#tabs.open(openOwn, signal) : openOwn();
  }

  /** @param {import('./carrier.js').Carrier} carrier @param {string} token */
  #begin(carrier, token) {
    const session = new Session(carrier, {
      clock: this.#clock,
      events: {
        frame: (frame) => this.#receive(frame),
        end: (end) => this.#sessionEnded(carrier.name, end),
        trace: (direction, frame) => this.#emit('frame', { direction, frame }),
      },
    });
    this.#session = session;
    const subscribe = [...this.#inboxes.values()].map(({ name, cursor }) => ({ inbox: name, from: cursor }));
    this.#subscribed = new Set(this.#inboxes.keys());
    session.start({ token, subscribe });
  }

  /** @param {any} frame */
  #receive(frame) {
    if (frame.type === 'welcome') this.#welcomed(frame);
    else if (frame.type === 'reply') this.#replied(frame);
    else if (frame.type === 'error') this.#emit('error', { code: frame.code, message: frame.message });
    else if (frame.type === 'drain') this.#drained(frame);
    else this.#inboxes.get(frame.inbox)?.receive(frame);
  }

  /** @param {any} welcome */
  #welcomed(welcome) {
    const session = /** @type {Session} */ (this.#session);
    this.#unwelcomed = 0;
    this.#sessionId = welcome.session;
    this.#setStatus('online', {});
    this.#emit('carrier', { carrier: session.carrier });
    this.#emit('welcome', welcome);
    this.#scheduleRenewal(Date.parse(welcome.expires) - Date.parse(welcome.serverTime));
    for (const name of this.#inboxes.keys()) if (!this.#subscribed.has(name)) this.#subscribe(name);
    this.#requests.online((frame) => session.send(frame, frame.type === 'fetch' ? 'pages' : 'ordered'));
  }

  /** @param {any} reply */
  #replied(reply) {
    if (reply.result?.expires && this.#tokens.canRenew) {
      this.#scheduleRenewal(Date.parse(reply.result.expires) - this.#clock.now());
    }
    this.#requests.reply(reply);
  }

  /** The server is leaving; it gave this client a moment of its own to come back. @param {{reconnectAfterMs: number}} drain */
  #drained({ reconnectAfterMs }) {
    this.#emit('drain', { reconnectAfterMs });
    this.#clock.clearTimeout(this.#timers.drain);
    this.#timers.drain = this.#clock.setTimeout(() => this.#connect(), reconnectAfterMs);
  }

  /** @param {number} leftMs */
  #scheduleRenewal(leftMs) {
    this.#clock.clearTimeout(this.#timers.renew);
    if (!this.#tokens.canRenew || !Number.isFinite(leftMs)) return;
    this.#timers.renew = this.#clock.setTimeout(() => this.#renewToken(), renewAfterMs(leftMs));
  }

  async #renewToken() {
    const session = this.#session;
    try {
      const token = await this.#tokens.next();
      if (token !== null && session?.welcomed) session.send({ type: 'refresh', id: this.#newId(), token });
    } catch {
      // The session lives on until its token ends; then there is another attempt with its own wait.
    }
  }

  /** @param {import('./carrier.js').CarrierName} carrier @param {import('./backoff.js').SessionEnd} end */
  #sessionEnded(carrier, end) {
    if (!end.welcomed && carrier === 'webtransport') {
      this.#unwelcomed += 1;
      // A network that lets a handshake through and nothing more looks like this.
      if (this.#unwelcomed >= UNWELCOMED_COUNT_MAX && end.code === undefined) this.#memory.remember('websocket');
    }
    this.#ended(end);
  }

  /** @param {import('./backoff.js').SessionEnd} end */
  #ended(end) {
    const next = afterEnd(end, this.#backoff);
    const { code, reason } = end;
    this.#drop();
    if (next.action === 'renew') this.#tokens.refuse();
    if (next.action === 'stop' || (next.action === 'renew' && !this.#tokens.canRenew)) {
      this.#setStatus('stopped', { code, reason });
      return;
    }
    this.#waitIsServers = end.retryAfterMs !== undefined;
    this.#timers.retry = this.#clock.setTimeout(() => this.#connect(), next.delayMs);
    this.#setStatus('waiting', { code, reason, retryInMs: next.delayMs });
  }

  /** The page is looked at, or the network is back. */
  #wake() {
    if (this.#status === 'waiting' && !this.#waitIsServers) this.#connect();
    else this.#session?.probe(WAKE_ANSWER_MS_MAX);
  }

  /** The page is left: ends the session cleanly, which also lets the browser keep the page for the back button. */
  #hide() {
    if (this.#status !== 'online' && this.#status !== 'connecting') return;
    this.#drop();
    this.#waitIsServers = false;
    this.#setStatus('waiting', { reason: 'the page is hidden' });
  }

  /** Ends whatever attempt or session there is, silently. */
  #drop() {
    const wasOnline = this.carrier !== null;
    for (const timer of Object.values(this.#timers)) this.#clock.clearTimeout(timer);
    this.#timers = {};
    this.#attempt?.abort(new DOMException('the attempt was given up', 'AbortError'));
    this.#attempt = null;
    this.#session?.close();
    this.#session = null;
    this.#sessionId = undefined;
    this.#requests.offline();
    for (const inbox of this.#inboxes.values()) inbox.offline();
    if (wasOnline) this.#emit('carrier', { carrier: null });
  }

  /** @param {string} name */
  #addInbox(name) {
    const inbox = new Inbox(name, {
      command: (command, fields) => this.command(command, fields),
      fetch: (of, query) => this.#requests.make({ type: 'fetch', inbox: of, query }),
      startOver: (of) => this.#subscribe(of),
      clock: this.#clock,
    });
    for (const type of INBOX_EVENTS) {
      inbox.addEventListener(type, (event) => this.#emit(type, /** @type {CustomEvent} */ (event).detail));
    }
    this.#inboxes.set(name, inbox);
    return inbox;
  }

  /** Subscribes on a session that is up; a later one does it in its hello. @param {string} name */
  #subscribe(name) {
    if (!this.#session?.welcomed) return;
    this.#subscribed.add(name);
    this.#session.send({ type: 'subscribe', id: this.#newId(), inbox: name });
  }

  #newId() {
    return `c${this.#nextId++}`;
  }

  /** @param {Status} status @param {object} detail */
  #setStatus(status, detail) {
    this.#status = status;
    this.#emit('status', { status, ...detail });
  }

  /** @param {string} type @param {object} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
