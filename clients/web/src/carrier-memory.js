// Which carrier won last time, per origin, so that a network without UDP pays for finding out once and not on every page.

/** How long a winner is remembered, in milliseconds: 10 minutes. Networks change; then WebTransport gets its chance again. */
export const REMEMBER_MS = 600_000;

/** Remembers the winner of the race in a `Storage`. A storage that is missing or refuses is no error: nothing is remembered. */
export class CarrierMemory {
  #key;
  #storage;
  #clock;

  /**
   * @param {string} origin of the server
   * @param {{storage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null, clock: import('./clock.js').Clock}} options
   */
  constructor(origin, { storage, clock }) {
    this.#key = `tidings.carrier ${origin}`;
    this.#storage = storage ?? null;
    this.#clock = clock;
  }

  /** @returns {import('./carrier.js').CarrierName | null} */
  recall() {
    try {
      const { carrier, until } = JSON.parse(this.#storage?.getItem(this.#key) ?? '{}');
      const known = carrier === 'webtransport' || carrier === 'websocket';
      return known && until > this.#clock.now() ? carrier : null;
    } catch {
      return null;
    }
  }

  /** @param {import('./carrier.js').CarrierName} carrier */
  remember(carrier) {
    const entry = JSON.stringify({ carrier, until: this.#clock.now() + REMEMBER_MS });
    this.#quietly((storage) => storage.setItem(this.#key, entry));
  }

  /** After a carrier failed: the next race starts without a favourite. */
  forget() {
    this.#quietly((storage) => storage.removeItem(this.#key));
  }

  /** @param {(storage: Pick<Storage, 'setItem' | 'removeItem'>) => void} write */
  #quietly(write) {
    try {
      if (this.#storage) write(this.#storage);
    } catch {
      // A full or forbidden storage only costs the head start.
    }
  }
}

/** The page's own storage, or null where it is forbidden or absent. */
export function pageStorage() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}
