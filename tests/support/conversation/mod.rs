//! The one language of scripts about a session: what client, server, writer and clock do, step by step.
//!
//! A script is a `Vec<Step>`. Property tests generate it ([`steps`]), the fuzz target decodes it from bytes ([`decode`]), and
//! [`World::play`] runs it against a real session and judges every frame by a model that knows what each reader must hold
//! ([`Manner::Honest`]), or only by what must hold against anybody ([`Manner::Hostile`]).

mod bounds;
mod cast;
mod decode;
mod generate;
mod reader;
mod server;
mod step;
mod world;

pub(crate) use cast::{NOW, context, cursor, first_token, foreign_cursor, place, void_cursor};
pub use decode::decode;
pub use generate::steps;
pub use step::{From, Step, Which};
pub use world::{Manner, World};
