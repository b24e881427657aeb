use super::campaign::story;
use super::enumerate::loss_at;
use super::finding::Finding;
use super::judge::judge;
use super::record::record;
use super::subject::Setting;
use std::fmt::Write as _;

/// One crash state again, told in words: the script, the operations up to it, the loss.
///
/// # Errors
/// What is found.
pub fn replay(setting: &Setting, seed: u64, operation: usize, subset: usize) -> Result<String, Box<Finding>> {
    let recording = record(setting, seed)?;
    let mut told = setting.script.to_string();
    for (index, done) in recording.operations.iter().take(operation).enumerate() {
        let _ = writeln!(told, "  {:>4} {done}", index + 1);
    }
    let (_, promise) = recording.promise(operation);
    let _ = writeln!(told, "  acknowledged up to {}, may end at {:?}", promise.acknowledged_position(), promise.ends());
    let story = story(&recording, operation, subset);
    let _ = writeln!(told, "  {story}");
    let Some((medium, loss)) = loss_at(&recording, operation, subset) else { return Ok(told) };
    let (lie, workload) = (setting.lie, setting.script.workload);
    judge(&medium.after(&loss), promise, setting)
        .map(|()| told.clone())
        .map_err(|what| Box::new(Finding { what, seed, lie, workload, operation, subset: Some(subset), story: told }))
}
