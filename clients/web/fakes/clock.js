// A clock that stands still until it is told to go on.

/** @implements {import('../src/clock.js').Clock} */
export class FakeClock {
  #nowMs = Date.parse('2026-03-01T12:00:00.000Z');
  #nextId = 1;
  /** @type {Map<number, {at: number, run: () => void}>} */
  #timers = new Map();

  now() {
    return this.#nowMs;
  }

  setTimeout(run, delayMs) {
    const id = this.#nextId++;
    this.#timers.set(id, { at: this.#nowMs + delayMs, run });
    return id;
  }

  clearTimeout(id) {
    this.#timers.delete(id);
  }

  /** Timers that are set. */
  get timersCount() {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer, undefined without one. */
  get nextDelayMs() {
    const due = [...this.#timers.values()].map(({ at }) => at - this.#nowMs);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** Runs everything that is due within `ms`, in order, letting promises settle between. */
  async advance(ms) {
    const endMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= endMs).sort(([, left], [, right]) => left.at - right.at);
      if (due.length === 0) break;
      const [id, { at, run }] = due[0];
      this.#timers.delete(id);
      this.#nowMs = Math.max(this.#nowMs, at);
      run();
      await settle();
    }
    this.#nowMs = endMs;
  }
}

/** Lets all promises that are ready run to their end. */
export function settle() {
  return new Promise((resolve) => setImmediate(resolve));
}
