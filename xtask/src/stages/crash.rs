//! The proofs on the simulated disk: power cuts, faults, flipped bits, and that each planted bug is found.

use crate::child::{Child, Failure};
use crate::report;
use crate::workspace;

use super::{Context, Stage};

/// All proofs.
pub(super) const STAGE: Stage = Stage {
    name: "crash",
    about: "100,000 crash states, faults and flipped bits on the simulated disk, and every planted bug is found",
    needs: &["install", "release"],
    plain: false,
    run,
};

/// Cuts in virtual time. Needs no release of the server, but the proofs optimised.
pub(super) const CUTS: Stage = Stage {
    name: "cuts",
    about: "10,000 cuts in virtual time with changes of carrier and restarts, and every planted bug is found",
    needs: &["install", "release"],
    plain: false,
    run: |context| proofs(&["cuts"]).run(&context.workspace.root),
};

/// Distinct crash states of a long run.
const STATES_COUNT_LONG: &str = "1000000";

fn run(context: &Context) -> Result<(), Failure> {
    let crash: &[&str] = if context.long { &["crash", "--states", STATES_COUNT_LONG] } else { &["crash"] };
    for proof in [crash, &["plants"], &["faults"], &["flips"]] {
        report::say(&format!("--- {}", proof.join(" ")));
        proofs(proof).run(&context.workspace.root)?;
    }
    Ok(())
}

/// Runs one proof with what follows it on the command line.
///
/// # Errors
///
/// When a promise is broken.
pub fn prove(words: Vec<String>) -> Result<(), Failure> {
    proofs(&words).run(&workspace::root()?)
}

/// Optimised: a hundred thousand starts of an engine.
fn proofs<S: AsRef<str>>(words: &[S]) -> Child {
    let words = words.iter().map(|word| word.as_ref().to_owned());
    Child::cargo("run").args(["--quiet", "--release", "--locked", "-p", "testkit", "--bin", "proofs", "--"]).args(words)
}
