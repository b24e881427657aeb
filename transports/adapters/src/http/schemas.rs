//! The schemas that the table of routes names.

use super::{openapi_access, openapi_audit};
use serde_json::{Value, json};

/// Every schema by its name.
pub(super) fn schemas() -> Value {
    let mut schemas = json!({
        "Action": action(),
        "BulkMark": bulk_mark(),
        "CountAnswer": count_answer(),
        "DevToken": object(&["token"], json!({ "token": string() })),
        "DevTokenRequest": object(&["tenant", "user"], json!({ "tenant": string(), "user": string(), "roles": strings() })),
        "Discovery": discovery(),
        "Erase": object(&["subscriberId"], json!({ "subscriberId": { "type": "string", "maxLength": 128 } })),
        "EventStream": {
            "type": "string",
            "description": "Events named by the type of their frame, with its cursor as id and its JSON as data.",
        },
        "Filter": filter(),
        "Health": object(&["status"], json!({ "status": { "const": "ok" } })),
        "Item": item(),
        "ItemAnswer": object(&["data"], json!({ "data": reference("Item") })),
        "OpenApi": { "type": "object" },
        "PageAnswer": page_answer(),
        "Problem": problem(),
        "TicketAnswer": object(&["data"], json!({
            "data": object(&["ticket", "expiresAt"], json!({ "ticket": string(), "expiresAt": time() })),
        })),
        "Publish": publish(),
        "PublishedAnswer": published_answer(),
        "Ready": object(&["status", "warnings"], json!({ "status": { "const": "ok" }, "warnings": strings() })),
        "ReceiptAnswer": object(&["data"], json!({ "data": receipt() })),
        "Redirect": object(&["url"], json!({ "url": string(), "target": string() })),
        "Severity": { "enum": ["high", "medium", "low", "none"] },
        "Tags": tags(),
    });
    for more in [openapi_audit::schemas(), openapi_access::schemas()] {
        if let (Value::Object(all), Value::Object(more)) = (&mut schemas, more) {
            all.extend(more);
        }
    }
    schemas
}

pub(super) fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn string() -> Value {
    json!({ "type": "string" })
}

pub(super) fn strings() -> Value {
    json!({ "type": "array", "items": string() })
}

pub(super) fn boolean() -> Value {
    json!({ "type": "boolean" })
}

pub(super) fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn action() -> Value {
    let properties = json!({ "label": string(), "isCompleted": boolean(), "redirect": reference("Redirect") });
    object(&["label"], properties)
}

fn tags() -> Value {
    json!({
        "description": "[\"a\",\"b\"] is a or b; [[\"a\",\"b\"],[\"c\"]] is (a or b) and c.",
        "type": "array",
        "items": { "oneOf": [string(), strings()] },
    })
}

fn bulk_mark() -> Value {
    let mut schema = object(&[], json!({ "notificationIds": strings(), "tags": reference("Tags") }));
    schema["description"] = json!("The items that are named, or those with the labels; all when empty. Not both.");
    schema["additionalProperties"] = json!(false);
    schema
}

fn filter() -> Value {
    let mut schema = object(
        &[],
        json!({
            "read": boolean(),
            "seen": boolean(),
            "archived": boolean(),
            "snoozed": boolean(),
            "tags": reference("Tags"),
            "severity": { "oneOf": [reference("Severity"), { "type": "array", "items": reference("Severity") }] },
            "category": string(),
            "createdGte": { "type": "integer" },
            "createdLte": { "type": "integer" },
        }),
    );
    schema["additionalProperties"] = json!(false);
    schema
}

fn count_answer() -> Value {
    let count = object(&["count", "filter"], json!({ "count": { "type": "integer" }, "filter": reference("Filter") }));
    object(&["data"], json!({ "data": { "type": "array", "items": count } }))
}

fn page_answer() -> Value {
    let items = json!({ "type": "array", "items": reference("Item") });
    let properties = json!({ "data": items, "hasMore": boolean(), "filter": reference("Filter") });
    object(&["data", "hasMore", "filter"], properties)
}

fn published_answer() -> Value {
    let properties = json!({
        "id": string(),
        "transactionId": string(),
        "cursor": string(),
        "recipients": { "type": ["integer", "null"], "description": "How many people; null for an audience." },
    });
    object(&["data"], json!({ "data": object(&["id", "transactionId", "cursor", "recipients"], properties) }))
}

fn receipt() -> Value {
    let properties = json!({
        "id": string(),
        "erasedAt": time(),
        "keyFingerprint": { "type": "string", "description": "First 16 bytes of the SHA-256 of the destroyed key." },
        "leaf": { "type": "string", "description": "The event's leaf in the log." },
        "note": { "type": "string", "description": "All of it as a C2SP signed note." },
    });
    object(&["id", "erasedAt", "keyFingerprint", "leaf", "note"], properties)
}

fn discovery() -> Value {
    let carrier = object(&["url"], json!({ "url": string(), "certificateHashes": strings() }));
    json!({ "type": "object", "additionalProperties": carrier })
}

fn problem() -> Value {
    let number = json!({ "type": "integer" });
    let properties = json!({
        "type": string(),
        "title": string(),
        "status": number,
        "detail": string(),
        "instance": { "type": "string", "description": "The route, without ids." },
        "statusCode": number,
        "message": string(),
        "path": string(),
        "timestamp": time(),
        "code": { "enum": tidings_wire::ReplyCode::ALL.map(tidings_wire::ReplyCode::word) },
        "requestId": string(),
    });
    object(&["type", "title", "status", "detail", "code", "message", "requestId"], properties)
}

fn item() -> Value {
    let person = object(&["subscriberId"], json!({ "subscriberId": string() }));
    let required =
        ["id", "transactionId", "body", "isRead", "isSeen", "isArchived", "isSnoozed", "createdAt", "severity"];
    let properties = json!({
        "id": string(),
        "transactionId": string(),
        "subject": string(),
        "body": string(),
        "to": person,
        "isRead": boolean(),
        "isSeen": boolean(),
        "isArchived": boolean(),
        "isSnoozed": boolean(),
        "isPinned": boolean(),
        "createdAt": time(),
        "deliveredAt": { "type": "array", "items": time() },
        "readAt": time(),
        "firstSeenAt": time(),
        "archivedAt": time(),
        "snoozedUntil": time(),
        "expiresAt": time(),
        "avatar": string(),
        "actor": person,
        "primaryAction": reference("Action"),
        "secondaryAction": reference("Action"),
        "channelType": { "const": "in_app" },
        "tags": strings(),
        "data": {},
        "redirect": reference("Redirect"),
        "category": string(),
        "groupKey": string(),
        "severity": reference("Severity"),
    });
    object(&required, properties)
}

fn publish() -> Value {
    let name = json!({ "type": "string", "maxLength": 128 });
    let audience = object(
        &["type"],
        json!({ "type": { "enum": ["tenant", "topic", "role", "platform"] }, "topicKey": name, "role": name }),
    );
    let people = json!({ "type": "array", "items": name, "minItems": 1, "maxItems": 10_000 });
    let properties = json!({
        "to": { "oneOf": [name, people, audience] },
        "subject": { "type": "string", "maxLength": 512 },
        "body": { "type": "string", "maxLength": 16_384 },
        "severity": reference("Severity"),
        "category": name,
        "tags": { "type": "array", "items": name, "maxItems": 32 },
        "data": { "description": "Any JSON, at most 32 KiB and 16 levels deep." },
        "avatar": string(),
        "actor": name,
        "primaryAction": reference("Action"),
        "secondaryAction": reference("Action"),
        "redirect": reference("Redirect"),
        "groupKey": name,
        "transactionId": { "type": "string", "maxLength": 64 },
        "tenant": name,
    });
    object(&["to", "body"], properties)
}
