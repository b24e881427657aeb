use super::corpus::Disk;
use super::spot::{Owner, Spot};
use crate::chance::Chance;
use crate::crash::{WRAPPING_KEY, What, guarded, open};
use crate::disk::{Image, SimulatedDisk};
use std::sync::Arc;
use tidings_engine::ids::Position;
use tidings_engine::keyring::{Keyring, KeyringError};
use tidings_engine::log::audit::{Beside, verify};
use tidings_engine::log::{ChainCheck, Damage, Log, LogError, LogId, LogOptions, Quarantined, Record};

/// How a flip was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Told {
    /// Opening refuses, with the place.
    ByOpening,
    /// Opening goes on without the last group, and says so: it cannot be told from a torn write.
    AsLostTail,
    /// Opening reads no sealed record; the audit, and whoever reads it, is told the place.
    ByAudit,
    /// Nothing is different: the file is made anew.
    Harmless,
}

impl Told {
    /// Every way, in the order of the table's columns.
    pub const ALL: [Self; 4] = [Self::ByOpening, Self::AsLostTail, Self::ByAudit, Self::Harmless];

    /// The head of its column.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ByOpening => "refused",
            Self::AsLostTail => "lost tail",
            Self::ByAudit => "by audit",
            Self::Harmless => "harmless",
        }
    }
}

/// Opens the disk with one bit flipped, and tells how that was met.
///
/// # Errors
/// When it was not met as it must be.
pub(super) fn judge(disk: &Disk, spot: &Spot, byte: usize, bit: u8) -> Result<Told, What> {
    let image = disk.image.changed(&spot.file, |bytes| bytes[byte] ^= 1 << bit);
    guarded(|| match spot.owner {
        Owner::Log { .. } => in_the_log(disk, &image, spot),
        Owner::Keyring { slot } => in_the_keyring(disk, &image, spot, slot),
        Owner::Rebuildable => beside_the_log(disk, &image),
    })
}

fn in_the_log(disk: &Disk, image: &Image, spot: &Spot) -> Result<Told, What> {
    let audited = verify(&SimulatedDisk::of(image).folder("log"), Beside::Nobody);
    let damage = audited.err().ok_or_else(|| What::Unreported("the audit finds nothing".to_owned()))?;
    check_place(&damage, spot, "the audit")?;
    let served = served_read_only(disk, image)?;
    check_served(disk, &served)?;
    let (log, recovery) = match open_log(disk, image, false) {
        Ok(opened) => opened,
        Err(LogError::Corrupt(damage)) => return check_place(&damage, spot, "opening").map(|()| Told::ByOpening),
        Err(error) => return Err(What::Unreported(format!("opening says only: {error}"))),
    };
    if let Some(lost) = &recovery.quarantined {
        check_lost(disk, spot, lost)?;
        let records = log.reader().scan_checked(Position(1), ChainCheck::Verify).collect::<Result<Vec<_>, _>>();
        check_served(disk, &records.map_err(|error| What::Unreadable(error.to_string()))?)?;
        return Ok(Told::AsLostTail);
    }
    let read: Result<Vec<_>, _> = log.reader().scan_checked(Position(1), ChainCheck::Verify).collect();
    match read {
        Err(LogError::Corrupt(damage)) => check_place(&damage, spot, "reading")?,
        Err(error) => return Err(What::Unreadable(error.to_string())),
        // Zeros between the last group and the end of a sealed segment hold nothing that is read.
        Ok(records) => {
            check_served(disk, &records)?;
            if records.len() != written(disk).count() {
                return Err(What::Unreported("reading ends early without a word".to_owned()));
            }
        }
    }
    Ok(Told::ByAudit)
}

fn open_log(
    disk: &Disk,
    image: &Image,
    read_only: bool,
) -> Result<(Log<impl tidings_engine::log::Storage>, tidings_engine::log::Recovery), LogError> {
    let options = LogOptions { segment_bytes: disk.setting.script.segment_bytes, read_only, ..LogOptions::default() };
    let entropy = Chance::new(disk.setting.script.seed).bytes16();
    Log::open(SimulatedDisk::of(image).folder("log"), options, entropy)
}

/// What a log serves that is opened in spite of its damage, up to where it says that it cannot.
fn served_read_only(disk: &Disk, image: &Image) -> Result<Vec<Record>, What> {
    match open_log(disk, image, true) {
        Ok((log, _)) => Ok(log.reader().scan(Position(1)).map_while(Result::ok).collect()),
        Err(LogError::Corrupt(_)) => Ok(Vec::new()),
        Err(error) => Err(What::Unreported(format!("opening read-only says only: {error}"))),
    }
}

fn written(disk: &Disk) -> impl Iterator<Item = &Record> {
    disk.promise.groups.iter().flat_map(|group| &group.records)
}

fn check_served(disk: &Disk, served: &[Record]) -> Result<(), What> {
    served.iter().zip(written(disk)).try_for_each(|(found, written)| disk.promise.check(found, written))
}

/// A report names the segment, and an offset and a position within the part that was hit.
fn check_place(damage: &Damage, spot: &Spot, who: &str) -> Result<(), What> {
    let Owner::Log { start, end, first, last, .. } = spot.owner else { return Ok(()) };
    let is_there = spot.file.ends_with(&format!("/{}", damage.segment))
        && (start as u64..=end as u64).contains(&damage.offset)
        && (first..=last + 1).contains(&damage.position.0);
    if is_there {
        return Ok(());
    }
    let wanted = format!("{}, offset {start} to {end}, position {first} to {last}", spot.file);
    Err(What::Unreported(format!("{who} names another place: {damage}, not {wanted}")))
}

/// Only the last group of a log may be taken for a torn write, and all before it is there.
fn check_lost(disk: &Disk, spot: &Spot, lost: &Quarantined) -> Result<(), What> {
    let Owner::Log { start, first, is_tail, .. } = spot.owner else { return Ok(()) };
    let is_there = is_tail
        && spot.file.ends_with(&format!("/{}", lost.segment))
        && lost.offset == start as u64
        && lost.position.0 == first;
    let acknowledged = disk.promise.acknowledged_position();
    if is_there { Ok(()) } else { Err(What::AcknowledgedTruncated { found: lost.position.0, acknowledged }) }
}

/// The keyring names the slot. Only its last batch can look unfinished: then either the log has gone on and the start says
/// that keys are lost, or nothing is different.
fn in_the_keyring(disk: &Disk, image: &Image, spot: &Spot, slot: usize) -> Result<Told, What> {
    let first = image.files.iter().find(|(name, _)| name.ends_with(".seg")).map(|(_, content)| &content.bytes);
    let id: [u8; 16] = first.and_then(|bytes| bytes.get(16..32)?.try_into().ok()).unwrap_or_default();
    let folder = Arc::new(SimulatedDisk::of(image).folder("keyring"));
    match Keyring::open(folder, &WRAPPING_KEY, LogId(id)) {
        Err(KeyringError::Corrupt(damage)) => {
            let is_there = spot.file.ends_with(&format!("/{}", damage.file)) && damage.offset == slot as u64;
            let wanted = format!("{}, offset {slot}", spot.file);
            if is_there { Ok(Told::ByOpening) } else { Err(What::Unreported(format!("not {wanted}, but {damage}"))) }
        }
        Err(error) => Err(What::Unreported(format!("opening the keyring says only: {error}"))),
        Ok((_, found)) => match open(&SimulatedDisk::of(image), &disk.setting) {
            Err(_) if found.discarded.is_some() => Ok(Told::ByOpening),
            Err(error) => Err(What::Unreported(format!("the start fails, the keyring does not: {error}"))),
            Ok(_) => crate::crash::judge(image, &disk.promise, &disk.setting).map(|()| Told::Harmless),
        },
    }
}

/// What can be made anew is made anew, with the same result.
fn beside_the_log(disk: &Disk, image: &Image) -> Result<Told, What> {
    crate::crash::judge(image, &disk.promise, &disk.setting)?;
    // And once more for those who only read, beside what was left as it is.
    let opened = open(&SimulatedDisk::of(image), &disk.setting).map_err(What::NotOpened)?;
    let records = opened.subject.records_after(0)?;
    check_served(disk, &records)?;
    opened.subject.check_keyed(&records)?;
    Ok(Told::Harmless)
}
