//! Places of connections, and who gets one.

use super::Server;
use crate::clock;
use crate::security_log::{Who, count_hit};
use parking_lot::Mutex;
use std::sync::Arc;
use tidings_adapters::carrier::CarrierKind;
use tidings_adapters::gateway::{Admission as Asked, Refused};
use tidings_engine::admission::{Admission, ComesFrom, NoPlace, Refusal, TicketId};

/// A place of a connection, given back when the last copy is dropped.
#[derive(Clone)]
pub struct Ticket(Arc<Place>);

struct Place {
    id: TicketId,
    admission: Arc<Mutex<Admission>>,
}

impl Ticket {
    /// Its name for the admission.
    pub(crate) fn id(&self) -> TicketId {
        self.0.id
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.lock().release(self.id);
    }
}

impl Server {
    /// A place for a connection, or for a request that a proxy brings.
    pub(super) fn place(&self, asked: &Asked) -> Result<Ticket, Refused> {
        // What is asked over HTTP is answered to the end; only sessions would be cut off.
        if asked.carrier != CarrierKind::Http {
            self.takes_newcomers()?;
        }
        let now = clock::now();
        let admitted = self.admission.lock().admit_from(asked.comes_from, now);
        match admitted {
            Ok(id) => {
                if !matches!(asked.comes_from, ComesFrom::Request(_)) {
                    count_handshake(asked.carrier);
                }
                Ok(Ticket(Arc::new(Place { id, admission: Arc::clone(&self.admission) })))
            }
            Err(refusal) => {
                self.security.not_admitted(&Who::stranger(asked.address, asked.carrier), refusal, now);
                Err(match refusal {
                    Refusal::NodeFull(_) => Refused::Full,
                    _ => Refused::TooMany,
                })
            }
        }
    }

    /// Whether a session may stand in the place of its connection. A reader of events is let in where the server is leaving: what
    /// it is told on its stream has it come back, and a status would not.
    pub(super) fn lends_to(&self, asked: &Asked) -> Result<(), Refused> {
        if asked.carrier != CarrierKind::Events {
            self.takes_newcomers()?;
        }
        count_handshake(asked.carrier);
        Ok(())
    }

    /// Counts a connection or request that has shown a good token no longer as unauthenticated.
    pub(super) fn keeps(&self, ticket: &Ticket) -> Result<(), Refused> {
        let kept = self.admission.lock().known(ticket.id());
        kept.map_err(|no_place| {
            if let NoPlace::TooMany(limit) = no_place {
                count_hit(limit);
            }
            Refused::TooMany
        })
    }

    fn takes_newcomers(&self) -> Result<(), Refused> {
        self.leaves_in_ms().map_or(Ok(()), |retry_after_ms| Err(Refused::Leaving { retry_after_ms }))
    }
}

fn count_handshake(carrier: CarrierKind) {
    metrics::counter!("tidings_handshakes_total", "carrier" => carrier.name()).increment(1);
}
