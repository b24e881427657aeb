//! Who may connect, and how often users may ask over HTTP: counters with limits, before any work is done for anybody.
//!
//! Memory is bounded: connections by their limits, and what is remembered only for its rate is forgotten as soon as the
//! rate says so, with a hard bound for the time between.

mod rates;
#[cfg(test)]
mod tests;

use crate::ids::{StreamId, Time};
use crate::limits::Limits;
use crate::rate::{Rate, RateLimit};
use rates::{Full, Rates};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use tidings_wire::CloseCode;

/// Most addresses and most users that are remembered for their rates alone: 262,144 each, about 16 MiB.
const RATES_COUNT_MAX: usize = 256 * 1024;

/// When to come back where a table of rates is full: a second later most of it is forgotten.
const FULL_RETRY_MS: u64 = 1_000;

/// A place that a connection holds until it is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TicketId(u64);

/// Where a connection comes from, as far as its limits are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ComesFrom {
    /// A client at this address.
    Address(IpAddr),
    /// A trusted proxy, for clients that are counted one by one when they are known. It is held to the limits of the node
    /// alone, and never counts as unauthenticated.
    Proxy,
    /// A client whose address a trusted proxy hides: all of the node's limits hold, and none of an address.
    BehindProxy,
}

/// Why a connection gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The node holds as many connections, or as many unauthenticated ones, as it may.
    #[error("the node is full")]
    NodeFull,
    /// The address holds as many connections as it may.
    #[error("too many connections of this address")]
    TooManyConnections,
    /// More handshakes than the rate allows.
    #[error("too many handshakes of this address, wait {retry_after_ms} ms")]
    TooManyHandshakes {
        /// When to come back.
        retry_after_ms: u64,
    },
}

/// Which rate of a user a request counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// It changes something.
    Command,
    /// It reads.
    Query,
}

/// Connections of the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// All.
    pub total: u32,
    /// Of these, without a verified token.
    pub unauthenticated: u32,
}

/// The part of an address that a customer of a network holds: IPv6 customers have a /64 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Neighbourhood {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl Neighbourhood {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

#[derive(Debug)]
struct Ticket {
    /// Where it is; `None` for a proxy, and for whom a proxy hides.
    address: Option<Neighbourhood>,
    is_proxy: bool,
    /// Tenant and user, once the token was verified.
    holder: Option<(StreamId, StreamId)>,
}

/// All counters. One for a node; `now` is an argument.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    tickets: HashMap<u64, Ticket>,
    next_ticket: u64,
    unauthenticated: u32,
    address_unauthenticated: HashMap<Neighbourhood, u32>,
    address_authenticated: HashMap<Neighbourhood, u32>,
    tenants: HashMap<StreamId, u32>,
    users: HashMap<StreamId, u32>,
    handshakes: Rates<Neighbourhood, Rate>,
    requests: Rates<StreamId, UserRates>,
}

/// What a user has used over HTTP.
#[derive(Clone, Copy, Debug, Default)]
struct UserRates {
    commands: Rate,
    queries: Rate,
}

impl rates::Forgettable for Rate {
    fn is_empty(&self, now: Time) -> bool {
        Self::is_empty(*self, now)
    }
}

impl rates::Forgettable for UserRates {
    fn is_empty(&self, now: Time) -> bool {
        self.commands.is_empty(now) && self.queries.is_empty(now)
    }
}

impl Admission {
    /// Counters at zero.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            tickets: HashMap::new(),
            next_ticket: 0,
            unauthenticated: 0,
            address_unauthenticated: HashMap::new(),
            address_authenticated: HashMap::new(),
            tenants: HashMap::new(),
            users: HashMap::new(),
            handshakes: Rates::new(RATES_COUNT_MAX),
            requests: Rates::new(RATES_COUNT_MAX),
        }
    }

    /// Takes a place for a connection, before its handshake. The place is given back by [`Admission::release`].
    ///
    /// # Errors
    /// There is no place; nothing was taken but, with [`Refusal::TooManyConnections`], one handshake of the address.
    pub fn admit(&mut self, address: IpAddr, now: Time) -> Result<TicketId, Refusal> {
        self.admit_from(ComesFrom::Address(address), now)
    }

    /// As [`admit`](Self::admit), for connections that may come by way of a proxy.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn admit_from(&mut self, from: ComesFrom, now: Time) -> Result<TicketId, Refusal> {
        let is_proxy = from == ComesFrom::Proxy;
        if self.tickets.len() >= self.limits.node_connections_max as usize
            || (!is_proxy && self.unauthenticated >= self.limits.node_unauthenticated_max)
        {
            return Err(Refusal::NodeFull);
        }
        let address = match from {
            ComesFrom::Address(address) => Some(self.admit_address(Neighbourhood::of(address), now)?),
            ComesFrom::Proxy | ComesFrom::BehindProxy => None,
        };
        if !is_proxy {
            self.unauthenticated += 1;
        }
        if let Some(address) = address {
            add(&mut self.address_unauthenticated, address);
        }
        let id = self.next_ticket;
        self.next_ticket += 1;
        self.tickets.insert(id, Ticket { address, is_proxy, holder: None });
        Ok(TicketId(id))
    }

    /// Takes a handshake of an address that has room for one more.
    fn admit_address(&mut self, address: Neighbourhood, now: Time) -> Result<Neighbourhood, Refusal> {
        let limits = &self.limits;
        let rate =
            RateLimit { per_second: limits.address_handshakes_per_second, burst: limits.address_handshakes_per_second };
        match self.handshakes.with(address, now, |one| one.take(rate, now)) {
            Ok(Ok(())) => {}
            Ok(Err(retry_after_ms)) => return Err(Refusal::TooManyHandshakes { retry_after_ms }),
            Err(Full) => return Err(Refusal::TooManyHandshakes { retry_after_ms: FULL_RETRY_MS }),
        }
        if count(&self.address_unauthenticated, &address) >= limits.address_unauthenticated_max
            || count(&self.address_authenticated, &address) >= limits.address_connections_max
        {
            return Err(Refusal::TooManyConnections);
        }
        Ok(address)
    }

    /// Counts a connection for its tenant and user, whose token was verified, and no longer as unauthenticated.
    ///
    /// # Errors
    /// `too_many_connections`: user, tenant or address hold as many as they may. The connection still counts as
    /// unauthenticated until it is released. A ticket that was released gets `internal`.
    pub fn authenticated(
        &mut self,
        ticket: TicketId,
        tenant_stream: StreamId,
        stream: StreamId,
    ) -> Result<(), CloseCode> {
        let limits = &self.limits;
        let held = self.tickets.get_mut(&ticket.0).ok_or(CloseCode::Internal)?;
        if held.holder.is_some() {
            return Ok(());
        }
        if count(&self.users, &stream) >= limits.user_connections_max
            || count(&self.tenants, &tenant_stream) >= limits.tenant_connections_max
            || held
                .address
                .is_some_and(|address| count(&self.address_authenticated, &address) >= limits.address_connections_max)
        {
            return Err(CloseCode::TooManyConnections);
        }
        held.holder = Some((tenant_stream, stream));
        add(&mut self.users, stream);
        add(&mut self.tenants, tenant_stream);
        if let Some(address) = held.address {
            add(&mut self.address_authenticated, address);
            subtract(&mut self.address_unauthenticated, address);
        }
        if !held.is_proxy {
            self.unauthenticated -= 1;
        }
        Ok(())
    }

    /// Gives a place back. Once is enough; again does nothing.
    pub fn release(&mut self, ticket: TicketId) {
        let Some(Ticket { address, is_proxy, holder }) = self.tickets.remove(&ticket.0) else { return };
        let of_address = match holder {
            Some((tenant_stream, stream)) => {
                subtract(&mut self.tenants, tenant_stream);
                subtract(&mut self.users, stream);
                &mut self.address_authenticated
            }
            None => {
                self.unauthenticated -= u32::from(!is_proxy);
                &mut self.address_unauthenticated
            }
        };
        if let Some(address) = address {
            subtract(of_address, address);
        }
    }

    /// Counts a request of a user over HTTP.
    ///
    /// # Errors
    /// Milliseconds until one more is allowed, at least 1; nothing was counted.
    pub fn request(&mut self, stream: StreamId, kind: RequestKind, now: Time) -> Result<(), u64> {
        let limits = &self.limits;
        let taken = self.requests.with(stream, now, |user| match kind {
            RequestKind::Command => user.commands.take(limits.commands(), now),
            RequestKind::Query => user.queries.take(limits.queries(), now),
        });
        taken.unwrap_or(Err(FULL_RETRY_MS))
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> Connections {
        let total = u32::try_from(self.tickets.len()).unwrap_or(u32::MAX);
        Connections { total, unauthenticated: self.unauthenticated }
    }

    /// How many connections the node may have.
    #[must_use]
    pub const fn connections_max(&self) -> u32 {
        self.limits.node_connections_max
    }

    /// Puts other limits in force, for what is asked from now on.
    pub fn replace_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }
}

fn count<K: Eq + Hash>(counts: &HashMap<K, u32>, key: &K) -> u32 {
    counts.get(key).copied().unwrap_or(0)
}

fn add<K: Eq + Hash>(counts: &mut HashMap<K, u32>, key: K) {
    *counts.entry(key).or_insert(0) += 1;
}

/// A count that reaches zero is not remembered.
fn subtract<K: Eq + Hash>(counts: &mut HashMap<K, u32>, key: K) {
    if let std::collections::hash_map::Entry::Occupied(mut entry) = counts.entry(key) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}
