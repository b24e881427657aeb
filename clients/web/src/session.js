// One conversation over one carrier: hello, then frames until the end. It never reconnects; the client does.

/** Most time from opening the carrier to `welcome`: 10 seconds, as the server allows. */
export const WELCOME_MS_MAX = 10_000;
/** After this long without a frame the client asks whether anybody is there. The server pings every 25 seconds. */
export const SILENCE_MS_MAX = 30_000;
/** The same while an answer is awaited. A killed server ends a TCP connection at once; of a QUIC connection nobody hears. */
export const REPLY_MS_MAX = 6_000;
/** How long the answer to that question may take. */
export const ANSWER_MS_MAX = 5_000;

/** Frames that the server answers. */
const ANSWERED = new Set(['command', 'fetch', 'subscribe']);

/**
 * @typedef {object} SessionEvents
 * @property {(frame: any) => void} frame every frame but `ping` and `pong`, after the session itself has seen it
 * @property {(end: import('./backoff.js').SessionEnd) => void} end once; not after `close()`
 * @property {(direction: 'in' | 'out', frame: any) => void} trace every frame; tokens are masked
 */

/** One conversation over one carrier. */
export class Session {
  #carrier;
  #clock;
  #events;
  /** @type {unknown} the one timer: welcome, silence or answer, whichever is awaited */
  #timer;
  #lastFrameAt = 0;
  /** When the first frame was sent that has had no answer of any kind yet; 0 for none. */
  #requestAt = 0;
  #welcomedAt = 0;
  #asked = false;
  #over = false;
  /** @type {{code?: number, reason: string, retry?: 'now'|'after'|'never', retryAfterMs?: number} | null} */
  #closeFrame = null;

  /**
   * @param {import('./carrier.js').Carrier} carrier open
   * @param {{clock: import('./clock.js').Clock, events: SessionEvents}} options
   */
  constructor(carrier, { clock, events }) {
    this.#carrier = carrier;
    this.#clock = clock;
    this.#events = events;
  }

  get carrier() {
    return this.#carrier.name;
  }

  get welcomed() {
    return this.#welcomedAt > 0;
  }

  /**
   * Says hello.
   * @param {{token: string, subscribe: {inbox: string, from?: string}[]}} hello
   */
  start({ token, subscribe }) {
    this.#lastFrameAt = this.#clock.now();
    this.#carrier.start({
      frame: (text) => this.#receive(text),
      closed: (end) => this.#ended(this.#closeFrame ?? end),
    });
    this.send({ type: 'hello', token, client: 'tidings-web/0.1.0', subscribe });
    this.#await(WELCOME_MS_MAX, () => this.#ended({ reason: 'no welcome in time' }));
  }

  /**
   * Sends a frame; after the end it does nothing.
   * @param {any} frame
   * @param {'ordered' | 'pages'} [lane]
   */
  send(frame, lane) {
    if (this.#over) return;
    this.#events.trace('out', 'token' in frame ? { ...frame, token: '…' } : frame);
    this.#carrier.send(JSON.stringify(frame), lane);
    if (!ANSWERED.has(frame.type) || this.#requestAt > 0) return;
    this.#requestAt = this.#clock.now();
    if (this.welcomed && !this.#asked) this.#watchSilence();
  }

  /**
   * Asks now whether the other side is there, for example when a laptop woke.
   * @param {number} [answerMs] how long the answer may take
   */
  probe(answerMs = ANSWER_MS_MAX) {
    if (this.#over || !this.welcomed || this.#asked) return;
    this.#asked = true;
    this.send({ type: 'ping' });
    this.#await(answerMs, () => this.#ended({ reason: 'the server did not answer a ping' }));
  }

  /** Ends it from this side; no event follows. */
  close() {
    if (this.#over) return;
    this.#over = true;
    this.#clock.clearTimeout(this.#timer);
    this.#carrier.close();
  }

  /** @param {string} text */
  #receive(text) {
    if (this.#over) return;
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      this.#ended({ reason: 'the server sent a frame that is not JSON' });
      return;
    }
    this.#lastFrameAt = this.#clock.now();
    this.#requestAt = 0;
    this.#events.trace('in', frame);
    this.#note(frame);
    if (frame.type !== 'ping' && frame.type !== 'pong') this.#events.frame(frame);
  }

  /** @param {any} frame */
  #note(frame) {
    if (frame.type === 'welcome') {
      this.#welcomedAt = this.#clock.now();
      this.#watchSilence();
    } else if (this.#asked) {
      this.#asked = false;
      this.#watchSilence();
    }
    if (frame.type === 'ping') this.send({ type: 'pong' });
    if (frame.type === 'close') this.#closeFrame = frame;
  }

  /** Any frame is life: the timer looks at the last one instead of being set anew at each. */
  #watchSilence() {
    const silenceEndsAt = this.#lastFrameAt + SILENCE_MS_MAX;
    const dueAt = this.#requestAt > 0 ? Math.min(silenceEndsAt, this.#requestAt + REPLY_MS_MAX) : silenceEndsAt;
    const leftMs = dueAt - this.#clock.now();
    if (leftMs <= 0) this.probe();
    else this.#await(leftMs, () => this.#watchSilence());
  }

  /**
   * @param {number} delayMs
   * @param {() => void} run
   */
  #await(delayMs, run) {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(run, delayMs);
  }

  /** @param {{code?: number, reason: string, retry?: 'now'|'after'|'never', retryAfterMs?: number}} end */
  #ended({ code, reason, retry, retryAfterMs }) {
    if (this.#over) return;
    const livedMs = this.welcomed ? this.#clock.now() - this.#welcomedAt : 0;
    const welcomed = this.welcomed;
    this.close();
    this.#events.end({ code, reason, retry, retryAfterMs, welcomed, livedMs });
  }
}
