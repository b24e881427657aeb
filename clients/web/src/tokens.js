// Where the token comes from: a string, or a function that gets a fresh one from the application's own back end.

/** @typedef {string | (() => string | Promise<string>)} TokenGiver */

/** Gives tokens and remembers which one was refused, so that it is not offered again. */
export class TokenSource {
  #giver;
  /** @type {string | null} */
  #last = null;
  /** @type {string | null} */
  #refused = null;

  /** @param {TokenGiver} giver */
  constructor(giver) {
    this.#giver = giver;
  }

  /** Whether asking again may give another token. */
  get canRenew() {
    return typeof this.#giver === 'function';
  }

  /** @returns {Promise<string | null>} null when all there is is a token that was refused */
  async next() {
    this.#last = typeof this.#giver === 'function' ? await this.#giver() : this.#giver;
    return this.#last === this.#refused ? null : this.#last;
  }

  /** The server refused the last token. */
  refuse() {
    this.#refused = this.#last;
  }

  /** @param {TokenGiver} giver */
  replace(giver) {
    this.#giver = giver;
    this.#refused = null;
  }
}

/**
 * When to renew a token on the live session: with a fifth of its time left, but not later than 30 seconds before its end.
 * @param {number} leftMs until it expires
 * @returns {number} milliseconds from now, at most a day (timers cannot count much further)
 */
export function renewAfterMs(leftMs) {
  return Math.min(86_400_000, Math.max(1_000, Math.min(leftMs * 0.8, leftMs - 30_000)));
}
