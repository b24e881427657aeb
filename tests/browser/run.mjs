// Runs the browser suites on a binary: every suite in every browser over every carrier, one after another.
//
//     node run.mjs --binary ../../target/release/tidings [--browser firefox] [--carrier websocket] [--suite restart] [--shots DIR]

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { launch } from './browsers.mjs';
import { Server } from './server.mjs';
import * as accessibility from './suites/accessibility.mjs';
import * as events from './suites/events.mjs';
import * as marks from './suites/marks.mjs';
import * as publish from './suites/publish.mjs';
import * as restart from './suites/restart.mjs';
import * as udpBlocked from './suites/udp-blocked.mjs';

const SUITES = { publish, marks, restart, 'udp-blocked': udpBlocked, events, accessibility };
const BROWSERS = /** @type {const} */ (['chromium', 'firefox']);
const CARRIERS = ['webtransport', 'websocket'];
/** Longest time one test may take, in milliseconds. */
const TEST_MS_MAX = 120_000;

const { values: options } = parseArgs({
  options: {
    binary: { type: 'string', default: '../../target/release/tidings' },
    browser: { type: 'string' },
    carrier: { type: 'string' },
    suite: { type: 'string' },
    shots: { type: 'string' },
  },
});

if (!existsSync(options.binary)) {
  console.error(`no binary at ${options.binary}: cargo build --release -p tidings-server`);
  process.exit(2);
}

const outcome = { passed: 0, failed: 0 };
for (const name of BROWSERS) {
  if (!options.browser || options.browser === name) await runBrowser(name);
}
console.log(`${outcome.passed} passed, ${outcome.failed} failed`);
process.exit(outcome.failed === 0 && outcome.passed > 0 ? 0 : 1);

/** @param {'chromium' | 'firefox'} name */
async function runBrowser(name) {
  const browser = await launch(name);
  try {
    for (const [suiteName, suite] of Object.entries(SUITES)) {
      if (options.suite && options.suite !== suiteName) continue;
      const carriers = (suite.carriers ?? CARRIERS).filter((carrier) => !options.carrier || options.carrier === carrier);
      for (const carrier of carriers) await runTest(name, browser, suiteName, suite, carrier);
    }
  } finally {
    await browser.close();
  }
}

async function runTest(browserName, browser, suiteName, suite, carrier) {
  const label = `${browserName} · ${carrier} · ${suite.title}`;
  const startedMs = performance.now();
  const server = suite.ownServer ? null : await Server.start(options.binary);
  const tabs = [];
  const watched = { open: async () => tabs[tabs.push(await browser.open()) - 1] };
  try {
    await within(TEST_MS_MAX, suite.run({ browser: watched, server, carrier, binary: options.binary }));
    outcome.passed += 1;
    console.log(`ok    ${label} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);
  } catch (error) {
    outcome.failed += 1;
    console.log(`FAIL  ${label}\n${String(error.stack ?? error).replace(/^/gm, '      ')}`);
    await report(tabs, server, `${browserName}-${carrier}-${suiteName}`);
  } finally {
    await browser.forget();
    await server?.remove();
  }
}

/** Tells what the tabs and the server had to say. */
async function report(tabs, server, name) {
  for (const [index, tab] of tabs.entries()) {
    try {
      const state = await within(5_000, tab.look(() => [...document.querySelectorAll('.state, .carrier, #outcome')].map((part) => part.textContent).join(' | ')));
      console.log(`      tab ${index + 1}: ${state} ${tab.faults.join('; ')}`);
      const log = await within(5_000, tab.look(() => [...document.querySelectorAll('#log summary')].slice(0, 14).map((line) => line.textContent)));
      console.log(log.map((line) => `        ${line}`).join('\n'));
      if (options.shots) await tab.screenshot(join(options.shots, `${name}-${index + 1}.png`));
    } catch (error) {
      console.log(`      tab ${index + 1} says nothing: ${error.message}`);
    }
  }
  for (const line of server?.lines.slice(-12) ?? []) console.log(`      server: ${line}`);
}

/** @template T @param {number} ms @param {Promise<T>} promise @returns {Promise<T>} */
async function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
