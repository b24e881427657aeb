// The demo page: two people of one tenant, signed in side by side, and somebody who sends them word.

import { TidingsClient } from '/sdk/index.js';
import '/sdk/inbox-element.js';
import { element } from '/sdk/dom.js';
import { WireLog } from './demo-log.js';
import { showTerminal } from './demo-terminal.js';
import { EXAMPLES, notificationOf } from './demo-compose.js';

const TENANT = 'acme';
const PEOPLE = [
  { user: 'ada', name: 'Ada' },
  { user: 'bob', name: 'Bob' },
];

/** What a status says to a person. @type {Record<string, (detail: any) => string>} */
const STATUS_TEXT = {
  idle: () => 'Not connected',
  connecting: () => 'Connecting…',
  online: () => 'Live',
  waiting: ({ retryInMs }) => (retryInMs > 1500 ? `Back in ${Math.round(retryInMs / 1000)} s` : 'Reconnecting…'),
  stopped: ({ reason }) => `Stopped: ${reason}`,
  closed: () => 'Closed',
};

const CARRIER_NAMES = { webtransport: 'WebTransport', websocket: 'WebSocket' };

const log = new WireLog(byId('log'));
let example = 0;

start();

function start() {
  for (const person of PEOPLE) signIn(person);
  byId('publish').addEventListener('submit', publish);
  byId('publish').addEventListener('input', showCommands);
  byId('example').addEventListener('click', () => fillIn(EXAMPLES[++example % EXAMPLES.length]));
  byId('clear-wire').addEventListener('click', () => log.clear());
  byId('theme').addEventListener('change', (event) => chooseTheme(event.target.value));
  fillIn(EXAMPLES[0]);
}

/** Connects one person and shows the panel. @param {{user: string, name: string}} person */
function signIn({ user, name }) {
  const section = byId(user);
  section.dataset.user = user;
  const client = new TidingsClient({ token: () => devToken(user, ['user']), share: user });
  const inbox = element('tidings-inbox', { heading: 'Inbox' });
  const state = element('span', { class: 'state', role: 'status', id: `${user}-status` });
  const carrier = element('p', { class: 'carrier', id: `${user}-carrier` });
  const show = (/** @type {any} */ detail) => {
    state.dataset.status = client.status;
    state.textContent = STATUS_TEXT[client.status](detail);
    carrier.dataset.carrier = client.carrier ?? 'none';
    carrier.replaceChildren(client.carrier ? 'over ' : 'no carrier', element('strong', {}, CARRIER_NAMES[client.carrier] ?? ''));
  };
  section.append(personHead({ user, name, state, carrier, client }), inbox);
  inbox.client = client;
  client.addEventListener('status', ({ detail }) => show(detail));
  client.addEventListener('carrier', () => show({}));
  client.addEventListener('frame', ({ detail }) => log.frame(user, detail));
  client.addEventListener('error', ({ detail }) => log.note(user, 'error', detail.message, detail));
  show({});
  client.connect();
}

/** @param {{user: string, name: string, state: Node, carrier: Node, client: TidingsClient}} parts */
function personHead({ user, name, state, carrier, client }) {
  const choices = Object.entries({ auto: 'Auto', ...CARRIER_NAMES }).map(([value, label]) =>
    element(
      'label',
      {},
      element('input', { type: 'radio', name: `${user}-road`, value, checked: value === 'auto' }),
      element('span', {}, label),
    ),
  );
  return element(
    'div',
    { class: 'person-head' },
    element(
      'div',
      { class: 'who' },
      element('span', { class: 'portrait', 'aria-hidden': 'true' }, name[0]),
      element('div', { class: 'who-text' }, element('div', { class: 'who-name' }, name), element('div', { class: 'who-tenant' }, `${user} of ${TENANT}`)),
      state,
    ),
    element(
      'div',
      { class: 'road' },
      carrier,
      element(
        'fieldset',
        { class: 'segments', onchange: (/** @type {any} */ event) => client.useCarrier(event.target.value) },
        element('legend', { class: 'hidden-text' }, `Carrier for ${name}`),
        ...choices,
      ),
    ),
  );
}

/** A token of the development key. @param {string} user @param {string[]} roles */
async function devToken(user, roles) {
  const response = await fetch('/dev/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ tenant: TENANT, user, roles }),
  });
  if (!response.ok) throw new Error(`the development server gave no token (${response.status})`);
  return (await response.json()).token;
}

/** @param {SubmitEvent} event */
async function publish(event) {
  event.preventDefault();
  const button = byId('send');
  button.disabled = true;
  say('', '');
  try {
    const token = await devToken('front-desk', ['service']);
    const notification = notificationOf(byId('publish'));
    const startedMs = performance.now();
    const response = await fetch('/v1/notifications', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}`, 'Idempotency-Key': crypto.randomUUID() },
      body: JSON.stringify(notification),
    });
    const tookMs = Math.max(1, Math.round(performance.now() - startedMs));
    const answer = await response.json();
    log.note('you', `POST ${response.status}`, `/v1/notifications · ${tookMs} ms`, { request: notification, response: answer });
    if (!response.ok) throw new Error(answer.detail ?? answer.message ?? `status ${response.status}`);
    const { recipients } = answer.data;
    const reach = recipients === null || recipients === undefined ? 'everyone' : `${recipients} ${recipients === 1 ? 'inbox' : 'inboxes'}`;
    say('ok', `Durable and on its way to ${reach}, in ${tookMs} ms.`);
  } catch (error) {
    say('bad', `Not published: ${error.message}`);
  } finally {
    button.disabled = false;
    button.focus();
  }
}

/** @param {'' | 'ok' | 'bad'} kind @param {string} text */
function say(kind, text) {
  byId('outcome').dataset.kind = kind;
  byId('outcome').textContent = text;
}

/** @param {Record<string, string>} values */
function fillIn(values) {
  const { elements } = byId('publish');
  for (const [name, value] of Object.entries(values)) elements.namedItem(name).value = value;
  showCommands();
}

function showCommands() {
  showTerminal(byId('lines'), { tenant: TENANT, notification: notificationOf(byId('publish')), origin: location.origin });
}

/** @param {string} theme */
function chooseTheme(theme) {
  document.documentElement.dataset.theme = theme;
  for (const inbox of document.querySelectorAll('tidings-inbox')) {
    if (theme === 'auto') inbox.removeAttribute('theme');
    else inbox.setAttribute('theme', theme);
  }
}

/** @param {string} id @returns {any} */
function byId(id) {
  return document.getElementById(id);
}
