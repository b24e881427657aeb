//! The program itself, on the committed log of format 1: what it prints, and its exit codes.

#![expect(clippy::unwrap_used, reason = "tests may, and clippy does not know what they call")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/format-1")
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings-verify")).args(arguments).output().unwrap()
}

#[track_caller]
fn check(output: &Output, code: i32, said: &str) {
    let text = String::from_utf8_lossy(if code == 0 { &output.stdout } else { &output.stderr });
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(said), "{text}");
}

/// A copy of the golden log, to be damaged.
fn copy(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).unwrap();
    for entry in std::fs::read_dir(golden()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), directory.join(entry.file_name())).unwrap();
    }
    directory
}

#[test]
fn a_sound_log_is_summed_up_in_one_line() {
    let output = run(&[golden().to_str().unwrap()]);
    check(&output, 0, " segments are sound: log ");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
}

#[test]
fn every_event_is_printed_as_the_golden_lines_have_it() {
    let output = run(&["--events", golden().to_str().unwrap()]);
    let lines = std::fs::read_to_string(golden().with_extension("ndjson")).unwrap();
    check(&output, 0, &lines);
}

#[test]
fn damage_is_named_with_its_place_and_exit_code_3() {
    let directory = copy("damaged");
    let name = "00000001-00000000000000000001.seg";
    let mut bytes = std::fs::read(directory.join(name)).unwrap();
    bytes[4096 + 200] ^= 1;
    std::fs::write(directory.join(name), bytes).unwrap();
    check(&run(&[directory.to_str().unwrap()]), 3, &format!("segment {name}, offset "));
}

#[test]
fn what_cannot_be_read_is_1_and_a_wrong_command_line_2() {
    check(&run(&["no-such-directory"]), 1, "cannot be read");
    check(&run(&[]), 2, "usage: ");
    check(&run(&[golden().to_str().unwrap(), "--checkpoint", "x"]), 2, "without the key");
    check(&run(&["--help"]), 0, "usage: ");
}

/// A checkpoint proves nothing by being there: one that the key did not sign is a finding, not a usage error.
#[test]
fn a_checkpoint_that_is_not_signed_is_exit_code_3() {
    let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let file = copy("unsigned").join("x.checkpoint");
    std::fs::write(&file, "tidings/00\n1\nAAAA\n\n— PeterNeumann AAAA\n").unwrap();
    let arguments =
        [golden().to_str().unwrap(), "--key", key, "--checkpoint", file.to_str().unwrap()].map(String::from);
    check(&run(&arguments.each_ref().map(String::as_str)), 3, "x.checkpoint");
}
