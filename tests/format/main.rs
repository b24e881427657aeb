//! Format 1 is what `docs/log-format.md` says: the document's own hexdump, golden files, and three readers that share no
//! code (engine, verifier, Python) agree about sound logs and about damaged ones.

mod author;
mod checkpoints;
mod damages;
mod document;
mod event_files;
mod events;
mod golden;
mod hexdump;
mod readers;
mod regenerated;
mod sealed;
