// The WebSocket carrier: one text message is one frame.

import { CarrierError } from './carrier.js';

/** @typedef {import('./carrier.js').Carrier} Carrier */

/** Subprotocol that names the wire and its version. */
export const SUBPROTOCOL = 'tidings.v1';

/**
 * Opens a WebSocket. Aborting `signal` before it is open closes it and rejects.
 * @param {string} url
 * @param {{signal: AbortSignal, WebSocket: typeof globalThis.WebSocket}} options
 * @returns {Promise<import('./carrier.js').Carrier>}
 */
export function openWebSocket(url, { signal, WebSocket }) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const socket = new WebSocket(url, SUBPROTOCOL);
    const abort = () => {
      settle();
      socket.close();
      reject(signal.reason);
    };
    const opened = () => {
      settle();
      resolve(new WebSocketCarrier(socket));
    };
    const refused = () => {
      settle();
      reject(new CarrierError('the WebSocket was not accepted'));
    };
    const settle = () => {
      signal.removeEventListener('abort', abort);
      socket.removeEventListener('open', opened);
      socket.removeEventListener('close', refused);
    };
    signal.addEventListener('abort', abort);
    socket.addEventListener('open', opened);
    socket.addEventListener('close', refused);
  });
}

/** @implements {Carrier} */
class WebSocketCarrier {
  name = /** @type {const} */ ('websocket');
  #socket;

  /** @param {WebSocket} socket open */
  constructor(socket) {
    this.#socket = socket;
  }

  /** @param {import('./carrier.js').CarrierEvents} events */
  start(events) {
    if (this.#socket.readyState > 1) {
      queueMicrotask(() => events.closed({ reason: 'the WebSocket closed at once' }));
      return;
    }
    this.#socket.onmessage = ({ data }) => {
      if (typeof data === 'string') events.frame(data);
    };
    this.#socket.onclose = ({ code, reason }) => {
      this.#release();
      events.closed({ code: code >= 4000 ? code : undefined, reason: reason || `WebSocket closed (${code})` });
    };
  }

  /** @param {string} text */
  send(text) {
    if (this.#socket.readyState === 1) this.#socket.send(text);
  }

  close() {
    this.#release();
    this.#socket.close(1000);
  }

  #release() {
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
  }
}
