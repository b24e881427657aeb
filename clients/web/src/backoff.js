// How long to wait before the next attempt, and whether to make one at all.

/** Upper bound of the first wait, in milliseconds. */
export const BACKOFF_BASE_MS = 500;
/** Upper bound of every later wait, in milliseconds. */
export const BACKOFF_CAP_MS = 20_000;
/** A session that lived this long was a success: the next loss starts from the shortest wait again. */
export const STABLE_SESSION_MS = 5_000;

/** Close codes for which another token may help. */
const TOKEN_CODES = new Set([4501, 4502, 4503]);

/**
 * Full-jitter exponential backoff: each wait is uniform between 0 and a bound that doubles, so that clients
 * which lost the same server do not return in step.
 */
export class Backoff {
  #failures = 0;
  #random;

  /** @param {() => number} [random] uniform in [0, 1) */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** @returns {number} milliseconds to wait before the next attempt */
  next() {
    const bound = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(this.#failures, 16));
    this.#failures += 1;
    return Math.round(this.#random() * bound);
  }

  /** Forgets the failures so far. */
  reset() {
    this.#failures = 0;
  }
}

/**
 * How a session, or the attempt at one, ended.
 * @typedef {object} SessionEnd
 * @property {number} [code] close code of the wire, 4000 to 4999
 * @property {string} reason
 * @property {'now'|'after'|'never'} [retry] what the server asked for
 * @property {number} [retryAfterMs] the delay the server gave to this client
 * @property {boolean} welcomed whether the session was authenticated
 * @property {number} livedMs time between the welcome and the end; 0 without a welcome
 */

/**
 * Decides what follows an end: an attempt after a delay, a fresh token first, or nothing until something changes.
 * @param {SessionEnd} end
 * @param {Backoff} backoff
 * @returns {{action: 'retry', delayMs: number} | {action: 'renew', delayMs: number} | {action: 'stop'}}
 */
export function afterEnd(end, backoff) {
  if (end.livedMs >= STABLE_SESSION_MS) backoff.reset();
  if (end.code !== undefined && TOKEN_CODES.has(end.code)) {
    // An expired token is ordinary: the first renewal need not wait. Refusal after refusal must.
    return { action: 'renew', delayMs: end.welcomed ? 0 : backoff.next() };
  }
  if (end.retry === 'never' || (end.code !== undefined && end.code >= 4500)) return { action: 'stop' };
  if (end.retryAfterMs !== undefined && end.retry !== 'now') {
    return { action: 'retry', delayMs: Math.max(0, end.retryAfterMs) };
  }
  // "now" is honoured once a session; without a welcome between, it would be a loop without a pause.
  if (end.retry === 'now' && end.welcomed) return { action: 'retry', delayMs: 0 };
  return { action: 'retry', delayMs: backoff.next() };
}
