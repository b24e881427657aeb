//! Child processes: started with our standard streams, waited for, and shown as a line that a shell takes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a stage failed, and how to see it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was found, for a person.
    pub message: String,
    /// A shell line that repeats the failing part alone.
    pub repeat: Option<String>,
}

impl Failure {
    /// A failure that no single command repeats.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), repeat: None }
    }
}

/// One child process to run.
#[derive(Debug, Clone)]
pub struct Child {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    directory: Option<PathBuf>,
}

impl Child {
    /// A process of `program`, found on the search path.
    pub fn new(program: &str) -> Self {
        Self { program: program.into(), arguments: Vec::new(), environment: Vec::new(), directory: None }
    }

    /// The cargo that started us.
    pub fn cargo(subcommand: &str) -> Self {
        Self::new("cargo").arg(subcommand)
    }

    /// Adds one argument.
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable for the child alone.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Runs in `directory`, relative to the root of the repository, instead of the root.
    pub fn in_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Runs the child to its end with our standard streams.
    ///
    /// # Errors
    ///
    /// When it cannot be started or ends with anything but success; the failure says how to repeat it.
    pub fn run(&self, root: &Path) -> Result<(), Failure> {
        let status = self.command(root).status().map_err(|error| self.failure(&error.to_string()))?;
        if status.success() { Ok(()) } else { Err(self.failure(&status.to_string())) }
    }

    /// Runs the child and returns what it wrote to standard output.
    ///
    /// # Errors
    ///
    /// As [`Child::run`]; standard error is part of the message.
    pub fn read(&self, root: &Path) -> Result<String, Failure> {
        let output = self.command(root).output().map_err(|error| self.failure(&error.to_string()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(self.failure(&format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr))))
    }

    fn command(&self, root: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(match &self.directory {
            Some(directory) => root.join(directory),
            None => root.to_path_buf(),
        });
        // `cargo run` describes this package to us; to a nested cargo that would be a lie.
        for (name, _) in std::env::vars() {
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn failure(&self, what: &str) -> Failure {
        Failure { message: format!("`{}`: {what}", self.program), repeat: Some(self.to_string()) }
    }
}

impl fmt::Display for Child {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(directory) = &self.directory {
            write!(formatter, "cd {} && ", quoted(&directory.to_string_lossy()))?;
        }
        for (name, value) in &self.environment {
            write!(formatter, "{name}={} ", quoted(value))?;
        }
        write!(formatter, "{}", self.program)?;
        for argument in &self.arguments {
            write!(formatter, " {}", quoted(argument))?;
        }
        Ok(())
    }
}

/// `text` as one word of a shell line.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.into() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Child;

    #[test]
    fn a_child_is_shown_as_a_line_that_a_shell_takes() {
        let child = Child::cargo("doc").arg("it's here").env("RUSTDOCFLAGS", "-D warnings").in_directory("tests");
        assert_eq!(child.to_string(), r"cd tests && RUSTDOCFLAGS='-D warnings' cargo doc 'it'\''s here'");
    }

    #[test]
    fn a_child_that_fails_or_is_absent_says_how_to_repeat_it() {
        let failed = Child::new("false").run(Path::new(".")).unwrap_err();
        assert_eq!(failed.repeat.as_deref(), Some("false"));
        let absent = Child::new("no-such-program").arg("x").run(Path::new(".")).unwrap_err();
        assert_eq!(absent.repeat.as_deref(), Some("no-such-program x"));
        assert_eq!(Child::new("true").run(Path::new(".")), Ok(()));
    }
}
