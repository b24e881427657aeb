use std::sync::Arc;
use tidings_engine::event::Content;
use tidings_engine::ids::Position;

/// Where the texts of notifications come from: the server reads them from the log through a bounded cache.
///
/// Projections hold none of them, so that a text that is erased there is erased here.
pub trait ContentSource {
    /// The content of a notification; `None` when it was erased or cannot be read, which renders as an empty text.
    fn content(&self, notification: Position) -> Option<Arc<Content>>;
}
