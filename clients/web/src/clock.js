// Time as a value that is handed in, so that tests need not wait.

/**
 * @typedef {object} Clock
 * @property {() => number} now milliseconds since 1970
 * @property {(run: () => void, delayMs: number) => unknown} setTimeout
 * @property {(timer: any) => void} clearTimeout ignores undefined
 */

/** The clock of the browser. @type {Clock} */
export const systemClock = {
  now: () => Date.now(),
  setTimeout: (run, delayMs) => setTimeout(run, delayMs),
  clearTimeout: (timer) => clearTimeout(timer),
};
