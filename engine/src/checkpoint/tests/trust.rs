//! Who may sign what, as keys come and go.

use super::{LOG, at, key, verifier};
use crate::checkpoint::{Signer, Trust};
use crate::ids::Position;

/// Key 1 from position 1, key 2 from 50, key 3 from 90, each endorsed by the one before.
fn rotated(trust: &mut Trust) {
    trust.adopted(Position(1), key(1).public(), &[]);
    trust.adopted(Position(50), key(2).public(), &key(1).endorse(&verifier(2)));
    trust.adopted(Position(90), key(3).public(), &key(2).endorse(&verifier(3)));
}

#[test]
fn who_knows_the_first_key_alone_believes_every_key_that_was_endorsed_after_it() {
    let mut trust = Trust::new(LOG, &[verifier(1)]);
    rotated(&mut trust);
    for (position, signer) in [(1, 1), (49, 1), (50, 2), (89, 2), (90, 3), (1_000_000, 3)] {
        assert_eq!(trust.signer(&at(position, signer)), Signer::Believed(verifier(signer)), "{position}");
    }
    assert_eq!(trust.adopted_keys(), [verifier(1), verifier(2), verifier(3)]);
}

#[test]
fn a_key_signs_nothing_before_its_adoption_or_after_its_end() {
    let mut trust = Trust::new(LOG, &[verifier(1)]);
    rotated(&mut trust);
    assert_eq!(trust.signer(&at(50, 1)), Signer::Replaced { at: Position(50) });
    assert_eq!(trust.signer(&at(90, 2)), Signer::Replaced { at: Position(90) });
    assert_eq!(trust.signer(&at(49, 2)), Signer::NotYet { from: Position(50) });
}

#[test]
fn who_knows_a_later_key_believes_nothing_that_an_earlier_one_signed() {
    let mut trust = Trust::new(LOG, &[verifier(2)]);
    rotated(&mut trust);
    assert_eq!(trust.signer(&at(49, 1)), Signer::Unendorsed { at: Position(1) });
    assert_eq!(trust.signer(&at(60, 2)), Signer::Believed(verifier(2)));
    assert_eq!(trust.signer(&at(90, 3)), Signer::Believed(verifier(3)));
}

#[test]
fn a_key_without_an_endorsement_or_with_one_for_another_key_or_log_is_not_believed() {
    let elsewhere = key(2).verifier("tidings/00000000000000000000000000000000").unwrap();
    let wrong = [vec![], key(1).endorse(&verifier(3)), key(3).endorse(&verifier(2)), key(1).endorse(&elsewhere)];
    for endorsement in wrong {
        let mut trust = Trust::new(LOG, &[verifier(1)]);
        trust.adopted(Position(1), key(1).public(), &[]);
        trust.adopted(Position(50), key(2).public(), &endorsement);
        assert_eq!(trust.signer(&at(60, 2)), Signer::Unendorsed { at: Position(50) });
        // The key that an unendorsed one followed is believed no further, and what the unendorsed one endorses is nothing.
        assert_eq!(trust.signer(&at(60, 1)), Signer::Replaced { at: Position(50) });
        trust.adopted(Position(90), key(3).public(), &key(2).endorse(&verifier(3)));
        assert_eq!(trust.signer(&at(95, 3)), Signer::Unendorsed { at: Position(90) });
    }
}

#[test]
fn without_a_key_the_first_of_the_log_is_believed_and_no_other() {
    let mut trust = Trust::new(LOG, &[]);
    assert_eq!(trust.signer(&at(1, 1)), Signer::Unknown);
    rotated(&mut trust);
    assert_eq!(trust.signer(&at(49, 1)), Signer::Believed(verifier(1)));
    assert_eq!(trust.signer(&at(95, 3)), Signer::Believed(verifier(3)));
    assert_eq!(trust.signer(&at(95, 4)), Signer::Unknown);
}

#[test]
fn an_old_key_is_believed_again_only_when_it_was_endorsed_anew() {
    let mut trust = Trust::new(LOG, &[verifier(1)]);
    rotated(&mut trust);
    let mut without = trust.clone();
    without.adopted(Position(120), key(2).public(), &[]);
    assert_eq!(without.signer(&at(120, 2)), Signer::Replaced { at: Position(90) });
    trust.adopted(Position(120), key(2).public(), &key(3).endorse(&verifier(2)));
    assert_eq!(trust.signer(&at(120, 2)), Signer::Believed(verifier(2)));
    assert_eq!(trust.signer(&at(60, 2)), Signer::Believed(verifier(2)));
}

#[test]
fn a_key_that_is_adopted_twice_goes_on() {
    let mut trust = Trust::new(LOG, &[verifier(1)]);
    trust.adopted(Position(1), key(1).public(), &[]);
    trust.adopted(Position(9), key(1).public(), &[]);
    assert_eq!(trust.signer(&at(60, 1)), Signer::Believed(verifier(1)));
}

#[test]
fn a_signature_that_is_not_of_the_key_it_names_is_forged() {
    let signed = at(60, 1);
    let text = String::from_utf8(signed.encode()).unwrap().replace("\n60\n", "\n61\n");
    let forged = crate::checkpoint::SignedCheckpoint::parse(text.as_bytes()).unwrap();
    assert_eq!(Trust::new(LOG, &[verifier(1)]).signer(&forged), Signer::Forged);
}
