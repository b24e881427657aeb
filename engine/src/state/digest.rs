use super::tenant::Tenant;
use super::{Inbox, State, Stream};
use crate::consent::Consents;
use crate::delivered::Delivered;
use crate::grant::Role;
use crate::ids::{Position, StreamId};
use aws_lc_rs::digest::{Context, SHA256};

/// What the digest is of, and in which form: another name whenever the form changes.
const FORM: &[u8] = b"tidings state 3";

/// Feeds a hash with fields, each of fixed length or with its length before it, so that no two states feed the same bytes.
struct Feed(Context);

impl Feed {
    fn number(&mut self, number: impl Into<u64>) {
        self.0.update(&number.into().to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    fn stream(&mut self, stream: StreamId) {
        self.0.update(&stream.0);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
    }
}

impl State {
    /// SHA-256 over everything that `decide` can see, and over the order in which keys will be forgotten: two states with
    /// one digest decide alike now and later. It is made of numbers, names and positions in one fixed form, so that two
    /// machines that folded the same log have the same. Visits everything, so it is for audits and tests.
    ///
    /// # Panics
    /// Never: SHA-256 gives 32 bytes.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut feed = Feed(Context::new(&SHA256));
        feed.bytes(FORM);
        feed.number(self.position.0);
        feed.number(self.time.0.cast_unsigned());
        let mut names: Vec<_> = self.tenant_ids.iter().collect();
        names.sort_unstable();
        feed.count(names.len());
        for (name, tenant) in names {
            feed.bytes(name.as_bytes());
            feed.number(tenant.0);
        }
        feed.count(self.tenants.len());
        for (id, tenant) in &self.tenants {
            feed.number(id.0);
            feed.tenant(tenant);
        }
        let mut streams: Vec<&Stream> = self.streams.iter().collect();
        streams.sort_unstable_by_key(|stream| stream.id);
        feed.count(streams.len());
        for stream in streams {
            feed.known(self, stream);
        }
        feed.count(self.answers.iter().count());
        for key in self.answers.iter() {
            feed.number({ key.tenant }.0);
            feed.bytes(&{ key.command }.0);
            feed.bytes(&{ key.fingerprint });
            feed.number({ key.position }.0);
            feed.number({ key.time }.0.cast_unsigned());
            feed.number(key.answer);
        }
        feed.count(self.erased.len());
        for (stream, key) in &self.erased {
            feed.stream(*stream);
            feed.number(*key);
        }
        feed.bytes(self.checkpoint_key.as_ref().map_or(&[], |key| key));
        feed.number(self.key_max);
        feed.count(self.access.revocation_rows().count());
        for (position, tenant, kind, id, issued_before, until, at) in self.access.revocation_rows() {
            feed.number(position);
            feed.0.update(&tenant);
            feed.number(kind);
            feed.0.update(&id);
            [issued_before, until, at].into_iter().for_each(|time| feed.number(time.cast_unsigned()));
        }
        feed.count(self.access.key_rows().count());
        for (position, tenant, hash, roles, expires, created) in self.access.key_rows() {
            feed.number(position);
            feed.number(tenant);
            feed.0.update(&hash);
            feed.number(roles);
            feed.number(expires.unwrap_or(i64::MAX).cast_unsigned());
            feed.number(u64::from(expires.is_some()));
            feed.number(created.cast_unsigned());
        }
        feed.consents(&self.consents);
        feed.delivered(&self.delivered);
        feed.0.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }
}

impl Feed {
    fn consents(&mut self, consents: &Consents) {
        self.count(consents.rows().count());
        for (subject, tenant, since, said) in consents.rows() {
            self.0.update(&subject);
            self.0.update(&tenant);
            self.number(since);
            self.count(said.len());
            for (channel, category, given, position, at) in said {
                self.number(channel);
                self.number(u64::from(category.is_some()));
                self.bytes(category.unwrap_or_default().as_bytes());
                self.number(u64::from(given));
                self.number(position);
                self.number(at.cast_unsigned());
            }
        }
        self.count(consents.tenant_rows().count());
        for (tenant, since, is_opt_in, critical, records_delivered) in consents.tenant_rows() {
            self.0.update(&tenant);
            self.number(since);
            self.number(u64::from(is_opt_in));
            self.number(u64::from(records_delivered));
            self.count(critical.len());
            critical.iter().for_each(|category| self.bytes(category.as_bytes()));
        }
    }

    fn delivered(&mut self, delivered: &Delivered) {
        self.count(delivered.rows().count());
        for (person, up_to, time) in delivered.rows() {
            self.0.update(&person);
            self.number(up_to);
            self.number(time.cast_unsigned());
        }
    }

    fn tenant(&mut self, tenant: &Tenant) {
        self.number(tenant.sequence);
        self.stream(tenant.stream.unwrap_or_default());
        self.count(tenant.notifications.count());
        for notification in tenant.notifications.iter() {
            self.number({ notification.position }.0);
            self.number({ notification.created }.0.cast_unsigned());
            self.number(u64::from(notification.is_retracted()));
            if let Some(kind) = tenant.kinds.get(notification.kind()) {
                self.number(kind.severity as u64);
                self.count(kind.tags.len());
                for text in kind.category.iter().chain(&kind.tags) {
                    self.bytes(tenant.strings.get(*text).unwrap_or_default().as_bytes());
                }
                self.number(u64::from(kind.category.is_some()));
            }
        }
        self.count(tenant.audience.count());
        tenant.audience.iter().for_each(|ordinal| self.number(tenant.position(*ordinal).0));
        self.count(tenant.retractions.count());
        for retraction in tenant.retractions.iter() {
            self.number({ retraction.at }.0);
            self.number(tenant.position(retraction.ordinal).0);
        }
    }

    fn known(&mut self, state: &State, stream: &Stream) {
        self.stream(stream.id);
        self.number({ stream.revision }.0);
        self.number({ stream.tenant }.0);
        self.number(stream.states);
        let roles = Role::ALL.into_iter().filter(|role| stream.roles & (1 << *role as u16) != 0);
        roles.for_each(|role| self.bytes(role.word().as_bytes()));
        self.bytes(state.topics.bytes(stream.topics));
        self.number(stream.shared);
        if let (Some(tenant), Some(inbox)) = (state.tenants.get(&{ stream.tenant }), state.own_inbox(stream)) {
            self.inbox(tenant, inbox);
        }
    }

    fn inbox(&mut self, tenant: &Tenant, inbox: &Inbox) {
        self.number(inbox.retractions());
        let items = inbox.shown(tenant);
        self.count(items.len());
        for item in items {
            let position: Position = tenant.position(item.ordinal);
            self.number(position.0);
            self.number({ item.flags }.0);
        }
    }
}
