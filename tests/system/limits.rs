//! Limits on the release binary: every row of the engine's table at it and one over, on every carrier that it applies to; and
//! those that count all connections of a user together.

#[path = "limits/asked.rs"]
mod asked;
#[path = "limits/carriers.rs"]
mod carriers;
#[path = "limits/counted.rs"]
mod counted;
#[path = "limits/kept.rs"]
mod kept;
#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;
#[path = "limits/table.rs"]
mod table;
#[path = "limits/together.rs"]
mod together;
#[path = "limits/waited.rs"]
mod waited;
#[path = "limits/world.rs"]
mod world;

use carriers::{ALL, Carrier};
use std::fmt::Write as _;
use table::{Proof, Row, counts_as, row};
use tidings_engine::limits::Limit;
use world::{Setting, World};

/// A limit on one carrier, and the tenant whose limits are low.
struct Case {
    limit: Limit,
    carrier: Carrier,
    tenant: String,
    proof: &'static Proof,
}

/// The cases of a server, and its tenants that have less than the node.
fn cases(wanted: Setting) -> (Vec<Case>, String) {
    let (mut cases, mut tenants) = (Vec::new(), String::new());
    for limit in Limit::ALL {
        let Row::Proven { on, setting, lower, proof, .. } = row(*limit) else { continue };
        for carrier in on.iter().copied().filter(|_| *setting == wanted) {
            let tenant = format!("{}-{}", limit.name(), carrier.name());
            if !lower.is_empty() {
                let lower: Vec<_> = lower.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                let lower = lower.join(", ");
                writeln!(tenants, "[[tenants]]\nname = \"{tenant}\"\nlimits = {{ {lower} }}\n").unwrap();
            }
            cases.push(Case { limit: *limit, carrier, tenant, proof });
        }
    }
    (cases, tenants)
}

impl Case {
    /// A case that fails names itself first.
    async fn holds(&self, world: &World) {
        let (limit, carrier) = (self.limit, self.carrier);
        let (counted, naming) = (counts_as(limit, carrier), Naming(limit, carrier));
        let before = world.hits(counted.unwrap_or(limit)).await;
        self.prove(world).await;
        if let Some(counted) = counted {
            assert!(world.hits(counted).await > before, "it counts by its name");
        }
        std::mem::forget(naming);
    }

    async fn prove(&self, world: &World) {
        let Self { limit, carrier, tenant, proof } = self;
        let asker = |role: &'static str| Box::pin(world.asker(*carrier, tenant, role));
        match proof {
            Proof::Asked { role, at, over, code } => asked::asked(&mut asker(role).await, &at(), &over(), code).await,
            Proof::Token { at, over } => asked::tokens(world, *carrier, tenant, *at, *over).await,
            Proof::Frame => asked::frame(asker("user").await).await,
            Proof::Body { path, bytes } => asked::body(world, tenant, path, *bytes).await,
            Proof::Head { at, over } => asked::head(world, *carrier, tenant, *at, *over).await,
            Proof::Item => asked::item(&mut asker("service").await).await,
            Proof::Page => asked::page(world, *carrier, &mut asker("user").await, tenant).await,
            Proof::Tickets => asked::tickets(world, tenant).await,
            Proof::Critical => asked::critical(world, tenant).await,
            Proof::Consents => asked::consents(world, tenant).await,
            Proof::Path { role, at, over, status } => {
                asked::paths(world, tenant, role, [(at(), 200), (over(), *status)]).await;
            }
            Proof::Readings => counted::readings(world, tenant).await,
            Proof::Rate { role, ask, burst, per_second } => {
                counted::rate(&mut asker(role).await, &ask(), *burst, *per_second).await;
            }
            Proof::People => counted::people(&mut asker("service").await).await,
            Proof::InFlight => counted::in_flight(asker("service").await).await,
            Proof::Limited => counted::limited(asker("user").await).await,
            Proof::Wrong => asked::wrong(world, *carrier, tenant).await,
            Proof::Subscriptions => counted::subscriptions(asker("tenant_admin").await).await,
            Proof::Outbox { bytes } => waited::outbox(world, *carrier, tenant, *bytes).await,
            Proof::Sessions { of_one } => counted::sessions(world, *carrier, tenant, *of_one).await,
            Proof::Known(count) => counted::known(world, *carrier, tenant, *limit, *count).await,
            Proof::Strangers(count) => counted::strangers(world, *carrier, tenant, *limit, *count).await,
            Proof::Handshakes => counted::handshakes(world, *carrier, tenant).await,
            Proof::Silence(until) => waited::silence(world, *carrier, tenant, *until).await,
        }
    }
}

/// All cases of one server. Those that wait wait together.
async fn prove(setting: Setting) {
    let (cases, tenants) = cases(setting);
    assert!(!cases.is_empty(), "{setting:?} is for nothing");
    let world = World::begin(setting, &tenants).await;
    let proving = cases.iter().map(|case| Box::pin(case.holds(&world)));
    if setting == Setting::Hasty {
        futures_util::future::join_all(proving).await;
        return;
    }
    for proven in proving {
        proven.await;
    }
}

/// Says which case it was, when one fails.
struct Naming(Limit, Carrier);

impl Drop for Naming {
    #[expect(clippy::print_stderr, reason = "a test tells what failed")]
    fn drop(&mut self) {
        eprintln!("limit {} over {:?}:", self.0.name(), self.1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_limit_holds_at_it_and_one_over_on_every_carrier() {
    prove(Setting::Wide).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_hold_on_every_carrier() {
    prove(Setting::Hasty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_holds_its_connections_whatever_they_come_by() {
    prove(Setting::FewConnections).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_holds_its_strangers_whatever_they_come_by() {
    prove(Setting::FewUnauthenticated).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_holds_its_connections_whatever_they_come_by() {
    prove(Setting::AddressConnections).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_holds_its_strangers_whatever_they_come_by() {
    prove(Setting::AddressUnauthenticated).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_its_rate_of_handshakes_whatever_they_come_by() {
    prove(Setting::AddressHandshakes).await;
}

/// Every limit of the table of the engine is proven on a server that is started, or says why it is inside; and where it is not on
/// all carriers it says why not.
#[test]
fn no_limit_is_without_its_row() {
    let source = include_str!("limits.rs");
    for limit in Limit::ALL {
        match row(*limit) {
            Row::Proven { on, others, lower, setting, .. } => {
                assert!(source.contains(&format!("prove(Setting::{setting:?})")), "{setting:?} has no test");
                assert!(!on.is_empty() && (on.len() == ALL.len()) == others.is_empty(), "{}", limit.name());
                for (name, _) in *lower {
                    assert!(Limit::of(name).is_some(), "{name}");
                }
            }
            Row::Inside(why) => assert!(!why.is_empty(), "{}", limit.name()),
        }
    }
}
