//! Annotated hexdumps: made from the bytes of a log, and read back from the document.

use std::fmt::Write as _;

use testkit::verdicts::Files;
use tidings_engine::log::SEGMENT_HEADER_BYTES;
use tidings_engine::log::group;

/// Bytes in one row.
const ROW_BYTES: usize = 16;

/// Names and lengths of consecutive fields.
pub(crate) type Fields = &'static [(usize, &'static str)];

/// The fields of one record's facts, and of its content as it is stored.
pub(crate) struct Parts {
    /// Of the facts.
    pub(crate) facts: Fields,
    /// Of the content.
    pub(crate) content: Fields,
}

const SEGMENT: Fields = &[
    (8, "magic"),
    (4, "format 1"),
    (4, "number of the segment"),
    (16, "log id"),
    (8, "epoch"),
    (8, "salt"),
    (8, "first position"),
    (8, "bytes of the file"),
    (32, "chain before the first position"),
    (4, "redactions"),
];

const GROUP: Fields = &[
    (4, "GROUP magic"),
    (4, "payload bytes"),
    (4, "count"),
    (8, "first position"),
    (8, "term"),
    (8, "durable through"),
    (8, "salt"),
    (4, "CRC of the 44 bytes before"),
];

const RECORD: Fields = &[
    (8, "RECORD position"),
    (4, "tenant"),
    (8, "tenant sequence"),
    (16, "stream"),
    (8, "revision"),
    (2, "event type"),
    (2, "event version"),
    (16, "command hash"),
    (2, "command index"),
    (8, "time"),
    (4, "key id"),
    (2, "flags"),
    (4, "facts bytes"),
    (4, "content bytes"),
    (4, "CRC of facts and content"),
    (4, "CRC of the 92 bytes before"),
];

const TRAILER: Fields = &[(32, "chain after the last record"), (4, "CRC of all since the group's header")];

/// The hexdump of the segments, whose records have these parts, in order.
pub(crate) fn dump(files: &Files, parts: &[Parts]) -> String {
    let mut parts = parts.iter();
    let mut text = String::new();
    for (name, bytes) in files {
        writeln!(text, "file {name} of {} bytes", bytes.len()).unwrap();
        let mut rows = Rows { bytes, at: 0, text: &mut text };
        rows.fields(SEGMENT);
        rows.at = SEGMENT_HEADER_BYTES - 4;
        rows.fields(&[(4, "CRC of the 4,092 bytes before")]);
        while let Ok(found) = group::decode(&bytes[rows.at..]) {
            rows.fields(GROUP);
            for _ in &found.records {
                rows.fields(&[(4, "end of a record")]);
            }
            for _ in &found.records {
                let Parts { facts, content } = parts.next().expect("every record's parts are described");
                [RECORD, facts, content].into_iter().for_each(|fields| rows.fields(fields));
            }
            rows.fields(TRAILER);
        }
    }
    text
}

struct Rows<'a> {
    bytes: &'a [u8],
    at: usize,
    text: &'a mut String,
}

impl Rows<'_> {
    fn fields(&mut self, fields: &[(usize, &str)]) {
        for (length, note) in fields {
            for (index, row) in self.bytes[self.at..self.at + length].chunks(ROW_BYTES).enumerate() {
                let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
                let at = self.at + index * ROW_BYTES;
                let line = format!("{at:04x}  {:<48} {}", hex.join(" "), if index == 0 { note } else { "" });
                writeln!(self.text, "{}", line.trim_end()).unwrap();
            }
            self.at += length;
        }
    }
}

/// The files in a hexdump. Bytes that no row shows are zero.
pub(crate) fn read(text: &str) -> Files {
    let mut files = Files::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(file) = line.strip_prefix("file ") {
            let (file, bytes) = file.strip_suffix(" bytes").unwrap().split_once(" of ").unwrap();
            file.clone_into(&mut name);
            files.insert(name.clone(), vec![0; bytes.parse().unwrap()]);
            continue;
        }
        let (at, rest) = line.split_once("  ").unwrap();
        let at = usize::from_str_radix(at, 16).unwrap();
        let shown = rest.get(..48).unwrap_or(rest);
        for (index, byte) in shown.split_whitespace().enumerate() {
            files.get_mut(&name).unwrap()[at + index] = u8::from_str_radix(byte, 16).unwrap();
        }
    }
    files
}
