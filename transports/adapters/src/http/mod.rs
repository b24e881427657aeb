//! The HTTP surface: routes that parse, ask and render. What is allowed is decided behind [`Api`].
//!
//! [`ROUTES`] is the one table that the router, the OpenAPI document and the tests of isolation are made from.

mod access;
mod api;
mod assets;
mod auditing;
mod body;
mod calling;
mod connecting;
mod consents;
mod cors;
mod erasing;
mod eventing;
mod marking;
mod openapi;
mod openapi_access;
mod openapi_audit;
mod operation;
mod page_query;
mod probing;
mod problem;
mod publish_shape;
mod publishing;
mod query;
mod rate_headers;
mod reading;
mod router;
mod routes;
mod schemas;
mod security_headers;
mod settings;
mod surround;

pub use api::{
    AccessQuestion, Api, AuditAnswer, AuditParts, AuditQuestion, Authenticated, Caller, Foreign, ListOf, Question,
    Reached, Reading, Work,
};
pub use assets::Assets;
pub use openapi::openapi;
pub use router::router;
pub use routes::{Access, BulkMarking, Operation, Payload, ROUTES, Route, Verb};
