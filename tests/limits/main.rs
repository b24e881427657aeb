//! The table of limits: the document says what the code says, and every limit has tests at it and one over.

mod document;
mod proofs;
