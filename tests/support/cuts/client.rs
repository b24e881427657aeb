//! A client in virtual time: it connects, follows, marks, is cut, and comes back with its cursors.

use super::held::{Held, Judge, Paging, Phase};
use super::model::Model;
use super::node::{ConnectionId, comes_back};
use crate::chance::Chance;
use std::collections::BTreeMap;
use tidings_engine::ids::Position;
use tidings_engine::session::Stream;
use tidings_projections::Owner;
use tidings_wire::{
    BulkMark, ClientFrame, CommandFrame, Fetch, Hello, InboxName, Item, Marked, PageQuery, ReplyCode, ServerFrame,
    SubscribeTo,
};

/// A frame to send, and where.
pub(super) type Said = (Stream, ClientFrame);

/// One tab or device of a person.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) number: usize,
    pub(super) inboxes: Vec<Held>,
    pub(super) link: Option<Link>,
    /// When it may connect again, in milliseconds of virtual time.
    pub(super) away_until: i64,
    /// Commands without an answer, by their command id: they are sent again after a cut.
    waiting: BTreeMap<String, CommandFrame>,
    /// Positions of commands that were acknowledged.
    pub(super) acknowledged: Vec<Position>,
    /// What it held once, for who restores an old state.
    remembered: Option<Vec<Held>>,
    next: u64,
    pub(super) behinds: u64,
    pub(super) drains: u64,
}

/// A connection as the client has it.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) connection: ConnectionId,
    pages: Stream,
    is_welcome: bool,
    is_closed: bool,
}

impl Client {
    pub(super) fn new(name: &'static str, number: usize, inboxes: Vec<(InboxName, Owner)>) -> Self {
        Self {
            name,
            number,
            inboxes: inboxes.into_iter().map(|(inbox, owner)| Held::new(inbox, owner)).collect(),
            link: None,
            away_until: 0,
            waiting: BTreeMap::new(),
            acknowledged: Vec::new(),
            remembered: None,
            next: 0,
            behinds: 0,
            drains: 0,
        }
    }

    /// Says hello on a connection that was just opened, and goes on from the cursors.
    pub(super) fn hello(&mut self, connection: ConnectionId, pages: Stream, token: &str) -> Vec<Said> {
        self.link = Some(Link { connection, pages, is_welcome: false, is_closed: false });
        let subscribe =
            self.inboxes.iter().map(|held| SubscribeTo { inbox: held.inbox.clone(), from: held.cursor.clone() });
        let hello = Hello { token: token.to_owned(), ticket: None, client: None, subscribe: subscribe.collect() };
        let waiting = self.waiting.clone().into_iter();
        let again = waiting.map(|(id, command)| command_frame(&id, command));
        let hello = (Stream::Ordered, ClientFrame::Hello(hello));
        std::iter::once(hello).chain(again.map(|frame| (Stream::Ordered, frame))).collect()
    }

    /// The connection is gone.
    pub(super) fn cut(&mut self) {
        self.link = None;
        self.inboxes.iter_mut().for_each(Held::offline);
    }

    /// Whether it heard the server close.
    pub(super) fn is_closed(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.is_closed)
    }

    /// Keeps what it holds now, for later.
    pub(super) fn remember(&mut self) {
        if self.inboxes.iter().all(|held| held.cursor.is_some()) {
            self.remembered = Some(self.inboxes.clone());
        }
    }

    /// Holds again what it held once, as a restored device does. Only while it is not connected.
    pub(super) fn go_back(&mut self) -> bool {
        let Some(mut inboxes) = self.remembered.take() else { return false };
        inboxes.iter_mut().for_each(Held::offline);
        self.inboxes = inboxes;
        true
    }

    /// Takes a frame, and says what follows from it.
    pub(super) fn receive(&mut self, frame: &ServerFrame, judge: &Judge<'_>, now: i64) -> Result<Vec<Said>, String> {
        let Some(link) = &mut self.link else { return Ok(Vec::new()) };
        if link.is_closed && matches!(frame, ServerFrame::Reply { .. }) {
            // The streams of a connection are in order each, and not with one another.
            return Ok(Vec::new());
        }
        if link.is_closed {
            return Err(format!("{frame:?} after close"));
        }
        let is_early =
            matches!(frame, ServerFrame::Welcome { .. } | ServerFrame::Close { .. } | ServerFrame::Error { .. });
        if !link.is_welcome && !is_early {
            return Err(format!("{frame:?} before welcome"));
        }
        match frame {
            ServerFrame::Welcome { .. } => link.is_welcome = true,
            ServerFrame::Ping => return Ok(vec![(Stream::Ordered, ClientFrame::Pong)]),
            ServerFrame::Pong => {}
            ServerFrame::Close { retry, retry_after_ms, reason, .. } => {
                link.is_closed = true;
                if !comes_back(*retry) {
                    return Err(format!("the server ended the session for good: {reason:?}"));
                }
                self.away_until = now + i64::try_from(retry_after_ms.unwrap_or(0)).unwrap_or(i64::MAX);
            }
            ServerFrame::Drain { .. } => self.drains += 1,
            ServerFrame::Error { code, message } => return Err(format!("the server answers {code:?}: {message}")),
            ServerFrame::Reply { id, ok, cursor, result, error } => {
                let code = error.as_ref().map(|error| error.code);
                return self.reply(id, *ok, (cursor.as_deref(), result.as_ref(), code), judge);
            }
            ServerFrame::Snapshot { inbox, .. }
            | ServerFrame::Delta { inbox, .. }
            | ServerFrame::Counts { inbox, .. }
            | ServerFrame::Behind { inbox, .. }
            | ServerFrame::CaughtUp { inbox, .. }
            | ServerFrame::Resync { inbox, .. } => return self.of_inbox(inbox, frame, judge),
            ServerFrame::Events { .. } => return Err("events, which nobody asked for".to_owned()),
        }
        Ok(Vec::new())
    }

    fn of_inbox(&mut self, inbox: &InboxName, frame: &ServerFrame, judge: &Judge<'_>) -> Result<Vec<Said>, String> {
        self.behinds += u64::from(matches!(frame, ServerFrame::Behind { .. }));
        let held = self.inboxes.iter_mut().find(|held| held.inbox == *inbox);
        let Some(held) = held else { return Err(format!("a frame of {inbox}, which is not followed")) };
        held.receive(frame, judge).map_err(|what| format!("{inbox}: {what}"))?;
        // What cannot be applied is asked for anew.
        let is_owed = held.asked.is_some() || matches!(frame, ServerFrame::Resync { .. });
        let is_void = held.phase == Phase::Void && !is_owed;
        if is_void {
            return Ok(vec![self.subscribe(inbox.clone(), None)]);
        }
        Ok(Vec::new())
    }

    fn reply(
        &mut self,
        id: &str,
        ok: bool,
        (cursor, result, code): (Option<&str>, Option<&serde_json::Value>, Option<ReplyCode>),
        judge: &Judge<'_>,
    ) -> Result<Vec<Said>, String> {
        if let Some(held) = self.inboxes.iter_mut().find(|held| is_page(held, id)) {
            let page = result.map(page_of).transpose()?;
            held.page(id, page, judge);
            return Ok(Vec::new());
        }
        if let Some(held) = self.inboxes.iter_mut().find(|held| held.asked.as_deref() == Some(id)) {
            held.asked = None;
            return if ok { Ok(Vec::new()) } else { Err(format!("{id} was refused: {code:?}")) };
        }
        if id.starts_with('c') && code != Some(ReplyCode::RateLimited) && code != Some(ReplyCode::Unavailable) {
            let Some(_) = self.waiting.remove(id) else { return Err(format!("{id} was answered twice")) };
            if ok {
                let place = judge_position(cursor, judge)?;
                self.acknowledged.push(place);
            }
        }
        Ok(Vec::new())
    }

    /// Asks for the pages that it lacks.
    pub(super) fn ask_pages(&mut self, limit: u32) -> Vec<Said> {
        let Some(pages) = self.link.as_ref().filter(|link| link.is_welcome && !link.is_closed).map(|link| link.pages)
        else {
            return Vec::new();
        };
        let mut said = Vec::new();
        for held in &mut self.inboxes {
            let name = format!("f{}", self.next);
            if let Some(query) = held.ask_page(&name, limit) {
                self.next += 1;
                said.push((pages, ClientFrame::Fetch(Fetch { id: name, inbox: held.inbox.clone(), query })));
            }
        }
        said
    }

    /// Subscribes again.
    pub(super) fn subscribe(&mut self, inbox: InboxName, from: Option<String>) -> Said {
        self.next += 1;
        let id = format!("s{}", self.next);
        if let Some(held) = self.inboxes.iter_mut().find(|held| held.inbox == inbox) {
            held.asked = Some(id.clone());
        }
        (Stream::Ordered, ClientFrame::Subscribe { id, inbox, from })
    }

    /// Follows an inbox anew while connected: from its cursor, or from a snapshot.
    pub(super) fn follow_again(&mut self, chance: &mut Chance) -> Option<Said> {
        self.link.as_ref().filter(|link| link.is_welcome && !link.is_closed)?;
        let index = chance.below(self.inboxes.len());
        let held = &mut self.inboxes[index];
        held.offline();
        if chance.one_in(3) {
            held.start_over();
        }
        let (inbox, from) = (held.inbox.clone(), held.cursor.clone());
        Some(self.subscribe(inbox, from))
    }

    /// A command of the person's, at random. It is sent now if there is a connection, and again after every cut.
    pub(super) fn command(&mut self, chance: &mut Chance) -> Option<Said> {
        if self.waiting.len() > 8 {
            return None;
        }
        let index = chance.below(self.inboxes.len());
        let held = &self.inboxes[index];
        let inbox = (held.inbox != InboxName::Me).then(|| held.inbox.clone());
        let command = if chance.one_in(4) { all(held, inbox, chance) } else { some(held, inbox, chance)? };
        self.next += 1;
        let id = format!("c{}-{}", self.number, self.next);
        self.waiting.insert(id.clone(), command.clone());
        let is_up = self.link.as_ref().is_some_and(|link| !link.is_closed);
        is_up.then(|| (Stream::Ordered, command_frame(&id, command)))
    }

    /// How it stands, in a line.
    pub(super) fn standing(&self) -> String {
        let inboxes: Vec<_> = self.inboxes.iter().map(Held::standing).collect();
        let waiting: Vec<_> = self.waiting.keys().take(3).collect();
        format!("{} {}: {:?}, waits for {waiting:?}, {inboxes:?}", self.name, self.number, self.link)
    }

    /// Whether it holds everything, live, with every command answered.
    pub(super) fn is_settled(&self, model: &Model) -> bool {
        self.link.is_some() && self.waiting.is_empty() && self.inboxes.iter().all(|held| held.is_settled(model))
    }
}

fn is_page(held: &Held, id: &str) -> bool {
    matches!(&held.paging, Paging::Asked { name, .. } if name == id)
}

fn command_frame(id: &str, command: CommandFrame) -> ClientFrame {
    ClientFrame::Command { id: id.to_owned(), command_id: Some(id.to_owned()), command }
}

fn judge_position(cursor: Option<&str>, judge: &Judge<'_>) -> Result<Position, String> {
    let cursor = cursor.ok_or("a command was done, and its reply has no cursor")?;
    judge.place(cursor).map(|place| place.position)
}

fn page_of(result: &serde_json::Value) -> Result<(Vec<Item>, bool, Position), String> {
    let items: Vec<Item> = serde_json::from_value(result["items"].clone()).map_err(|error| error.to_string())?;
    let has_more = result["hasMore"].as_bool().ok_or("a page that does not say whether there is more")?;
    let as_of = result["asOf"].as_u64().ok_or("the simulated server says as of when a page is")?;
    Ok((items, has_more, Position(as_of)))
}

fn some(held: &Held, inbox: Option<InboxName>, chance: &mut Chance) -> Option<CommandFrame> {
    let ids = held.ids();
    if ids.is_empty() {
        return None;
    }
    let notifications = (0..=chance.below(4)).map(|_| chance.pick(&ids).clone()).collect();
    let marked = Marked { notifications, inbox };
    Some(match chance.below(8) {
        0 => CommandFrame::MarkSeen(marked),
        1 => CommandFrame::MarkUnseen(marked),
        2 => CommandFrame::MarkRead(marked),
        3 => CommandFrame::MarkUnread(marked),
        4 => CommandFrame::Archive(marked),
        5 => CommandFrame::Unarchive(marked),
        _ => CommandFrame::Delete(marked),
    })
}

fn all(held: &Held, inbox: Option<InboxName>, chance: &mut Chance) -> CommandFrame {
    let up_to = if chance.one_in(2) { held.cursor.clone() } else { None };
    let filter = chance.one_in(3).then(|| PageQuery { seen: Some(chance.one_in(2)), ..PageQuery::default() });
    let bulk = BulkMark { filter, up_to, inbox };
    match chance.below(6) {
        0 => CommandFrame::MarkAllSeen(bulk),
        1 => CommandFrame::MarkAllRead(bulk),
        2 => CommandFrame::ArchiveAll(bulk),
        3 => CommandFrame::ArchiveRead(bulk),
        _ => CommandFrame::DeleteAll(bulk),
    }
}
