//! `tidings log`: looks into the log of a data directory, and repairs what was looked at.

use super::fail;
use crate::config::{KEYRING_FOLDER, LOG_FOLDER};
use crate::exit::Exit;
use crate::opening;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use tidings_engine::ids::Position;
use tidings_engine::log::{
    Damage, FileStorage, Finding, Inspection, RepairError, SegmentReport, excerpt, inspect, repair,
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show segments, watermark, quarantine and damage, and what a repair would do; beside a running server, too
    Inspect(Arguments),
    /// Do what an inspection showed, and nothing else
    Repair(RepairArguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Data directory
    #[arg(long, value_name = "DIR", default_value = "./tidings-data")]
    data: PathBuf,
    /// Position known durable from elsewhere, such as the size of a checkpoint: a log that ends before it is damaged
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    known_durable: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RepairArguments {
    /// Plan that `tidings log inspect` showed
    #[arg(long, value_name = "ID")]
    plan: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Keyring of the log, which has to take it as it is after a repair; the one in --data when absent
    #[arg(long, value_name = "DIR")]
    keyring: Option<PathBuf>,
    #[command(flatten)]
    log: Arguments,
}

pub(crate) fn run(command: &Command) -> Exit {
    let (Command::Inspect(arguments) | Command::Repair(RepairArguments { log: arguments, .. })) = command;
    let folder = arguments.data.join(LOG_FOLDER);
    let storage = match FileStorage::existing(&folder) {
        Ok(storage) => storage,
        Err(error) => return fail(Exit::Failed, &format!("log {}: {error}", folder.display())),
    };
    let found = match inspect(&storage, Position(arguments.known_durable)) {
        Ok(found) => found,
        Err(error) => return fail(Exit::Failed, &error),
    };
    match command {
        Command::Inspect(_) => show(&storage, &found),
        Command::Repair(arguments) => mend(&storage, arguments, &found),
    }
}

fn show(storage: &FileStorage, found: &Inspection) -> Exit {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = describe(&mut text, storage, found);
    // A reader that has seen enough, such as `head`, is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if matches!(found.finding, Finding::Damaged(_)) { Exit::Damage } else { Exit::Done }
}

fn describe(text: &mut String, storage: &FileStorage, found: &Inspection) -> std::fmt::Result {
    let id = found.log.map_or_else(|| "unknown".to_owned(), |log| log.to_string());
    let (last, chain) = found.head;
    writeln!(text, "log        {id}, epoch {}", found.epoch)?;
    writeln!(text, "events     {last}, chain {chain}")?;
    writeln!(text, "writer     {}", if found.is_locked { "a server has it open" } else { "none" })?;
    match found.watermark {
        Some(mark) => writeln!(text, "watermark  position {}, chain {}", mark.position, mark.chain)?,
        None => writeln!(text, "watermark  none")?,
    }
    for segment in &found.segments {
        describe_segment(text, segment)?;
    }
    for (file, bytes) in &found.quarantine {
        writeln!(text, "quarantine {file}, {bytes} bytes")?;
    }
    match &found.finding {
        Finding::Absent => writeln!(text, "found      no log"),
        Finding::Sound => writeln!(text, "found      nothing wrong"),
        Finding::Torn(tail) if found.is_locked => {
            writeln!(text, "found      a group being written, position {}", tail.position)
        }
        Finding::Torn(tail) => writeln!(text, "found      {tail}; the next start saves them"),
        Finding::Damaged(damage) => describe_damage(text, storage, found, damage),
    }
}

fn describe_segment(text: &mut String, segment: &SegmentReport) -> std::fmt::Result {
    let SegmentReport { name, file_bytes, groups, events, redacted, used_bytes, last, .. } = segment;
    let Some(header) = segment.header else {
        return writeln!(text, "segment    {name}, {file_bytes} bytes, header unreadable");
    };
    write!(text, "segment    {name}, positions {} to {last}, {groups} groups, {events} events", header.first)?;
    write!(text, ", {used_bytes} of {file_bytes} bytes, epoch {}", header.epoch)?;
    if let Some((first, last)) = segment.terms {
        write!(text, ", terms {first} to {last}")?;
    }
    if header.redactions > 0 {
        write!(text, ", redacted {} times, {redacted} contents", header.redactions)?;
    }
    writeln!(text)
}

fn describe_damage(text: &mut String, storage: &FileStorage, found: &Inspection, damage: &Damage) -> std::fmt::Result {
    writeln!(text, "found      damage: {damage}")?;
    if let Ok((start, bytes)) = excerpt(storage, damage) {
        hexdump(text, start, &bytes)?;
    }
    match &found.plan {
        None => {
            writeln!(text, "repair     none is possible: restore a backup, or copy the files to a sound disk first")
        }
        Some(plan) => {
            for line in plan.to_string().lines() {
                writeln!(text, "repair     {line}")?;
            }
            writeln!(text, "plan       {}: tidings log repair --plan {}", plan.id, plan.id)
        }
    }
}

fn hexdump(text: &mut String, start: u64, bytes: &[u8]) -> std::fmt::Result {
    for (line, chunk) in bytes.chunks(16).enumerate() {
        let hex: Vec<_> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' };
        let letters: String = chunk.iter().map(shown).collect();
        writeln!(text, "  {:>10}  {:<47}  {letters}", start + line as u64 * 16, hex.join(" "))?;
    }
    Ok(())
}

fn mend(storage: &FileStorage, arguments: &RepairArguments, found: &Inspection) -> Exit {
    let Some(plan) = found.plan.as_ref().filter(|plan| plan.id == arguments.plan) else {
        let now = found.plan.as_ref().map(|plan| plan.id.clone());
        return fail(Exit::Failed, &RepairError::Changed { now });
    };
    println!("{}\n{plan}", plan.damage);
    if !arguments.yes && !is_wanted() {
        return fail(Exit::Usage, &"nothing was done; add --yes to do it");
    }
    let known_durable = Position(arguments.log.known_durable);
    if let Err(error) = repair(storage, &arguments.plan, known_durable) {
        return fail(Exit::Failed, &error);
    }
    println!("done");
    match inspect(storage, known_durable) {
        Ok(after) => match after.finding {
            Finding::Damaged(damage) => fail(Exit::Damage, &format!("there is more: {damage}; inspect it again")),
            Finding::Absent | Finding::Sound | Finding::Torn(_) => accept(arguments),
        },
        Err(error) => fail(Exit::Failed, &error),
    }
}

/// What was given up is given up on purpose: the keyring, which may know of it, has to take the log as it is now.
fn accept(arguments: &RepairArguments) -> Exit {
    let data = &arguments.log.data;
    let keyring = arguments.keyring.clone().unwrap_or_else(|| data.join(KEYRING_FOLDER));
    match opening::accept_log(&data.join(LOG_FOLDER), &keyring) {
        Ok(_) => Exit::Done,
        Err(error) => fail(error.exit(), &format!("the log is repaired, and its keyring does not take it: {error}")),
    }
}

/// Asks whoever sits at the terminal. Nobody there is a no.
fn is_wanted() -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    print!("do it? [yes/no] ");
    let _ = std::io::stdout().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}
