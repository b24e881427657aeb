//! Reading the log for auditors: on threads of its own, so that neither the writer nor the inbox thread ever waits for it.
//!
//! Each reading is an event of those who are read, durable before the first byte leaves. So many readings run at a time on
//! this node, and one tenant has so many under way; a reading that streams holds a thread only while it reads.

mod audit_log;
mod events;
mod following;
mod inbox_state;
mod replaying;
mod slots;
#[cfg(test)]
mod tests;

pub(crate) use audit_log::{AuditLog, Fault, Whose};
pub(crate) use events::EventsReading;
pub use following::{AuditPage, Following};
pub(crate) use following::{catch_up, follow};
pub(crate) use inbox_state::{StateAnswer, fold_inbox};
pub(crate) use replaying::replayed;
pub(crate) use slots::{Slot, Slots};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;
use std::io;
use std::sync::Arc;
use tidings_adapters::http::{AuditAnswer, AuditParts, AuditQuestion};
use tidings_engine::audit::Selection;
use tidings_engine::command::{Answer, Command, Outcome, Request, Scope};
use tidings_engine::event::AuditedRead;
use tidings_engine::grant::{Grant, Right};
use tidings_engine::ids::{Position, StreamId, Time};
use tidings_engine::keys::Keys;
use tidings_engine::limits::Limits;
use tidings_engine::log::LogReader;
use tidings_engine::rejection::Rejection;
use tidings_engine::request::{At, Events, Replay, StateAt, Who, scope_tag};
use tokio::sync::Semaphore;

/// The way to the log for auditors.
pub(crate) struct Auditing {
    pub(crate) log: AuditLog,
    running: Arc<Semaphore>,
    running_max: usize,
    slots: Arc<Slots>,
}

/// What is to be recorded of a reading.
pub(crate) struct Reading {
    pub(crate) scope: Scope,
    pub(crate) what: AuditedRead,
    pub(crate) subject: Option<StreamId>,
    pub(crate) from: Position,
    pub(crate) through: Position,
}

/// Who records readings: the way to the writer.
pub(crate) trait Recorder {
    /// Has a request decided and made durable.
    fn decided(&self, request: Request) -> impl Future<Output = Outcome> + Send;
}

impl Auditing {
    pub(crate) fn new(reader: LogReader, keys: Arc<Keys>, epoch: u64, limits: &Limits) -> Self {
        Self {
            log: AuditLog { reader, keys, epoch },
            running: Arc::new(Semaphore::new(limits.node_audits_running_max as usize)),
            running_max: limits.node_audits_running_max as usize,
            slots: Arc::default(),
        }
    }

    /// How many readings run on this node now.
    pub(crate) fn running_count(&self) -> usize {
        self.running_max.saturating_sub(self.running.available_permits())
    }

    /// Runs what blocks on the disk, when its turn comes.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AuditLog) -> T + Send + 'static,
    ) -> Result<T, Rejection> {
        run(&self.running, &self.log, work).await
    }

    /// Answers an auditor, of whose tenant so many readings may be under way.
    pub(crate) async fn answer<R: Recorder>(
        &self,
        recorder: &R,
        grant: &Arc<Grant>,
        question: AuditQuestion,
        tenant_max: u32,
    ) -> Result<AuditAnswer, Rejection> {
        let slot = self.slots.take(grant.tenant_stream, tenant_max)?;
        match question {
            AuditQuestion::Events(wanted) => self.events(recorder, grant, wanted, slot).await,
            AuditQuestion::State(wanted) => self.state(recorder, grant, wanted, slot).await,
            AuditQuestion::Replay(wanted) => {
                self.replay(recorder, grant, wanted, AuditedRead::Replay).await.map(AuditAnswer::Json)
            }
            AuditQuestion::Verify(scope) => self.verify(recorder, grant, scope).await.map(AuditAnswer::Json),
        }
    }

    async fn events<R: Recorder>(
        &self,
        recorder: &R,
        grant: &Arc<Grant>,
        wanted: Events,
        slot: Slot,
    ) -> Result<AuditAnswer, Rejection> {
        let stream = wanted.who.as_ref().map(|who| self.stream(grant, &wanted.scope, who)).transpose()?;
        let (after, from) = (wanted.after, wanted.from);
        let range = self.run(move |log| events_range(log, after.as_ref(), from)).await??;
        let (after, through) = range;
        let what = if wanted.content { AuditedRead::EventsWithContent } else { AuditedRead::Events };
        let reading = Reading { scope: wanted.scope.clone(), what, subject: stream, from: after.next(), through };
        let whose = self.record(recorder, grant, reading).await?;
        let selection =
            Selection { tenant: whose.tenant(), stream, types: wanted.types, from: wanted.from, to: wanted.to };
        let reading =
            EventsReading::new(self.log.clone(), whose, selection, (after, through), wanted.limit, wanted.content);
        Ok(AuditAnswer::Lines(self.parts(reading, slot, EventsReading::chunk)))
    }

    async fn state<R: Recorder>(
        &self,
        recorder: &R,
        grant: &Arc<Grant>,
        wanted: StateAt,
        slot: Slot,
    ) -> Result<AuditAnswer, Rejection> {
        let stream = self.stream(grant, &wanted.scope, &wanted.who)?;
        let at = wanted.at;
        let through = self.run(move |log| log.position("at", &at)).await??;
        let what = if wanted.content { AuditedRead::StateWithContent } else { AuditedRead::State };
        let reading = Reading { scope: wanted.scope, what, subject: Some(stream), from: Position(1), through };
        let whose = self.record(recorder, grant, reading).await?;
        let content = wanted.content;
        let answer = self.run(move |log| -> Result<_, Rejection> {
            let mut inbox = fold_inbox(log, whose, stream, through)
                .map_err(|fault| fault.rejection())?
                .ok_or(Rejection::NotFound)?;
            StateAnswer::new(log.clone(), &mut inbox, whose.tag(), content).map_err(|fault| fault.rejection())
        });
        let answer = answer.await??;
        Ok(AuditAnswer::Parts(self.parts(answer, slot, StateAnswer::part)))
    }

    async fn replay<R: Recorder>(
        &self,
        recorder: &R,
        grant: &Arc<Grant>,
        wanted: Replay,
        what: AuditedRead,
    ) -> Result<Value, Rejection> {
        let (after, through) = (wanted.after, wanted.through);
        let range = self.run(move |log| -> Result<_, Rejection> {
            let after = after.map_or(Ok(Position::ZERO), |after| log.position("after", &after))?;
            let through = log.position("through", &through)?;
            let backwards = || Rejection::invalid("through", "is before the beginning of the range");
            if after <= through { Ok((after, through)) } else { Err(backwards()) }
        });
        let (after, through) = range.await??;
        let reading = Reading { scope: wanted.scope, what, subject: None, from: after.next(), through };
        let whose = self.record(recorder, grant, reading).await?;
        let state = wanted.state;
        self.run(move |log| {
            let mut answer = replayed(log, whose, (after, through), state);
            answer["cursor"] = Value::from(log.cursor(through).seal(&log.keys, whose.tag()));
            answer
        })
        .await
    }

    async fn verify<R: Recorder>(&self, recorder: &R, grant: &Arc<Grant>, scope: Scope) -> Result<Value, Rejection> {
        if scope != Scope::Everything {
            let wanted = Replay { scope, after: None, through: At::Head, state: false };
            return self.replay(recorder, grant, wanted, AuditedRead::Verify).await;
        }
        let through = self.log.head();
        let reading = Reading { scope, what: AuditedRead::Verify, subject: None, from: Position(1), through };
        self.record(recorder, grant, reading).await?;
        self.run(|log| match log.reader.verify() {
            Ok(verified) => replaying::verified(&verified),
            Err(damage) => replaying::refuted(&Fault::Log(damage.into()), true),
        })
        .await
    }

    /// Makes a reading durable before anything of it is told, and says whose events it is about.
    pub(crate) async fn record<R: Recorder>(
        &self,
        recorder: &R,
        grant: &Arc<Grant>,
        reading: Reading,
    ) -> Result<Whose, Rejection> {
        let Reading { scope, what, subject, from, through } = reading;
        let tag = scope_tag(&self.log.keys, grant, &scope);
        let everything = scope == Scope::Everything;
        let command = Command::RecordAuditRead { scope, what, subject, from, through };
        let request = Request { grant: Arc::clone(grant), key: None, fingerprint: [0; 16], command };
        match recorder.decided(request).await?.answer {
            Answer::AuditRecorded { .. } if everything => Ok(Whose::Everything { tag }),
            Answer::AuditRecorded { tenant } => {
                Ok(Whose::Tenant { tenant, tag, is_platform: grant.permits(Right::Platform) })
            }
            _ => Err(Rejection::Internal),
        }
    }

    /// The stream that somebody is asked about by.
    fn stream(&self, grant: &Grant, scope: &Scope, who: &Who) -> Result<StreamId, Rejection> {
        let name = match who {
            Who::Stream(stream) => return Ok(*stream),
            Who::Subscriber(name) => name,
        };
        let tenant = match scope {
            Scope::Own => &*grant.tenant,
            Scope::Tenant(tenant) => tenant,
            Scope::Everything => return Err(Rejection::invalid("tenant", "must be given with subscriberId")),
        };
        self.log.person(tenant, name).ok_or(Rejection::NotFound)
    }

    /// The parts of an answer, each read when the one before has left.
    fn parts<T: Send + 'static>(&self, reading: T, slot: Slot, next: fn(&mut T) -> Option<Bytes>) -> AuditParts {
        let (running, log) = (Arc::clone(&self.running), self.log.clone());
        let parts = stream::unfold((reading, slot), move |(mut reading, slot)| {
            let (running, log) = (Arc::clone(&running), log.clone());
            async move {
                let read = run(&running, &log, move |_| {
                    let part = next(&mut reading);
                    (part, reading)
                });
                match read.await {
                    Ok((part, reading)) => part.map(|part| (Ok(part), (reading, slot))),
                    // The connection is cut: a reader without the last line knows that the answer is not whole.
                    Err(_) => None,
                }
            }
        });
        let is_something = |part: &io::Result<Bytes>| part.as_ref().map_or(true, |bytes| !bytes.is_empty());
        parts.filter(move |part| std::future::ready(is_something(part))).boxed()
    }
}

async fn run<T: Send + 'static>(
    running: &Arc<Semaphore>,
    log: &AuditLog,
    work: impl FnOnce(&AuditLog) -> T + Send + 'static,
) -> Result<T, Rejection> {
    let turn = Arc::clone(running).acquire_owned().await.map_err(|_| Rejection::Unavailable)?;
    let log = log.clone();
    let done = tokio::task::spawn_blocking(move || {
        let done = work(&log);
        drop(turn);
        done
    });
    done.await.map_err(|_| Rejection::Internal)
}

/// After which event a reading begins, and with which one it ends.
fn events_range(log: &AuditLog, after: Option<&At>, from: Option<Time>) -> Result<(Position, Position), Rejection> {
    let after = after.map_or(Ok(Position::ZERO), |after| log.position("after", after))?;
    let before = from.map_or(Ok(Position::ZERO), |from| log.position("from", &At::Time(from.plus(-1))))?;
    Ok((after.max(before), log.head()))
}

impl AuditLog {
    /// The stream of a person by name; `None` for nobody, for whoever was erased, and without a keyring.
    pub(crate) fn person(&self, tenant: &str, name: &str) -> Option<StreamId> {
        self.keys.vault()?;
        self.keys.known_person(tenant, name)
    }
}
