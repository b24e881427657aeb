use aws_lc_rs::digest::{Context, SHA256};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Bytes of a file that do not change any more, with their hash.
#[derive(Debug, Default)]
pub struct Content {
    /// The bytes.
    pub bytes: Vec<u8>,
    hash: OnceLock<[u8; 32]>,
}

impl Content {
    /// These bytes, to be shared.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { bytes, hash: OnceLock::new() })
    }

    fn hash(&self) -> &[u8; 32] {
        self.hash.get_or_init(|| {
            let mut context = Context::new(&SHA256);
            context.update(&self.bytes);
            context.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes")
        })
    }
}

/// A whole disk at rest: what a start finds. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Files by their path, `folder/name`.
    pub files: BTreeMap<Arc<str>, Arc<Content>>,
}

impl Image {
    /// A hash over every name and byte: the same for two disks that nobody can tell apart.
    #[must_use]
    pub fn hash(&self) -> [u8; 16] {
        let mut context = Context::new(&SHA256);
        for (name, content) in &self.files {
            context.update(&(name.len() as u64).to_le_bytes());
            context.update(name.as_bytes());
            context.update(content.hash());
        }
        context.finish().as_ref()[..16].try_into().expect("SHA-256 gives 32 bytes")
    }

    /// The bytes of a file.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|content| content.bytes.as_slice())
    }

    /// The same disk with one file changed.
    ///
    /// # Panics
    /// When there is no such file.
    #[must_use]
    pub fn changed(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut files = self.files.clone();
        let content = files.get_mut(name).unwrap_or_else(|| panic!("{name} is not on the disk"));
        let mut bytes = content.bytes.clone();
        change(&mut bytes);
        *content = Content::of(bytes);
        Self { files }
    }

    /// Whether a file of this disk holds these bytes somewhere, and which.
    #[must_use]
    pub fn find(&self, wanted: &[u8]) -> Option<&str> {
        let first = wanted.first().copied().unwrap_or_default();
        let holds = |content: &Content| {
            let windows = content.bytes.windows(wanted.len().max(1));
            windows.into_iter().any(|window| window[0] == first && window == wanted)
        };
        self.files.iter().find(|(_, content)| holds(content)).map(|(name, _)| &**name)
    }
}
