// Two ways to the server, the better one with a head start: the first that opens wins, the other is aborted.

/** How long the preferred carrier is alone, in milliseconds. */
export const HEAD_START_MS = 500;

/**
 * @template T
 * @typedef {{name: string, open: (signal: AbortSignal) => Promise<T>}} Runner
 */

/**
 * Starts the first runner; each next one after a head start, or at once when all before it failed. The first to
 * open wins and the rest are aborted; one that opens in spite of that is closed.
 * @template {{close: () => void}} T
 * @param {Runner<T>[]} runners at least one, the preferred one first
 * @param {{signal: AbortSignal, clock: import('./clock.js').Clock, headStartMs?: number}} options
 * @returns {Promise<T>}
 * @throws the error of the first runner when all failed, or the signal's reason
 */
export function race(runners, { signal, clock, headStartMs = HEAD_START_MS }) {
  return new Promise((resolve, reject) => {
    const losers = new AbortController();
    /** @type {unknown[]} */
    const errors = [];
    let started = 0;
    let settled = false;
    /** @type {unknown} */
    let timer;

    const settle = () => {
      settled = true;
      clock.clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
    const abort = () => {
      settle();
      losers.abort(signal.reason);
      reject(signal.reason);
    };
    const won = (/** @type {T} */ carrier) => {
      if (settled) {
        carrier.close();
        return;
      }
      settle();
      resolve(carrier);
      losers.abort(new DOMException('another carrier was faster', 'AbortError'));
    };
    const failed = (/** @type {number} */ index, /** @type {unknown} */ error) => {
      if (settled) return;
      errors[index] = error;
      if (started < runners.length) {
        startNext();
      } else if (Object.keys(errors).length === runners.length) {
        settle();
        reject(errors[0]);
      }
    };
    const startNext = () => {
      clock.clearTimeout(timer);
      const index = started;
      started += 1;
      runners[index].open(losers.signal).then(won, (error) => failed(index, error));
      if (started < runners.length) timer = clock.setTimeout(startNext, headStartMs);
    };

    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    signal.addEventListener('abort', abort);
    startNext();
  });
}
