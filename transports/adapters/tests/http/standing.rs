//! What a request shows, for the place of its connection; and the places of requests that a proxy brings.

use super::{ADA, Fake, Nobody, ask, assets, fake, request, site_of};
use axum::Router;
use axum::body::Body;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use testkit::http::NOW;
use tidings_adapters::gateway::{Admission, ConnectionPlace, Gateway, Host, Peer, Refused};
use tidings_adapters::http::Foreign;
use tidings_adapters::proxied::Forwarded;
use tidings_engine::ids::Time;

/// A gateway that says what it was asked.
#[derive(Default)]
struct Doors {
    asked: Mutex<Vec<Admission>>,
    known: AtomicU32,
    refuses: Mutex<Option<Refused>>,
    place: Arc<()>,
}

impl Gateway for Doors {
    type Ticket = Arc<()>;
    type Protocol = Nobody;

    fn now(&self) -> Time {
        NOW
    }

    fn admit(&self, asked: &Admission) -> Result<Arc<()>, Refused> {
        self.asked.lock().push(*asked);
        self.refuses.lock().map_or_else(|| Ok(Arc::clone(&self.place)), Err)
    }

    fn known(&self, _: &Arc<()>) -> Result<(), Refused> {
        assert!(Arc::strong_count(&self.place) > 1, "the place is held while the request is answered");
        self.known.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn origin_allowed(&self, _: &Peer) -> bool {
        true
    }

    fn open(&self, _: Arc<()>, _: Peer) -> Nobody {
        Nobody::default()
    }
}

fn site(fake: &Arc<Fake>, doors: &Arc<Doors>) -> Router {
    site_of(fake, &Host::new(Arc::clone(doors)), assets())
}

#[tokio::test]
async fn a_request_that_a_proxy_brings_has_a_place_of_its_client_while_it_is_answered() {
    const INBOX: &str = "/v1/inbox/notifications";

    let (fake, doors) = (fake(), Arc::new(Doors::default()));
    let site = site(&fake, &doors);
    let status = async |path: &str, token: &str, forwarded: Option<bool>| {
        let mut asked = request("GET", path).header("authorization", format!("Bearer {token}"));
        if let Some(is_of_client) = forwarded {
            asked = asked.extension(Forwarded { is_of_client, ..Forwarded::default() });
        }
        ask(&site, asked.body(Body::empty()).unwrap()).await.status.as_u16()
    };
    // On a connection of its own, and from a proxy that speaks for itself, it takes none.
    assert_eq!((status(INBOX, ADA, None).await, status(INBOX, ADA, Some(false)).await), (200, 200));
    assert_eq!(doors.asked.lock().len(), 0);
    assert_eq!((status(INBOX, ADA, Some(true)).await, status("/healthz", "", Some(true)).await), (200, 200));
    assert_eq!(status(INBOX, "nobody", Some(true)).await, 401);
    let client = Admission::of_request(SocketAddr::from(([192, 0, 2, 1], 4_000)));
    assert_eq!(*doors.asked.lock(), [client; 3]);
    assert_eq!((doors.known.load(Ordering::SeqCst), Arc::strong_count(&doors.place)), (1, 1));
    for (refused, expected) in [(Refused::TooMany, 429), (Refused::Full, 503)] {
        *doors.refuses.lock() = Some(refused);
        for path in [INBOX, "/v1/connect"] {
            assert_eq!(status(path, ADA, Some(true)).await, expected, "{path}");
        }
    }
    assert_eq!(fake.tokens.lock().len(), 4, "without a place no token is looked at");
}

#[tokio::test]
async fn tokens_that_are_none_count_against_their_connection_and_ones_that_cannot_be_judged_do_not() {
    for (token, leaves) in [("nobody", true), ("acme/unready/user", false), ("acme/hasty/user", false)] {
        let (fake, doors) = (fake(), Arc::new(Doors::default()));
        let (site, place) = (site(&fake, &doors), ConnectionPlace::new(Arc::clone(&doors.place)));
        let ends = async || {
            tokio::select! {
                biased;
                () = place.leaves() => true,
                () = std::future::ready(()) => false,
            }
        };
        for number in 1..=3 {
            assert!(!ends().await, "{token}, {number}");
            let asked = request("GET", "/v1/inbox/notifications").header("authorization", format!("Bearer {token}"));
            ask(&site, asked.extension(place.clone()).body(Body::empty()).unwrap()).await;
        }
        assert_eq!(ends().await, leaves, "{token}");
    }
}

#[tokio::test]
async fn cursors_and_ids_that_the_tenant_was_never_given_are_told_to_the_log() {
    for (after, status, expected) in [
        ("v".repeat(60), 400, &[Foreign::Cursor][..]),
        ("v".repeat(26), 200, &[Foreign::Notification][..]),
        (String::new(), 200, &[][..]),
    ] {
        let (fake, doors) = (fake(), Arc::new(Doors::default()));
        let path = match after.as_str() {
            "" => "/v1/inbox/notifications".to_owned(),
            after => format!("/v1/inbox/notifications?after={after}"),
        };
        let asked = request("GET", &path).header("authorization", format!("Bearer {ADA}")).body(Body::empty()).unwrap();
        assert_eq!(ask(&site(&fake, &doors), asked).await.status.as_u16(), status, "{after}");
        assert_eq!(*fake.foreign.lock(), expected, "{after}");
    }
}
