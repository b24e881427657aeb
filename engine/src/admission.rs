//! Who may connect, and how much users and tenants may ask on all their connections together: counters with limits, asked
//! before any work is done for anybody.
//!
//! Memory is bounded: connections by their limits, and what is remembered only for its rate is forgotten as soon as the
//! rate says so, with a hard bound for the time between.

#[cfg(test)]
mod properties;
mod quotas;
mod rates;
#[cfg(test)]
mod tests;

pub use quotas::RequestKind;

use crate::grant::Grant;
use crate::ids::{StreamId, Time};
use crate::limits::{Limit, LimitSet};
use crate::rate::Rate;
use quotas::{TenantRates, UserRates};
use rates::Rates;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use tidings_wire::CloseCode;

/// Most addresses, users and tenants that are remembered for their rates alone: 262,144 each, about 16 MiB.
const RATES_COUNT_MAX: usize = 256 * 1024;

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
    /// One request of a client at this address, which a trusted proxy brings: it counts as a connection does, for as long as it is
    /// being answered. Its handshake is given back when it shows a good token, since a proxy keeps connections and a client at
    /// home would have made one for many requests.
    Request(IpAddr),
    /// A client whose address a trusted proxy hides: all of the node's limits hold, and none of an address.
    BehindProxy,
}

/// Why a connection gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The node holds as many connections, or as many unauthenticated ones, as it may.
    #[error("the node is full: {}", .0.name())]
    NodeFull(Limit),
    /// The address holds as many connections as it may.
    #[error("too many connections of this address: {}", .0.name())]
    TooManyConnections(Limit),
    /// More handshakes than the rate allows.
    #[error("too many handshakes of this address, wait {retry_after_ms} ms")]
    TooManyHandshakes {
        /// When to come back.
        retry_after_ms: u64,
    },
}

impl Refusal {
    /// The limit that was hit.
    #[must_use]
    pub const fn limit(self) -> Limit {
        match self {
            Self::NodeFull(limit) | Self::TooManyConnections(limit) => limit,
            Self::TooManyHandshakes { .. } => Limit::AddressHandshakesPerSecond,
        }
    }
}

/// Why a connection that has shown a good token is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// User, tenant or address hold as many as they may.
    #[error("too many connections: {}", .0.name())]
    TooMany(Limit),
    /// The ticket was released before.
    #[error("the ticket is no longer valid")]
    Released,
}

impl NoPlace {
    /// How the session ends.
    #[must_use]
    pub const fn code(self) -> CloseCode {
        match self {
            Self::TooMany(_) => CloseCode::TooManyConnections,
            Self::Released => CloseCode::Internal,
        }
    }
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
    is_request: bool,
    holder: Holder,
}

/// What is known of who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// No good token was shown.
    Unknown,
    /// A good token was shown on an HTTP connection. Many users can share one behind a proxy, so it is nobody's.
    Known,
    /// A session of this tenant and user.
    Session { tenant: StreamId, user: StreamId },
}

/// All counters. One for a node; `now` is an argument.
#[derive(Debug)]
pub struct Admission {
    limits: Arc<LimitSet>,
    tickets: HashMap<u64, Ticket>,
    next_ticket: u64,
    unauthenticated: u32,
    address_unauthenticated: HashMap<Neighbourhood, u32>,
    address_authenticated: HashMap<Neighbourhood, u32>,
    tenants: HashMap<StreamId, u32>,
    users: HashMap<StreamId, u32>,
    handshakes: Rates<Neighbourhood, Rate>,
    user_rates: Rates<StreamId, UserRates>,
    tenant_rates: Rates<StreamId, TenantRates>,
}

impl Admission {
    /// Counters at zero.
    #[must_use]
    pub fn new(limits: impl Into<Arc<LimitSet>>) -> Self {
        Self::with_rates(limits.into(), RATES_COUNT_MAX)
    }

    /// `rates_max`: most that is remembered of each kind of rate.
    fn with_rates(limits: Arc<LimitSet>, rates_max: usize) -> Self {
        Self {
            limits,
            tickets: HashMap::new(),
            next_ticket: 0,
            unauthenticated: 0,
            address_unauthenticated: HashMap::new(),
            address_authenticated: HashMap::new(),
            tenants: HashMap::new(),
            users: HashMap::new(),
            handshakes: Rates::new(rates_max),
            user_rates: Rates::new(rates_max),
            tenant_rates: Rates::new(rates_max),
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
        let limits = self.limits.node();
        if self.tickets.len() >= limits.node_connections_max as usize {
            return Err(Refusal::NodeFull(Limit::NodeConnectionsMax));
        }
        if !is_proxy && self.unauthenticated >= limits.node_unauthenticated_max {
            return Err(Refusal::NodeFull(Limit::NodeUnauthenticatedMax));
        }
        let address = match from {
            ComesFrom::Address(address) | ComesFrom::Request(address) => {
                Some(self.admit_address(Neighbourhood::of(address), now)?)
            }
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
        let is_request = matches!(from, ComesFrom::Request(_));
        self.tickets.insert(id, Ticket { address, is_proxy, is_request, holder: Holder::Unknown });
        Ok(TicketId(id))
    }

    /// Takes a handshake of an address that has room for one more.
    fn admit_address(&mut self, address: Neighbourhood, now: Time) -> Result<Neighbourhood, Refusal> {
        let limits = self.limits.node();
        let rate = limits.handshakes();
        self.handshakes
            .with(address, now, |one| one.take(rate, now))
            .map_err(|retry_after_ms| Refusal::TooManyHandshakes { retry_after_ms })?;
        if count(&self.address_unauthenticated, &address) >= limits.address_unauthenticated_max {
            return Err(Refusal::TooManyConnections(Limit::AddressUnauthenticatedMax));
        }
        if count(&self.address_authenticated, &address) >= limits.address_connections_max {
            return Err(Refusal::TooManyConnections(Limit::AddressConnectionsMax));
        }
        Ok(address)
    }

    /// Counts an HTTP connection or request that has shown a good token no longer as unauthenticated. Again does nothing.
    ///
    /// # Errors
    /// The address holds as many as it may; the connection still counts as unauthenticated until it is released.
    pub fn known(&mut self, ticket: TicketId) -> Result<(), NoPlace> {
        let held = self.tickets.get_mut(&ticket.0).ok_or(NoPlace::Released)?;
        if held.holder != Holder::Unknown {
            return Ok(());
        }
        let (address, is_proxy, is_request) = (held.address, held.is_proxy, held.is_request);
        if let Some(address) = address {
            if count(&self.address_authenticated, &address) >= self.limits.node().address_connections_max {
                return Err(NoPlace::TooMany(Limit::AddressConnectionsMax));
            }
            subtract(&mut self.address_unauthenticated, address);
            add(&mut self.address_authenticated, address);
            if is_request && let Some(rate) = self.handshakes.own(&address) {
                rate.give_back(self.limits.node().handshakes());
            }
        }
        held.holder = Holder::Known;
        self.unauthenticated -= u32::from(!is_proxy);
        Ok(())
    }

    /// Counts a session for its tenant and user, whose token was verified, and no longer as unauthenticated.
    ///
    /// # Errors
    /// User, tenant or address hold as many as they may. The connection still counts as before until it is released.
    pub fn authenticated(&mut self, ticket: TicketId, grant: &Grant) -> Result<(), NoPlace> {
        let held = self.tickets.get(&ticket.0).ok_or(NoPlace::Released)?;
        if matches!(held.holder, Holder::Session { .. }) {
            return Ok(());
        }
        let limits = self.limits.of(&grant.tenant);
        if count(&self.users, &grant.stream) >= limits.user_connections_max {
            return Err(NoPlace::TooMany(Limit::UserConnectionsMax));
        }
        if count(&self.tenants, &grant.tenant_stream) >= limits.tenant_connections_max {
            return Err(NoPlace::TooMany(Limit::TenantConnectionsMax));
        }
        self.known(ticket)?;
        let (tenant, user) = (grant.tenant_stream, grant.stream);
        if let Some(held) = self.tickets.get_mut(&ticket.0) {
            held.holder = Holder::Session { tenant, user };
        }
        add(&mut self.users, user);
        add(&mut self.tenants, tenant);
        Ok(())
    }

    /// Gives a place back. Once is enough; again does nothing.
    pub fn release(&mut self, ticket: TicketId) {
        let Some(Ticket { address, is_proxy, holder, .. }) = self.tickets.remove(&ticket.0) else { return };
        let of_address = match holder {
            Holder::Unknown => {
                self.unauthenticated -= u32::from(!is_proxy);
                &mut self.address_unauthenticated
            }
            Holder::Known => &mut self.address_authenticated,
            Holder::Session { tenant, user } => {
                subtract(&mut self.tenants, tenant);
                subtract(&mut self.users, user);
                &mut self.address_authenticated
            }
        };
        if let Some(address) = address {
            subtract(of_address, address);
        }
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> Connections {
        let total = u32::try_from(self.tickets.len()).unwrap_or(u32::MAX);
        Connections { total, unauthenticated: self.unauthenticated }
    }

    /// How many connections the node may have.
    #[must_use]
    pub fn connections_max(&self) -> u32 {
        self.limits.node().node_connections_max
    }

    /// Puts other limits in force, for what is asked from now on.
    /// Nobody who is in is sent away.
    pub fn set_limits(&mut self, limits: Arc<LimitSet>) {
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
