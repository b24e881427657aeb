//! Publishing and taking back.

use super::{ADA, Assets, Fake, KNOWN, SERVICE, ask, assets, call, fake, request, site};
use axum::body::Body;
use serde_json::{Value, json};
use std::sync::Arc;
use tidings_engine::command::{Answer, Command, Done};

async fn publish(fake: &Arc<Fake>, key: Option<&str>, body: Value) -> super::Answer {
    let mut asked = request("POST", "/v1/notifications").header("authorization", format!("Bearer {SERVICE}"));
    if let Some(key) = key {
        asked = asked.header("idempotency-key", key);
    }
    let asked = asked.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap();
    ask(&site(fake, assets()), asked).await
}

#[tokio::test]
async fn a_publish_answers_with_id_cursor_and_recipients() {
    let fake = fake();
    let answer = publish(&fake, None, json!({"to": ["ada", "bob"], "body": "hello"})).await;
    assert_eq!((answer.status.as_u16(), answer.header("idempotency-replay")), (201, None));
    let id = fake.id("acme", KNOWN);
    let data = json!({"id": id, "transactionId": id, "cursor": "cursor-7", "recipients": 2});
    assert_eq!(answer.json(), json!({ "data": data }));
    assert_eq!(fake.submitted.lock()[0].key, None);
    let everyone =
        publish(&fake, None, json!({"to": {"type": "tenant"}, "body": "hello", "transactionId": "t1"})).await;
    assert_eq!(everyone.json()["data"]["recipients"], Value::Null);
    assert_eq!(everyone.json()["data"]["transactionId"], "t1");
}

#[tokio::test]
async fn the_key_is_the_header_and_else_the_transaction_id() {
    let fake = fake();
    let body = json!({"to": "ada", "body": "hello", "transactionId": "t1"});
    publish(&fake, Some("k1"), body.clone()).await;
    publish(&fake, None, body).await;
    let keys: Vec<_> = fake.submitted.lock().iter().map(|request| request.key.clone()).collect();
    assert_eq!(keys, [Some("k1".to_owned()), Some("t1".to_owned())]);
    for wrong in ["", &"k".repeat(65)] {
        let answer = publish(&fake, Some(wrong), json!({"to": "ada", "body": "hello"})).await;
        assert!(answer.status.is_client_error(), "{wrong} was taken");
    }
}

#[tokio::test]
async fn a_replay_is_the_first_answer_and_says_that_it_is_one() {
    let fake = fake();
    let answer = Answer::Published { notification: KNOWN, recipients: Some(1) };
    *fake.outcome.lock() = Some(Ok(Done { answer, position: KNOWN, replayed: true }));
    let answer = publish(&fake, Some("k1"), json!({"to": "ada", "body": "hello"})).await;
    assert_eq!((answer.status.as_u16(), answer.header("idempotency-replay")), (201, Some("true")));
}

#[tokio::test]
async fn a_notification_is_taken_back_by_its_id() {
    let fake = fake();
    let path = format!("/v1/notifications/{}", fake.id("acme", KNOWN));
    let answer = call(&fake, SERVICE, "DELETE", &path, None).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    assert_eq!(fake.submitted.lock()[0].command, Command::Retract { notification: KNOWN });
}

#[tokio::test]
async fn tokens_are_given_to_the_demo_page_alone() {
    let body = || Some(json!({"tenant": "acme", "user": "ada", "roles": ["user"]}));
    let answer = call(&fake(), ADA, "POST", "/dev/token", body()).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"token": "acme/ada/user"})));
    let wrong = call(&fake(), ADA, "POST", "/dev/token", Some(json!({"tenant": "acme"}))).await;
    assert_eq!((wrong.status.as_u16(), wrong.json()["detail"].clone()), (400, json!("user must be a string")));
    let long = call(&fake(), ADA, "POST", "/dev/token", Some(json!({"tenant": "t".repeat(4_096)}))).await;
    assert_eq!(long.status, 413);
    let production = Arc::new(Fake { dev: false, ..Fake::new() });
    assert_eq!(call(&production, ADA, "POST", "/dev/token", body()).await.status, 404);
    let asked = request("POST", "/dev/token").body(Body::from("{}")).unwrap();
    assert_eq!(ask(&site(&fake(), Assets::default()), asked).await.status, 404);
    assert_eq!(
        ask(&site(&fake(), Assets::default()), request("GET", "/").body(Body::empty()).unwrap()).await.status,
        404
    );
}
