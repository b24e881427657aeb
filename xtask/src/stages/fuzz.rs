//! Fuzzing on the stable compiler: each target for a while, from the committed corpus.

use std::path::{Path, PathBuf};

use crate::child::{Child, Failure};
use crate::instrument;
use crate::report;
use crate::workspace::Workspace;

use super::{Context, Stage};

/// Every fuzz target for some seconds.
pub(super) const STAGE: Stage = Stage {
    name: "fuzz",
    about: "every fuzz target for a while (fuzz/targets); plain cargo test replays the corpora",
    needs: &["install"],
    plain: false,
    run,
};

/// Longest input that is tried, in bytes: a frame may have 64 KiB, but small inputs find more in the same time.
const INPUT_BYTES_MAX: u32 = 4096;

/// Longest time for one input, in seconds by the wall clock, before it counts as a hang: a machine that is busy with other
/// things has been seen to keep a target from running for ten.
const INPUT_SECONDS_MAX: u32 = 60;

/// Most memory a target may use, in MiB.
const MEMORY_MIB_MAX: u32 = 2048;

/// What to fuzz and how long.
#[derive(Debug)]
pub struct Campaign<'a> {
    /// The repository.
    pub workspace: &'a Workspace,
    /// The targets; all when empty.
    pub targets: &'a [String],
    /// Seconds for each.
    pub seconds: u64,
}

fn run(context: &Context) -> Result<(), Failure> {
    let campaign = Campaign { workspace: &context.workspace, targets: &[], seconds: context.fuzz_seconds };
    campaign.run()
}

impl Campaign<'_> {
    /// Builds the targets and fuzzes one after the other.
    ///
    /// # Errors
    ///
    /// At the first target that fails; the failure says how to replay the input.
    pub fn run(&self) -> Result<(), Failure> {
        let names = self.names()?;
        self.build(&names)?;
        names.iter().try_for_each(|name| self.fuzz(name))
    }

    /// Builds one target and runs it on one input.
    ///
    /// # Errors
    ///
    /// When the target does not exist or fails on the input.
    pub fn replay(&self, input: &Path) -> Result<(), Failure> {
        let names = self.names()?;
        self.build(&names)?;
        let input = input.display().to_string();
        names.iter().try_for_each(|name| self.program(name).arg(input.as_str()).run(&self.workspace.root))
    }

    fn names(&self) -> Result<Vec<String>, Failure> {
        let known: Vec<String> = self.workspace.fuzz_targets()?.iter().map(|target| target.name.clone()).collect();
        if let Some(unknown) = self.targets.iter().find(|name| !known.contains(name)) {
            let message = format!("there is no fuzz target {unknown:?}; the targets are {}", known.join(", "));
            return Err(Failure::new(message));
        }
        let chosen = if self.targets.is_empty() { known } else { self.targets.to_vec() };
        if chosen.is_empty() { Err(Failure::new("fuzz/Cargo.toml lists no target")) } else { Ok(chosen) }
    }

    pub(super) fn build(&self, names: &[String]) -> Result<(), Failure> {
        let wrapper = std::env::current_exe().map_err(|error| Failure::new(format!("where is xtask? {error}")))?;
        let bins = names.iter().flat_map(|name| ["--bin", name.as_str()]);
        // With --workspace the dependencies have the features that the tests built them with.
        let build = Child::cargo("build").args(["--workspace", "--locked"]).args(bins);
        build
            .env(instrument::VARIABLE, "1")
            .env("RUSTC_WORKSPACE_WRAPPER", wrapper.display().to_string())
            .env("CARGO_INCREMENTAL", "0")
            .run(&self.workspace.root)
    }

    pub(super) fn fuzz(&self, name: &str) -> Result<(), Failure> {
        let committed = format!("fuzz/corpus/{}", directory_of(name));
        let found = self.workspace.target_directory.join("fuzz-corpus").join(name);
        let artifacts = PathBuf::from("fuzz/artifacts").join(name);
        for directory in [&found, &self.workspace.root.join(&committed), &self.workspace.root.join(&artifacts)] {
            std::fs::create_dir_all(directory)
                .map_err(|error| Failure::new(format!("cannot create {}: {error}", directory.display())))?;
        }
        report::say(&format!("--- {name} for {} s", self.seconds));
        let found = found.display().to_string();
        let fuzz = self
            .program(name)
            .arg(format!("-max_total_time={}", self.seconds))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(["-print_final_stats=1", "-verbosity=0"])
            .args([found.as_str(), committed.as_str()]);
        fuzz.run(&self.workspace.root).map_err(|failure| Failure {
            message: format!("{name} found an input that fails; {}", failure.message),
            repeat: Some(format!("cargo xtask fuzz {name} --input {}/FILE", artifacts.display())),
        })
    }

    fn program(&self, name: &str) -> Child {
        let program = self.workspace.target_directory.join("debug").join(name);
        Child::new(&program.display().to_string())
            .arg(format!("-max_len={INPUT_BYTES_MAX}"))
            .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
            .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
    }
}

/// `fuzz_frame` keeps its corpus in `frame`.
fn directory_of(name: &str) -> &str {
    name.trim_start_matches("fuzz_")
}
