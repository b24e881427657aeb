//! What stands in a text of ours when something of ours got out.

/// Lower case, as the bytes are when they are searched.
const TELLING: [&str; 40] = [
    "::",
    "src/",
    ".rs",
    ".cargo",
    "panicked",
    "unwrap",
    "backtrace",
    "error {",
    "err(",
    "some(",
    "none)",
    "struct ",
    "enum ",
    "variant",
    "tidings_",
    "tidings-data",
    "os error",
    "errno",
    "no such file",
    "permission denied",
    "input/output",
    "no space left",
    "broken pipe",
    "connection reset",
    "select ",
    "insert into",
    "redb:",
    "fdatasync",
    "fsync",
    "segment",
    "offset ",
    ".seg",
    ".key",
    ".secret",
    "keyring",
    "expected value",
    "invalid type",
    "thread '",
    "poisoned",
    "stack",
];

const PATHS: [&str; 8] = ["/tmp", "/root", "/home", "/usr", "/var", "/etc", "/proc", "/dev/"];

/// Every telling text in some bytes.
pub fn all_told(bytes: &[u8]) -> impl Iterator<Item = &'static str> {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    TELLING.into_iter().chain(PATHS).filter(move |word| text.contains(word))
}

/// The first telling text in some bytes, or the first of `own` secrets.
#[must_use]
pub fn told(bytes: &[u8], own: &[Vec<u8>]) -> Option<String> {
    let holds = |secret: &&Vec<u8>| bytes.windows(secret.len()).any(|window| window == secret.as_slice());
    let secret = || own.iter().find(holds).map(|secret| String::from_utf8_lossy(secret).into_owned());
    all_told(bytes).next().map(str::to_owned).or_else(secret)
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn what_tells_of_our_insides_is_found() {
        let own = [b"secret-of-ours".to_vec()];
        for text in [
            "thread 'main' panicked at server/src/x.rs:7",
            "InvalidToken(Some(\"x\"))",
            "cannot open /tmp/x/data",
            "tidings_engine",
            "Input/output error (os error 5)",
            "expected value at line 1 column 2",
            "a secret-of-ours b",
        ] {
            assert!(told(text.as_bytes(), &own).is_some(), "{text} was passed");
        }
        assert_eq!(told(b"{\"code\":\"invalid\",\"message\":\"limit must be a number\"}", &own), None);
    }
}
