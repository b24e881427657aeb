use super::rates::{Full, Rates};
use super::{Admission, Connections, Refusal, RequestKind};
use crate::ids::{StreamId, Time};
use crate::limits::Limits;
use crate::rate::{Rate, RateLimit};
use std::net::{IpAddr, Ipv6Addr};
use tidings_wire::CloseCode;

const NOW: Time = Time(1_800_000_000_000);

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn stream(number: u8) -> StreamId {
    StreamId([number; 16])
}

fn admission(change: impl FnOnce(&mut Limits)) -> Admission {
    let mut limits = Limits { address_handshakes_per_second: 1_000, ..Limits::default() };
    change(&mut limits);
    Admission::new(limits)
}

#[test]
fn unauthenticated_connections_of_an_address_are_bounded_and_a_released_place_is_free() {
    let mut admission = admission(|limits| limits.address_unauthenticated_max = 2);
    let first = admission.admit(address(1), NOW).unwrap();
    admission.admit(address(1), NOW).unwrap();
    assert_eq!(admission.admit(address(1), NOW), Err(Refusal::TooManyConnections));
    assert!(admission.admit(address(2), NOW).is_ok());
    admission.release(first);
    admission.release(first);
    assert!(admission.admit(address(1), NOW).is_ok());
    assert_eq!(admission.admit(address(1), NOW), Err(Refusal::TooManyConnections));
    assert_eq!(admission.connections(), Connections { total: 3, unauthenticated: 3 });
}

#[test]
fn an_authenticated_connection_is_no_longer_an_unauthenticated_one() {
    let mut admission = admission(|limits| limits.address_unauthenticated_max = 1);
    for user in 0..5 {
        let ticket = admission.admit(address(1), NOW).unwrap();
        assert_eq!(admission.authenticated(ticket, stream(100), stream(user)), Ok(()));
        assert_eq!(admission.authenticated(ticket, stream(100), stream(user)), Ok(()));
    }
    assert_eq!(admission.connections(), Connections { total: 5, unauthenticated: 0 });
}

#[test]
fn connections_of_user_tenant_and_address_are_bounded() {
    let check = |change: fn(&mut Limits), tenant: fn(u8) -> u8, user: fn(u8) -> u8, from: fn(u8) -> u8| {
        let mut admission = admission(change);
        let mut tickets = Vec::new();
        for number in 0..2 {
            let ticket = admission.admit(address(from(number)), NOW).unwrap();
            assert_eq!(admission.authenticated(ticket, stream(tenant(number)), stream(user(number))), Ok(()));
            tickets.push(ticket);
        }
        let third = admission.admit(address(9), NOW).unwrap();
        let verdict = admission.authenticated(third, stream(tenant(2)), stream(user(2)));
        assert_eq!(verdict, Err(CloseCode::TooManyConnections));
        assert_eq!(admission.connections().unauthenticated, 1);
        admission.release(tickets[0]);
        assert_eq!(admission.authenticated(third, stream(tenant(2)), stream(user(2))), Ok(()));
        admission.release(tickets[1]);
        admission.release(third);
        assert_eq!(admission.connections(), Connections::default());
        let counts = [admission.tenants.len(), admission.users.len()];
        assert_eq!((counts, admission.address_authenticated.len()), ([0, 0], 0), "counts of zero are remembered");
    };
    check(|limits| limits.user_connections_max = 2, |n| 100 + n, |_| 1, |n| n);
    check(|limits| limits.tenant_connections_max = 2, |_| 100, |n| n, |n| n);
}

#[test]
fn authenticated_connections_of_an_address_are_bounded_also_for_those_on_their_way() {
    let mut admission = admission(|limits| limits.address_connections_max = 1);
    let (first, second) = (admission.admit(address(1), NOW).unwrap(), admission.admit(address(1), NOW).unwrap());
    assert_eq!(admission.authenticated(first, stream(100), stream(1)), Ok(()));
    assert_eq!(admission.authenticated(second, stream(100), stream(2)), Err(CloseCode::TooManyConnections));
    assert_eq!(admission.admit(address(1), NOW), Err(Refusal::TooManyConnections));
    admission.release(second);
    assert_eq!(admission.authenticated(second, stream(100), stream(2)), Err(CloseCode::Internal));
}

#[test]
fn the_node_holds_its_limits_and_refuses_one_more() {
    let mut full = admission(|limits| limits.node_connections_max = 2);
    for number in 0..2 {
        let ticket = full.admit(address(number), NOW).unwrap();
        full.authenticated(ticket, stream(100), stream(number)).unwrap();
    }
    assert_eq!(full.admit(address(9), NOW), Err(Refusal::NodeFull));
    let mut waiting = admission(|limits| limits.node_unauthenticated_max = 1);
    let ticket = waiting.admit(address(1), NOW).unwrap();
    assert_eq!(waiting.admit(address(2), NOW), Err(Refusal::NodeFull));
    waiting.authenticated(ticket, stream(100), stream(1)).unwrap();
    assert!(waiting.admit(address(2), NOW).is_ok());
}

#[test]
fn handshakes_of_an_address_have_a_rate() {
    let mut admission = admission(|limits| limits.address_handshakes_per_second = 2);
    for _ in 0..2 {
        let ticket = admission.admit(address(1), NOW).unwrap();
        admission.release(ticket);
    }
    let refused = admission.admit(address(1), NOW);
    assert_eq!(refused, Err(Refusal::TooManyHandshakes { retry_after_ms: 500 }));
    assert!(admission.admit(address(2), NOW).is_ok());
    assert!(admission.admit(address(1), NOW.plus(500)).is_ok());
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

#[test]
fn requests_of_a_user_have_their_rates() {
    let mut admission = admission(|_| {});
    for (kind, burst, retry) in [(RequestKind::Command, 40, 50), (RequestKind::Query, 100, 20)] {
        for _ in 0..burst {
            assert_eq!(admission.request(stream(1), kind, NOW), Ok(()));
        }
        assert_eq!(admission.request(stream(1), kind, NOW), Err(retry));
        assert_eq!(admission.request(stream(2), kind, NOW), Ok(()));
        assert_eq!(admission.request(stream(1), kind, NOW.plus(50)), Ok(()));
    }
}

#[test]
fn rates_are_forgotten_when_they_say_nothing_any_more_and_never_unbounded() {
    let limit = RateLimit { per_second: 2, burst: 1 };
    let mut rates = Rates::<u32, Rate>::new(3_000);
    for key in 0..3_000 {
        assert_eq!(rates.with(key, NOW, |one| one.take(limit, NOW)), Ok(Ok(())));
    }
    assert_eq!(rates.with(9_999, NOW, |one| one.take(limit, NOW)), Err(Full));
    assert_eq!(rates.with(1, NOW, |one| one.take(limit, NOW)), Ok(Err(500)), "who is known is still answered");
    assert_eq!(rates.with(9_999, NOW.plus(999), |_| ()), Err(Full), "a full table is walked once a second at most");
    let later = NOW.plus(2_000);
    assert_eq!(rates.with(9_999, later, |one| one.take(limit, later)), Ok(Ok(())));
    assert_eq!(rates.count(), 1);
}
