//! Recording what people allow.

use super::{Unsealed, Wanted};
use crate::command::ConsentWanted;
use crate::event::{Content, Event};
use crate::rejection::Rejection;

impl Wanted<'_> {
    /// A consent that is given is recorded each time: another text, or another day, is news. One that is taken back again
    /// is not.
    ///
    /// # Errors
    /// `TooLarge` where there are as many as there may be.
    pub(super) fn consent(&self, asked: &ConsentWanted) -> Result<Option<(Event, Option<Unsealed>)>, Rejection> {
        let ConsentWanted { subject, channel, category, given, text_version, purpose } = asked;
        let consents = self.state.consents();
        if !given && !self.is_keyed && consents.is_said(*subject, *channel, category.as_deref(), false) {
            return Ok(None);
        }
        consents.has_room(self.grant.tenant_stream, *subject, *channel, category.as_deref())?;
        let event = Event::ConsentChanged {
            subject: *subject,
            channel: *channel,
            category: category.clone(),
            given: *given,
            text_version: text_version.clone(),
        };
        let unsealed = purpose.clone().map(|purpose| {
            let content = Content { subject: Some(purpose), ..Content::default() };
            Unsealed { content, actor: None }
        });
        Ok(Some((event, unsealed)))
    }
}
