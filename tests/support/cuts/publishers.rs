use super::node::Waiter;
use super::story::{Story, TENANT};
use std::sync::Arc;
use tidings_engine::command::{Answer, Command, Request};
use tidings_engine::rejection::Rejection;
use tidings_engine::request::publication;
use tidings_wire::{AudienceName, Publish, Recipients, Severity};

/// A publish that is wanted, under its key, until its outcome is known.
pub(super) struct Wanted {
    request: Request,
    pub(super) is_asked: bool,
}

impl Story {
    pub(super) fn want_to_publish(&mut self) {
        let to = match self.chance.below(6) {
            0 => Recipients::One("ada".to_owned()),
            1 => Recipients::One("bob".to_owned()),
            2 => Recipients::Many(vec!["ada".to_owned(), "olga".to_owned()]),
            3 => Recipients::One("olga".to_owned()),
            _ => Recipients::Audience(AudienceName::Tenant),
        };
        let bytes = if self.chance.one_in(12) { 1_500 } else { self.chance.below(60) };
        self.publish(to, bytes);
    }

    /// Many at once: more than an outbox takes, now and then.
    pub(super) fn burst(&mut self) {
        for _ in 0..self.chance.below(24) {
            self.publish(Recipients::Audience(AudienceName::Tenant), 20);
        }
    }

    fn publish(&mut self, to: Recipients, bytes: usize) {
        self.keys_count += 1;
        let key = format!("p{}", self.keys_count);
        let severity = *self.chance.pick(&[Severity::High, Severity::Medium, Severity::Low, Severity::None]);
        let publish = Publish {
            to,
            subject: None,
            body: format!("{key} {}", "x".repeat(bytes)),
            severity,
            category: None,
            tags: Vec::new(),
            data: None,
            avatar: None,
            actor: None,
            primary_action: None,
            secondary_action: None,
            redirect: None,
            group_key: None,
            transaction_id: None,
            send_at: None,
            expires_at: None,
            tenant: None,
        };
        let publication = publication(&self.node.keys, TENANT, publish).expect("it is within the limits");
        self.want(key, Command::Publish(Box::new(publication)));
    }

    pub(super) fn want_to_retract(&mut self) {
        if self.published.is_empty() {
            return;
        }
        let notification = *self.chance.pick(&self.published);
        self.keys_count += 1;
        self.want(format!("r{}", self.keys_count), Command::Retract { notification });
    }

    fn want(&mut self, key: String, command: Command) {
        let fingerprint = self.node.keys.fingerprint(format!("{command:?}").as_bytes());
        let request = Request { grant: Arc::clone(&self.service), key: Some(key.clone()), fingerprint, command };
        self.wanted.insert(key, Wanted { request, is_asked: false });
    }

    /// Publishers ask, and ask again after a restart, until they know.
    pub(super) fn ask(&mut self) {
        for (key, wanted) in &mut self.wanted {
            if !wanted.is_asked {
                wanted.is_asked = true;
                self.node.requests.push((wanted.request.clone(), Waiter::Publisher(key.clone())));
            }
        }
    }

    pub(super) fn answers(&mut self) {
        for answered in std::mem::take(&mut self.node.answered) {
            match answered.outcome {
                Err(Rejection::Unavailable | Rejection::OutcomeUnknown) => {
                    if let Some(wanted) = self.wanted.get_mut(&answered.key) {
                        wanted.is_asked = false;
                    }
                }
                Err(_) => {
                    self.wanted.remove(&answered.key);
                }
                Ok(done) => {
                    self.wanted.remove(&answered.key);
                    if let Answer::Published { notification, .. } = done.answer {
                        self.published.push(notification);
                        self.acknowledged.push((answered.key, notification));
                    }
                }
            }
        }
    }

    /// Every publish that was acknowledged happened, and none happened twice.
    pub(super) fn check_published(&self) -> Result<(), String> {
        if let Some((key, count)) = self.bodies.iter().find(|(_, count)| **count != 1) {
            return Err(format!("{key} was published {count} times"));
        }
        match self.acknowledged.iter().find(|(key, _)| !self.bodies.contains_key(key)) {
            Some((key, at)) => Err(format!("{key} was acknowledged at {at} and is lost")),
            None => Ok(()),
        }
    }
}
