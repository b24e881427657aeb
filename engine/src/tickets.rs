//! Connect tickets: what a client that can set no header shows in a URL instead of its token.
//!
//! A ticket is worth one connection within 30 seconds, at the node that gave it. Only its hash is kept here, so that
//! nothing that is read out of memory can be redeemed, and looking one up tells nothing by its time.

use crate::grant::Grant;
use crate::ids::{StreamId, Time};
use crate::limits::{Limit, TICKET_MS_MAX, TICKETS_COUNT_MAX, TICKETS_OF_ONE_MAX};
use crate::rejection::Rejection;
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE32_DNSSEC;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Random bytes of a ticket: 20.
pub const TICKET_ENTROPY_BYTES: usize = 20;

/// What every ticket begins with. No token has it: a token has dots.
const PREFIX: &str = "ticket-";

/// A ticket, as its holder is told.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedTicket {
    /// `ticket-` and 32 letters and digits. A secret until it is used.
    pub text: String,
    /// The moment from which it is worth nothing: 30 s later, or the end of the token where that is sooner.
    pub expires: Time,
}

impl std::fmt::Debug for IssuedTicket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedTicket").field("expires", &self.expires).finish_non_exhaustive()
    }
}

type Hash = [u8; 32];

struct Held {
    grant: Arc<Grant>,
    expires: Time,
}

/// The tickets of a node that can still be used.
///
/// Bounded: so many of one user, and so many issued within 30 seconds of all users together, used or not.
#[derive(Default)]
pub struct Tickets {
    held: HashMap<Hash, Held>,
    /// In the order of issue, used ones too, each with the moment when it is forgotten.
    order: VecDeque<(Time, Hash)>,
    of_users: HashMap<StreamId, u32>,
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

impl Tickets {
    /// Makes a ticket that stands for `grant`.
    ///
    /// # Errors
    /// `RateLimited` when the user has 32 that wait to be used, `Overloaded` when the node has issued 65,536 within
    /// 30 seconds. Nothing was issued.
    pub fn issue(
        &mut self,
        grant: Arc<Grant>,
        entropy: [u8; TICKET_ENTROPY_BYTES],
        now: Time,
    ) -> Result<IssuedTicket, Rejection> {
        self.forget(now);
        let of_user = self.of_users.get(&grant.stream).copied().unwrap_or_default();
        if of_user >= TICKETS_OF_ONE_MAX {
            return Err(Rejection::RateLimited {
                limit: Limit::TicketsOfOneMax,
                retry_after_ms: TICKET_MS_MAX.unsigned_abs(),
            });
        }
        if self.order.len() >= TICKETS_COUNT_MAX {
            return Err(Rejection::Overloaded);
        }
        let text = format!("{PREFIX}{}", BASE32_DNSSEC.encode(&entropy));
        let (hash, forgotten) = (hash_of(&text), now.plus(TICKET_MS_MAX));
        let expires = forgotten.min(grant.expires);
        *self.of_users.entry(grant.stream).or_default() += 1;
        self.held.insert(hash, Held { grant, expires });
        self.order.push_back((forgotten, hash));
        Ok(IssuedTicket { text, expires })
    }

    /// What a ticket stands for. It is used up then, whatever becomes of the connection. `None` for one that never was, was
    /// used, or is past its time.
    pub fn redeem(&mut self, text: &str, now: Time) -> Option<Arc<Grant>> {
        let held = self.take(&hash_of(text));
        self.forget(now);
        held.filter(|held| now < held.expires).map(|held| held.grant)
    }

    /// How many could still be used.
    #[must_use]
    pub fn count(&self) -> usize {
        self.held.len()
    }

    fn take(&mut self, hash: &Hash) -> Option<Held> {
        let held = self.held.remove(hash)?;
        if let Some(count) = self.of_users.get_mut(&held.grant.stream) {
            *count -= 1;
            if *count == 0 {
                self.of_users.remove(&held.grant.stream);
            }
        }
        Some(held)
    }

    fn forget(&mut self, now: Time) {
        while let Some((_, hash)) = self.order.pop_front_if(|(forgotten, _)| *forgotten <= now) {
            self.take(&hash);
        }
    }
}

fn hash_of(text: &str) -> Hash {
    digest(&SHA256, text.as_bytes()).as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::{IssuedTicket, TICKET_ENTROPY_BYTES, Tickets};
    use crate::grant::{Grant, Role};
    use crate::ids::Time;
    use crate::keys::{Keys, StreamKind};
    use crate::limits::{TICKET_MS_MAX, TICKETS_COUNT_MAX, TICKETS_OF_ONE_MAX};
    use crate::rejection::Rejection;
    use std::sync::Arc;

    const NOW: Time = Time(1_000_000);

    fn grant(subject: &str, expires: Time) -> Arc<Grant> {
        let keys = Keys::new(&[1; 32]);
        Arc::new(Grant {
            tenant: "acme".into(),
            tenant_stream: keys.stream("acme", StreamKind::Tenant, ""),
            tenant_tag: keys.tenant_tag("acme"),
            subject: subject.into(),
            stream: keys.stream("acme", StreamKind::User, subject),
            roles: vec![Role::User],
            topics: Vec::new(),
            token_id: None,
            issued: None,
            expires,
            credential: crate::grant::Credential::Token,
        })
    }

    fn ada() -> Arc<Grant> {
        grant("ada", Time(i64::MAX))
    }

    fn entropy(number: usize) -> [u8; TICKET_ENTROPY_BYTES] {
        let mut bytes = [0; TICKET_ENTROPY_BYTES];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        bytes
    }

    fn issued(tickets: &mut Tickets, number: usize) -> IssuedTicket {
        tickets.issue(ada(), entropy(number), NOW).unwrap()
    }

    #[test]
    fn a_ticket_is_good_once() {
        let mut tickets = Tickets::default();
        let ticket = issued(&mut tickets, 1);
        assert_eq!(ticket.text.len(), "ticket-".len() + 32);
        let other = issued(&mut tickets, 2);
        assert_eq!(tickets.redeem(&ticket.text, NOW).unwrap().subject, "ada".into());
        assert_eq!(tickets.redeem(&ticket.text, NOW), None);
        assert_eq!(tickets.redeem("ticket-", NOW), None);
        assert_eq!(tickets.redeem(&other.text.to_uppercase(), NOW), None);
        assert!(tickets.redeem(&other.text, NOW).is_some());
        assert_eq!(tickets.count(), 0);
    }

    #[test]
    fn a_ticket_is_worth_nothing_after_its_time_or_that_of_its_token() {
        let mut tickets = Tickets::default();
        let (before, after) = (NOW.plus(TICKET_MS_MAX - 1), NOW.plus(TICKET_MS_MAX));
        let (early, late) = (issued(&mut tickets, 1), issued(&mut tickets, 2));
        assert_eq!(early.expires, after);
        assert!(tickets.redeem(&early.text, before).is_some());
        assert_eq!(tickets.redeem(&late.text, after), None);
        let short = tickets.issue(grant("ada", NOW.plus(10)), entropy(3), NOW).unwrap();
        assert_eq!(short.expires, NOW.plus(10));
        assert_eq!(tickets.redeem(&short.text, NOW.plus(10)), None);
        assert_eq!(tickets.redeem(&short.text, NOW), None, "a ticket that came too late is used up as well");
    }

    #[test]
    fn a_user_has_so_many_tickets_and_no_more_until_one_is_used_or_forgotten() {
        let mut tickets = Tickets::default();
        let first = issued(&mut tickets, 0);
        for number in 1..TICKETS_OF_ONE_MAX as usize {
            issued(&mut tickets, number);
        }
        let refused = tickets.issue(ada(), entropy(99), NOW);
        assert!(matches!(refused, Err(Rejection::RateLimited { .. })), "{refused:?}");
        assert!(tickets.issue(grant("bob", Time(i64::MAX)), entropy(98), NOW).is_ok());
        assert!(tickets.redeem(&first.text, NOW).is_some());
        issued(&mut tickets, 100);
        assert!(tickets.issue(ada(), entropy(101), NOW).is_err());
        assert!(tickets.issue(ada(), entropy(102), NOW.plus(TICKET_MS_MAX)).is_ok());
        assert_eq!(tickets.count(), 1);
    }

    #[test]
    fn a_node_remembers_so_many_tickets_used_ones_too() {
        let mut tickets = Tickets::default();
        for number in 0..TICKETS_COUNT_MAX {
            let ticket = issued(&mut tickets, number);
            assert!(tickets.redeem(&ticket.text, NOW).is_some());
        }
        assert_eq!(tickets.issue(ada(), entropy(0), NOW), Err(Rejection::Overloaded));
        assert!(tickets.of_users.is_empty());
        assert!(tickets.issue(ada(), entropy(0), NOW.plus(TICKET_MS_MAX)).is_ok());
        assert_eq!(tickets.order.len(), 1);
    }

    #[test]
    fn what_is_shown_of_a_ticket_does_not_hold_it() {
        let mut tickets = Tickets::default();
        let ticket = issued(&mut tickets, 1);
        let shown = format!("{ticket:?} {tickets:?}");
        assert!(!shown.contains(&ticket.text["ticket-".len()..]), "{shown}");
    }
}
