//! Content as sealed bytes, and back.
//!
//! ```text
//! 2 | actor compartment bytes (2) | [key id (4) | nonce (12) | actor's name, sealed | tag (16)] | nonce (12) | content, sealed | tag (16)
//! ```
//!
//! AES-256-GCM. The associated data binds tenant, stream, revision, type, version and compartment: sealed bytes that were
//! moved to another event do not open, and a copy of the log at other positions does.

use crate::entropy::Entropy;
use crate::event::{Content, DecodeError};
use crate::keyring::{DataKey, KeyId};
use crate::log::Envelope;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// Tag of sealed content: its first byte.
pub(crate) const CODEC_SEALED: u8 = 2;

const TAG_BYTES: usize = 16;
const KEY_ID_BYTES: usize = 4;
const ACTOR_AT: usize = 3;
const MAIN: u8 = 0;
const ACTOR: u8 = 1;

/// Why sealed content does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The bytes are too short, or their lengths do not fit.
    #[error("sealed content is malformed")]
    Malformed,
    /// The key is another one, or the bytes are of another event, or were changed.
    #[error("sealed content does not open with its key")]
    Foreign,
    /// What was sealed is not content.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Seals content. The actor's name is sealed with the actor's own key where one is given, and with the rest otherwise.
pub(crate) fn seal(
    content: &Content,
    key: &DataKey,
    actor: Option<(KeyId, &DataKey)>,
    envelope: &Envelope,
    entropy: &mut Entropy,
) -> Vec<u8> {
    let mut out = vec![CODEC_SEALED, 0, 0];
    let mut rest = content.clone();
    if let (Some((id, key)), Some(name)) = (actor, &content.actor) {
        rest.actor = None;
        out.extend_from_slice(&id.0.to_le_bytes());
        compartment(&mut out, name.clone().into_bytes(), key, &binding(envelope, ACTOR), entropy.draw());
        let bytes = u16::try_from(out.len() - ACTOR_AT).expect("a name is far below 64 KiB");
        out[1..ACTOR_AT].copy_from_slice(&bytes.to_le_bytes());
    }
    compartment(&mut out, rest.encode().to_vec(), key, &binding(envelope, MAIN), entropy.draw());
    out
}

/// Opens what [`seal`] gave. `actor_key` gives the actor's key; where it has none any more, the actor stays unknown.
pub(crate) fn open<E: From<SealError>>(
    sealed: &[u8],
    key: &DataKey,
    envelope: &Envelope,
    actor_key: impl FnOnce(KeyId) -> Result<Option<DataKey>, E>,
) -> Result<Content, E> {
    let (actor, main) = parts(sealed)?;
    let mut content = Content::decode(&opened(main, key, &binding(envelope, MAIN))?).map_err(SealError::Decode)?;
    if let Some((id, compartment)) = actor
        && let Some(key) = actor_key(id)?
    {
        let name = opened(compartment, &key, &binding(envelope, ACTOR))?;
        content.actor = Some(String::from_utf8(name).map_err(|_| SealError::Malformed)?);
    }
    Ok(content)
}

type Parts<'a> = (Option<(KeyId, &'a [u8])>, &'a [u8]);

fn parts(sealed: &[u8]) -> Result<Parts<'_>, SealError> {
    let (head, rest) = sealed.split_at_checked(ACTOR_AT).ok_or(SealError::Malformed)?;
    if head[0] != CODEC_SEALED {
        return Err(SealError::Malformed);
    }
    let actor_bytes = usize::from(u16::from_le_bytes([head[1], head[2]]));
    let (actor, main) = rest.split_at_checked(actor_bytes).ok_or(SealError::Malformed)?;
    if actor.is_empty() {
        return Ok((None, main));
    }
    let (id, compartment) = actor.split_first_chunk::<KEY_ID_BYTES>().ok_or(SealError::Malformed)?;
    Ok((Some((KeyId(u32::from_le_bytes(*id)), compartment)), main))
}

fn compartment(out: &mut Vec<u8>, mut plain: Vec<u8>, key: &DataKey, aad: &[u8], nonce: [u8; NONCE_LEN]) {
    out.extend_from_slice(&nonce);
    cipher(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut plain)
        .expect("content is far below the cipher's limit");
    out.extend_from_slice(&plain);
}

fn opened(compartment: &[u8], key: &DataKey, aad: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, sealed) = compartment.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Malformed)?;
    if sealed.len() < TAG_BYTES {
        return Err(SealError::Malformed);
    }
    let mut bytes = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let count = cipher(key).open_in_place(nonce, Aad::from(aad), &mut bytes).map_err(|_| SealError::Foreign)?.len();
    bytes.truncate(count);
    Ok(bytes)
}

fn cipher(key: &DataKey) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.bytes()).expect("a data key has 32 bytes"))
}

/// What sealed bytes are bound to: all that names the event and does not depend on its place in the log.
fn binding(envelope: &Envelope, compartment: u8) -> [u8; 33] {
    let mut bytes = [0; 33];
    bytes[..4].copy_from_slice(&envelope.tenant.0.to_le_bytes());
    bytes[4..20].copy_from_slice(&envelope.stream.0);
    bytes[20..28].copy_from_slice(&envelope.revision.0.to_le_bytes());
    bytes[28..30].copy_from_slice(&envelope.event_type.to_le_bytes());
    bytes[30..32].copy_from_slice(&envelope.event_version.to_le_bytes());
    bytes[32] = compartment;
    bytes
}
