//! Secrets of a data directory: files of its own that only their owner may read, made once.

use crate::entropy;
use data_encoding::HEXLOWER_PERMISSIVE;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Bytes of each secret: 32.
pub const SECRET_BYTES: usize = 32;

/// The secret that item ids, cursors and stream names of a log are made with. Losing it makes every id and cursor void.
const LOG_SECRET: &str = "log.secret";
/// The key that wraps the keys in the keyring. Losing it, or the keyring, makes all content unreadable for ever.
const KEYRING_KEY: &str = "keyring.key";
/// The key that `--dev` signs and accepts tokens with.
const DEV_KEY: &str = "dev.key";

/// A secret that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be read or written.
    #[error("secret {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its file holds something else.
    #[error("secret {path} is not 64 hexadecimal characters")]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
}

/// Reads the log's secret, making it when there is none.
///
/// # Errors
/// [`SecretError`]; a file that is there is never overwritten.
pub fn log_secret(data: &Path) -> Result<[u8; SECRET_BYTES], SecretError> {
    read_or_make(&data.join(LOG_SECRET))
}

/// Reads the key that wraps the keyring's keys, making it when there is none. It stands beside the keyring, whose folder
/// is `keyring`, and not in it.
///
/// # Errors
/// [`SecretError`]; a file that is there is never overwritten.
pub fn keyring_key(keyring: &Path) -> Result<[u8; SECRET_BYTES], SecretError> {
    read_or_make(&keyring.with_file_name(KEYRING_KEY))
}

/// Reads the log's secret where there is one.
///
/// # Errors
/// [`SecretError`]; nothing is made.
pub fn existing_log_secret(data: &Path) -> Result<[u8; SECRET_BYTES], SecretError> {
    existing(data.join(LOG_SECRET))
}

/// Reads the key that wraps the keyring's keys where there is one.
///
/// # Errors
/// [`SecretError`]; nothing is made.
pub fn existing_keyring_key(keyring: &Path) -> Result<[u8; SECRET_BYTES], SecretError> {
    existing(keyring.with_file_name(KEYRING_KEY))
}

fn existing(path: PathBuf) -> Result<[u8; SECRET_BYTES], SecretError> {
    match fs::metadata(&path) {
        Ok(_) => read_or_make(&path),
        Err(source) => Err(SecretError::File { path, source }),
    }
}

/// Reads the development key, making it when there is none.
///
/// # Errors
/// [`SecretError`]; a file that is there is never overwritten.
pub fn dev_key(data: &Path) -> Result<[u8; SECRET_BYTES], SecretError> {
    read_or_make(&data.join(DEV_KEY))
}

/// Reads a secret of its own file, making it when there is none.
pub(crate) fn read_or_make(path: &Path) -> Result<[u8; SECRET_BYTES], SecretError> {
    match read(path)? {
        Some(secret) => Ok(secret),
        None => make(path).map_err(|source| SecretError::File { path: path.to_owned(), source }),
    }
}

/// Reads a secret of its own file; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<[u8; SECRET_BYTES]>, SecretError> {
    match fs::read(path) {
        Ok(text) => {
            let malformed = || SecretError::Malformed { path: path.to_owned() };
            let bytes = HEXLOWER_PERMISSIVE.decode(text.trim_ascii()).map_err(|_| malformed())?;
            Ok(Some(bytes.try_into().map_err(|_| malformed())?))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SecretError::File { path: path.to_owned(), source }),
    }
}

/// Written whole under another name and linked into place, so that a crash leaves no half secret, and two processes that
/// start at once agree on the first.
fn make(path: &Path) -> io::Result<[u8; SECRET_BYTES]> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let secret: [u8; SECRET_BYTES] = entropy::bytes()?;
    let name = HEXLOWER_PERMISSIVE.encode(&entropy::bytes::<8>()?);
    let draft = path.with_extension(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", HEXLOWER_PERMISSIVE.encode(&secret))?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Ok(()) => {
            fs::File::open(folder)?.sync_all()?;
            Ok(secret)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read_or_make(path).map_err(|error| io::Error::other(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{SecretError, dev_key, log_secret};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_is_made_once_for_its_owner_alone_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let made = log_secret(folder.path()).unwrap();
        assert_eq!(log_secret(folder.path()).unwrap(), made);
        assert_ne!(dev_key(folder.path()).unwrap(), made);
        let path = folder.path().join("log.secret");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "short").unwrap();
        assert!(matches!(log_secret(folder.path()), Err(SecretError::Malformed { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
    }
}
