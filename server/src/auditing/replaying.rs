//! Verifying and replaying a range: what the log proves, and what its inboxes come to.

use super::audit_log::{AuditLog, Fault, Found, Whose};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use std::collections::HashMap;
use tidings_engine::audit::{Line, Seen, TenantChain, View};
use tidings_engine::event::Event;
use tidings_engine::ids::{Position, StreamId, TenantId, Time};
use tidings_engine::keys::{Keys, TenantTag};
use tidings_engine::log::ChainCheck;
use tidings_engine::log::audit::Verified;
use tidings_projections::{LOG_STATE_VERSION, Projections, StateDigest, TENANT_STATE_VERSION};

/// What came of replaying one tenant's events, through a place.
struct TenantReplay<'a> {
    keys: &'a Keys,
    tag: TenantTag,
    after: Position,
    events: u64,
    sequence: u64,
    time: Time,
    revisions: HashMap<StreamId, u64>,
    before: TenantChain,
    chain: TenantChain,
    state: Option<Projections>,
}

impl<'a> TenantReplay<'a> {
    /// Before every event; those after `after` are counted.
    fn new(keys: &'a Keys, tag: TenantTag, after: Position, state: bool) -> Self {
        Self {
            keys,
            tag,
            after,
            events: 0,
            sequence: 0,
            time: Time::default(),
            revisions: HashMap::new(),
            before: TenantChain::default(),
            chain: TenantChain::default(),
            state: state.then(Projections::new),
        }
    }

    /// Takes the tenant's next event.
    ///
    /// # Errors
    /// It is not the next one.
    fn apply(&mut self, found: &Found) -> Result<(), Fault> {
        let envelope = &found.recorded.envelope;
        let gap = |of, found, expected| Fault::Gap { position: envelope.position, of, found, expected };
        if envelope.tenant_sequence != self.sequence + 1 {
            return Err(gap("tenant", envelope.tenant_sequence, self.sequence + 1));
        }
        let revision = self.revisions.entry(envelope.stream).or_default();
        if envelope.revision.0 != *revision + 1 {
            return Err(gap("stream", envelope.revision.0, *revision + 1));
        }
        *revision += 1;
        (self.sequence, self.time) = (envelope.tenant_sequence, envelope.time);
        let view = View::Tenant { keys: self.keys, tag: self.tag };
        self.chain = self.chain.then(&Line::new(&Seen::read(&found.record, &found.recorded), None, view));
        if envelope.position <= self.after {
            self.before = self.chain;
        } else {
            self.events += 1;
        }
        if let Some(state) = &mut self.state {
            state.apply(&found.recorded)?;
        }
        Ok(())
    }

    /// What it came to.
    fn answer(self, tenant: TenantId) -> Result<Value, Fault> {
        let Self { keys, tag, state, .. } = self;
        let mut answer = json!({
            "verified": true,
            "events": self.events,
            "through": { "tenantSequence": self.sequence, "time": self.time.rfc3339() },
            "streams": self.revisions.len(),
            "tenantChainBefore": HEXLOWER.encode(&self.before.0),
            "tenantChain": HEXLOWER.encode(&self.chain.0),
        });
        if let Some(mut state) = state {
            say_state(&mut answer, &state.tenant_state(tenant, keys, tag)?, TENANT_STATE_VERSION);
        }
        Ok(answer)
    }
}

/// The answer about a range.
pub(crate) fn replayed(log: &AuditLog, whose: Whose, range: (Position, Position), state: bool) -> Value {
    let replayed = match whose {
        Whose::Everything { .. } => everything(log, range, state),
        Whose::Tenant { .. } => tenant(log, whose, range, state),
    };
    replayed.unwrap_or_else(|fault| refuted(&fault, whose.is_platform()))
}

/// Replays one tenant's events through a place.
fn tenant(log: &AuditLog, whose: Whose, range: (Position, Position), state: bool) -> Result<Value, Fault> {
    let (after, through) = range;
    let mut replay = TenantReplay::new(&log.keys, whose.tag(), after, state);
    log.each(whose, (Position::ZERO, through), u64::MAX, |found| replay.apply(&found).map(|()| true))?;
    replay.answer(whose.tenant().unwrap_or_default())
}

/// Replays everybody's events of a range: its chain is computed anew and held against what is stored.
fn everything(log: &AuditLog, range: (Position, Position), state: bool) -> Result<Value, Fault> {
    let (after, through) = range;
    let mut events = 0;
    if after < through {
        for record in log.reader.scan_checked(after.next(), ChainCheck::Verify) {
            if record?.envelope.position > through {
                break;
            }
            events += 1;
        }
    }
    let mut answer = json!({
        "verified": true,
        "events": events,
        "log": log.reader.id().to_string(),
        "epoch": log.epoch,
        "position": through.0,
        "chainBefore": log.reader.chain_at(after)?.to_string(),
        "chain": log.reader.chain_at(through)?.to_string(),
    });
    if state {
        let mut replayed = LogReplay::default();
        log.each(Whose::Everything { tag: TenantTag::default() }, (Position::ZERO, through), u64::MAX, |found| {
            replayed.apply(&found.recorded, &log.keys)?;
            Ok(true)
        })?;
        replayed.say(&mut answer, &log.keys)?;
    }
    Ok(answer)
}

/// The inboxes of all tenants.
#[derive(Default)]
struct LogReplay {
    projections: Projections,
    tenants: Vec<(TenantId, TenantTag)>,
}

impl LogReplay {
    /// Takes the next event.
    fn apply(&mut self, recorded: &tidings_engine::event::Recorded, keys: &Keys) -> Result<(), Fault> {
        if let Event::TenantCreated { name } = &recorded.facts.event {
            self.tenants.push((recorded.envelope.tenant, keys.tenant_tag(name)));
        }
        Ok(self.projections.apply(recorded)?)
    }

    /// Adds what they came to.
    fn say(mut self, answer: &mut Value, keys: &Keys) -> Result<(), Fault> {
        say_state(answer, &self.projections.log_state(&mut self.tenants, keys)?, LOG_STATE_VERSION);
        Ok(())
    }
}

fn say_state(answer: &mut Value, state: &StateDigest, version: &str) {
    answer["inboxes"] = Value::from(state.inboxes);
    answer["stateDigest"] = Value::from(HEXLOWER.encode(&state.digest));
    answer["stateVersion"] = Value::from(version);
}

/// The answer where something is not as it must be: the place is for whoever is shown positions.
pub(crate) fn refuted(fault: &Fault, is_platform: bool) -> Value {
    tracing::error!(error = %fault, "an auditor's replay found damage");
    let what = if is_platform { fault.to_string() } else { "the log is damaged".to_owned() };
    json!({ "verified": false, "damage": what })
}

/// The answer where every byte is as it must be.
pub(crate) fn verified(verified: &Verified) -> Value {
    json!({
        "verified": true,
        "events": verified.events,
        "log": verified.log.to_string(),
        "epoch": verified.epoch,
        "position": verified.events,
        "chain": verified.chain.to_string(),
        "segments": verified.segments,
        "streams": verified.streams,
        "tenants": verified.tenants,
    })
}
