use super::rates::Rates;
use super::{Admission, ComesFrom, Connections, NoPlace, Refusal, RequestKind, TicketId};
use crate::grant::Grant;
use crate::ids::{StreamId, Time};
use crate::limits::{Limit, LimitSet, Limits};
use crate::rate::{Rate, RateLimit};
use crate::rejection::Rejection;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use tidings_wire::CloseCode;

pub(super) const NOW: Time = Time(1_800_000_000_000);

pub(super) fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

/// User `user` of tenant `tenant`, whose name is `t` and the number.
pub(super) fn grant(tenant: u8, user: u8) -> Grant {
    let (tenant_stream, stream) = (StreamId([tenant; 16]), StreamId([user; 16]));
    Grant { tenant: Arc::from(format!("t{tenant}")), tenant_stream, stream, ..Grant::of_the_engine() }
}

fn admission(change: impl FnOnce(&mut Limits)) -> Admission {
    let mut limits = Limits { address_handshakes_per_second: 1_000, ..Limits::default() };
    change(&mut limits);
    Admission::new(limits)
}

/// A session of a user from an address of the user's own.
fn enter(admission: &mut Admission, from: u8, tenant: u8, user: u8) -> Result<TicketId, NoPlace> {
    let ticket = admission.admit(address(from), NOW).unwrap();
    admission.authenticated(ticket, &grant(tenant, user)).map(|()| ticket)
}

fn too_many(limit: Limit) -> Refusal {
    Refusal::TooManyConnections(limit)
}

#[test]
fn unauthenticated_connections_of_an_address_are_bounded_and_a_released_place_is_free() {
    let mut admission = admission(|limits| limits.address_unauthenticated_max = 2);
    let refused = Err(too_many(Limit::AddressUnauthenticatedMax));
    let first = admission.admit(address(1), NOW).unwrap();
    admission.admit(address(1), NOW).unwrap();
    assert_eq!(admission.admit(address(1), NOW), refused);
    assert!(admission.admit(address(2), NOW).is_ok());
    admission.release(first);
    admission.release(first);
    assert!(admission.admit(address(1), NOW).is_ok());
    assert_eq!(admission.admit(address(1), NOW), refused);
    assert_eq!(admission.connections(), Connections { total: 3, unauthenticated: 3 });
}

#[test]
fn a_request_that_a_proxy_brings_counts_as_a_connection_and_costs_no_handshake_once_it_is_known() {
    let mut admission = admission(|limits| {
        limits.address_handshakes_per_second = 2;
        limits.address_unauthenticated_max = 1;
        limits.address_connections_max = 2;
    });
    let (brought, mut now) = (ComesFrom::Request(address(1)), NOW);
    for _ in 0..5 {
        let request = admission.admit_from(brought, now).unwrap();
        assert_eq!(admission.admit_from(brought, now), Err(too_many(Limit::AddressUnauthenticatedMax)), "one over");
        assert_eq!(admission.known(request), Ok(()));
        assert_eq!(admission.known(request), Ok(()), "again gives nothing back");
        admission.release(request);
        // The one that was refused has paid.
        now = now.plus(500);
    }
    // Whoever shows no good token pays for each, and is counted with the connections of the address.
    let late = NOW.plus(10_000);
    for _ in 0..2 {
        let request = admission.admit_from(brought, late).unwrap();
        admission.release(request);
    }
    assert_eq!(admission.admit_from(brought, late), Err(Refusal::TooManyHandshakes { retry_after_ms: 500 }));
    assert_eq!(admission.admit(address(1), late), Err(Refusal::TooManyHandshakes { retry_after_ms: 500 }));
    assert!(admission.admit_from(ComesFrom::Request(address(2)), late).is_ok());
    assert!(admission.admit_from(ComesFrom::Proxy, late).is_ok());
}

#[test]
fn a_connection_that_has_shown_a_good_token_is_no_longer_an_unauthenticated_one() {
    let mut admission = admission(|limits| limits.address_unauthenticated_max = 1);
    for user in 0..5 {
        let ticket = enter(&mut admission, 1, 100, user).unwrap();
        assert_eq!(admission.authenticated(ticket, &grant(100, user)), Ok(()), "again changes nothing");
        assert_eq!(admission.known(ticket), Ok(()), "again changes nothing");
    }
    for _ in 0..5 {
        let ticket = admission.admit(address(1), NOW).unwrap();
        assert_eq!((admission.known(ticket), admission.known(ticket)), (Ok(()), Ok(())));
    }
    assert_eq!(admission.connections(), Connections { total: 10, unauthenticated: 0 });
    assert_eq!(
        (admission.users.len(), admission.tenants.values().sum::<u32>()),
        (5, 5),
        "HTTP connections are nobody's"
    );
}

#[test]
fn an_http_connection_that_becomes_a_session_counts_once() {
    let mut admission = admission(|limits| limits.address_connections_max = 1);
    let ticket = admission.admit(address(1), NOW).unwrap();
    assert_eq!(admission.known(ticket), Ok(()));
    assert_eq!(admission.authenticated(ticket, &grant(100, 1)), Ok(()));
    admission.release(ticket);
    assert_eq!((admission.users.len(), admission.tenants.len(), admission.address_authenticated.len()), (0, 0, 0));
    assert_eq!(admission.connections(), Connections::default());
}

/// Two sessions fit and the third does not; a place that is given back is free, and nothing is remembered of nobody.
fn check(change: fn(&mut Limits), limit: Limit, who: fn(u8) -> (u8, u8)) {
    let mut admission = admission(change);
    let mut tickets = Vec::new();
    for number in 0..2 {
        let (tenant, user) = who(number);
        tickets.push(enter(&mut admission, number, tenant, user).unwrap());
    }
    let third = admission.admit(address(9), NOW).unwrap();
    let (tenant, user) = who(2);
    assert_eq!(admission.authenticated(third, &grant(tenant, user)), Err(NoPlace::TooMany(limit)));
    assert_eq!(NoPlace::TooMany(limit).code(), CloseCode::TooManyConnections);
    assert_eq!(admission.connections().unauthenticated, 1);
    assert_eq!((admission.users.values().sum::<u32>(), admission.tenants.values().sum::<u32>()), (2, 2));
    admission.release(tickets[0]);
    assert_eq!(admission.authenticated(third, &grant(tenant, user)), Ok(()));
    admission.release(tickets[1]);
    admission.release(third);
    assert_eq!(admission.connections(), Connections::default());
    let counts = [admission.tenants.len(), admission.users.len(), admission.address_authenticated.len()];
    assert_eq!((counts, admission.address_unauthenticated.len()), ([0; 3], 0), "counts of zero are remembered");
}

#[test]
fn connections_of_a_user_are_bounded() {
    check(|limits| limits.user_connections_max = 2, Limit::UserConnectionsMax, |number| (100 + number, 1));
}

#[test]
fn connections_of_a_tenant_are_bounded() {
    check(|limits| limits.tenant_connections_max = 2, Limit::TenantConnectionsMax, |number| (100, number));
}

#[test]
fn authenticated_connections_of_an_address_are_bounded_also_for_those_on_their_way() {
    let mut admission = admission(|limits| limits.address_connections_max = 1);
    let refused = Err(NoPlace::TooMany(Limit::AddressConnectionsMax));
    let first = admission.admit(address(1), NOW).unwrap();
    let second = admission.admit(address(1), NOW).unwrap();
    let third = admission.admit(address(1), NOW).unwrap();
    assert_eq!(admission.authenticated(first, &grant(100, 1)), Ok(()));
    assert_eq!(admission.authenticated(second, &grant(100, 2)), refused);
    assert_eq!(admission.known(third), refused);
    assert_eq!(
        (admission.users.len(), admission.connections().unauthenticated),
        (1, 2),
        "nothing of a refusal is kept"
    );
    assert_eq!(admission.admit(address(1), NOW), Err(too_many(Limit::AddressConnectionsMax)));
    admission.release(second);
    assert_eq!(admission.authenticated(second, &grant(100, 2)), Err(NoPlace::Released));
    assert_eq!((admission.known(second), NoPlace::Released.code()), (Err(NoPlace::Released), CloseCode::Internal));
}

#[test]
fn the_node_holds_its_connections_and_refuses_one_more() {
    let mut admission = admission(|limits| limits.node_connections_max = 2);
    for number in 0..2 {
        enter(&mut admission, number, 100, number).unwrap();
    }
    let refused = Refusal::NodeFull(Limit::NodeConnectionsMax);
    assert_eq!((admission.admit(address(9), NOW), refused.limit()), (Err(refused), Limit::NodeConnectionsMax));
}

#[test]
fn the_node_holds_its_unauthenticated_connections_and_refuses_one_more() {
    let mut admission = admission(|limits| limits.node_unauthenticated_max = 2);
    let ticket = admission.admit(address(1), NOW).unwrap();
    admission.admit(address(2), NOW).unwrap();
    assert_eq!(admission.admit(address(3), NOW), Err(Refusal::NodeFull(Limit::NodeUnauthenticatedMax)));
    admission.authenticated(ticket, &grant(100, 1)).unwrap();
    assert!(admission.admit(address(3), NOW).is_ok());
}

#[test]
fn handshakes_of_an_address_have_a_rate() {
    let mut admission = admission(|limits| limits.address_handshakes_per_second = 2);
    for _ in 0..2 {
        let ticket = admission.admit(address(1), NOW).unwrap();
        admission.release(ticket);
    }
    let refused = Refusal::TooManyHandshakes { retry_after_ms: 500 };
    assert_eq!((admission.admit(address(1), NOW), refused.limit()), (Err(refused), Limit::AddressHandshakesPerSecond));
    assert!(admission.admit(address(2), NOW).is_ok());
    assert!(admission.admit(address(1), NOW.plus(500)).is_ok());
}

#[test]
fn a_proxy_counts_for_the_node_alone_and_whom_it_hides_for_no_address() {
    let mut admission = admission(|limits| {
        limits.node_unauthenticated_max = 1;
        limits.address_connections_max = 1;
    });
    let proxy = admission.admit_from(ComesFrom::Proxy, NOW).unwrap();
    let other = admission.admit_from(ComesFrom::Proxy, NOW).unwrap();
    assert_eq!(admission.connections(), Connections { total: 2, unauthenticated: 0 });
    assert_eq!(admission.known(proxy), Ok(()));
    for user in 0..2 {
        let hidden = admission.admit_from(ComesFrom::BehindProxy, NOW).unwrap();
        assert_eq!(admission.connections().unauthenticated, 1);
        let refused = Err(Refusal::NodeFull(Limit::NodeUnauthenticatedMax));
        assert_eq!(admission.admit_from(ComesFrom::BehindProxy, NOW), refused);
        assert_eq!(admission.authenticated(hidden, &grant(100, user)), Ok(()));
    }
    assert_eq!((admission.address_authenticated.len(), admission.address_unauthenticated.len()), (0, 0));
    admission.release(proxy);
    admission.release(other);
    assert_eq!(admission.connections(), Connections { total: 2, unauthenticated: 0 });
}

#[test]
fn an_ipv6_customer_is_one_address_and_a_mapped_ipv4_is_itself() {
    let mut admission = admission(|limits| limits.address_unauthenticated_max = 1);
    let six = |text: &str| IpAddr::V6(text.parse::<Ipv6Addr>().unwrap());
    assert!(admission.admit(six("2001:db8:0:1::1"), NOW).is_ok());
    assert!(admission.admit(six("2001:db8:0:1:ffff::2"), NOW).is_err());
    assert!(admission.admit(six("2001:db8:0:2::1"), NOW).is_ok());
    assert!(admission.admit(address(1), NOW).is_ok());
    assert!(admission.admit(six("::ffff:192.0.2.1"), NOW).is_err());
}

/// A burst passes, one more does not, another's is untouched, and waiting as told is enough.
fn check_rate(kind: RequestKind, burst: u32, wait: u64, same: (u8, u8), other: (u8, u8)) {
    let mut admission = admission(|_| {});
    let mut ask = |(tenant, user), now| admission.request(&grant(tenant, user), kind, now);
    for left in (0..burst).rev() {
        let (verdict, allowance) = ask(same, NOW);
        assert_eq!((verdict, allowance.remaining, allowance.limit.burst), (Ok(()), left, burst));
    }
    let (verdict, allowance) = ask(same, NOW);
    assert_eq!(verdict, Err(Rejection::RateLimited { limit: kind.limit(), retry_after_ms: wait }));
    assert_eq!((allowance.remaining, allowance.full_in_ms), (0, wait * u64::from(burst)));
    assert_eq!(ask(other, NOW).0, Ok(()));
    assert_eq!(ask(same, NOW.plus(wait as i64)).0, Ok(()));
}

#[test]
fn commands_of_a_user_have_a_rate_over_all_connections() {
    check_rate(RequestKind::Command, 40, 50, (100, 1), (100, 2));
    assert_eq!(RequestKind::Command.limit(), Limit::CommandsPerSecond);
}

#[test]
fn queries_of_a_user_have_a_rate_over_all_connections() {
    check_rate(RequestKind::Query, 100, 20, (100, 1), (100, 2));
    assert_eq!(RequestKind::Query.limit(), Limit::QueriesPerSecond);
}

#[test]
fn publishes_of_a_tenant_have_a_rate_whoever_publishes() {
    check_rate(RequestKind::Publish, 1_000, 1, (100, 1), (101, 1));
    let mut admission = admission(|limits| limits.tenant_publishes_per_second = 1);
    assert_eq!(admission.request(&grant(100, 1), RequestKind::Publish, NOW).0, Ok(()));
    let limit = Limit::TenantPublishesPerSecond;
    let refused = Err(Rejection::RateLimited { limit, retry_after_ms: 1_000 });
    assert_eq!(admission.request(&grant(100, 2), RequestKind::Publish, NOW).0, refused);
    assert_eq!(admission.request(&grant(100, 2), RequestKind::Command, NOW).0, Ok(()));
}

#[test]
fn the_people_whom_a_tenant_names_have_a_rate_and_more_than_that_at_once_is_too_large() {
    let mut admission = admission(|limits| limits.tenant_recipients_per_second = 100);
    let limit = Limit::TenantRecipientsPerSecond;
    let mut name = |tenant, count, now| admission.recipients(&grant(tenant, 1), count, now);
    let (found, allowed) = (101, 100);
    let too_large = Rejection::TooLarge { limit, field: "to", found, allowed, unit: "people a second" };
    assert_eq!(name(100, 101, NOW), Err(too_large));
    assert_eq!(name(100, 100, NOW), Ok(()));
    assert_eq!(name(100, 1, NOW), Err(Rejection::RateLimited { limit, retry_after_ms: 10 }));
    assert_eq!((name(101, 1, NOW), name(100, 1, NOW.plus(10))), (Ok(()), Ok(())));
}

#[test]
fn a_tenant_with_lower_limits_has_these_and_its_neighbours_do_not() {
    let mut set = LimitSet::new(Limits::default());
    let lower = [
        ("user_connections_max", 1),
        ("tenant_connections_max", 2),
        ("commands_burst", 1),
        ("queries_burst", 1),
        ("tenant_publishes_per_second", 1),
        ("tenant_recipients_per_second", 1),
    ];
    set.lower("t1", &lower.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<BTreeMap<_, _>>())
        .unwrap();
    let mut admission = Admission::new(Arc::new(set));
    for (tenant, expected) in [(1, false), (2, true)] {
        assert!(enter(&mut admission, tenant, tenant, tenant).is_ok());
        assert_eq!(enter(&mut admission, tenant, tenant, tenant).is_ok(), expected, "of a user");
        assert!(enter(&mut admission, tenant, tenant, tenant + 10).is_ok());
        assert_eq!(enter(&mut admission, tenant, tenant, tenant + 20).is_ok(), expected, "of a tenant");
        for kind in [RequestKind::Command, RequestKind::Query, RequestKind::Publish] {
            assert_eq!(admission.request(&grant(tenant, tenant), kind, NOW).0, Ok(()));
            assert_eq!(admission.request(&grant(tenant, tenant), kind, NOW).0.is_ok(), expected, "{kind:?}");
        }
        assert_eq!(admission.recipients(&grant(tenant, 1), 2, NOW).is_ok(), expected);
    }
}

#[test]
fn other_limits_hold_from_then_on_and_nobody_is_sent_away() {
    let mut admission = admission(|_| {});
    let first = enter(&mut admission, 1, 100, 1).unwrap();
    enter(&mut admission, 1, 100, 1).unwrap();
    let limits = Limits { user_connections_max: 1, commands_burst: 1, ..Limits::default() };
    admission.set_limits(limits.into());
    assert_eq!(admission.connections().total, 2);
    let refused = Err(NoPlace::TooMany(Limit::UserConnectionsMax));
    assert_eq!(enter(&mut admission, 1, 100, 1), refused);
    admission.release(first);
    assert_eq!(enter(&mut admission, 1, 100, 1), refused);
    assert_eq!(admission.request(&grant(100, 1), RequestKind::Command, NOW).0, Ok(()));
    assert!(admission.request(&grant(100, 1), RequestKind::Command, NOW).0.is_err());
}

#[test]
fn rates_are_forgotten_when_they_say_nothing_any_more_and_never_unbounded() {
    let limit = RateLimit { per_second: 2, burst: 1 };
    let mut rates = Rates::<u32, Rate>::new(3_000);
    for key in 0..3_000 {
        assert_eq!(rates.with(key, NOW, |one| one.take(limit, NOW)), Ok(()));
    }
    assert_eq!(rates.count(), 3_000);
    assert_eq!(rates.with(1, NOW, |one| one.take(limit, NOW)), Err(500), "who is known is still answered");
    for key in 10_000..40_000 {
        rates.with(key, NOW.plus(999), |one| one.take(limit, NOW.plus(999)).ok());
    }
    assert_eq!(rates.count(), 3_000 + 65_536, "a full table is walked once a second at most, and grows no more");
    let later = NOW.plus(2_000);
    assert_eq!(rates.with(9_999, later, |one| one.take(limit, later)), Ok(()));
    assert_eq!(rates.count(), 1 + 65_536);
}

#[test]
fn a_full_table_of_rates_locks_nobody_out_and_lets_nobody_off() {
    let limit = RateLimit { per_second: 1, burst: 3 };
    let mut rates = Rates::<u32, Rate>::new(8);
    let mut take = |key: u32, now| rates.with(key, now, |one| one.take(limit, now).is_ok());
    assert!((0..8).all(|key| take(key, NOW)));
    // The newcomers share 65,536 places: a few of them may meet, and most do not.
    let through = (100..1_100).filter(|key| take(*key, NOW)).count();
    assert!(through >= 950, "{through} of 1000 newcomers came through");
    let allowed = (0..10).filter(|_| take(5_000, NOW)).count();
    assert!(allowed <= 3, "{allowed}");
    // Once there is room the newcomer takes along what was used.
    let later = NOW.plus(1_500);
    assert!((0..10).filter(|_| take(5_000, later)).count() <= 2);
}
