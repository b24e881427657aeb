//! What is counted over time or over connections.

use super::carriers::{Ask, Asker, Carrier, reply};
use super::system::conversation::json_of;
use super::system::stopwatch::Micros;
use super::system::sure;
use super::world::{Opened, World};
use serde_json::{Value, json};
use tidings_engine::limits::Limit;
use tokio::task::JoinSet;

/// Most attempts until a rate must have said no: far more than come back meanwhile on the slowest machine.
const ATTEMPTS_MAX: u32 = 1_000;

/// Seconds since, rounded up.
fn seconds_since(began: Micros) -> u32 {
    u32::try_from((Micros::now().0 - began.0).div_ceil(1_000_000)).expect("a test ends")
}

/// A burst comes through whole; then what the rate gives, and after a no it gives again.
pub(crate) async fn rate(asker: &mut Asker, ask: &Ask, burst: u32, per_second: u32) {
    let began = Micros::now();
    for one in 0..burst {
        assert_eq!(asker.ask(ask).await.err(), None, "{one} of a burst of {burst}");
    }
    let mut taken = burst;
    let is_taken = |answer: Result<Value, super::carriers::No>| match answer {
        Ok(_) => true,
        Err(no) => {
            assert_eq!(no.code, "rate_limited");
            false
        }
    };
    for _ in 0..ATTEMPTS_MAX {
        if !is_taken(asker.ask(ask).await) {
            break;
        }
        taken += 1;
    }
    assert!(taken <= burst + seconds_since(began) * per_second, "{taken} were taken");
    sure("place in the rate", async { while !is_taken(asker.ask(ask).await) {} }).await;
}

/// Ten at once, and never eleven.
pub(crate) async fn people(asker: &mut Asker) {
    let publish = |count: usize| {
        let people: Vec<_> = (0..count).map(|one| format!("u{one}")).collect();
        Ask::Publish(json!({"to": people, "body": "b"}))
    };
    super::asked::asked(asker, &publish(10), &publish(11), "too_large").await;
    rate_of_ten(asker, &publish(10)).await;
}

/// What ten a second allow of tens.
async fn rate_of_ten(asker: &mut Asker, ten: &Ask) {
    let began = Micros::now();
    let mut taken = 0;
    for _ in 0..ATTEMPTS_MAX {
        match asker.ask(ten).await {
            Ok(_) => taken += 1,
            Err(no) => {
                assert_eq!(no.code, "rate_limited");
                break;
            }
        }
    }
    assert!(taken <= seconds_since(began), "{taken} were taken");
}

/// One after the other, and then two at once, until the second came before the first was answered.
pub(crate) async fn in_flight(mut asker: Asker) {
    const PAIRS: usize = 200;

    let publish = Ask::Publish(json!({"to": "ada", "body": "b"}));
    for _ in 0..3 {
        assert_eq!(asker.ask(&publish).await.err(), None, "one at a time");
    }
    let mut session = asker.session();
    for _ in 0..PAIRS {
        for id in ["1", "2"] {
            session.client().send(&publish.frame(id)).await.expect("the session is open");
        }
        let mut refused = 0;
        for _ in 0..2 {
            let frame = json_of(&session.must().await);
            let code = frame["error"]["code"].as_str();
            assert!(frame["type"] == "reply" && code.is_none_or(|code| code == "rate_limited"), "{frame}");
            refused += usize::from(code.is_some());
        }
        if refused > 0 {
            assert_eq!(refused, 1);
            return;
        }
    }
    panic!("two at once were taken {PAIRS} times");
}

/// Three answers `rate_limited`, and at the next the session ends.
pub(crate) async fn limited(asker: Asker) {
    let mut session = asker.session();
    for one in 0..60 {
        // It may have ended before all is said.
        let _ = session.client().send(&Ask::ReadAll.frame(&one.to_string())).await;
    }
    let (frames, code) = session.until_the_end().await;
    let limited = frames.iter().filter(|frame| json_of(frame)["error"]["code"] == "rate_limited").count();
    assert_eq!((limited, code), (4, Some(4_003)));
}

/// One inbox, and not two.
pub(crate) async fn subscriptions(asker: Asker) {
    let mut session = asker.session();
    for (id, inbox, code) in [("1", "me", None), ("2", "tenant", Some("too_large")), ("3", "me", None)] {
        let subscribe = json!({"type": "subscribe", "id": id, "inbox": inbox});
        session.client().send(&subscribe).await.expect("the session is open");
        assert_eq!(reply(&mut session, id).await["error"]["code"].as_str(), code, "{inbox}");
    }
}

/// Readings at once until one is refused.
pub(crate) async fn readings(world: &World, tenant: &str) {
    let head = format!("Authorization: Bearer {}\r\n", world.token(tenant, "auditor"));
    let path = "/v1/audit/events?limit=10000";
    let one = world.kept().await.ask("GET", path, &head, b"").await.expect("an answer comes");
    assert_eq!(one.status, 200, "{:?}", one.body);
    sure("reading too many", async {
        loop {
            let mut readings = JoinSet::new();
            for _ in 0..16 {
                let (mut kept, head) = (world.kept().await, head.clone());
                readings.spawn(async move { kept.ask("GET", path, &head, b"").await.expect("an answer comes").status });
            }
            let statuses = readings.join_all().await;
            assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
            if statuses.contains(&429) {
                return;
            }
        }
    })
    .await;
}

/// Two sessions of one user, or of a tenant, and not three.
pub(crate) async fn sessions(world: &World, carrier: Carrier, tenant: &str, of_one: bool) {
    let token = |number: usize| {
        let subject = if of_one { "ada".to_owned() } else { format!("ada{number}") };
        world.signer.sign(&World::claims(tenant, &subject, "user"))
    };
    let mut held = Vec::new();
    for number in 0..2 {
        let Ok(opened) = world.open(carrier, &token(number)).await else { panic!("there is a place for {number}") };
        held.push(opened);
    }
    let refused = if carrier == Carrier::Events { 429 } else { 4_005 };
    assert_eq!(world.open(carrier, &token(2)).await.map(drop), Err(refused));
    held.clear();
    // Both have left as soon as the server has seen it.
    sure("place", async { while world.open(carrier, &token(0)).await.is_err() {} }).await;
}

/// So many connections with good tokens as there may be, and not one more on this carrier.
pub(crate) async fn known(world: &World, carrier: Carrier, tenant: &str, limit: Limit, count: usize) {
    let token = world.token(tenant, "user");
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(
            sure("place", async {
                loop {
                    if let Ok(opened) = world.open(carrier, &token).await {
                        return opened;
                    }
                }
            })
            .await,
        );
    }
    one_over(world, carrier, &token, limit).await;
}

/// So many connections without a token as there may be, and not one more on this carrier.
pub(crate) async fn strangers(world: &World, carrier: Carrier, tenant: &str, limit: Limit, count: usize) {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(
            sure("place", async {
                loop {
                    if let Some(stranger) = world.stranger(carrier).await {
                        return stranger;
                    }
                }
            })
            .await,
        );
    }
    one_over(world, carrier, &world.token(tenant, "user"), limit).await;
}

/// There is no place: the connection is not even made, or hung up unread.
async fn one_over(world: &World, carrier: Carrier, token: &str, limit: Limit) {
    let before = world.hits(limit).await;
    assert_eq!(world.open(carrier, token).await.map(drop), Err(0), "one over");
    assert!(world.hits(limit).await > before, "it is this limit that was hit");
}

/// One at once and one a second.
pub(crate) async fn handshakes(world: &World, carrier: Carrier, tenant: &str) {
    let token = world.token(tenant, "user");
    sure("handshake", async { while world.open(carrier, &token).await.is_err() {} }).await;
    let began = Micros::now();
    let mut taken: Vec<Opened> = Vec::new();
    for _ in 0..ATTEMPTS_MAX {
        match world.open(carrier, &token).await {
            Ok(opened) => taken.push(opened),
            Err(code) => {
                assert_eq!(code, 0);
                break;
            }
        }
    }
    let seconds = seconds_since(began);
    assert!(taken.len() <= seconds as usize, "{} within {seconds} s", taken.len());
}
