//! What a client says it has of its own inbox, as far as it was sent.

use super::fixture::{Fixture, at};
use crate::ids::Position;
use crate::limits::Limits;
use crate::session::Output;
use serde_json::json;

impl Fixture {
    /// Acknowledges a place; what comes of it.
    fn acknowledge(&mut self, position: u64, tenant: &str) -> Vec<Position> {
        let keys = &self.context.keys;
        let cursor = at(position).seal(keys, keys.tenant_tag(tenant));
        self.send(&json!({"type": "ack", "cursor": cursor}));
        let outputs = self.outputs().into_iter();
        let delivered = outputs.filter_map(|output| match output {
            Output::Delivered { up_to, grant } => {
                assert_eq!(&*grant.subject, "ada");
                Some(up_to)
            }
            _ => None,
        });
        delivered.collect()
    }
}

#[test]
fn what_is_acknowledged_is_told_on_once_and_never_beyond_what_was_sent() {
    let mut fixture = Fixture::live(Limits::default());
    fixture.frames();
    fixture.delta(20, 0);
    // It waits in the outbox still.
    let before = fixture.acknowledge(20, "acme");
    assert!(before.iter().all(|up_to| up_to.0 < 20), "{before:?}");
    fixture.frames();
    assert_eq!(fixture.acknowledge(20, "acme"), [Position(20)]);
    assert_eq!(fixture.acknowledge(20, "acme"), [], "it is no news");
    assert_eq!(fixture.acknowledge(7, "acme"), [], "nobody has less than before");
    assert_eq!(fixture.acknowledge(500, "acme"), [], "that was never sent");
    fixture.delta(30, 0);
    fixture.frames();
    assert_eq!(fixture.acknowledge(30, "globex"), [], "it is another tenant's");
    assert_eq!(fixture.acknowledge(500, "acme"), [Position(30)], "as much as was sent");
}

#[test]
fn who_follows_no_inbox_of_their_own_acknowledges_nothing() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    assert_eq!(fixture.acknowledge(1, "acme"), []);
    assert_eq!(fixture.frames(), Vec::<serde_json::Value>::new(), "and is answered nothing");
}
