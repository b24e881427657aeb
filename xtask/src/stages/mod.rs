//! The stages of `cargo xtask test`, one file each.

mod browser;
mod crash;
mod dependencies;
mod foreign;
mod fuzz;
mod fuzz_plants;
mod install;
mod plain;
mod release;
mod rust;
mod system;
mod web;

use crate::child::Failure;
use crate::workspace::Workspace;

pub use crash::prove;
pub use fuzz::Campaign;
pub use fuzz_plants::{FUZZ_PLANTS, FuzzPlant, find_plants};

/// What every stage is given.
#[derive(Debug)]
pub struct Context {
    /// The repository.
    pub workspace: Workspace,
    /// Whether the slow parts run too.
    pub long: bool,
    /// Seconds for each fuzz target.
    pub fuzz_seconds: u64,
}

/// One part of the run.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// What `--only` and the table call it.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// Stages that must have passed before it.
    pub needs: &'static [&'static str],
    /// Whether plain `cargo test` does all of it.
    pub plain: bool,
    /// Does it.
    pub run: fn(&Context) -> Result<(), Failure>,
}

/// All stages in the order in which they run: the quick verdicts first, then what builds on them.
pub fn all() -> [Stage; 14] {
    [
        install::STAGE,
        rust::FORMAT,
        rust::LINT,
        rust::DOCS,
        plain::STAGE,
        dependencies::STAGE,
        web::STAGE,
        release::STAGE,
        system::STAGE,
        foreign::STAGE,
        crash::STAGE,
        crash::CUTS,
        browser::STAGE,
        fuzz::STAGE,
    ]
}

/// The stages named in `only` with all they need, in running order; all stages when `only` is empty.
///
/// # Errors
///
/// When a name is unknown.
pub fn choose(only: &[String]) -> Result<Vec<Stage>, String> {
    let stages = all();
    let mut wanted: Vec<&str> = only.iter().map(String::as_str).collect();
    if wanted.is_empty() {
        return Ok(stages.into());
    }
    let mut next = 0;
    while let Some(name) = wanted.get(next).copied() {
        let Some(stage) = stages.iter().find(|stage| stage.name == name) else {
            let names = stages.map(|stage| stage.name).join(", ");
            return Err(format!("there is no stage {name:?}; the stages are {names}"));
        };
        wanted.extend(stage.needs.iter().filter(|need| !wanted.contains(need)).copied().collect::<Vec<_>>());
        next += 1;
    }
    Ok(stages.into_iter().filter(|stage| wanted.contains(&stage.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::{all, choose};

    #[test]
    fn a_stage_brings_what_it_needs_and_nothing_else() {
        let chosen = choose(&["browser".into()]).unwrap();
        let names: Vec<&str> = chosen.iter().map(|stage| stage.name).collect();
        assert_eq!(names, ["install", "release", "browser"]);
    }

    #[test]
    fn an_unknown_stage_is_named() {
        assert!(choose(&["browsers".into()]).unwrap_err().contains("browsers"));
    }

    #[test]
    fn every_need_names_an_earlier_stage() {
        let stages = all();
        for (index, stage) in stages.iter().enumerate() {
            for need in stage.needs {
                assert!(stages[..index].iter().any(|earlier| earlier.name == *need), "{} needs {need}", stage.name);
            }
        }
    }
}
