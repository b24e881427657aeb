use super::{FileLoss, Image, LIES, Lie, Loss, LossKind, Medium, NameLoss, SECTOR_BYTES, SimulatedDisk, losses};
use std::collections::HashSet;
use tidings_engine::log::Storage;

const FILE: &str = "log/a";

/// A disk with one durable file of four sectors of ones.
fn disk() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let folder = disk.folder("log");
    folder.create("a", 4 * SECTOR_BYTES as u64).unwrap();
    folder.write_at("a", 0, &[1; 4 * SECTOR_BYTES]).unwrap();
    folder.sync_data("a").unwrap();
    folder.sync_directory("").unwrap();
    disk
}

fn losing(loss: FileLoss) -> Loss {
    Loss { names: NameLoss::Nothing, focus: None, others: loss }
}

/// The first byte of each sector of the file.
fn sectors(image: &Image) -> Vec<u8> {
    image.bytes(FILE).unwrap().chunks(SECTOR_BYTES).map(|sector| sector[0]).collect()
}

fn medium(disk: &SimulatedDisk) -> Medium {
    let mut medium = Medium::default();
    disk.operations().iter().for_each(|operation| medium.perform(operation));
    medium
}

#[test]
fn what_was_synced_survives_every_loss() {
    let disk = disk();
    let medium = medium(&disk);
    let images: HashSet<_> = losses(&medium).iter().map(|loss| medium.after(loss).hash()).collect();
    assert_eq!(images, HashSet::from([disk.image().hash()]));
}

#[test]
fn unsynced_sectors_are_lost_kept_reordered_and_torn_each_for_itself() {
    let disk = disk();
    disk.folder("log").write_at("a", 0, &[2; 3 * SECTOR_BYTES]).unwrap();
    for (loss, left) in [
        (FileLoss::Nothing, [2, 2, 2, 1]),
        (FileLoss::All, [1, 1, 1, 1]),
        (FileLoss::From(1), [2, 1, 1, 1]),
        (FileLoss::Before(2), [1, 1, 2, 1]),
        (FileLoss::Only(1), [2, 1, 2, 1]),
        (FileLoss::AllBut(1), [1, 2, 1, 1]),
    ] {
        assert_eq!(sectors(&disk.after(&losing(loss))), left, "{loss}");
    }
    let torn = FileLoss::Torn { at: 1, byte: 100, is_head_new: true, keeps_before: true, keeps_after: false };
    let image = disk.after(&losing(torn));
    let bytes = image.bytes(FILE).unwrap();
    assert_eq!((bytes[SECTOR_BYTES + 99], bytes[SECTOR_BYTES + 100]), (2, 1));
    assert_eq!(sectors(&image), [2, 2, 1, 1]);
    let all: HashSet<_> = (0..200).map(|seed| sectors(&disk.after(&losing(FileLoss::Random(seed))))).collect();
    assert!(all.len() >= 8, "of eight subsets {} were tried", all.len());
}

#[test]
fn a_sector_that_was_written_twice_can_hold_either_value() {
    let disk = disk();
    for value in [2, 3] {
        disk.folder("log").write_at("a", 0, &[value; SECTOR_BYTES]).unwrap();
    }
    let found: HashSet<_> = (0..60).map(|seed| sectors(&disk.after(&losing(FileLoss::Random(seed))))[0]).collect();
    assert_eq!(found, HashSet::from([1, 2, 3]));
}

#[test]
fn a_new_file_has_neither_name_nor_length_until_both_are_synced() {
    let disk = disk();
    let folder = disk.folder("log");
    folder.create("b", 1_000).unwrap();
    assert_eq!(disk.after(&Loss::ALL).bytes("log/b"), None);
    let kept = Loss { names: NameLoss::Nothing, ..Loss::ALL };
    assert_eq!(disk.after(&kept).bytes("log/b"), Some(&[][..]));
    assert_eq!(disk.after(&losing(FileLoss::Length(300))).bytes("log/b").unwrap().len(), 300);
    folder.sync_data("b").unwrap();
    assert_eq!(disk.after(&kept).bytes("log/b").unwrap().len(), 1_000);
    assert_eq!(disk.after(&Loss::ALL).bytes("log/b"), None);
    folder.sync_directory("").unwrap();
    assert_eq!(disk.after(&Loss::ALL).bytes("log/b").unwrap().len(), 1_000);
}

#[test]
fn a_rename_and_a_removal_are_lost_or_kept_until_the_directory_is_synced() {
    let disk = disk();
    let folder = disk.folder("log");
    folder.rename("a", "b").unwrap();
    assert!(disk.after(&Loss::ALL).bytes(FILE).is_some());
    assert!(disk.after(&Loss::NOTHING).bytes(FILE).is_none());
    folder.sync_directory("quarantine").unwrap();
    assert!(disk.after(&Loss::ALL).bytes(FILE).is_some(), "another directory was synced");
    folder.sync_directory("").unwrap();
    folder.remove("b").unwrap();
    assert!(disk.after(&Loss::ALL).bytes("log/b").is_some());
    folder.sync_directory("").unwrap();
    assert!(disk.after(&Loss::ALL).files.is_empty());
}

#[test]
fn the_fixed_losses_of_a_group_are_of_every_kind() {
    let disk = disk();
    let folder = disk.folder("log");
    folder.write_at("a", 10, &[2; 3 * SECTOR_BYTES]).unwrap();
    folder.create("b", 600).unwrap();
    let medium = medium(&disk);
    let kinds: HashSet<_> = losses(&medium).iter().map(|loss| loss.kind(&medium)).collect();
    let all: HashSet<_> = LossKind::ALL.into_iter().filter(|kind| *kind != LossKind::Mixture).collect();
    assert_eq!(kinds, all);
}

#[test]
fn every_lie_has_a_name_that_leads_to_it() {
    for (name, lie) in LIES {
        assert_eq!(name.parse::<Lie>(), Ok(lie));
        assert_eq!(lie.to_string(), name);
    }
    assert!("nothing".parse::<Lie>().is_err());
}
