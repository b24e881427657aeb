//! File names that say what is inside.

use crate::expect_none;
use crate::sources::paths;

/// Names that fit any content, and so tell nothing.
const EMPTY_NAMES: [&str; 10] =
    ["util", "utils", "helper", "helpers", "common", "misc", "types", "shared", "lib_utils", "stuff"];

#[test]
fn no_file_has_a_name_that_fits_anything() {
    expect_none(&paths().iter().filter_map(|path| empty_name(path)).collect::<Vec<_>>());
}

#[test]
fn no_file_of_a_run_or_a_machine_is_kept() {
    let kept =
        |path: &&String| [".log", ".orig", ".rej", ".profraw", ".tmp", ".pem"].iter().any(|end| path.ends_with(end));
    expect_none(&paths().iter().filter(kept).cloned().collect::<Vec<_>>());
}

fn empty_name(path: &str) -> Option<String> {
    let mut parts = path.split('/').map(|part| part.split('.').next().unwrap_or_default());
    let found = parts.rfind(|part| EMPTY_NAMES.contains(part))?;
    Some(format!("{path}: {found:?} says nothing; name it after its idea"))
}

#[cfg(test)]
mod tests {
    use super::empty_name;

    #[test]
    fn an_empty_name_is_found_as_file_and_as_directory() {
        assert!(empty_name("engine/src/util.rs").is_some());
        assert!(empty_name("clients/web/src/helpers.test.js").is_some());
        assert!(empty_name("engine/src/common/decide.rs").is_some());
        assert_eq!(empty_name("engine/src/utilisation.rs"), None);
    }
}
