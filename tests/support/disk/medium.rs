use super::image::{Content, Image};
use super::loss::{FileLoss, Loss};
use super::operation::{Operation, Place};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of a sector: what a disk writes at once.
pub const SECTOR_BYTES: usize = 512;

/// The state of a disk: what is durable, and what was only written.
#[derive(Clone, Debug, Default)]
pub struct Medium {
    files: Vec<File>,
    names: BTreeMap<Arc<str>, usize>,
    durable_names: BTreeMap<Arc<str>, usize>,
    name_changes: Vec<NameChange>,
}

#[derive(Clone, Debug)]
struct NameChange {
    directory: Arc<str>,
    gone: Option<Arc<str>>,
    new: Option<(Arc<str>, usize)>,
}

/// A file by whatever name.
#[derive(Clone, Debug)]
pub(super) struct File {
    bytes: Arc<Vec<u8>>,
    durable: Arc<Content>,
    /// It was created or emptied since the last sync: until then, the disk may hold `durable` or so many zeros.
    is_emptied: bool,
    /// Whether a torn sector of it is new up to a byte and old from there, and never the other way round.
    tears_in_order: bool,
    unsynced: Vec<(usize, Arc<[u8]>)>,
}

/// A sector with the writes that touch it, as numbers in their order.
#[derive(Clone, Debug)]
pub(super) struct Sector {
    index: usize,
    writes: Vec<usize>,
}

impl Medium {
    /// A disk at rest.
    #[must_use]
    pub fn of(image: &Image) -> Self {
        let mut medium = Self::default();
        for (name, content) in &image.files {
            medium.names.insert(Arc::clone(name), medium.files.len());
            medium.files.push(File {
                bytes: Arc::new(content.bytes.clone()),
                durable: Arc::clone(content),
                is_emptied: false,
                tears_in_order: tears_in_order(name),
                unsynced: Vec::new(),
            });
        }
        medium.durable_names = medium.names.clone();
        medium
    }

    /// Does it.
    ///
    /// # Panics
    /// When a file that it names does not exist.
    pub fn perform(&mut self, operation: &Operation) {
        match operation {
            Operation::Create { path, bytes } => self.create(path, *bytes),
            Operation::Write { path, offset, bytes } => self.file_mut(path).write(*offset, bytes),
            Operation::SyncData { path } => self.file_mut(path).sync(),
            Operation::SyncHalf { path } => self.file_mut(path).sync_half(),
            Operation::SyncDirectory { directory } => self.sync_directory(directory),
            Operation::Rename { from, to } => self.rename(from, to),
            Operation::Remove { path } => {
                self.names.remove(path).expect("a file that is removed exists");
                self.change_name(path, Some(path), None);
            }
            Operation::PowerCut { loss } => *self = Self::of(&self.after(loss)),
        }
    }

    /// The bytes of a file as a program reads them now.
    #[must_use]
    pub fn bytes(&self, path: &str) -> Option<&Arc<Vec<u8>>> {
        self.names.get(path).map(|file| &self.files[*file].bytes)
    }

    /// Names as a program sees them now.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.keys()
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn used(&self) -> usize {
        self.names.values().map(|file| self.files[*file].bytes.len()).sum()
    }

    /// The disk found after the power was cut now.
    #[must_use]
    pub fn after(&self, loss: &Loss) -> Image {
        let mut image = Image::default();
        for (name, file) in self.names_after(loss) {
            let content = self.files[file].after(loss.of(file));
            image.files.insert(name, content);
        }
        image
    }

    /// The disk as a program sees it now.
    #[must_use]
    pub fn image(&self) -> Image {
        self.after(&Loss::NOTHING)
    }

    /// Whether a power cut now can lose anything.
    #[must_use]
    pub fn has_unsynced(&self) -> bool {
        !self.name_changes.is_empty() || !self.unsynced().is_empty()
    }

    /// How many changes of names are not durable.
    #[must_use]
    pub(super) fn name_changes_count(&self) -> usize {
        self.name_changes.len()
    }

    /// Files that a power cut can change and that can be found afterwards.
    pub(super) fn unsynced(&self) -> Vec<(usize, &File)> {
        let named = |file: &usize| self.names.values().chain(self.durable_names.values()).any(|named| named == file);
        let files = self.files.iter().enumerate().filter(|(_, file)| file.is_emptied || !file.unsynced.is_empty());
        files.filter(|(index, _)| named(index)).collect()
    }

    /// The name of a file, for people.
    pub(super) fn name_of(&self, file: usize) -> Option<&Arc<str>> {
        let mut all = self.names.iter().chain(&self.durable_names);
        all.find(|(_, named)| **named == file).map(|(name, _)| name)
    }

    fn names_after(&self, loss: &Loss) -> BTreeMap<Arc<str>, usize> {
        let mut names = self.durable_names.clone();
        let kept = self.name_changes.iter().enumerate();
        for (_, change) in kept.filter(|(index, _)| loss.names.keeps(*index)) {
            change.apply(&mut names);
        }
        names
    }

    fn create(&mut self, path: &Arc<str>, bytes: usize) {
        let zeros = Arc::new(vec![0; bytes]);
        if let Some(file) = self.names.get(path) {
            let file = &mut self.files[*file];
            file.bytes = zeros;
            file.is_emptied = true;
            file.unsynced.clear();
            return;
        }
        let file = self.files.len();
        self.files.push(File {
            bytes: zeros,
            durable: Content::of(Vec::new()),
            is_emptied: true,
            tears_in_order: tears_in_order(path),
            unsynced: Vec::new(),
        });
        self.names.insert(Arc::clone(path), file);
        self.change_name(path, None, Some((Arc::clone(path), file)));
    }

    fn rename(&mut self, from: &Arc<str>, to: &Arc<str>) {
        let file = self.names.remove(from).expect("a file that is renamed exists");
        self.names.insert(Arc::clone(to), file);
        if parent(from) == parent(to) {
            self.change_name(from, Some(from), Some((Arc::clone(to), file)));
        } else {
            self.change_name(from, Some(from), None);
            self.change_name(to, None, Some((Arc::clone(to), file)));
        }
    }

    fn change_name(&mut self, path: &str, gone: Option<&Arc<str>>, new: Option<(Arc<str>, usize)>) {
        self.name_changes.push(NameChange { directory: parent(path).into(), gone: gone.cloned(), new });
    }

    fn sync_directory(&mut self, directory: &str) {
        for change in self.name_changes.iter().filter(|change| &*change.directory == directory) {
            change.apply(&mut self.durable_names);
        }
        self.name_changes.retain(|change| &*change.directory != directory);
    }

    fn file_mut(&mut self, path: &str) -> &mut File {
        let file = *self.names.get(path).unwrap_or_else(|| panic!("{path} does not exist"));
        &mut self.files[file]
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<Arc<str>, usize>) {
        if let Some(gone) = &self.gone {
            names.remove(gone);
        }
        if let Some((new, file)) = &self.new {
            names.insert(Arc::clone(new), *file);
        }
    }
}

impl File {
    fn write(&mut self, offset: usize, written: &Arc<[u8]>) {
        let bytes = Arc::make_mut(&mut self.bytes);
        let end = offset + written.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset..end].copy_from_slice(written);
        self.unsynced.push((offset, Arc::clone(written)));
    }

    fn sync(&mut self) {
        self.durable = Content::of(self.bytes.to_vec());
        self.is_emptied = false;
        self.unsynced.clear();
    }

    fn sync_half(&mut self) {
        let sectors = self.sectors();
        let base = self.base();
        self.durable =
            Content::of(self.compose(base, &sectors, |at, sector| if at % 2 == 0 { sector.writes.len() } else { 0 }));
        self.is_emptied = false;
        // What was left out will never be written: the disk believes that it was.
        self.unsynced.clear();
    }

    /// Sectors that were written since the last sync, in the order of their first write.
    pub(super) fn sectors(&self) -> Vec<Sector> {
        let mut sectors: Vec<Sector> = Vec::new();
        for (write, (offset, bytes)) in self.unsynced.iter().enumerate() {
            for index in offset / SECTOR_BYTES..(offset + bytes.len()).div_ceil(SECTOR_BYTES) {
                match sectors.iter_mut().find(|sector| sector.index == index) {
                    Some(sector) => sector.writes.push(write),
                    None => sectors.push(Sector { index, writes: vec![write] }),
                }
            }
        }
        sectors
    }

    /// Whether its very length is not durable.
    pub(super) const fn is_emptied(&self) -> bool {
        self.is_emptied
    }

    /// Its length as a program sees it.
    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    fn base(&self) -> Vec<u8> {
        if self.is_emptied { vec![0; self.bytes.len()] } else { self.durable.bytes.clone() }
    }

    fn after(&self, loss: FileLoss) -> Arc<Content> {
        if !self.is_emptied && self.unsynced.is_empty() {
            return Arc::clone(&self.durable);
        }
        match loss {
            FileLoss::All => Arc::clone(&self.durable),
            FileLoss::Nothing => Content::of(self.bytes.to_vec()),
            FileLoss::Length(bytes) => {
                let mut cut = self.bytes.to_vec();
                cut.truncate(bytes);
                Content::of(cut)
            }
            loss => {
                let sectors = self.sectors();
                let bytes = self.compose(self.base(), &sectors, |at, sector| loss.kept(at, sector.writes.len()));
                Content::of(self.torn(bytes, &sectors, loss))
            }
        }
    }

    /// `bytes` with so many of each sector's writes as `kept` says.
    fn compose(&self, mut bytes: Vec<u8>, sectors: &[Sector], kept: impl Fn(usize, &Sector) -> usize) -> Vec<u8> {
        for (at, sector) in sectors.iter().enumerate() {
            let (start, end) = (sector.index * SECTOR_BYTES, (sector.index + 1) * SECTOR_BYTES);
            for write in &sector.writes[..kept(at, sector)] {
                let (offset, written) = &self.unsynced[*write];
                let (from, to) = (start.max(*offset), end.min(offset + written.len()));
                if bytes.len() < to {
                    bytes.resize(to, 0);
                }
                bytes[from..to].copy_from_slice(&written[from - offset..to - offset]);
            }
        }
        bytes
    }

    /// `bytes` with one sector that is new up to some byte, and old from there.
    fn torn(&self, mut bytes: Vec<u8>, sectors: &[Sector], loss: FileLoss) -> Vec<u8> {
        let Some((at, byte, is_head_new)) = loss.torn(sectors.len()) else { return bytes };
        let is_head_new = is_head_new || self.tears_in_order;
        let Some(sector) = sectors.get(at) else { return bytes };
        let start = sector.index * SECTOR_BYTES;
        let end = (start + SECTOR_BYTES).min(self.bytes.len());
        let border = (start + byte).min(end);
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        let old = self.base();
        for (place, is_new) in [(start..border, is_head_new), (border..end, !is_head_new)] {
            for index in place {
                bytes[index] = if is_new { self.bytes[index] } else { old.get(index).copied().unwrap_or_default() };
            }
        }
        bytes
    }
}

/// The keyring takes a slot whose last byte is missing for one that was being written, and relies on this order.
fn tears_in_order(path: &str) -> bool {
    Place::of(path) == Place::Keyring
}

/// The directory of a path: what is before its last slash.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}
