//! The promise: at any interleaving, and whatever the clock does, no limit is exceeded and no count leaks.

use super::tests::{NOW, address, grant};
use super::{Admission, ComesFrom, NoPlace, Refusal, RequestKind, TicketId};
use crate::ids::Time;
use crate::limits::{Limit, LimitSet, Limits};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

fn limits() -> Limits {
    Limits {
        user_connections_max: 2,
        tenant_connections_max: 3,
        address_unauthenticated_max: 2,
        address_connections_max: 3,
        address_handshakes_per_second: 5,
        node_connections_max: 7,
        node_unauthenticated_max: 4,
        commands_per_second: 2,
        commands_burst: 3,
        queries_per_second: 4,
        queries_burst: 2,
        tenant_publishes_per_second: 3,
        tenant_recipients_per_second: 10,
        ..Limits::default()
    }
}

/// Few enough that the tables of rates are full most of the time.
const RATES_MAX: usize = 2;

#[derive(Clone, Copy, Debug)]
enum Step {
    Admit { address: u8, is_request: bool },
    Known { place: usize },
    Authenticate { place: usize, tenant: u8, user: u8 },
    Release { place: usize },
    Request { tenant: u8, user: u8, kind: RequestKind },
    Recipients { tenant: u8, count: u32 },
    Clock { ms: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![Just(RequestKind::Command), Just(RequestKind::Query), Just(RequestKind::Publish)];
    // A user is of one tenant: 0 to 2 of the first, 10 to 12 of the other.
    let user = || (0_u8..2, 0_u8..3).prop_map(|(tenant, user)| (tenant, tenant * 10 + user));
    prop_oneof![
        4 => ((0_u8..4), any::<bool>()).prop_map(|(address, is_request)| Step::Admit { address, is_request }),
        1 => (0_usize..8).prop_map(|place| Step::Known { place }),
        4 => ((0_usize..8), user()).prop_map(|(place, (tenant, user))| Step::Authenticate { place, tenant, user }),
        2 => (0_usize..8).prop_map(|place| Step::Release { place }),
        6 => (user(), kind).prop_map(|((tenant, user), kind)| Step::Request { tenant, user, kind }),
        2 => ((0_u8..2), 0_u32..12).prop_map(|(tenant, count)| Step::Recipients { tenant, count }),
        2 => prop_oneof![3 => 0_i64..700, 1 => -100_000_i64..0].prop_map(|ms| Step::Clock { ms }),
    ]
}

/// Who a connection is of, as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Nobody,
    Somebody,
    Session { tenant: u8, user: u8 },
}

/// The naive model: a list of connections that is counted anew each time, and sums of what was taken.
#[derive(Default)]
struct Model {
    places: Vec<(TicketId, u8, Of)>,
    /// Those of them that are requests: a handshake comes back when they are known.
    requests: HashSet<TicketId>,
    taken: HashMap<(&'static str, u8), u64>,
    forward_ms: u64,
}

impl Model {
    fn count(&self, matches: impl Fn(u8, Of) -> bool) -> u32 {
        self.places.iter().filter(|(_, address, of)| matches(*address, *of)).count() as u32
    }

    fn of_user(&self, wanted: u8) -> u32 {
        self.count(|_, of| matches!(of, Of::Session { user, .. } if user == wanted))
    }

    fn of_tenant(&self, wanted: u8) -> u32 {
        self.count(|_, of| matches!(of, Of::Session { tenant, .. } if tenant == wanted))
    }

    fn known_of_address(&self, from: u8) -> u32 {
        self.count(|address, of| address == from && of != Of::Nobody)
    }

    /// What the limits say of one more connection; `None`: its rate decides.
    fn admits(&self, from: u8) -> Option<Refusal> {
        let unknown = self.count(|address, of| address == from && of == Of::Nobody);
        let verdicts = [
            (self.places.len() >= 7, Refusal::NodeFull(Limit::NodeConnectionsMax)),
            (self.count(|_, of| of == Of::Nobody) >= 4, Refusal::NodeFull(Limit::NodeUnauthenticatedMax)),
            (unknown >= 2, Refusal::TooManyConnections(Limit::AddressUnauthenticatedMax)),
            (self.known_of_address(from) >= 3, Refusal::TooManyConnections(Limit::AddressConnectionsMax)),
        ];
        verdicts.into_iter().find(|(over, _)| *over).map(|(_, refusal)| refusal)
    }

    /// What the limits say of one more that has shown a good token.
    fn keeps(&self, from: u8, before: Of, wanted: Of) -> Result<(), NoPlace> {
        let (user, tenant) = match wanted {
            Of::Session { tenant, user } => (self.of_user(user), self.of_tenant(tenant)),
            _ => (0, 0),
        };
        let address = if before == Of::Nobody { self.known_of_address(from) } else { 0 };
        let verdicts = [
            (user >= 2, Limit::UserConnectionsMax),
            (tenant >= 3, Limit::TenantConnectionsMax),
            (address >= 3, Limit::AddressConnectionsMax),
        ];
        verdicts.into_iter().find(|(over, _)| *over).map_or(Ok(()), |(_, limit)| Err(NoPlace::TooMany(limit)))
    }

    fn becomes(&mut self, place: usize, of: Of) {
        let (ticket, from, before) = &mut self.places[place];
        if std::mem::replace(before, of) == Of::Nobody && self.requests.contains(ticket) {
            // As if it had never been taken; less can have come back, where the address has no entry of its own.
            let taken = self.taken.entry(("handshakes", *from)).or_default();
            *taken = taken.saturating_sub(1);
        }
    }

    /// Counts what was taken and says whether that is within burst and rate.
    fn takes(&mut self, what: &'static str, whose: u8, count: u32, burst: u64, per_second: u64) -> bool {
        let taken = self.taken.entry((what, whose)).or_default();
        *taken += u64::from(count);
        *taken * 1_000 <= burst * 1_000 + self.forward_ms * per_second
    }
}

struct World {
    admission: Admission,
    model: Model,
    now: Time,
}

impl World {
    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let place = match step {
            Step::Known { place } | Step::Authenticate { place, .. } | Step::Release { place } => place,
            _ => 0,
        };
        let held = self.model.places.get(place).copied();
        match (step, held) {
            (Step::Admit { address: from, is_request }, _) => self.admit(from, is_request)?,
            (Step::Known { .. }, Some((ticket, from, Of::Nobody))) => {
                let expected = self.model.keeps(from, Of::Nobody, Of::Somebody);
                prop_assert_eq!(self.admission.known(ticket), expected);
                if expected.is_ok() {
                    self.model.becomes(place, Of::Somebody);
                }
            }
            (Step::Known { .. }, Some((ticket, ..))) => prop_assert_eq!(self.admission.known(ticket), Ok(())),
            (Step::Authenticate { tenant, user, .. }, Some((ticket, from, before))) => {
                let wanted = Of::Session { tenant, user };
                let is_session = matches!(before, Of::Session { .. });
                let expected = if is_session { Ok(()) } else { self.model.keeps(from, before, wanted) };
                prop_assert_eq!(self.admission.authenticated(ticket, &grant(tenant, user)), expected);
                if expected.is_ok() && !is_session {
                    self.model.becomes(place, wanted);
                }
            }
            (Step::Release { .. }, Some((ticket, ..))) => {
                self.admission.release(ticket);
                self.model.places.remove(place);
                self.admission.release(ticket);
                prop_assert_eq!(self.admission.known(ticket), Err(NoPlace::Released));
            }
            (Step::Request { tenant, user, kind }, _) => self.request(tenant, user, kind)?,
            (Step::Recipients { tenant, count }, _) => {
                if self.admission.recipients(&grant(tenant, tenant), count, self.now).is_ok() {
                    prop_assert!(self.model.takes("recipients", tenant, count, 10, 10));
                }
            }
            (Step::Clock { ms }, _) => {
                self.now = self.now.plus(ms);
                self.model.forward_ms += u64::try_from(ms).unwrap_or(0);
            }
            (_, None) => {}
        }
        self.agree()
    }

    fn admit(&mut self, from: u8, is_request: bool) -> Result<(), TestCaseError> {
        let comes = if is_request { ComesFrom::Request(address(from)) } else { ComesFrom::Address(address(from)) };
        let admitted = self.admission.admit_from(comes, self.now);
        match (admitted, self.model.admits(from)) {
            (Ok(ticket), None) => {
                self.model.places.push((ticket, from, Of::Nobody));
                self.model.requests.extend(is_request.then_some(ticket));
                prop_assert!(self.model.takes("handshakes", from, 1, 5, 5));
            }
            (Err(Refusal::TooManyHandshakes { retry_after_ms }), _) => {
                prop_assert!((1..=1_000).contains(&retry_after_ms));
            }
            (Err(refusal), Some(expected)) => prop_assert_eq!(refusal, expected),
            (admitted, expected) => prop_assert!(false, "{:?} instead of {:?}", admitted, expected),
        }
        Ok(())
    }

    fn request(&mut self, tenant: u8, user: u8, kind: RequestKind) -> Result<(), TestCaseError> {
        let (verdict, allowance) = self.admission.request(&grant(tenant, user), kind, self.now);
        let (what, whose, burst, per_second) = match kind {
            RequestKind::Command => ("commands", user, 3, 2),
            RequestKind::Query => ("queries", user, 2, 4),
            RequestKind::Publish => ("publishes", tenant, 3, 3),
        };
        prop_assert!(u64::from(allowance.remaining) <= burst);
        match verdict {
            Ok(()) => prop_assert!(self.model.takes(what, whose, 1, burst, per_second)),
            Err(_) => prop_assert_eq!(allowance.remaining, 0),
        }
        Ok(())
    }

    /// The counters are those of the model: nothing leaks, and what is nobody's is not remembered.
    fn agree(&self) -> Result<(), TestCaseError> {
        let (admission, model) = (&self.admission, &self.model);
        let connections = admission.connections();
        prop_assert_eq!(connections.total as usize, model.places.len());
        prop_assert_eq!(connections.unauthenticated, model.count(|_, of| of == Of::Nobody));
        let sum = |counts: &mut dyn Iterator<Item = &u32>| counts.inspect(|count| assert!(**count > 0)).sum::<u32>();
        let sessions = model.count(|_, of| matches!(of, Of::Session { .. }));
        prop_assert_eq!(sum(&mut admission.users.values()), sessions);
        prop_assert_eq!(sum(&mut admission.tenants.values()), sessions);
        prop_assert_eq!(sum(&mut admission.address_unauthenticated.values()), connections.unauthenticated);
        let known = connections.total - connections.unauthenticated;
        prop_assert_eq!(sum(&mut admission.address_authenticated.values()), known);
        for rates in [admission.handshakes.count(), admission.user_rates.count(), admission.tenant_rates.count()] {
            prop_assert!(rates <= RATES_MAX + 64 * 1024);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn at_any_interleaving_no_limit_is_exceeded_and_no_count_leaks(steps in prop::collection::vec(step(), 1..250)) {
        let admission = Admission::with_rates(Arc::new(LimitSet::new(limits())), RATES_MAX);
        let mut world = World { admission, model: Model::default(), now: NOW };
        for step in steps {
            world.step(step)?;
        }
        for (ticket, ..) in std::mem::take(&mut world.model.places) {
            world.admission.release(ticket);
        }
        world.agree()?;
        let counts = [&world.admission.users, &world.admission.tenants].map(HashMap::len);
        let addresses = [&world.admission.address_unauthenticated, &world.admission.address_authenticated];
        prop_assert_eq!((counts, addresses.map(HashMap::len)), ([0, 0], [0, 0]));
    }
}
