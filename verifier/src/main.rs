//! `tidings-verify`: the verifier on a command line.

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tidings_verifier::{Checkpoint, DirectorySource, Failure, Key, Verified, verify};

/// What `--help` prints.
const HELP: &str = "\
usage: tidings-verify DIR [--checkpoint FILE]... [--key VKEY]... [--events]

Verifies a log of format 1, byte by byte, by docs/log-format.md alone. DIR is the directory of the segment files, a
copy or one that nothing writes to.

  --checkpoint FILE   a signed checkpoint (C2SP) that the log must agree with; needs --key
  --key VKEY          a key whose signatures are believed, as NAME+HASH+BASE64, from outside the log; after a rotation
                      give the new one too
  --events            print every event's envelope and hashes as a line of JSON before the summary

exit codes: 0 sound, 1 unreadable, 2 usage, 3 damaged or not what was signed";

const UNREADABLE: u8 = 1;
const USAGE: u8 = 2;
const DAMAGED: u8 = 3;

/// The command line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    directory: PathBuf,
    checkpoints: Vec<PathBuf>,
    keys: Vec<Key>,
    events: bool,
}

/// An exit code and the line that explains it.
struct Refusal(u8, String);

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return end(0, HELP),
        Err(error) => return end(USAGE, &format!("{error}\n\n{HELP}")),
    };
    match run(&arguments) {
        Ok(summary) => end(0, &summary),
        Err(Refusal(code, line)) => end(code, &line),
    }
}

/// The summary of a sound log.
fn run(arguments: &Arguments) -> Result<String, Refusal> {
    let checkpoints = arguments.checkpoints.iter().map(|file| open_checkpoint(file, &arguments.keys));
    let checkpoints = checkpoints.collect::<Result<Vec<_>, _>>()?;
    let mut lines = BufWriter::new(io::stdout().lock());
    let mut trouble = None;
    let verdict = verify(&DirectorySource::new(&arguments.directory), &checkpoints, &mut |event| {
        if arguments.events && trouble.is_none() {
            trouble = writeln!(lines, "{event}").err();
        }
    });
    if let Some(error) = trouble.or_else(|| lines.flush().err()) {
        return Err(Refusal(UNREADABLE, format!("cannot print: {error}")));
    }
    let verified = verdict.map_err(|failure| match &failure {
        Failure::Damage(damage) => Refusal(DAMAGED, damage.to_string()),
        Failure::Unreadable { .. } => Refusal(UNREADABLE, failure.to_string()),
    })?;
    Ok(summary(&verified, &checkpoints))
}

fn open_checkpoint(file: &Path, keys: &[Key]) -> Result<Checkpoint, Refusal> {
    let shown = file.display();
    let text = std::fs::read(file).map_err(|error| Refusal(UNREADABLE, format!("{shown}: {error}")))?;
    let text = String::from_utf8(text).map_err(|_| Refusal(DAMAGED, format!("{shown} is not text")))?;
    Checkpoint::open(&text, keys).map_err(|error| Refusal(DAMAGED, format!("{shown} {error}")))
}

fn summary(verified: &Verified, checkpoints: &[Checkpoint]) -> String {
    let Verified { events, segments, streams, tenants, redacted, epoch, .. } = verified;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (log, chain, root) = (hex(&verified.log), hex(&verified.chain), hex(&verified.root));
    let mut line = format!(
        "{events} events in {segments} segments are sound: log {log}, epoch {epoch}, chain {chain}, root {root}, \
         {streams} streams, {tenants} tenants, {redacted} redacted"
    );
    for checkpoint in checkpoints {
        line.push_str(&format!(", checkpoint at {} holds", checkpoint.size));
    }
    line
}

/// Prints the last line where its readers look for it.
fn end(code: u8, line: &str) -> ExitCode {
    let printed = if code == 0 { writeln!(io::stdout(), "{line}") } else { writeln!(io::stderr(), "{line}") };
    if printed.is_ok() { ExitCode::from(code) } else { ExitCode::from(UNREADABLE) }
}

impl Arguments {
    /// `None`: help was asked for.
    fn parse(words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut arguments = Self::default();
        let mut directory = None;
        let mut words = words;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--events" => arguments.events = true,
                "--checkpoint" => arguments.checkpoints.push(value()?.into()),
                "--key" => arguments.keys.push(Key::parse(&value()?).map_err(|error| error.to_string())?),
                flag if flag.starts_with('-') => return Err(format!("{flag} is not known")),
                _ if directory.is_some() => return Err("there is more than one directory".into()),
                _ => directory = Some(PathBuf::from(word)),
            }
        }
        arguments.directory = directory.ok_or("no directory was given")?;
        if arguments.keys.is_empty() && !arguments.checkpoints.is_empty() {
            return Err("a checkpoint proves nothing without the key that signed it: give --key".into());
        }
        Ok(Some(arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    fn parse(words: &[&str]) -> Result<Option<Arguments>, String> {
        Arguments::parse(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn every_flag_is_read_and_help_wins() {
        let arguments = parse(&["log", "--events", "--checkpoint", "a", "--checkpoint", "b", "--key", KEY]);
        let arguments = arguments.unwrap().unwrap();
        assert_eq!(arguments.directory.to_str(), Some("log"));
        assert_eq!((arguments.checkpoints.len(), arguments.keys.len(), arguments.events), (2, 1, true));
        assert_eq!(parse(&["log", "--help"]), Ok(None));
    }

    #[test]
    fn a_wrong_command_line_is_refused() {
        for words in
            [&[][..], &["a", "b"], &["a", "--key"], &["a", "--key", "x"], &["a", "--fast"], &["a", "--checkpoint", "b"]]
        {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }
}
