use crate::inbox::Inbox;
use crate::projections::Projections;
use crate::table::Table;
use aws_lc_rs::digest::{Context, SHA256};
use tidings_engine::ids::{Position, StreamId, Time};

/// Feeds a hash with numbers, each of fixed length, so that no two states feed the same bytes.
struct Feed(Context);

impl Feed {
    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    fn position(&mut self, position: Position) {
        self.number(position.0);
    }

    fn stream(&mut self, stream: StreamId) {
        self.0.update(&stream.0);
    }

    fn time(&mut self, time: Option<Time>) {
        self.number(u64::from(time.is_some()));
        self.number(time.map_or(0, |time| time.0.cast_unsigned()));
    }

    fn table(&mut self, table: &Table) {
        self.count(table.facets.live_count());
        for ordinal in table.facets.live().ones() {
            let item = table.item(ordinal);
            self.position(item.notification);
            self.number(item.order_key);
            self.number(u64::from(item.flags.0));
            self.position(item.changed);
            for time in [Some(item.created), item.read, item.first_seen, item.archived] {
                self.time(time);
            }
        }
        self.position(table.tombstones.forgotten());
        self.count(table.tombstones.iter().count());
        for tombstone in table.tombstones.iter() {
            self.position(tombstone.at);
            self.number(tombstone.order_key);
            self.position(tombstone.notification);
        }
    }
}

impl Projections {
    /// SHA-256 of everything that can be seen in every inbox, in one canonical order: two folds of the same log have the
    /// same, whatever was asked of them in between. Visits every item, so it is for audits and tests.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut feed = Feed(Context::new(&SHA256));
        feed.position(self.position);
        let taken_over = |inbox: &Inbox, shared| inbox.clone().table(shared).clone();
        let mut tenants: Vec<_> = self.tenants.iter().collect();
        tenants.sort_unstable_by_key(|(id, _)| **id);
        feed.count(tenants.len());
        for (id, tenant) in tenants {
            feed.number(u64::from(id.0));
            feed.stream(tenant.stream.unwrap_or_default());
            feed.count(tenant.notifications.len());
            for notification in &tenant.notifications {
                feed.position(notification.entry.notification);
                feed.number(u64::from(notification.is_retracted));
            }
            feed.table(&taken_over(&tenant.inbox, &tenant.shared));
        }
        let mut people: Vec<_> = self.people.iter().collect();
        people.sort_unstable_by_key(|(stream, _)| **stream);
        feed.count(people.len());
        for (stream, person) in people {
            feed.stream(*stream);
            feed.number(u64::from(person.tenant.0));
            let shared = self.tenants.get(&person.tenant).map(|tenant| tenant.shared.as_slice());
            feed.table(&taken_over(&person.inbox, shared.unwrap_or_default()));
        }
        let digest = feed.0.finish();
        digest.as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }
}
