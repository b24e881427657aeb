// Real browsers behind one small interface. Selectors are CSS; `>>>` goes into a shadow root.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

/** Longest wait for a condition in a page, in milliseconds. */
const WAIT_MS_MAX = 45_000;
/** How often a condition is looked at, in milliseconds. */
const POLL_MS = 50;

/**
 * A page as a person has it: they click, type and look.
 * @typedef {object} Tab
 * @property {(url: string) => Promise<void>} goto
 * @property {(selector: string) => Promise<void>} click
 * @property {(selector: string, text: string) => Promise<void>} fill
 * @property {(key: string) => Promise<void>} press a key, perhaps with others held, `Shift+Tab`; on whatever has the focus
 * @property {(text: string) => Promise<void>} type
 * @property {(condition: Function, argument?: any) => Promise<void>} until the condition holds in the page
 * @property {(look: Function, argument?: any) => Promise<any>} look at the page
 * @property {(path: string) => Promise<void>} screenshot
 * @property {string[]} faults what the page itself reported as wrong
 */

/** Paths of the browsers, by name; the environment may say otherwise. */
const PATHS = {
  chromium: process.env.CHROMIUM ?? '/usr/bin/chromium',
  firefox: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
};

/**
 * Starts a browser.
 * @param {'chromium' | 'firefox'} name
 * @returns {Promise<{open: () => Promise<Tab>, forget: () => Promise<void>, close: () => Promise<void>}>} `forget` closes all tabs and
 *   what they stored
 */
export function launch(name) {
  return name === 'chromium' ? launchChromium() : launchFirefox();
}

async function launchChromium() {
  const browser = await chromium.launch({
    executablePath: PATHS.chromium,
    args: ['--no-sandbox', '--disable-background-networking', '--disable-dev-shm-usage'],
    ignoreDefaultArgs: ['--disable-quic'],
  });
  let context = await browser.newContext();
  return {
    open: async () => new ChromiumTab(await context.newPage()),
    forget: async () => {
      await context.close();
      context = await browser.newContext();
    },
    close: () => browser.close(),
  };
}

async function launchFirefox() {
  const profile = await mkdtemp(join(tmpdir(), 'tidings-firefox-'));
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: PATHS.firefox,
    headless: true,
    userDataDir: profile,
    // The default is a proxy looked up in the system; background tabs must not be unloaded between two steps.
    extraPrefsFirefox: { 'network.proxy.type': 0, 'app.update.enabled': false, 'browser.tabs.unloadOnLowMemory': false },
  });
  let context = await browser.createBrowserContext();
  return {
    open: async () => new FirefoxTab(await context.newPage()),
    forget: async () => {
      await context.close();
      context = await browser.createBrowserContext();
    },
    close: async () => {
      await browser.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** @implements {Tab} */
class ChromiumTab {
  faults = [];
  #page;

  constructor(page) {
    this.#page = page;
    page.setDefaultTimeout(WAIT_MS_MAX);
    page.on('pageerror', (error) => noteError(this.faults, String(error)));
    page.on('console', (message) => noteConsole(this.faults, message.type(), message.text()));
  }

  async goto(url) {
    await this.#page.goto(url);
  }

  async click(selector) {
    await this.#page.locator(piercing(selector)).first().click();
  }

  async fill(selector, text) {
    await this.#page.locator(piercing(selector)).fill(text);
  }

  async press(key) {
    await this.#page.keyboard.press(key);
  }

  async type(text) {
    await this.#page.keyboard.type(text);
  }

  async until(condition, argument) {
    const handle = await this.#page.waitForFunction(condition, argument, { polling: POLL_MS, timeout: WAIT_MS_MAX });
    await handle.dispose();
  }

  look(look, argument) {
    return this.#page.evaluate(look, argument);
  }

  async screenshot(path) {
    await this.#page.screenshot({ path });
  }
}

/** Playwright's CSS goes into open shadow roots by itself. */
function piercing(selector) {
  return selector.replaceAll('>>>', ' ');
}

/** @implements {Tab} */
class FirefoxTab {
  faults = [];
  #page;

  constructor(page) {
    this.#page = page;
    page.setDefaultTimeout(WAIT_MS_MAX);
    page.on('pageerror', (error) => noteError(this.faults, String(error)));
    page.on('console', (message) => noteConsole(this.faults, message.type(), message.text()));
  }

  async goto(url) {
    await this.#page.goto(url);
  }

  async click(selector) {
    await this.#page.bringToFront();
    await this.#page.locator(selector).click();
  }

  async fill(selector, text) {
    await this.#page.bringToFront();
    await this.#page.locator(selector).fill(text);
  }

  async press(key) {
    const { keyboard } = this.#page;
    const held = key.split('+');
    const last = held.pop();
    for (const modifier of held) await keyboard.down(modifier);
    await keyboard.press(last);
    for (const modifier of held.reverse()) await keyboard.up(modifier);
  }

  async type(text) {
    await this.#page.keyboard.type(text);
  }

  async until(condition, argument) {
    const handle = await this.#page.waitForFunction(condition, { polling: POLL_MS, timeout: WAIT_MS_MAX }, argument);
    await handle.dispose();
  }

  look(look, argument) {
    return this.#page.evaluate(look, argument);
  }

  async screenshot(path) {
    await this.#page.screenshot({ path });
  }
}

/** Firefox reports a stream that was refused, or given up because another carrier was faster, as an error of the page. */
function noteError(faults, text) {
  if (!/connection to .*wss?:|connection to the server at (wss?:|\S+\/v1\/connect\/events)/.test(text)) faults.push(text);
}

/** A refused connection is reported by the browser itself and is expected; what breaks a policy or throws is not. */
function noteConsole(faults, type, text) {
  if (/Content.Security.Policy|Uncaught|unhandled/i.test(text)) faults.push(`${type}: ${text}`);
}
