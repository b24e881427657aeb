// What was asked and not answered yet. It outlives the session: after a reconnect everything unanswered is sent again,
// commands under the same command id, so that the server performs each once.

/** Most commands under way at once; the rest wait here. Below the server's 32, which queries share. */
export const IN_FLIGHT_COUNT_MAX = 24;
/** How often a request is repeated that the server put off, before its error is handed on. */
export const ATTEMPTS_COUNT_MAX = 6;

/** Codes that mean "not now": the same request may succeed later. */
const PASSING_CODES = new Set(['rate_limited', 'overloaded', 'unavailable', 'outcome_unknown']);

/** The server's no to a command or a page. */
export class TidingsError extends Error {
  name = 'TidingsError';

  /** @param {{code: string, message: string, retryAfterMs?: number}} error */
  constructor({ code, message, retryAfterMs }) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * @typedef {object} Waiting
 * @property {any} frame
 * @property {(reply: any) => void} resolve
 * @property {(error: Error) => void} reject
 * @property {number} attempts
 * @property {boolean} sent on the present session
 */

/** Requests by id, in the order in which they were made. */
export class Requests {
  /** @type {Map<string, Waiting>} */
  #waiting = new Map();
  #nextId = 1;
  #clock;
  /** @type {((frame: any) => void) | null} null while there is no session */
  #send = null;
  /** @type {unknown} */
  #pause = null;

  /** @param {import('./clock.js').Clock} clock */
  constructor(clock) {
    this.#clock = clock;
  }

  /** How many are unanswered. */
  get count() {
    return this.#waiting.size;
  }

  /**
   * Makes a request. It waits for a session as long as it takes.
   * @param {any} frame without `id`
   * @returns {Promise<any>} the `reply` frame
   * @throws {TidingsError} the server's no
   */
  make(frame) {
    return new Promise((resolve, reject) => {
      const id = `q${this.#nextId++}`;
      this.#waiting.set(id, { frame: { ...frame, id }, resolve, reject, attempts: 0, sent: false });
      this.#pump();
    });
  }

  /**
   * A session is up: sends everything unanswered, oldest first.
   * @param {(frame: any) => void} send
   */
  online(send) {
    this.#send = send;
    for (const waiting of this.#waiting.values()) waiting.sent = false;
    this.#pump();
  }

  /** The session is gone. Nothing is lost. */
  offline() {
    this.#send = null;
    this.#clock.clearTimeout(this.#pause);
    this.#pause = null;
  }

  /**
   * Takes a `reply` frame; one that belongs to no request is ignored.
   * @param {any} reply
   */
  reply(reply) {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    if (!reply.ok && PASSING_CODES.has(reply.error.code) && waiting.attempts < ATTEMPTS_COUNT_MAX) {
      this.#putOff(waiting, reply.error);
      return;
    }
    this.#waiting.delete(reply.id);
    if (reply.ok) waiting.resolve(reply);
    else waiting.reject(new TidingsError(reply.error));
    this.#pump();
  }

  /** Gives every request up. */
  close() {
    this.offline();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new TidingsError({ code: 'closed', message: 'the client was closed' }));
  }

  /**
   * Pauses all sending, so that what was asked later does not overtake.
   * @param {Waiting} waiting
   * @param {{retryAfterMs?: number}} error
   */
  #putOff(waiting, { retryAfterMs }) {
    waiting.sent = false;
    waiting.attempts += 1;
    this.#clock.clearTimeout(this.#pause);
    this.#pause = this.#clock.setTimeout(() => {
      this.#pause = null;
      this.#pump();
    }, retryAfterMs ?? 250 * 2 ** waiting.attempts);
  }

  #pump() {
    if (!this.#send || this.#pause !== null) return;
    let underWay = 0;
    for (const waiting of this.#waiting.values()) {
      if (underWay >= IN_FLIGHT_COUNT_MAX) return;
      underWay += 1;
      if (waiting.sent) continue;
      waiting.sent = true;
      this.#send(waiting.frame);
    }
  }
}

/** A command id nobody else will choose: 128 random bits in hex. */
export function newCommandId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
