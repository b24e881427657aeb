//! Erasing people, and receipts.

use super::{KNOWN, call, fake};
use serde_json::json;
use tidings_engine::command::Command;

const OFFICER: &str = "acme/olga/privacy_officer";

#[tokio::test]
async fn an_erasure_is_answered_with_its_receipt_which_can_be_had_again() {
    let fake = fake();
    let answer = call(&fake, OFFICER, "POST", "/v1/privacy/erasures", Some(json!({"subscriberId": "ada"}))).await;
    assert_eq!(answer.status.as_u16(), 201);
    let receipt = answer.json()["data"].clone();
    assert_eq!(receipt["id"], fake.id("acme", KNOWN));
    let subject = fake.keys.known_person("acme", "ada");
    assert_eq!(fake.submitted.lock()[0].command, Command::Erase { subject });
    let path = format!("/v1/privacy/erasures/{}", fake.id("acme", KNOWN));
    let again = call(&fake, OFFICER, "GET", &path, None).await;
    assert_eq!((again.status.as_u16(), again.json()["data"].clone()), (200, receipt));
    let unknown = call(&fake, OFFICER, "GET", "/v1/privacy/erasures/x", None).await;
    assert_eq!(unknown.status.as_u16(), 404);
}

#[tokio::test]
async fn only_a_privacy_officer_may_erase_and_only_one_who_is_named() {
    let fake = fake();
    let ada = Some(json!({"subscriberId": "ada"}));
    for other in ["acme/ada/user", "acme/svc/service", "acme/tess/tenant_admin", "acme/aud/auditor"] {
        let answer = call(&fake, other, "POST", "/v1/privacy/erasures", ada.clone()).await;
        assert_eq!(answer.status.as_u16(), 403, "{other}");
    }
    for wrong in
        [json!({}), json!({"subscriberId": 7}), json!({"subscriberId": ""}), json!({"subscriberId": "x".repeat(129)})]
    {
        let answer = call(&fake, OFFICER, "POST", "/v1/privacy/erasures", Some(wrong.clone())).await;
        assert!([400, 413].contains(&answer.status.as_u16()), "{wrong}");
    }
    assert!(fake.submitted.lock().is_empty());
}
