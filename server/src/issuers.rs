//! Keys that issuers publish, loaded while the server runs: at their regular times, and when a token names one that is not
//! there. When and how often is `engine::token::Reloading`; here are the tasks that do it.

mod place;

pub use place::{LoadError, Place};

use crate::{clock, verifier};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tidings_engine::session::SessionContext;
use tidings_engine::token::{KeySource, LoadedKeys, Reloading, Turn};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::{info, warn};

/// Longest wait until a load that failed is tried again: 30 s.
const RETRY: Duration = Duration::from_secs(30);

/// What is known already of a place when a configuration is read.
pub trait Known {
    /// The place from which the same is loaded.
    fn same_as(&self, wanted: &Place) -> Option<Arc<Place>>;
    /// The last good set of it.
    fn last_of(&self, source: KeySource) -> Option<LoadedKeys>;
}

/// Nothing is known yet.
pub struct Nothing;

impl Known for Nothing {
    fn same_as(&self, _wanted: &Place) -> Option<Arc<Place>> {
        None
    }

    fn last_of(&self, _source: KeySource) -> Option<LoadedKeys> {
        None
    }
}

/// Keeps the keys of every issuer that publishes them.
pub struct Issuers {
    context: Arc<SessionContext>,
    loading: Mutex<BTreeMap<KeySource, Loading>>,
}

struct Loading {
    place: Arc<Place>,
    reloading: Reloading,
    /// Counts the loads that have ended.
    ended: watch::Sender<u64>,
    last: Option<LoadedKeys>,
    has_failed: bool,
    task: AbortHandle,
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A load that is under way.
pub struct UnderWay(watch::Receiver<u64>);

impl UnderWay {
    /// Waits until it has ended, well or not.
    pub async fn ended(mut self) {
        // Its place was given up: there is nothing to wait for.
        let _ = self.0.changed().await;
    }
}

impl Issuers {
    /// Begins to load from `places`, for the verifier of `context`.
    pub fn start(context: Arc<SessionContext>, places: Vec<Arc<Place>>) -> Arc<Self> {
        let issuers = Arc::new(Self { context, loading: Mutex::default() });
        issuers.replace(places);
        issuers
    }

    /// Loads from `places` from now on, and from no others. What is being loaded from a place that stays goes on.
    pub fn replace(self: &Arc<Self>, places: Vec<Arc<Place>>) {
        let mut loading = self.loading.lock();
        loading.retain(|source, _| places.iter().any(|place| place.source() == *source));
        for place in places {
            if let Some(Loading { last: Some(last), .. }) = loading.get(&place.source()) {
                // It may have come after the verifier was made.
                self.context.change_verifier(|verifier| verifier.with_loaded(place.source(), last));
                continue;
            }
            loading.entry(place.source()).or_insert_with(|| {
                let task = tokio::spawn(Arc::clone(self).load_regularly(Arc::clone(&place))).abort_handle();
                let ended = watch::Sender::new(0);
                Loading { place, reloading: Reloading::default(), ended, last: None, has_failed: false, task }
            });
        }
    }

    /// A token names a key of `from` that is not there. What to wait for; `None`: it is known well enough that it is not.
    pub fn ask(self: &Arc<Self>, from: KeySource) -> Option<UnderWay> {
        let mut loading = self.loading.lock();
        let one = loading.get_mut(&from)?;
        let turn = one.reloading.ask(clock::now());
        let under_way = UnderWay(one.ended.subscribe());
        match turn {
            Turn::TooSoon => return None,
            Turn::Joins => {}
            Turn::Begins => {
                let place = Arc::clone(&one.place);
                let own = Arc::clone(self);
                tokio::spawn(async move { own.load(&place).await });
            }
        }
        Some(under_way)
    }

    /// What an operator should know: a plain sentence where the keys of an issuer could not be loaded.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        let has_failed = self.loading.lock().values().any(|one| one.has_failed);
        has_failed.then_some("the keys of an issuer cannot be loaded")
    }

    async fn load_regularly(self: Arc<Self>, place: Arc<Place>) {
        loop {
            let begins = self.loading.lock().get_mut(&place.source()).is_some_and(|one| one.reloading.regular());
            let is_good = if begins { self.load(&place).await } else { true };
            tokio::time::sleep(if is_good { place.refresh() } else { place.refresh().min(RETRY) }).await;
        }
    }

    /// Loads once and says so to all who wait. Whether it went well.
    async fn load(&self, place: &Place) -> bool {
        let set = place.load().await;
        let now = clock::now();
        let mut loading = self.loading.lock();
        let Some(one) = loading.get_mut(&place.source()) else { return false };
        one.has_failed = set.is_err();
        let is_good = set.is_ok();
        match set {
            Err(error) => self.failed(place, one.last.as_ref(), &error),
            Ok(set) => {
                let is_news = one.last.as_ref().is_none_or(|last| last.set.names() != set.names());
                if is_news {
                    info!(issuer = place.issuer(), url = place.url(), keys = ?set.names(), "keys of an issuer loaded");
                    for key in set.passed_by() {
                        info!(issuer = place.issuer(), url = place.url(), "{}", verifier::said(key));
                    }
                }
                let keep = i64::try_from(place.keep().as_millis()).unwrap_or(i64::MAX);
                let loaded = LoadedKeys { set: Arc::new(set), until: now.plus(keep) };
                self.context.change_verifier(|verifier| verifier.with_loaded(place.source(), &loaded));
                one.last = Some(loaded);
            }
        }
        let outcome = if is_good { "loaded" } else { "failed" };
        let issuer = place.issuer().to_owned();
        metrics::counter!("tidings_issuer_loads_total", "issuer" => issuer.clone(), "outcome" => outcome).increment(1);
        if let Some(last) = &one.last {
            let left = last.until.since(now).max(0) as f64 / 1_000.0;
            metrics::gauge!("tidings_issuer_keys_seconds_left", "issuer" => issuer).set(left);
        }
        one.reloading.ended();
        one.ended.send_modify(|count| *count += 1);
        is_good
    }

    fn failed(&self, place: &Place, last: Option<&LoadedKeys>, error: &LoadError) {
        let until = last.map(|last| last.until.rfc3339());
        warn!(issuer = place.issuer(), url = place.url(), %error, used_until = until.as_deref(),
        "keys of an issuer cannot be loaded: {}", match last {
            Some(_) => "those loaded last are used for a while",
            None => "its tokens are refused until they can",
        });
    }
}

impl Known for Arc<Issuers> {
    fn same_as(&self, wanted: &Place) -> Option<Arc<Place>> {
        let loading = self.loading.lock();
        loading.values().map(|one| &one.place).find(|place| place.is_same(wanted)).map(Arc::clone)
    }

    fn last_of(&self, source: KeySource) -> Option<LoadedKeys> {
        self.loading.lock().get(&source)?.last.clone()
    }
}
