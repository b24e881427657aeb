//! Consents: what HTTP and the command line ask for.

use super::access::Asker;
use super::fields::{name, optional_name, text};
use crate::command::{Command, ConsentWanted, Request};
use crate::event::Channel;
use crate::grant::Right;
use crate::ids::StreamId;
use crate::keys::StreamKind;
use crate::limits::Limit;
use crate::rejection::Rejection;
use tidings_wire::ChangeConsent;

impl Asker<'_> {
    /// Reads which consent is to be recorded.
    ///
    /// # Errors
    /// A field is not of its kind, or it is not the caller's to record.
    pub fn consent(self, asked: &ChangeConsent) -> Result<Request, Rejection> {
        let channel = channel(asked.channel.as_deref())?;
        optional_name("category", asked.category.as_ref())?;
        optional_name("textVersion", asked.text_version.as_ref())?;
        if let Some(purpose) = &asked.purpose {
            name("purpose", purpose, Limit::SubjectBytesMax)?;
        }
        let wanted = ConsentWanted {
            subject: self.consenting(asked.subscriber_id.as_deref())?,
            channel,
            category: asked.category.clone(),
            given: asked.given.unwrap_or(true),
            text_version: asked.text_version.clone(),
            purpose: asked.purpose.clone(),
        };
        self.request(asked, Command::ChangeConsent(Box::new(wanted)))
    }

    /// The stream of whose consent it is. Only who may record it for others brings anybody about by naming them.
    fn consenting(&self, subscriber: Option<&str>) -> Result<StreamId, Rejection> {
        let own = subscriber.is_none_or(|subscriber| *subscriber == *self.grant.subject);
        if own && self.grant.permits(Right::OwnInbox) {
            return Ok(self.grant.stream);
        }
        if !self.grant.permits(Right::ManageConsents) {
            return Err(Rejection::Forbidden);
        }
        let Some(subscriber) = subscriber else {
            return Err(Rejection::invalid("subscriberId", "must be there, since the caller has no inbox"));
        };
        name("subscriberId", subscriber, Limit::NameBytesMax)?;
        Ok(self.keys.stream(&self.grant.tenant, StreamKind::User, subscriber))
    }

    /// The stream of whose consents are to be listed; `None` for somebody whom nobody ever named.
    ///
    /// # Errors
    /// They are not the caller's to see.
    pub fn consents_of(&self, subscriber: Option<&str>) -> Result<Option<StreamId>, Rejection> {
        match subscriber {
            Some(subscriber) if *subscriber != *self.grant.subject => {
                if !self.grant.permits(Right::ManageConsents) {
                    return Err(Rejection::Forbidden);
                }
                text("subscriberId", subscriber, Limit::NameBytesMax)?;
                Ok(self.keys.known_person(&self.grant.tenant, subscriber))
            }
            None if !self.grant.permits(Right::OwnInbox) => {
                Err(Rejection::invalid("subscriberId", "must be there, since the caller has no inbox"))
            }
            _ => Ok(Some(self.grant.stream)),
        }
    }
}

fn channel(word: Option<&str>) -> Result<Channel, Rejection> {
    let Some(word) = word else { return Ok(Channel::Realtime) };
    Channel::of(word).ok_or_else(|| Rejection::invalid("channel", "must be realtime"))
}
