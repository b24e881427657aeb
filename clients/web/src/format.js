// Turns values of an item into what a person reads, and keeps links harmless.

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Frames a link may open in. */
const TARGETS = new Set(['_self', '_blank', '_parent', '_top', '_unfencedTop']);

/**
 * How long ago, short: `now`, `5m`, `3h`, `yesterday`, `12 Mar`.
 * @param {number} thenMs @param {number} nowMs both milliseconds since 1970
 * @param {string} [locale] default: the browser's
 */
export function shortAge(thenMs, nowMs, locale) {
  const ageMs = Math.max(0, nowMs - thenMs);
  if (ageMs < MINUTE_MS) return 'now';
  if (ageMs < HOUR_MS) return `${Math.floor(ageMs / MINUTE_MS)}m`;
  if (ageMs < DAY_MS) return `${Math.floor(ageMs / HOUR_MS)}h`;
  if (ageMs < 7 * DAY_MS) return `${Math.floor(ageMs / DAY_MS)}d`;
  const sameYear = new Date(thenMs).getFullYear() === new Date(nowMs).getFullYear();
  const year = sameYear ? undefined : 'numeric';
  return new Date(thenMs).toLocaleDateString(locale, { day: 'numeric', month: 'short', year });
}

/** The full time, for a tooltip. @param {number} thenMs @param {string} [locale] */
export function fullTime(thenMs, locale) {
  return new Date(thenMs).toLocaleString(locale, { dateStyle: 'full', timeStyle: 'short' });
}

/** A count for a badge: `99+` from a hundred on; the exact one is in the label. @param {number} count */
export function badgeText(count) {
  return count > 99 ? '99+' : String(count);
}

/**
 * One or two capital letters for an item without a picture.
 * @param {string | undefined} name
 */
export function initials(name) {
  /** @type {string[]} */
  const words = (name ?? '').match(/[\p{L}\p{N}]+/gu) ?? [];
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word][0].toUpperCase()).join('') || '·';
}

/**
 * A small number that is always the same for the same text, to choose a colour by.
 * @param {string} text @param {number} below
 */
export function bucketOf(text, below) {
  let hash = 7;
  for (const character of text) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003;
  return hash % below;
}

/**
 * A link that may be followed: http, https, or a path of this site. Anything else, `javascript:` above all, is no link.
 * @param {unknown} redirect text, or an object with `url` and `target`
 * @returns {{url: string, target: string} | null}
 */
export function safeLink(redirect) {
  const { url, target } = typeof redirect === 'string' ? { url: redirect, target: undefined } : Object(redirect);
  if (typeof url !== 'string') return null;
  const isPath = /^\/(?![/\\])/.test(url);
  const isWeb = /^https?:\/\//i.test(url) && URL.canParse(url);
  if (!isPath && !isWeb) return null;
  return { url, target: TARGETS.has(target) ? target : isWeb ? '_blank' : '_self' };
}

/** A picture that may be loaded. @param {unknown} avatar @returns {string | null} */
export function safeImage(avatar) {
  return safeLink(avatar)?.url ?? null;
}
