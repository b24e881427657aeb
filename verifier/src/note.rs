//! Signed notes and verifier keys as C2SP has them: `c2sp.org/signed-note`, Ed25519 alone.

use std::fmt;

use ed25519_dalek::{Signature, VerifyingKey};

use crate::event::Hex;
use crate::{base64, sha256};

/// Most bytes a note may have.
const NOTE_BYTES_MAX: usize = 65_536;

/// Most signatures a note may have.
const SIGNATURES_COUNT_MAX: usize = 100;

/// Number of Ed25519 among the types of signatures.
const ED25519: u8 = 1;

/// A public key with its name, from a text such as `NAME+0a1b2c3d+AQ…=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    name: String,
    id: [u8; 4],
    public: VerifyingKey,
}

/// Why a text is no verifier key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// It is not a name, eight hexadecimal digits and base64, with a plus between them.
    Form,
    /// It is no Ed25519 key.
    Algorithm,
    /// The digits are not the hash of name and key: the text was changed.
    Hash,
}

/// Why a text is no note that can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteError {
    /// It is too long, or not text, empty line and signature lines, or has a control character.
    Form,
    /// None of the keys signed it.
    Unsigned,
    /// It has a signature under one of the keys that is not of this text.
    Forged,
}

impl Key {
    /// Reads a verifier key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(digits), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        if !is_name(name) {
            return Err(KeyError::Form);
        }
        let bytes = base64::decode(key).ok_or(KeyError::Form)?;
        let Some((&ED25519, public)) = bytes.split_first() else { return Err(KeyError::Algorithm) };
        let public: [u8; 32] = public.try_into().map_err(|_| KeyError::Algorithm)?;
        let hash = sha256(&[name.as_bytes(), b"\n", &bytes]);
        let id = [hash[0], hash[1], hash[2], hash[3]];
        if Hex(&id).to_string() != digits {
            return Err(KeyError::Hash);
        }
        let public = VerifyingKey::from_bytes(&public).map_err(|_| KeyError::Algorithm)?;
        Ok(Self { name: name.to_owned(), id, public })
    }

    fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        let signature = Signature::from_slice(signature);
        signature.is_ok_and(|signature| self.public.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

/// The text of a note that at least one of the keys signed, and none signed wrongly. Other keys' signatures are ignored.
pub(crate) fn open<'a>(note: &'a str, keys: &[Key]) -> Result<&'a str, NoteError> {
    let is_text = note.chars().all(|character| character == '\n' || !character.is_ascii_control());
    if note.len() > NOTE_BYTES_MAX || !is_text || !note.ends_with('\n') {
        return Err(NoteError::Form);
    }
    let cut = note.rfind("\n\n").ok_or(NoteError::Form)? + 1;
    let (text, lines) = (&note[..cut], &note[cut + 1..]);
    let mut trusted = false;
    let mut count = 0;
    for line in lines.lines() {
        count += 1;
        let (name, bytes) = signature(line).ok_or(NoteError::Form)?;
        let (id, signature) = bytes.split_at_checked(4).ok_or(NoteError::Form)?;
        if let Some(key) = keys.iter().find(|key| key.name == name && key.id == id) {
            if !key.has_signed(text, signature) {
                return Err(NoteError::Forged);
            }
            trusted = true;
        }
    }
    match (count, trusted) {
        (0, _) => Err(NoteError::Form),
        (count, _) if count > SIGNATURES_COUNT_MAX => Err(NoteError::Form),
        (_, false) => Err(NoteError::Unsigned),
        (_, true) => Ok(text),
    }
}

/// Name and decoded bytes of a signature line.
fn signature(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, bytes) = line.strip_prefix("— ")?.split_once(' ')?;
    is_name(name).then_some(())?;
    Some((name, base64::decode(bytes)?))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|character: char| character.is_whitespace() || character == '+')
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "key is not NAME+HASH+BASE64",
            Self::Algorithm => "key is no Ed25519 key",
            Self::Hash => "key does not have its hash: the text was changed",
        })
    }
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "is no signed note",
            Self::Unsigned => "is signed by none of the keys",
            Self::Forged => "has a signature that is not of its text",
        })
    }
}

impl std::error::Error for KeyError {}
impl std::error::Error for NoteError {}

#[cfg(test)]
mod tests {
    use super::{Key, KeyError, NoteError, open};

    /// Key and note of the tests of Go's `golang.org/x/mod/sumdb/note`.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_published_note_is_opened_with_the_published_key() {
        let key = Key::parse(KEY).unwrap();
        assert!(open(NOTE, &[key]).unwrap().ends_with("your problem is.\n"));
    }

    #[test]
    fn a_changed_text_is_forged_and_a_foreign_key_ignored() {
        let key = Key::parse(KEY).unwrap();
        let changed = NOTE.replace("answer", "ANSWER");
        assert_eq!(open(&changed, std::slice::from_ref(&key)), Err(NoteError::Forged));
        assert_eq!(open(NOTE, &[]), Err(NoteError::Unsigned));
        let renamed = NOTE.replace("— PeterNeumann", "— Somebody");
        assert_eq!(open(&renamed, std::slice::from_ref(&key)), Err(NoteError::Unsigned));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let key = Key::parse(KEY).unwrap();
        let no_dash = NOTE.replace('—', "-");
        let no_end = &NOTE[..NOTE.len() - 1];
        let control = NOTE.replace("answer", "ans\twer");
        let text_alone = "a\n\n";
        for note in ["", "\n", text_alone, &no_dash, no_end, &control] {
            assert_eq!(open(note, std::slice::from_ref(&key)), Err(NoteError::Form), "{note:?}");
        }
    }

    #[test]
    fn a_key_with_another_hash_algorithm_or_form_is_refused() {
        assert_eq!(Key::parse(&KEY.replace("c74f20a3", "c74f20a4")), Err(KeyError::Hash));
        assert_eq!(Key::parse(&KEY.replace("PeterNeumann", "PeterNewmann")), Err(KeyError::Hash));
        assert_eq!(Key::parse(&KEY.replace("+AR", "+BR")), Err(KeyError::Algorithm));
        assert_eq!(Key::parse("PeterNeumann+c74f20a3"), Err(KeyError::Form));
    }
}
