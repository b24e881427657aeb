//! Lines against the published schema, by a validator of the keywords that it uses.

mod lines;
mod samples;
mod schema;
