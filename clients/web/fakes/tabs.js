// What tabs of one browser have in common: locks and a channel.

/** Web Locks, as far as the SDK uses them: exclusive, with `ifAvailable` and `signal`. */
export class FakeLocks {
  /** @type {Map<string, {held: boolean, queue: (() => void)[]}>} */
  #locks = new Map();

  async request(name, options, run) {
    const lock = this.#locks.get(name) ?? { held: false, queue: [] };
    this.#locks.set(name, lock);
    if (lock.held) {
      if (options.ifAvailable) return run(null);
      await new Promise((resolve, reject) => {
        lock.queue.push(resolve);
        options.signal?.addEventListener('abort', () => {
          lock.queue = lock.queue.filter((waiting) => waiting !== resolve);
          reject(options.signal.reason);
        });
      });
    }
    lock.held = true;
    try {
      return await run({ name });
    } finally {
      lock.held = false;
      lock.queue.shift()?.();
    }
  }
}

/** A class like `BroadcastChannel` for one browser. */
export function channelsOfOneBrowser() {
  const open = new Set();
  return class FakeChannel {
    onmessage = null;

    constructor(name) {
      this.name = name;
      open.add(this);
    }

    postMessage(data) {
      const copy = structuredClone(data);
      for (const other of open) if (other !== this && other.name === this.name) queueMicrotask(() => other.onmessage?.({ data: copy }));
    }

    close() {
      open.delete(this);
    }
  };
}
