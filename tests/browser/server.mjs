// The binary under test: started, killed and started again on the same ports and data.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Longest time from the start of the process to its addresses, in milliseconds. */
const START_MS_MAX = 30_000;

/** The administration listener takes a free port, so that runs side by side do not meet. */
const OWN_PORTS = { TIDINGS__ADMIN__LISTEN: '127.0.0.1:0' };

/** One server and its data directory. */
export class Server {
  #binary;
  #data;
  /** @type {import('node:child_process').ChildProcess | null} */
  #process = null;
  /** Last lines of what it wrote, for the report of a failure. @type {string[]} */
  lines = [];
  /** @type {string} address of the page and the API */
  url = '';
  /** @type {string} host and port */
  #http = '127.0.0.1:0';
  #quic = '127.0.0.1:0';
  #environment;

  /** @param {string} binary @param {string} data @param {Record<string, string>} environment */
  constructor(binary, data, environment) {
    this.#binary = binary;
    this.#data = data;
    this.#environment = environment;
  }

  /**
   * Starts one on free ports and an empty data directory.
   * @param {string} binary
   * @param {Record<string, string>} [environment] configuration beside the flags
   */
  static async start(binary, environment = {}) {
    const data = await mkdtemp(join(tmpdir(), 'tidings-data-'));
    const server = new Server(binary, data, environment);
    await server.begin();
    return server;
  }

  /**
   * Starts the process; from the second time on with the ports of the first.
   * @param {{elsewhere?: boolean}} [where] `elsewhere` takes free ports once, so that nobody who knows the old ones finds it
   */
  async begin({ elsewhere = false } = {}) {
    const free = '127.0.0.1:0';
    const [http, quic] = elsewhere ? [free, free] : [this.#http, this.#quic];
    const args = ['serve', '--dev', '--http', http, '--quic', quic, '--data', this.#data];
    const process_ = spawn(this.#binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...OWN_PORTS, ...this.#environment } });
    this.#process = process_;
    const found = await addressesOf(process_, (line) => this.#keep(line));
    this.url = found.http;
    if (elsewhere) return;
    this.#http = new URL(found.http).host;
    this.#quic = found.quic;
  }

  /** Ends the process as a power cut would. */
  async kill() {
    await this.#end('SIGKILL');
  }

  /** Asks the process to end. */
  async stop() {
    await this.#end('SIGTERM');
  }

  /** Ends the process and removes the data. */
  async remove() {
    await this.kill();
    await rm(this.#data, { recursive: true, force: true });
  }

  /**
   * Publishes by HTTP, as an application's back end does.
   * @param {any} notification
   */
  async publish(notification) {
    const token = await this.token('front-desk', 'service');
    const response = await fetch(`${this.url}/v1/notifications`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify(notification),
    });
    if (response.status !== 201) throw new Error(`publish answered ${response.status}: ${await response.text()}`);
    return (await response.json()).data;
  }

  /** @param {string} user @param {string} role */
  async token(user, role) {
    const response = await fetch(`${this.url}/dev/token`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ tenant: 'acme', user, roles: [role] }),
    });
    if (!response.ok) throw new Error(`no token: ${response.status} ${await response.text()}`);
    return (await response.json()).token;
  }

  /** @param {NodeJS.Signals} signal */
  async #end(signal) {
    const ending = this.#process;
    this.#process = null;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = once(ending, 'exit');
    ending.kill(signal);
    await gone;
  }

  /** @param {string} line */
  #keep(line) {
    this.lines.push(line);
    if (this.lines.length > 60) this.lines.shift();
  }
}

/**
 * Reads the addresses that the server prints.
 * @param {import('node:child_process').ChildProcess} started
 * @param {(line: string) => void} keep
 * @returns {Promise<{http: string, quic: string}>}
 */
function addressesOf(started, keep) {
  return new Promise((resolve, reject) => {
    const found = {};
    const timer = setTimeout(() => reject(new Error('the server printed no addresses')), START_MS_MAX);
    const look = (line) => {
      keep(line);
      const http = /\bhttp\b\s+(http:\/\/[^\s/]+)/.exec(line);
      const quic = /\bquic\b\s+(?:\w+:\/\/)?([^\s/]+:\d+)/.exec(line);
      if (http) found.http ??= http[1];
      if (quic) found.quic ??= quic[1];
      if (!found.http || !found.quic) return;
      clearTimeout(timer);
      resolve(found);
    };
    createInterface({ input: started.stdout }).on('line', look);
    createInterface({ input: started.stderr }).on('line', keep);
    started.once('error', (error) => finish(error));
    started.once('exit', (code, signal) => finish(new Error(`the server ended at once (${code ?? signal})`)));
    const finish = (error) => {
      clearTimeout(timer);
      reject(error);
    };
  });
}
