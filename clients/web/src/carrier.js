// What a carrier is: the session speaks to this, whatever moves the bytes.

/** @typedef {'webtransport' | 'websocket'} CarrierName */

/**
 * @typedef {object} CarrierEvents
 * @property {(text: string) => void} frame a whole frame, in order
 * @property {(end: {code?: number, reason: string}) => void} closed once, when the other side or the network ended it;
 *   not after `close()`
 */

/**
 * An open connection that moves whole frames.
 * @typedef {object} Carrier
 * @property {CarrierName} name
 * @property {(events: CarrierEvents) => void} start begins to deliver; called once
 * @property {(text: string, lane?: 'ordered' | 'pages') => void} send sends one frame; a carrier with one lane ignores
 *   `lane`. After the end it does nothing.
 * @property {() => void} close ends it from this side; no event follows
 */

/** A carrier that could not be opened. */
export class CarrierError extends Error {
  name = 'CarrierError';

  /**
   * @param {string} message
   * @param {{retryAfterMs?: number, cause?: unknown}} [options] `retryAfterMs` when the server said how long to wait
   */
  constructor(message, { retryAfterMs, cause } = {}) {
    super(message, { cause });
    this.retryAfterMs = retryAfterMs;
  }
}
