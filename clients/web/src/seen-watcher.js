// Notices which rows were really looked at: in view for a moment, on a visible page.

/** How long a row must be in view, in milliseconds. */
const LOOK_MS = 700;

/** Reports ids of rows that were seen, each once, together. */
export class SeenWatcher {
  #report;
  /** @type {IntersectionObserver | null} */
  #observer = null;
  /** @type {Set<Element>} */
  #watched = new Set();
  /** @type {Set<Element>} */
  #inView = new Set();
  /** @type {Set<string>} */
  #reported = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(ids: string[]) => void} report */
  constructor(report) {
    this.#report = report;
  }

  /** Watches exactly these rows from now on. @param {(Element | undefined)[]} rows of unseen items */
  watch(rows) {
    this.#observer ??= new IntersectionObserver((entries) => this.#moved(entries), { threshold: 0.6 });
    const wanted = new Set(rows.filter((row) => row !== undefined));
    for (const row of this.#watched) if (!wanted.has(row)) this.#forget(row);
    for (const row of wanted) if (!this.#watched.has(row)) this.#observer.observe(row);
    this.#watched = wanted;
  }

  /** Watches nothing any more. */
  stop() {
    this.#observer?.disconnect();
    this.#observer = null;
    this.#watched.clear();
    this.#inView.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** @param {Element} row */
  #forget(row) {
    this.#observer?.unobserve(row);
    this.#inView.delete(row);
    this.#reported.delete(row.getAttribute('data-id') ?? '');
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #moved(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#inView.add(target);
      else this.#inView.delete(target);
    }
    if (this.#inView.size > 0) this.#timer ??= setTimeout(() => this.#look(), LOOK_MS);
  }

  #look() {
    this.#timer = undefined;
    if (document.visibilityState !== 'visible') {
      this.#timer = setTimeout(() => this.#look(), LOOK_MS);
      return;
    }
    const ids = [...this.#inView].map((row) => row.getAttribute('data-id') ?? '').filter((id) => !this.#reported.has(id));
    for (const id of ids) this.#reported.add(id);
    if (ids.length > 0) this.#report(ids);
  }
}
