// Moments at which waiting any longer makes no sense: the page is looked at again, the network is back.

/**
 * Listens to the page. Does nothing outside one.
 * @param {{wake: () => void, hide: () => void, restore: () => void}} on `wake` when the page becomes visible or the network
 *   returns; `hide` when the page is left, and may be kept for the back button; `restore` when it comes back from there
 * @returns {() => void} stops listening
 */
export function listenToPage({ wake, hide, restore }) {
  if (typeof document === 'undefined' || typeof window === 'undefined') return () => {};
  const stop = new AbortController();
  const { signal } = stop;
  const visible = () => {
    if (document.visibilityState === 'visible') wake();
  };
  document.addEventListener('visibilitychange', visible, { signal });
  window.addEventListener('online', wake, { signal });
  window.addEventListener('pagehide', hide, { signal });
  window.addEventListener('pageshow', (event) => event.persisted && restore(), { signal });
  return () => stop.abort();
}
