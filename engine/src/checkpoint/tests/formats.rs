//! Notes, keys and statements, byte for byte.

use super::{LOG, at, key, verifier};
use crate::checkpoint::{
    Checkpoint, CheckpointError, KeyError, NOTE_BYTES_MAX, Note, NoteError, SIGNATURES_COUNT_MAX, SignedCheckpoint,
    SigningKey, StatementError, VerifierKey,
};
use data_encoding::BASE64;
use proptest::prelude::*;

/// The example of Go's `golang.org/x/mod/sumdb/note`: keys, text and note as they are published there.
const PETER_SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_SIGNED: &str = "If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const ENOCH_LINE: &str =
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

fn peter() -> SigningKey {
    let secret = BASE64.decode(PETER_SECRET.as_bytes()).unwrap();
    SigningKey::from_seed(secret[1..].try_into().unwrap())
}

#[test]
fn the_published_note_is_verified_by_the_published_keys() {
    let both = format!("{PETER_SIGNED}{ENOCH_LINE}");
    let note = Note::parse(both.as_bytes()).unwrap();
    assert_eq!(note.text, TEXT);
    assert_eq!(note.encode(), both.as_bytes());
    for text in [PETER, ENOCH] {
        let known = VerifierKey::parse(text).unwrap();
        assert_eq!((known.to_string().as_str(), known.verify(&note)), (text, Some(true)));
    }
    let mut other = note;
    other.text.insert(0, 'x');
    assert_eq!(VerifierKey::parse(PETER).unwrap().verify(&other), Some(false));
    assert_eq!(verifier(1).verify(&other), None);
}

#[test]
fn the_published_secret_signs_the_published_note_byte_for_byte() {
    assert_eq!(peter().verifier("PeterNeumann").unwrap().to_string(), PETER);
    assert_eq!(peter().sign("PeterNeumann", TEXT.to_owned()).unwrap().to_string(), PETER_SIGNED);
    assert_eq!(format!("{:?}", key(9)).len(), "SigningKey()".len() + 64);
}

#[test]
fn a_checkpoint_has_exactly_these_bytes_and_reads_back() {
    let signed = at(1000, 1);
    let hash = BASE64.encode(&[1; 32]);
    let chain = BASE64.encode(&[2; 32]);
    let name = "tidings/5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
    let text = format!("{name}\n1000\n{hash}\nchain {chain}\ntime 2026-01-31T09:00:00.007Z\nepoch 1\n");
    assert_eq!(signed.note().text, text);
    let bytes = signed.encode();
    assert!(bytes.starts_with(format!("{text}\n— {name} ").as_bytes()));
    let read = SignedCheckpoint::parse(&bytes).unwrap();
    assert_eq!((&read, read.encode()), (&signed, bytes));
    assert_eq!(verifier(1).verify(read.note()), Some(true));
    assert_eq!(read.checkpoint().log, LOG);
}

#[test]
fn every_changed_byte_of_a_checkpoint_is_refused_or_breaks_its_signature() {
    let bytes = at(1000, 1).encode();
    for offset in 0..bytes.len() {
        for mask in [1, 0x20, 0x80] {
            let mut changed = bytes.clone();
            changed[offset] ^= mask;
            let verdict = SignedCheckpoint::parse(&changed).map(|read| verifier(1).verify(read.note()));
            assert!(!matches!(verdict, Ok(Some(true))), "byte {offset} with {mask:#x}");
        }
        assert!(SignedCheckpoint::parse(&bytes[..offset]).is_err(), "cut at {offset}");
    }
}

#[test]
fn what_is_not_a_note_is_told_by_what_is_wrong() {
    let refused = |text: &str| Note::parse(text.as_bytes()).unwrap_err();
    let line = PETER_SIGNED.rsplit("\n\n").next().unwrap();
    assert_eq!(refused(""), NoteError::Unsigned);
    assert_eq!(refused("text\n\n"), NoteError::Unsigned);
    assert_eq!(refused("text\n"), NoteError::Unsigned);
    assert_eq!(refused(PETER_SIGNED.trim_end()), NoteError::Cut);
    assert_eq!(refused("a\tb\n\n— x eA==\n"), NoteError::Control { found: 9, offset: 1 });
    assert_eq!(Note::parse(b"a\xff\n").unwrap_err(), NoteError::NotUtf8 { offset: 1 });
    for wrong in ["x", "— x", "— x !", "— x AAAA", "— x AAAAAA==", "—  AAAAAAA=", "— a+b AAAAAAA=", "- x AAAAAAA="]
    {
        assert_eq!(refused(&format!("text\n\n{line}{wrong}\n")), NoteError::SignatureLine { number: 2 }, "{wrong}");
    }
    let signatures = |count| format!("text\n\n{}", line.repeat(count));
    assert_eq!(Note::parse(signatures(SIGNATURES_COUNT_MAX).as_bytes()).unwrap().signatures.len(), 64);
    assert_eq!(refused(&signatures(SIGNATURES_COUNT_MAX + 1)), NoteError::TooManySignatures);
    let padded = |bytes: usize| format!("{}\n\n{line}", "x".repeat(bytes - 2 - line.len()));
    assert!(Note::parse(padded(NOTE_BYTES_MAX).as_bytes()).is_ok());
    assert_eq!(refused(&padded(NOTE_BYTES_MAX + 1)), NoteError::TooLarge { bytes: NOTE_BYTES_MAX + 1 });
}

#[test]
fn a_text_may_have_empty_lines_and_the_last_one_ends_it() {
    let note = peter().sign("PeterNeumann", "a\n\n— x AAAAAAA=\n".to_owned()).unwrap();
    assert_eq!(Note::parse(&note.encode()).unwrap(), note);
    assert_eq!(peter().sign("two words", "a\n".to_owned()).unwrap_err(), KeyError::Name);
}

#[test]
fn what_is_not_a_verifier_key_is_told_by_what_is_wrong() {
    let refused = |text: &str| VerifierKey::parse(text).unwrap_err();
    for text in ["", "a", "a+b", "a+b+!", "PeterNeumann+c74f20a3+", &"x".repeat(1025)] {
        assert_eq!(refused(text), KeyError::Form, "{text}");
    }
    assert_eq!(
        refused(&PETER.replace("c74f20a3", "C74F20A3")),
        KeyError::Hash { found: "C74F20A3".to_owned(), expected: "c74f20a3".to_owned() }
    );
    assert!(matches!(refused(&PETER.replace("Peter", "Paul")), KeyError::Hash { .. }));
    assert_eq!(refused("x+00000000+Ag=="), KeyError::Algorithm { found: 2 });
    let other = BASE64.encode(&[&[2][..], &[0; 32]].concat());
    assert_eq!(refused(&format!("x+00000000+{other}")), KeyError::Algorithm { found: 2 });
    let own = BASE64.encode(&[&[1][..], &[0; 32]].concat());
    assert_eq!(refused(&format!("a b+00000000+{own}")), KeyError::Name);
}

#[test]
fn what_is_not_a_statement_is_told_by_its_line() {
    let text = at(7, 1).note().text.clone();
    let lines: Vec<&str> = text.lines().collect();
    let with = |number: usize, line: &str| {
        let mut lines = lines.clone();
        lines[number - 1] = line;
        Checkpoint::parse(&format!("{}\n", lines.join("\n")))
    };
    for origin in ["", "tidings/", "tidings/5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A", "go.sum database tree"] {
        assert_eq!(with(1, origin), Err(StatementError::Origin), "{origin}");
    }
    for size in ["", "-1", "+7", "07", "7 ", "0x7", "18446744073709551616", "١"] {
        assert_eq!(with(2, size), Err(StatementError::Size), "{size}");
    }
    assert_eq!(with(2, "18446744073709551615").unwrap().position.0, u64::MAX);
    for root in ["", "AAAA", &BASE64.encode(&[0; 33]), lines[2].trim_end_matches('=')] {
        assert_eq!(with(3, root), Err(StatementError::Root), "{root}");
    }
    let names = [(4, "chain", "AAAA"), (5, "time", "2026-01-31T09:00:00Z"), (6, "epoch", "01")];
    for (number, name, wrong) in names {
        let expected = Err(StatementError::Extension { number, name });
        assert_eq!(with(number, &format!("{name} {wrong}")), expected);
        assert_eq!(with(number, &lines[number - 1].replacen(' ', "  ", 1)), expected);
        assert_eq!(with(number, lines[number % 6]), expected);
    }
    for cut in 1..6 {
        assert!(Checkpoint::parse(&format!("{}\n", lines[..cut].join("\n"))).is_err());
    }
}

#[test]
fn lines_that_later_versions_add_are_passed_over_up_to_a_limit() {
    let text = at(7, 1).note().text.clone();
    let more = |count: usize| Checkpoint::parse(&format!("{text}{}", "tiles 1\n".repeat(count)));
    assert_eq!(more(16).unwrap(), more(0).unwrap());
    assert_eq!(more(17), Err(StatementError::MoreLines));
    assert_eq!(Checkpoint::parse(&format!("{text}\n")), Err(StatementError::MoreLines));
    let note = key(1).sign("other", format!("{text}\n")).unwrap();
    let refused = SignedCheckpoint::parse(&note.encode()).unwrap_err();
    assert_eq!(refused, CheckpointError::Statement(StatementError::MoreLines));
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "\\PC*") {
        let _ = SignedCheckpoint::parse(&bytes);
        let _ = VerifierKey::parse(&text);
        let _ = Checkpoint::parse(&text);
        if let Ok(note) = Note::parse(format!("{text}\n\n— x AAAAAAA=\n").as_bytes()) {
            prop_assert_eq!(Note::parse(&note.encode()).unwrap(), note);
        }
    }
}
