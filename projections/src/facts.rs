use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use tidings_engine::event::{Audience, Published};

/// Facts of which nobody holds a copy any more are looked for when there are this many more than last time: 1,024.
const GROWN_BY: usize = 1_024;

/// One copy of facts that many notifications have alike: severity, category, tags and the rest, but not whom it was for.
///
/// An application publishes with few combinations of them, so an item holds a pointer instead of its own 250 bytes.
#[derive(Debug, Default)]
pub(crate) struct FactsOnce {
    known: HashMap<u64, Arc<Published>>,
    bytes: usize,
    count_after_sweep: usize,
}

impl FactsOnce {
    /// The one copy of these facts. Its audience stands as [`Audience::Tenant`], whoever it was for.
    pub(crate) fn of(&mut self, published: &Published) -> Arc<Published> {
        let key = hash(published);
        if let Some(known) = self.known.get(&key) {
            if is_same(known, published) {
                return Arc::clone(known);
            }
            // Another's hash, which costs a copy and nothing else.
            return Arc::new(without_audience(published));
        }
        if self.known.len() >= 2 * self.count_after_sweep + GROWN_BY {
            self.sweep();
        }
        let facts = Arc::new(without_audience(published));
        self.bytes += facts_bytes(&facts);
        self.known.insert(key, Arc::clone(&facts));
        facts
    }

    /// Bytes of all copies, as good as they can be told.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn sweep(&mut self) {
        self.known.retain(|_, facts| Arc::strong_count(facts) > 1);
        self.known.shrink_to_fit();
        self.count_after_sweep = self.known.len();
        self.bytes = self.known.values().map(|facts| facts_bytes(facts)).sum();
    }
}

fn facts_bytes(facts: &Published) -> usize {
    let label = |label: &String| size_of::<String>() + label.capacity();
    let texts = facts.tags.iter().chain(&facts.category).chain(&facts.workflow).map(label).sum::<usize>();
    size_of::<Published>() + texts + 4 * size_of::<usize>()
}

fn without_audience(published: &Published) -> Published {
    Published {
        audience: Audience::Tenant,
        severity: published.severity,
        category: published.category.clone(),
        tags: published.tags.clone(),
        workflow: published.workflow.clone(),
        expires: published.expires,
        group: published.group,
    }
}

fn is_same(known: &Published, other: &Published) -> bool {
    known.severity == other.severity
        && known.category == other.category
        && known.tags == other.tags
        && known.workflow == other.workflow
        && known.expires == other.expires
        && known.group == other.group
}

fn hash(published: &Published) -> u64 {
    let mut hasher = DefaultHasher::new();
    let Published { audience: _, severity, category, tags, workflow, expires, group } = published;
    (severity, category, tags, workflow, expires, group).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::{FactsOnce, GROWN_BY};
    use std::sync::Arc;
    use tidings_engine::event::{Audience, Published};
    use tidings_engine::ids::StreamId;
    use tidings_wire::Severity;

    fn published(workflow: &str) -> Published {
        Published {
            audience: Audience::People(vec![StreamId([7; 16])]),
            severity: Severity::Low,
            category: None,
            tags: vec!["a".to_owned()],
            workflow: Some(workflow.to_owned()),
            expires: None,
            group: None,
        }
    }

    #[test]
    fn facts_that_are_alike_are_held_once_and_those_that_nobody_holds_go() {
        let mut facts = FactsOnce::default();
        let held = facts.of(&published("held"));
        assert!(Arc::ptr_eq(&held, &facts.of(&published("held"))));
        assert_eq!(held.audience, Audience::Tenant);
        assert!(!Arc::ptr_eq(&held, &facts.of(&published("other"))));
        let after_few = facts.bytes();
        for number in 0..10 * GROWN_BY {
            facts.of(&published(&number.to_string()));
        }
        assert!(facts.bytes() < after_few + GROWN_BY * 400, "{} bytes", facts.bytes());
        assert!(Arc::ptr_eq(&held, &facts.of(&published("held"))));
    }
}
