//! The HTTP surface: routes that parse, ask and render. What is allowed is decided behind [`Api`].

mod api;

pub use api::{Api, Caller, Question, Reading, Work};
