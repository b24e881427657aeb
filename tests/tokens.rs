//! The table of tokens by the engine alone; `system/tokens.rs` shows it to a server on every carrier.

use testkit::tokens::{Refusal, Signers, Verdict, cases};
use tidings_engine::ids::Time;
use tidings_engine::keys::Keys;

const NOW_S: i64 = 1_800_000_000;

#[test]
fn the_table_of_tokens_gives_its_verdicts() {
    let signers = Signers::new();
    let (verifier, keys) = (signers.verifier(), Keys::new(&[1; 32]));
    let cases = cases(&signers, NOW_S);
    assert!(cases.len() >= 40);
    for case in &cases {
        let found = verifier.verify(&keys, &case.token, Time(NOW_S * 1_000));
        match (&case.verdict, found) {
            (Verdict::Granted { tenant, subject, roles }, Ok(grant)) => {
                let words: Vec<_> = grant.roles.iter().map(|role| role.word()).collect();
                assert_eq!(
                    (&*grant.tenant, &*grant.subject, words),
                    (*tenant, *subject, roles.clone()),
                    "{}",
                    case.name
                );
            }
            (Verdict::Refused(word, refusal), Err(error)) => {
                assert_eq!(error.word(), *word, "{}", case.name);
                assert_eq!(error.close_code().number(), refusal.close_code(), "{}", case.name);
                let code = error.rejection().code().word();
                let told = if *refusal == Refusal::Forbidden { "forbidden" } else { "unauthenticated" };
                assert_eq!(code, told, "{}", case.name);
            }
            (expected, found) => panic!("{}: expected {expected:?}, found {found:?}", case.name),
        }
    }
    let mut names: Vec<_> = cases.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "each row has a name of its own");
}
