use crate::projections::{Owner, Projections, shared};
use crate::store::BlockError;
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
    /// same, whatever was asked of them in between and wherever their inboxes are. Visits every item, so it is for audits and
    /// tests.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn digest(&mut self) -> Result<[u8; 32], BlockError> {
        let mut feed = Feed(Context::new(&SHA256));
        feed.position(self.position);
        let mut known: Vec<_> = self.tenants.iter().map(|(id, tenant)| (*id, tenant.stream)).collect();
        known.sort_unstable();
        feed.count(known.len());
        for (id, stream) in known {
            feed.number(u64::from(id.0));
            feed.stream(stream.unwrap_or_default());
            if let Some(stream) = stream {
                // The inbox of a tenant is there as soon as the tenant is.
                self.inboxes.begin(Owner::Tenant(stream), id, Position::ZERO)?;
                self.feed(Owner::Tenant(stream), &mut feed)?;
            }
        }
        let mut people = self.inboxes.owners()?;
        people.retain(|owner| matches!(owner, Owner::User(_)));
        feed.count(people.len());
        for owner in people {
            self.feed(owner, &mut feed)?;
        }
        let digest = feed.0.finish();
        Ok(digest.as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }

    fn feed(&mut self, owner: Owner, feed: &mut Feed) -> Result<(), BlockError> {
        let Self { tenants, inboxes, .. } = self;
        let Some(mut inbox) = inboxes.copy(owner, &|tenant| shared(tenants, tenant))? else { return Ok(()) };
        let (Owner::User(stream) | Owner::Tenant(stream)) = owner;
        feed.stream(stream);
        feed.number(u64::from(inbox.tenant.0));
        let shared = shared(tenants, inbox.tenant);
        feed.table(inbox.table(shared));
        Ok(())
    }
}
