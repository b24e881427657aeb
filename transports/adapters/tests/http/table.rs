//! The table, the router and the document are the same.

use super::{Assets, ask, assets, fake, request, site};
use axum::body::Body;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidings_adapters::http::{Access, Payload, ROUTES, openapi};
use tidings_wire::{Item, Publish};

fn documented(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, operations)| {
        operations.as_object().unwrap().keys().map(move |verb| (path.clone(), verb.to_uppercase()))
    });
    operations.collect()
}

#[test]
fn the_document_has_exactly_the_routes_of_the_table() {
    for dev in [false, true] {
        let table: BTreeSet<_> = ROUTES
            .iter()
            .filter(|route| dev || !route.only_dev)
            .map(|route| (route.path.to_owned(), route.verb.name().to_owned()))
            .collect();
        assert_eq!(documented(&openapi(dev)), table);
    }
    let pairs: BTreeSet<_> = ROUTES.iter().map(|route| (route.path, route.verb.name())).collect();
    assert_eq!(pairs.len(), ROUTES.len(), "a route is in the table twice");
}

#[test]
fn every_schema_that_is_named_exists_and_every_operation_has_its_own_id() {
    let document = openapi(true);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    let named: BTreeSet<_> =
        text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let existing: BTreeSet<_> = schemas.keys().map(String::as_str).collect();
    assert_eq!(named, existing);
    let ids: BTreeSet<_> =
        text.split("\"operationId\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(ids.len(), ROUTES.len());
}

#[tokio::test]
async fn every_route_of_the_table_is_served_and_asks_for_a_token_where_the_table_says() {
    let fake = fake();
    let site = site(&fake, assets());
    for route in ROUTES {
        let path = route.path.replace("{id}", "x");
        let answer = ask(&site, request(route.verb.name(), &path).body(Body::empty()).unwrap()).await;
        let refused = answer.status == 401;
        assert_eq!(refused, route.access != Access::Open, "{} {path}: {answer:?}", route.verb.name());
        assert!(!matches!(answer.status.as_u16(), 404 | 405), "{} {path}", route.verb.name());
        assert!(route.payload != Payload::Nothing || route.path != "/v1/notifications");
    }
    assert!(fake.submitted.lock().is_empty() && fake.asked.lock().is_empty());
}

#[tokio::test]
async fn the_document_is_served_and_leaves_out_what_a_production_server_does_not_serve() {
    let site = site(&fake(), Assets::default());
    let answer = ask(&site, request("GET", "/v1/openapi.json").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), openapi(false));
    assert_eq!(answer.json()["paths"].get("/dev/token"), None);
}

/// Names of the properties of a schema.
fn properties(schema: &str) -> BTreeSet<String> {
    let document = openapi(true);
    document["components"]["schemas"][schema]["properties"].as_object().unwrap().keys().cloned().collect()
}

fn fields(value: &impl serde::Serialize) -> BTreeSet<String> {
    serde_json::to_value(value).unwrap().as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_schemas_of_item_and_publish_have_the_fields_of_the_wire() {
    let action = json!({"label": "l", "redirect": {"url": "/", "target": "_self"}});
    let person = json!({"subscriberId": "ada"});
    let item = json!({
        "id": "", "transactionId": "", "subject": "", "body": "", "to": person, "isRead": false, "isSeen": false,
        "isArchived": false, "isSnoozed": false, "isPinned": false, "createdAt": "", "deliveredAt": [""], "readAt": "",
        "firstSeenAt": "", "archivedAt": "", "snoozedUntil": "", "expiresAt": "", "avatar": "", "actor": person,
        "primaryAction": action, "secondaryAction": action, "channelType": "", "tags": [""], "data": 1,
        "redirect": action["redirect"], "category": "", "groupKey": "", "severity": "none",
    });
    let text = item.to_string();
    assert_eq!(fields(&serde_json::from_str::<Item>(&text).unwrap()), properties("Item"));
    let publish = json!({
        "to": "ada", "subject": "", "body": "", "severity": "high", "category": "", "tags": [""], "data": 1, "avatar": "",
        "actor": "", "primaryAction": action, "secondaryAction": action, "redirect": action["redirect"], "groupKey": "",
        "transactionId": "", "tenant": "",
    });
    assert_eq!(fields(&serde_json::from_value::<Publish>(publish).unwrap()), properties("Publish"));
}
