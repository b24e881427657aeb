// A server of the wire in memory: what the client needs of its surroundings, and the other end of every carrier.

import { FrameReader, encodeFrame } from '../src/framing.js';
import { settle } from './clock.js';

/** One accepted connection, seen from the server. */
export class Peer {
  /** @type {any[]} frames from the client, in order */
  received = [];
  isOpen = true;

  /** @param {string} carrier @param {{send: (text: string) => void, close: (code?: number) => void}} ways */
  constructor(carrier, ways) {
    this.carrier = carrier;
    this.ways = ways;
  }

  send(...frames) {
    for (const frame of frames) this.ways.send(JSON.stringify(frame));
    return settle();
  }

  /** The network goes away. */
  cut(code) {
    this.isOpen = false;
    this.ways.close(code);
    return settle();
  }

  /** The frames of a type that the client sent. */
  of(type) {
    return this.received.filter((frame) => frame.type === type);
  }

  async welcome({ clock, expiresInMs = 3_600_000 }) {
    const serverTime = new Date(clock.now()).toISOString();
    const expires = new Date(clock.now() + expiresInMs).toISOString();
    await this.send({ type: 'welcome', session: 's1', epoch: 'e1', tenant: 'acme', subject: 'ada', roles: ['user'], expires, serverTime, limits: {} });
  }
}

/** Surroundings of a client with a server behind them. */
export class FakeServer {
  /** @type {Peer[]} */
  peers = [];
  offers = { websocket: { url: 'ws://fake/v1/connect/websocket' } };
  isReachable = true;
  discoveries = 0;

  /** @param {import('./clock.js').FakeClock} clock */
  constructor(clock) {
    this.clock = clock;
  }

  get peer() {
    return this.peers.at(-1);
  }

  get environment() {
    const server = this;
    return {
      clock: this.clock,
      storage: null,
      random: () => 0.5,
      fetch: async () => {
        server.discoveries += 1;
        if (!server.isReachable) throw new TypeError('fetch failed');
        return { ok: true, json: async () => server.offers };
      },
      WebSocket: class extends FakeWebSocket {
        constructor(url, protocol) {
          super(url, protocol, server);
        }
      },
      WebTransport: class extends FakeWebTransport {
        constructor(url, options) {
          super(url, options, server);
        }
      },
    };
  }
}

class FakeWebSocket extends EventTarget {
  readyState = 0;
  onmessage = null;
  onclose = null;

  constructor(url, protocol, server) {
    super();
    this.url = url;
    this.protocol = protocol;
    queueMicrotask(() => this.#open(server));
  }

  #open(server) {
    if (this.readyState !== 0) return;
    if (!server.isReachable) {
      this.readyState = 3;
      this.dispatchEvent(new Event('close'));
      return;
    }
    this.readyState = 1;
    this.peer = new Peer('websocket', {
      send: (text) => this.onmessage?.({ data: text }),
      close: (code = 1006) => {
        this.readyState = 3;
        this.onclose?.({ code, reason: '' });
      },
    });
    server.peers.push(this.peer);
    this.dispatchEvent(new Event('open'));
  }

  send(text) {
    this.peer.received.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
    if (this.peer) this.peer.isOpen = false;
  }
}

/** What WebTransport does is decided by `server.offers.webtransport.behaviour`: `open`, `hang` or `refuse`. */
class FakeWebTransport {
  static instances = [];

  constructor(url, options, server) {
    this.url = url;
    this.options = options;
    this.server = server;
    this.isClosed = false;
    this.closed = new Promise((resolve, reject) => {
      this.lose = reject;
      this.finish = resolve;
    });
    const { behaviour = 'open' } = server.offers.webtransport;
    this.ready = new Promise((resolve, reject) => {
      this.refuse = reject;
      if (behaviour === 'open') resolve();
      if (behaviour === 'refuse') reject(new Error('Opening handshake failed.'));
    });
    FakeWebTransport.instances.push(this);
    server.transports = [...(server.transports ?? []), this];
  }

  close() {
    this.isClosed = true;
    this.refuse(new Error('closed'));
    this.finish({});
    if (this.peer) this.peer.isOpen = false;
  }

  async createBidirectionalStream() {
    const frames = new FrameReader();
    let controller;
    const readable = new ReadableStream({ start: (given) => (controller = given) });
    const peer = this.peer ?? new Peer('webtransport', {
      send: (text) => controller.enqueue(encodeFrame(text)),
      close: () => this.lose(new Error('Connection lost.')),
    });
    const lane = this.peer ? 'pages' : 'ordered';
    const writable = new WritableStream({
      write: (chunk) => {
        for (const text of frames.push(chunk)) peer.received.push({ ...JSON.parse(text), lane });
      },
    });
    if (this.peer) {
      peer.sendPages = (frame) => controller.enqueue(encodeFrame(JSON.stringify(frame)));
      peer.breakPages = () => controller.error(new Error('Received RESET_STREAM.'));
    } else this.server.peers.push(peer);
    this.peer = peer;
    return { readable, writable };
  }
}
