//! Bugs planted to show that each fuzz target finds one: in a copy of the repository, by replacing a text of the product.

use std::path::{Path, PathBuf};

use crate::child::{Child, Failure};
use crate::report;
use crate::workspace::Workspace;

use super::fuzz::Campaign;

/// A bug for one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FuzzPlant {
    /// The target that must find it.
    pub target: &'static str,
    /// What is wrong then.
    pub bug: &'static str,
    /// The file, from the root of the repository.
    pub file: &'static str,
    /// The text there; it stands once.
    pub find: &'static str,
    /// What is put in its place.
    pub replace: &'static str,
}

/// One bug for each target. All are planted at once: no target looks at another's code first.
pub const FUZZ_PLANTS: &[FuzzPlant] = &[
    FuzzPlant {
        target: "fuzz_damage",
        bug: "a record is read without its checksum",
        file: "engine/src/log/record.rs",
        find: "if body_checksum(facts, content) != header.body_checksum {",
        replace: "if body_checksum(facts, content) != header.body_checksum && content.len() > 1_000_000 {",
    },
    FuzzPlant {
        target: "fuzz_events",
        bug: "an end of a line within data is left as it is",
        file: "transports/adapters/src/events_text.rs",
        find: r#".replace(['\n', '\r'], "\ndata: ")"#,
        replace: r#".replace('\n', "\ndata: ")"#,
    },
    FuzzPlant {
        target: "fuzz_frame",
        bug: "a number of four bytes loses its first",
        file: "transports/wire/src/varint.rs",
        find: "let rest = input.get(1..count)?;",
        replace: "let rest = input.get(1 + count / 4..count)?;",
    },
    FuzzPlant {
        target: "fuzz_group",
        bug: "positions within a group may leave gaps",
        file: "engine/src/log/group.rs",
        find: "if record.envelope.position.0 != header.first.0 + index as u64 {",
        replace: "if record.envelope.position.0 < header.first.0 {",
    },
    FuzzPlant {
        target: "fuzz_http",
        bug: "a name is cut within a character",
        file: "transports/adapters/src/http/reading.rs",
        find: "let name: String = name.chars().take(NAME_CHARACTERS_MAX).collect();",
        replace: "let name = &name[..name.len().min(NAME_CHARACTERS_MAX)];",
    },
    FuzzPlant {
        target: "fuzz_keyring",
        bug: "a slot is read without its checksum",
        file: "engine/src/keyring/slot.rs",
        find: "if bytes[END_AT] != END || u32_at(bytes, CHECKSUM_AT) != checksum(place, slot, bytes) {",
        replace: "if bytes[END_AT] != END {",
    },
    FuzzPlant {
        target: "fuzz_proxy",
        bug: "a peer that is not trusted is believed",
        file: "engine/src/proxies.rs",
        find: "if !self.contains(client.ip()) {",
        replace: "if !self.contains(client.ip()) && client.port() != 9 {",
    },
    FuzzPlant {
        target: "fuzz_session",
        bug: "places in flight are never full",
        file: "engine/src/session/requests.rs",
        find: "if self.requests_in_flight >= self.limits.commands_in_flight_max {",
        replace: "if self.requests_in_flight > self.limits.commands_in_flight_max {",
    },
    FuzzPlant {
        target: "fuzz_stream",
        bug: "a frame one byte too long is taken",
        file: "transports/adapters/src/framing.rs",
        find: ".filter(|length| *length <= self.bytes_max)",
        replace: ".filter(|length| *length <= self.bytes_max + 1)",
    },
    FuzzPlant {
        target: "fuzz_token",
        bug: "a token is taken for a minute after its end",
        file: "engine/src/token/claims.rs",
        find: "if now >= expires {",
        replace: "if now >= expires.plus(60_000) {",
    },
    FuzzPlant {
        target: "fuzz_verifier",
        bug: "the chain of a group is not held to the one that is stored",
        file: "verifier/src/continuity.rs",
        find: "if self.chain == *stored { Ok(()) } else { Err(What::Chain) }",
        replace: "if self.chain == *stored || *stored != [0; 32] { Ok(()) } else { Err(What::Chain) }",
    },
];

/// Seconds that a target has to find its bug.
const SECONDS: u64 = 60;

/// Plants every bug in a copy of what git knows, and fails when a target does not find its own in time.
///
/// # Errors
///
/// The copy cannot be made or built, a text is not there, or a bug was not found.
pub fn find_plants(workspace: &Workspace, targets: &[String]) -> Result<(), Failure> {
    let copy = workspace.target_directory.join("fuzz-plants");
    copy_repository(&workspace.root, &copy)?;
    let chosen = |plant: &&FuzzPlant| targets.is_empty() || targets.iter().any(|name| name == plant.target);
    let plants: Vec<&FuzzPlant> = FUZZ_PLANTS.iter().filter(chosen).collect();
    for plant in &plants {
        plant.apply(&copy)?;
    }
    let planted = Workspace { root: copy.clone(), target_directory: copy.join("target"), members: Vec::new() };
    let names: Vec<String> = plants.iter().map(|plant| plant.target.to_owned()).collect();
    let campaign = Campaign { workspace: &planted, targets: &names, seconds: SECONDS };
    campaign.build(&names)?;
    let found = |plant: &&&FuzzPlant| campaign.fuzz(plant.target).is_err();
    let missed: Vec<&&FuzzPlant> = plants.iter().filter(|plant| !found(plant)).collect();
    for plant in &plants {
        let verdict = if missed.contains(&plant) { "NOT FOUND" } else { "found" };
        report::say(&format!("{verdict:<10} {:<16} {}", plant.target, plant.bug));
    }
    match missed.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(Failure::new(format!("{} does not find: {}", first.target, first.bug))),
    }
}

impl FuzzPlant {
    fn apply(&self, root: &Path) -> Result<(), Failure> {
        let path = root.join(self.file);
        let text = read(&path)?;
        if text.matches(self.find).count() != 1 {
            return Err(Failure::new(format!("{} does not hold once: {}", self.file, self.find)));
        }
        write(&path, &text.replace(self.find, self.replace))
    }
}

/// Brings the copy up to date. What is the same is left, so that cargo builds what changed.
fn copy_repository(from: &Path, to: &Path) -> Result<(), Failure> {
    let listed = Child::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).read(from)?;
    for file in listed.lines().map(PathBuf::from) {
        let (source, copy) = (from.join(&file), to.join(&file));
        let Ok(wanted) = std::fs::read(&source) else { continue };
        if std::fs::read(&copy).is_ok_and(|there| there == wanted) {
            continue;
        }
        let folder = copy.parent().unwrap_or(to);
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&copy, wanted));
        written.map_err(|error| Failure::new(format!("cannot write {}: {error}", copy.display())))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}
