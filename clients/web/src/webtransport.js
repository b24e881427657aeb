// The WebTransport carrier: one bidirectional stream for all that is ordered, a second one for pages.

import { CarrierError } from './carrier.js';
import { encodeFrame, FrameReader } from './framing.js';

/** @typedef {import('./carrier.js').Carrier} Carrier */

/** Most pages that can be under way; the client keeps below it. */
const PAGES_KEPT_COUNT = 32;

/**
 * Opens a WebTransport session and its ordered stream. Aborting `signal` closes the session; browsers allow few
 * pending ones, so none is ever left behind.
 * @param {{url: string, certificateHashes: string[]}} target hashes are SHA-256 in hex; empty for a trusted certificate
 * @param {{signal: AbortSignal, WebTransport: any}} options
 * @returns {Promise<import('./carrier.js').Carrier>}
 */
export async function openWebTransport({ url, certificateHashes }, { signal, WebTransport }) {
  signal.throwIfAborted();
  const transport = new WebTransport(url, transportOptions(certificateHashes));
  const abort = () => closeQuietly(transport);
  signal.addEventListener('abort', abort);
  // Nobody may be waiting for these when they fail; that is no unhandled rejection.
  transport.closed.catch(() => {});
  transport.ready.catch(() => {});
  try {
    await transport.ready;
    const stream = await transport.createBidirectionalStream();
    signal.throwIfAborted();
    return new WebTransportCarrier(transport, stream);
  } catch (cause) {
    closeQuietly(transport);
    if (signal.aborted) throw signal.reason;
    throw new CarrierError('the WebTransport session was not accepted', { cause });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** @param {string[]} hashes */
function transportOptions(hashes) {
  if (hashes.length === 0) return {};
  const serverCertificateHashes = hashes.map((hex) => ({ algorithm: 'sha-256', value: bytesOfHex(hex) }));
  return { serverCertificateHashes };
}

/**
 * @param {string} hex two digits a byte, colons between them allowed
 * @returns {Uint8Array}
 */
export function bytesOfHex(hex) {
  const digits = hex.replaceAll(':', '');
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) throw new CarrierError('a certificate hash is not hex');
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) =>
    Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16),
  );
}

/** @param {any} transport */
function closeQuietly(transport) {
  try {
    transport.close();
  } catch {
    // Closing one that failed already throws in some browsers; it is closed, which is all that is wanted.
  }
}

/** @implements {Carrier} */
class WebTransportCarrier {
  name = /** @type {const} */ ('webtransport');
  #transport;
  #ordered;
  /** @type {Promise<any> | null} writer of the second stream, opened when the first page is asked for */
  #pages = null;
  /** Pages asked for last on the second stream; asked for again on the ordered one if the second breaks. @type {string[]} */
  #asked = [];
  /** @type {import('./carrier.js').CarrierEvents | null} null after the end */
  #events = null;

  /**
   * @param {any} transport ready
   * @param {any} stream the ordered stream
   */
  constructor(transport, stream) {
    this.#transport = transport;
    this.#ordered = { readable: stream.readable, writer: stream.writable.getWriter() };
  }

  /** @param {import('./carrier.js').CarrierEvents} events */
  start(events) {
    this.#events = events;
    this.#read(this.#ordered.readable).then(
      () => this.#end('the server ended the stream'),
      (error) => this.#end(String(error?.message ?? error)),
    );
    this.#transport.closed.then(
      () => this.#end('the WebTransport session closed'),
      () => this.#end('the WebTransport session was lost'),
    );
  }

  /**
   * @param {string} text
   * @param {'ordered' | 'pages'} [lane]
   */
  send(text, lane = 'ordered') {
    if (lane === 'pages') {
      void this.#sendPages(text);
    } else {
      this.#ordered.writer.write(encodeFrame(text)).catch(() => this.#end('the stream could not be written'));
    }
  }

  close() {
    this.#events = null;
    closeQuietly(this.#transport);
  }

  /** @param {string} text */
  async #sendPages(text) {
    this.#pages ??= this.#openPages();
    this.#asked = [...this.#asked, text].slice(-PAGES_KEPT_COUNT);
    try {
      const writer = await this.#pages;
      await writer.write(encodeFrame(text));
    } catch {
      this.#fallBack();
    }
  }

  async #openPages() {
    const stream = await this.#transport.createBidirectionalStream();
    const fallBack = () => this.#fallBack();
    this.#read(stream.readable).then(fallBack, fallBack);
    return stream.writable.getWriter();
  }

  /**
   * Without a second stream pages travel with the ordered frames: later, but they arrive. One that is answered twice does no harm.
   */
  #fallBack() {
    const asked = this.#asked;
    this.#asked = [];
    if (this.#events) for (const text of asked) this.send(text, 'ordered');
  }

  /** @param {ReadableStream<Uint8Array>} readable */
  async #read(readable) {
    const frames = new FrameReader();
    const reader = readable.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      for (const text of frames.push(value)) this.#events?.frame(text);
    }
  }

  /** @param {string} reason */
  #end(reason) {
    const events = this.#events;
    this.#events = null;
    if (!events) return;
    closeQuietly(this.#transport);
    events.closed({ reason });
  }
}
