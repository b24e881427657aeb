// A person's sessions over HTTP: a session is listed and ended by asking the server, not over the session itself.

import { TidingsError } from './requests.js';

/**
 * A session of this person on the server.
 * @typedef {object} SessionInfo
 * @property {string} id
 * @property {string} subscriberId
 * @property {string} carrier
 * @property {string} since
 * @property {string} lastSeen
 * @property {string} [client]
 * @property {string} address without its last part
 * @property {string} [userAgent]
 * @property {boolean} current whether it is the one of this client
 */

/** Asks the server of one client about sessions. */
export class SessionsApi {
  #baseUrl;
  #fetch;
  #token;

  /**
   * @param {object} options
   * @param {string} options.baseUrl
   * @param {typeof globalThis.fetch} options.fetch
   * @param {() => Promise<string | null>} options.token
   */
  constructor({ baseUrl, fetch, token }) {
    this.#baseUrl = baseUrl;
    this.#fetch = fetch;
    this.#token = token;
  }

  /** @param {string | undefined} current @returns {Promise<SessionInfo[]>} */
  list(current) {
    return this.#ask('GET', 'v1/sessions', { current });
  }

  /** @param {string | undefined} except @returns {Promise<number>} how many were ended */
  async endOthers(except) {
    const { ended } = await this.#ask('DELETE', 'v1/sessions', { except });
    return ended;
  }

  /** @param {string} id */
  async end(id) {
    await this.#ask('DELETE', `v1/sessions/${encodeURIComponent(id)}`, {});
  }

  /** @param {string} method @param {string} path @param {Record<string, string | undefined>} query */
  async #ask(method, path, query) {
    const url = new URL(path, this.#baseUrl);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    const token = await this.#token();
    if (token === null) throw new TidingsError({ code: 'unauthenticated', message: 'the token was refused and there is no other' });
    const headers = { Authorization: `Bearer ${token}` };
    const response = await this.#fetch(url, { method, headers, cache: 'no-store', credentials: 'omit' });
    if (response.status === 204) return undefined;
    const body = await response.json().catch(() => ({}));
    if (response.ok) return body.data;
    const { code = 'internal', message = `the server answered ${response.status}` } = body;
    throw new TidingsError({ code, message });
  }
}
