// The demo page as a person uses it: choose, click, read what is there.

import assert from 'node:assert/strict';

/** One tab with the demo page. */
export class DemoPage {
  /** @param {import('./browsers.mjs').Tab} tab */
  constructor(tab) {
    this.tab = tab;
  }

  /**
   * Opens the page and puts both people on a carrier.
   * @param {{open: () => Promise<import('./browsers.mjs').Tab>}} browser
   * @param {string} url
   * @param {'webtransport' | 'websocket' | 'auto'} [carrier] `auto`, the default, leaves it to the race, and tabs share a connection
   */
  static async open(browser, url, carrier = 'auto') {
    const page = new DemoPage(await browser.open());
    await page.tab.goto(url);
    for (const user of ['ada', 'bob']) {
      await page.untilOnline(user);
      if (carrier !== 'auto') await page.useCarrier(user, carrier);
    }
    return page;
  }

  /** @param {string} user @param {string} carrier */
  async useCarrier(user, carrier) {
    await this.tab.click(`#${user} input[value="${carrier}"]`);
    await this.untilCarrier(user, carrier);
  }

  /** @param {string} user @param {string} carrier */
  async untilCarrier(user, carrier) {
    await this.tab.until(carrierIs, { user, carrier });
  }

  /** @param {string} user */
  async untilOnline(user) {
    await this.tab.until(statusIs, { user, status: 'online', is: true });
  }

  /** @param {string} user */
  async untilAway(user) {
    await this.tab.until(statusIs, { user, status: 'online', is: false });
  }

  /**
   * Publishes by the form.
   * @param {{to: string, subject: string, body?: string, severity?: string, tags?: string}} notification
   */
  async publish({ to, subject, body = 'By the form.', severity = 'none', tags = '' }) {
    await this.tab.click(`#publish input[name="to"][value="${to}"]`);
    await this.tab.click(`#publish input[name="severity"][value="${severity}"]`);
    await this.tab.fill('#subject', subject);
    await this.tab.fill('#body', body);
    await this.tab.fill('#tags', tags);
    await this.tab.click('#send');
    await this.tab.until(() => document.querySelector('#outcome').dataset.kind === 'ok');
  }

  /**
   * The rows of a person's list, from the top.
   * @param {string} user
   * @returns {Promise<{subject: string, isUnread: boolean}[]>}
   */
  rows(user) {
    return this.tab.look(rowsOf, user);
  }

  /** What the carrier line says. @param {string} user */
  carrierText(user) {
    return this.tab.look((of) => document.querySelector(`#${of}-carrier`).textContent, user);
  }

  /** @param {string} user @param {number} count */
  async untilBadge(user, count) {
    await this.tab.until(badgeIs, { user, count });
  }

  /** @param {string} user @param {string} subject @param {{isUnread?: boolean, isThere?: boolean}} [state] */
  async untilRow(user, subject, { isUnread, isThere = true } = {}) {
    await this.tab.until(rowIs, { user, subject, isUnread, isThere });
  }

  /**
   * Clicks a control of the row with a subject.
   * @param {string} user @param {'read' | 'archive' | 'delete'} action @param {string} subject
   */
  async act(user, action, subject) {
    const id = await this.tab.look(idOf, { user, subject });
    await this.tab.click(`#${user} tidings-inbox >>> [data-id="${id}"] [data-action="${action}"]`);
  }

  /** @param {string} user @param {'all' | 'unread' | 'archived'} list */
  async choose(user, list) {
    await this.tab.click(`#${user} tidings-inbox >>> [data-tab="${list}"]`);
  }

  /** @param {string} user */
  async markAllRead(user) {
    await this.tab.click(`#${user} tidings-inbox >>> [data-command="mark_all_read"]`);
  }

  /** Nothing is shown twice and the page itself has nothing to complain about. @param {string} user */
  async assertSound(user) {
    const subjects = (await this.rows(user)).map(({ subject }) => subject);
    assert.deepEqual(subjects, [...new Set(subjects)], 'a notification is shown twice');
    assert.deepEqual(this.tab.faults, []);
  }
}

/* What follows runs in the page. */

function rowsOf(user) {
  const root = document.querySelector(`#${user} tidings-inbox`).shadowRoot;
  return [...root.querySelectorAll('.row')].map((row) => ({
    subject: row.querySelector('.subject').textContent.replace(/^Unread: /, ''),
    isUnread: row.hasAttribute('data-unread'),
  }));
}

function rowIs({ user, subject, isUnread, isThere }) {
  const root = document.querySelector(`#${user} tidings-inbox`).shadowRoot;
  const row = [...root.querySelectorAll('.row')].find(
    (candidate) => candidate.querySelector('.subject').textContent.replace(/^Unread: /, '') === subject,
  );
  if (!row || !isThere) return Boolean(row) === isThere;
  return isUnread === undefined || row.hasAttribute('data-unread') === isUnread;
}

function idOf({ user, subject }) {
  const root = document.querySelector(`#${user} tidings-inbox`).shadowRoot;
  const row = [...root.querySelectorAll('.row')].find(
    (candidate) => candidate.querySelector('.subject').textContent.replace(/^Unread: /, '') === subject,
  );
  return row.dataset.id;
}

function badgeIs({ user, count }) {
  const badge = document.querySelector(`#${user} tidings-inbox`).shadowRoot.querySelector('.badge');
  return count === 0 ? badge.hidden : !badge.hidden && badge.textContent === String(count);
}

function carrierIs({ user, carrier }) {
  return document.querySelector(`#${user}-carrier`)?.dataset.carrier === carrier;
}

function statusIs({ user, status, is }) {
  return (document.querySelector(`#${user}-status`)?.dataset.status === status) === is;
}
