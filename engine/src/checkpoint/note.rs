//! The C2SP signed note: a text, an empty line, and a line for each signature.

use data_encoding::BASE64;
use std::fmt;

/// Most bytes a note may have, signatures included: 65,536. Ours have about 400.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;

/// Most signatures a note may have: 64. Ours have one; witnesses may add theirs.
pub const SIGNATURES_COUNT_MAX: usize = 64;

/// What every signature line begins with: an em dash and a space.
const SIGNATURE_MARK: &str = "\u{2014} ";

/// Bytes of the key hash before the signature itself.
const HASH_BYTES: usize = 4;

/// A text and who signed it. Nothing of it is verified: see [`super::VerifierKey::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is signed. Ends with a line feed.
    pub text: String,
    /// The signatures, in the order of their lines.
    pub signatures: Vec<Signature>,
}

/// One signature of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Name of the key.
    pub name: String,
    /// First bytes of the key's hash, by which it is found.
    pub hash: [u8; 4],
    /// The signature itself: 64 bytes for Ed25519, others for other algorithms.
    pub bytes: Vec<u8>,
}

/// Bytes are not a signed note.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is too long to be one.
    #[error("note is {bytes} bytes, at most {NOTE_BYTES_MAX} are allowed")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// It is not UTF-8.
    #[error("note is not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// Where.
        offset: usize,
    },
    /// It has a control character other than a line feed.
    #[error("note has the control character {found:#04x} at byte {offset}")]
    Control {
        /// Which.
        found: u32,
        /// Where.
        offset: usize,
    },
    /// There is no empty line with signatures after it.
    #[error("note has no signatures")]
    Unsigned,
    /// It does not end with a line feed.
    #[error("note does not end with a line feed")]
    Cut,
    /// It has too many signatures.
    #[error("note has more than {SIGNATURES_COUNT_MAX} signatures")]
    TooManySignatures,
    /// A line after the empty one is not `— NAME BASE64`.
    #[error("signature line {number} is malformed")]
    SignatureLine {
        /// Which one, from 1.
        number: usize,
    },
}

impl Note {
    /// Reads a note. The last empty line ends the text, so that a text may have empty lines itself.
    ///
    /// # Errors
    /// [`NoteError`]. Never panics, whatever the bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge { bytes: bytes.len() });
        }
        let whole = std::str::from_utf8(bytes).map_err(|error| NoteError::NotUtf8 { offset: error.valid_up_to() })?;
        if let Some((offset, found)) = whole.char_indices().find(|(_, found)| *found < ' ' && *found != '\n') {
            return Err(NoteError::Control { found: u32::from(found), offset });
        }
        let blank = whole.rfind("\n\n").ok_or(NoteError::Unsigned)?;
        let (text, lines) = (&whole[..=blank], &whole[blank + 2..]);
        if lines.is_empty() {
            return Err(NoteError::Unsigned);
        }
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Cut)?;
        let mut signatures = Vec::new();
        for (index, line) in lines.split('\n').enumerate() {
            if index == SIGNATURES_COUNT_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(Signature::parse(line).ok_or(NoteError::SignatureLine { number: index + 1 })?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The note as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl Signature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
        let decoded = BASE64.decode(encoded.as_bytes()).ok()?;
        let (hash, bytes) = decoded.split_first_chunk::<HASH_BYTES>()?;
        let is_whole = is_key_name(name) && !bytes.is_empty();
        is_whole.then(|| Self { name: name.to_owned(), hash: *hash, bytes: bytes.to_owned() })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = BASE64.encode(&[&self.hash, &self.bytes[..]].concat());
        write!(f, "{SIGNATURE_MARK}{} {encoded}", self.name)
    }
}

/// Whether a text may be the name of a key: not empty, no space of any kind, no plus.
pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|found| found.is_whitespace() || found == '+')
}
