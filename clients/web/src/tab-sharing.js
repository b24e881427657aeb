// Tabs of one person share one connection: one tab leads and has the carrier, the others speak through it. A lock decides
// who leads; when the leading tab goes, the lock passes on and the others connect anew.

import { CarrierError } from './carrier.js';
import { newCommandId } from './requests.js';

/** @typedef {import('./carrier.js').Carrier} Carrier */

/**
 * What passes between tabs: `join` and `joined` (with the leader's carrier and its `welcome`), `frame` (a frame to the leader, or from it to one
 * tab or to all), `end`.
 * @typedef {{kind: 'join' | 'joined' | 'frame' | 'end', tab?: string, text?: string, lane?: 'ordered' | 'pages', carrier?: any, reason?: string}} Note
 */

/** Frames of the server that every tab wants. */
const FOR_ALL = new Set(['snapshot', 'delta', 'counts', 'behind', 'caught_up', 'resync']);

/** Chooses the leading tab and gives each tab its carrier. */
export class TabSharing {
  #name;
  #locks;
  #Channel;

  /**
   * @param {string} key the same for tabs that may share: server and person
   * @param {{locks: Pick<LockManager, 'request'>, BroadcastChannel: any}} environment
   */
  constructor(key, { locks, BroadcastChannel }) {
    this.#name = `tidings ${key}`;
    this.#locks = locks;
    this.#Channel = BroadcastChannel;
  }

  /**
   * A carrier of its own for the leading tab, one through the leading tab for every other.
   * @param {() => Promise<Carrier>} openOwn
   * @param {AbortSignal} signal
   * @returns {Promise<Carrier>}
   */
  async open(openOwn, signal) {
    const release = await this.#lead();
    if (!release) return this.#join(signal);
    try {
      signal.throwIfAborted();
      return new LeadingCarrier(await openOwn(), new this.#Channel(this.#name), release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** @returns {Promise<(() => void) | null>} ends the lead; null when another tab has it */
  #lead() {
    return new Promise((resolve, reject) => {
      const held = this.#locks.request(this.#name, { ifAvailable: true }, (lock) => {
        if (!lock) return resolve(null);
        return new Promise((release) => resolve(() => release(undefined)));
      });
      held.catch(reject);
    });
  }

  /** @param {AbortSignal} signal @returns {Promise<Carrier>} */
  #join(signal) {
    return new Promise((resolve, reject) => {
      const channel = new this.#Channel(this.#name);
      const tab = newCommandId().slice(0, 12);
      const waiting = new AbortController();
      const leave = () => {
        signal.removeEventListener('abort', giveUp);
        waiting.abort();
        channel.close();
      };
      const giveUp = () => {
        leave();
        reject(signal.reason);
      };
      let gone = () => {
        leave();
        reject(new CarrierError('the leading tab has gone'));
      };
      // Whoever gets this lock knows that nobody leads; it is given back at once.
      this.#locks.request(this.#name, { signal: waiting.signal }, async () => gone()).catch(() => {});
      signal.addEventListener('abort', giveUp);
      channel.onmessage = (/** @type {{data: Note}} */ { data }) => {
        if (data.kind !== 'joined' || (data.tab !== undefined && data.tab !== tab)) return;
        signal.removeEventListener('abort', giveUp);
        const carrier = new FollowingCarrier({ channel, tab, leave, joined: data });
        gone = () => carrier.end('the leading tab has gone');
        resolve(carrier);
      };
      channel.postMessage({ kind: 'join', tab });
    });
  }
}

/**
 * The leading tab's own carrier, which also speaks for the others.
 * @implements {Carrier}
 */
class LeadingCarrier {
  #own;
  #channel;
  #release;
  /** @type {string | null} the welcome that every tab is given */
  #welcome = null;

  /** @param {Carrier} own @param {any} channel @param {() => void} release */
  constructor(own, channel, release) {
    this.#own = own;
    this.#channel = channel;
    this.#release = release;
    this.name = own.name;
  }

  /** @param {import('./carrier.js').CarrierEvents} events */
  start(events) {
    this.#channel.onmessage = (/** @type {{data: Note}} */ { data }) => this.#fromTab(data);
    this.#own.start({
      frame: (text) => {
        if (this.#passOn(text)) events.frame(text);
      },
      closed: (end) => {
        this.#leave(end.reason);
        events.closed(end);
      },
    });
  }

  /** @param {string} text @param {'ordered' | 'pages'} [lane] */
  send(text, lane) {
    this.#own.send(text, lane);
  }

  close() {
    this.#leave('the leading tab has left');
    this.#own.close();
  }

  /** @param {string} text @returns {boolean} whether it is for this tab too */
  #passOn(text) {
    const frame = JSON.parse(text);
    if (frame.type === 'welcome') {
      this.#welcome = text;
      this.#post({ kind: 'joined', text, carrier: this.name });
    }
    if (FOR_ALL.has(frame.type)) this.#post({ kind: 'frame', text });
    const [mark, tab, id] = String(frame.id ?? '').split(':');
    if (frame.type !== 'reply' || mark !== 'tab') return true;
    this.#post({ kind: 'frame', tab, text: JSON.stringify({ ...frame, id }) });
    return false;
  }

  /** @param {Note} note */
  #fromTab({ kind, tab, text, lane }) {
    if (kind === 'join' && this.#welcome) this.#post({ kind: 'joined', tab, text: this.#welcome, carrier: this.name });
    if (kind !== 'frame' || text === undefined) return;
    const frame = JSON.parse(text);
    if (frame.type === 'hello') this.#subscribeFor(tab, frame.subscribe);
    if (frame.type === 'ping') this.#post({ kind: 'frame', tab, text: '{"type":"pong"}' });
    if (['command', 'fetch', 'subscribe'].includes(frame.type)) {
      this.#own.send(JSON.stringify({ ...frame, id: `tab:${tab}:${frame.id}` }), lane);
    }
  }

  /**
   * Subscribing again brings a snapshot, which all tabs take: so the new one needs no state from this one.
   * @param {string | undefined} tab @param {{inbox: string}[]} subscribe
   */
  #subscribeFor(tab, subscribe) {
    for (const { inbox } of subscribe) {
      this.#own.send(JSON.stringify({ type: 'subscribe', id: `tab:${tab}:${inbox}`.slice(0, 64), inbox }));
    }
  }

  /** @param {Note} note */
  #post(note) {
    this.#channel.postMessage({ ...note, from: 'leader' });
  }

  /** @param {string} reason */
  #leave(reason) {
    if (!this.#channel.onmessage) return;
    this.#channel.onmessage = null;
    this.#post({ kind: 'end', reason });
    this.#channel.close();
    this.#release();
  }
}

/**
 * A carrier through the leading tab.
 * @implements {Carrier}
 */
class FollowingCarrier {
  #channel;
  #tab;
  #leave;
  #welcome;
  /** @type {import('./carrier.js').CarrierEvents | null} null before the start and after the end */
  #events = null;
  /** @type {Set<string>} inboxes whose snapshot has not arrived: what comes before it belongs to other tabs */
  #awaited = new Set();

  /** @param {{channel: any, tab: string, leave: () => void, joined: Note}} parts */
  constructor({ channel, tab, leave, joined }) {
    this.#channel = channel;
    this.#tab = tab;
    this.#leave = leave;
    this.#welcome = joined.text ?? '';
    this.name = joined.carrier;
    channel.onmessage = (/** @type {{data: Note & {from?: string}}} */ { data }) => {
      if (data.from === 'leader' && (data.tab === undefined || data.tab === tab)) this.#receive(data);
    };
  }

  /** @param {import('./carrier.js').CarrierEvents} events */
  start(events) {
    this.#events = events;
  }

  /** @param {string} text @param {'ordered' | 'pages'} [lane] */
  send(text, lane) {
    if (!this.#events) return;
    const frame = JSON.parse(text);
    if (frame.type === 'hello') {
      this.#awaited = new Set(frame.subscribe.map((/** @type {{inbox: string}} */ { inbox }) => inbox));
      const { token, ...rest } = frame;
      this.#post(JSON.stringify(rest), lane);
      queueMicrotask(() => this.#events?.frame(this.#welcome));
      return;
    }
    if (frame.type === 'subscribe') this.#awaited.add(frame.inbox);
    this.#post(text, lane);
  }

  close() {
    this.#events = null;
    this.#leave();
  }

  /** @param {string} reason */
  end(reason) {
    const events = this.#events;
    this.close();
    events?.closed({ reason });
  }

  /** @param {Note} note */
  #receive({ kind, text, reason }) {
    if (kind === 'end') this.end(reason ?? 'the leading tab has ended');
    if (kind !== 'frame' || text === undefined) return;
    const frame = JSON.parse(text);
    if (frame.type === 'snapshot') this.#awaited.delete(frame.inbox);
    if (FOR_ALL.has(frame.type) && this.#awaited.has(frame.inbox)) return;
    this.#events?.frame(text);
  }

  /** @param {string} text @param {'ordered' | 'pages'} [lane] */
  #post(text, lane) {
    this.#channel.postMessage({ kind: 'frame', tab: this.#tab, text, lane });
  }
}
