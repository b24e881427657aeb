//! Which keys an auditor believes, and for which part of the log.

use super::key::VerifierKey;
use super::signed::SignedCheckpoint;
use super::statement::origin;
use crate::ids::Position;
use crate::log::LogId;

/// The keys whose checkpoints count. It grows with the log: a key that the log adopts is believed from there on when the
/// believed key before it endorsed it, and the key before is believed no further.
#[derive(Clone, Debug)]
pub struct Trust {
    origin: String,
    believed: Vec<Believed>,
    /// Keys that the log adopted and that no believed key endorsed.
    unendorsed: Vec<(VerifierKey, Position)>,
    /// Every key that the log adopted, in order.
    adopted: Vec<VerifierKey>,
    /// Nobody gave a key: the first one that the log adopts is believed.
    takes_first: bool,
}

#[derive(Clone, Debug)]
struct Believed {
    key: VerifierKey,
    /// First position of a checkpoint that it may have signed.
    from: Position,
    /// Where the log adopted the key after it: its checkpoints end before.
    replaced: Option<Position>,
    was_given: bool,
}

/// Who signed a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// A key that is believed for its position.
    Believed(VerifierKey),
    /// A key that the log had replaced by then.
    Replaced {
        /// Where.
        at: Position,
    },
    /// A key that is believed only after the checkpoint's position.
    NotYet {
        /// From where on.
        from: Position,
    },
    /// A key that the log adopted and that no believed key endorsed.
    Unendorsed {
        /// Where it was adopted.
        at: Position,
    },
    /// Somebody else.
    Unknown,
    /// Nobody: it names a believed key, and the signature is not that key's.
    Forged,
}

impl Trust {
    /// Trust in these keys of a log, which the auditor has from elsewhere. Without any, the first key that the log itself
    /// adopts is believed: then the log vouches for its own key, and only checkpoints show whether it always did.
    #[must_use]
    pub fn new(log: LogId, keys: &[VerifierKey]) -> Self {
        let given =
            |key: &VerifierKey| Believed { key: key.clone(), from: Position::ZERO, replaced: None, was_given: true };
        Self {
            origin: origin(log),
            believed: keys.iter().map(given).collect(),
            unendorsed: Vec::new(),
            adopted: Vec::new(),
            takes_first: keys.is_empty(),
        }
    }

    /// The log adopted a key at `position`.
    pub fn adopted(&mut self, position: Position, public: [u8; 32], endorsement: &[u8]) {
        let key = VerifierKey::new(&self.origin, public).expect("an origin has neither space nor plus");
        let is_first = std::mem::take(&mut self.takes_first);
        let before = self.adopted.last().cloned();
        self.adopted.push(key.clone());
        let is_endorsed = self.believed.iter().any(|believed| {
            let precedes = before.is_none() || before.as_ref() == Some(&believed.key);
            believed.replaced.is_none() && precedes && believed.key.has_endorsed(&key, endorsement)
        });
        if before.as_ref() != Some(&key) {
            for ending in self.believed.iter_mut().filter(|known| Some(&known.key) == before.as_ref()) {
                ending.replaced.get_or_insert(position);
            }
        }
        let was_given = self.believed.iter().any(|known| known.was_given && known.key == key);
        if self.believed.iter().any(|known| known.key == key && known.replaced.is_none()) {
            return;
        }
        if is_first || is_endorsed || was_given {
            let from = if is_first { Position::ZERO } else { position };
            self.believed.push(Believed { key, from, replaced: None, was_given });
        } else {
            self.unendorsed.push((key, position));
        }
    }

    /// The keys that the log adopted so far, in order, believed or not: the last one signs now.
    #[must_use]
    pub fn adopted_keys(&self) -> &[VerifierKey] {
        &self.adopted
    }

    /// Who signed a checkpoint, as far as the log was read.
    #[must_use]
    pub fn signer(&self, signed: &SignedCheckpoint) -> Signer {
        let position = signed.checkpoint().position;
        let mut verdict = Signer::Unknown;
        for believed in &self.believed {
            match believed.key.verify(signed.note()) {
                None => {}
                Some(false) => verdict = Signer::Forged,
                Some(true) => match believed.replaced {
                    _ if position < believed.from => verdict = Signer::NotYet { from: believed.from },
                    Some(at) if position >= at => verdict = Signer::Replaced { at },
                    _ => return Signer::Believed(believed.key.clone()),
                },
            }
        }
        if verdict == Signer::Unknown {
            let own = self.unendorsed.iter().find(|(key, _)| key.verify(signed.note()) == Some(true));
            verdict = own.map_or(Signer::Unknown, |(_, at)| Signer::Unendorsed { at: *at });
        }
        verdict
    }
}
