//! One table of tokens, each with its verdict, for the engine alone and for every carrier of the server.

mod signers;
mod table;

pub use signers::{Kid, Signers};
pub use table::{Case, Refusal, Verdict, cases};
