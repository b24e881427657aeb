use super::State;
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::{BTreeMap, BTreeSet};

impl State {
    /// A hash over everything `decide` can see, in one order: two states with one digest decide alike.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Context::new(&SHA256);
        let mut add = |text: String| {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        add(format!("{} {}", self.position.0, self.time.0));
        add(format!("{:?}", self.tenant_ids.iter().collect::<BTreeMap<_, _>>()));
        add(format!("{:?}", self.tenants));
        add(format!("{:?}", self.revisions.iter().collect::<BTreeMap<_, _>>()));
        add(format!("{:?}", self.subjects.iter().collect::<BTreeMap<_, _>>()));
        add(format!("{:?}", self.inboxes.iter().collect::<BTreeMap<_, _>>()));
        add(format!("{:?}", self.answers.sorted()));
        add(format!("{:?} {:?} {}", self.erased, self.checkpoint_key, self.key_max));
        hash.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }
}

impl super::Idempotency {
    fn sorted(&self) -> BTreeSet<String> {
        let all = self.tenants.iter().flat_map(|(tenant, keys)| keys.known.iter().map(move |known| (tenant, known)));
        all.map(|one| format!("{one:?}")).collect()
    }
}
