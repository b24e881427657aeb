//! The OpenAPI 3.1 document, made from the table of routes.

use super::auditing::LINES_OF_JSON;
use super::eventing::EVENT_STREAM;
use super::problem::PROBLEM_JSON;
use super::routes::{Access, Operation, Payload, Route, served};
use super::schemas::schemas;
use super::{openapi_access, openapi_audit};
use serde_json::{Map, Value, json};
use tidings_engine::grant::Right;

/// The document of a server that runs with or without `--dev`.
#[must_use]
pub fn openapi(dev: bool) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in served(dev) {
        let operations = paths.entry(route.path).or_insert_with(|| json!({}));
        operations[route.verb.name().to_ascii_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tidings",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "In-app notifications: publish, read and mark. Live delivery is on the carriers of /v1/connect.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A JWT, or the secret of an API key. ApiKey is taken as the scheme too.",
                },
                "ticket": { "type": "apiKey", "in": "query", "name": "ticket" },
            },
            "schemas": schemas(),
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "security": security(route.access),
        "parameters": parameters(route),
        "responses": {
            route.status.to_string(): success(route),
            "default": { "description": "Why it was not done.", "content": content(PROBLEM_JSON, "Problem") },
        },
    });
    let (schema, required) = match route.payload {
        Payload::Nothing => return operation,
        Payload::Optional(schema) => (schema, false),
        Payload::Required(schema) => (schema, true),
    };
    operation["requestBody"] = json!({ "required": required, "content": content("application/json", schema) });
    operation
}

fn security(access: Access) -> Value {
    match access {
        Access::Open => json!([]),
        Access::Session => json!([{ "token": [] }, { "ticket": [] }]),
        Access::Authenticated | Access::Holder(_) | Access::Inbox { .. } => json!([{ "token": [] }]),
    }
}

fn success(route: &Route) -> Value {
    match route.answer {
        Some(schema) => {
            let media_type = match route.operation {
                Operation::AuditEvents => LINES_OF_JSON,
                Operation::Events => EVENT_STREAM,
                _ => "application/json",
            };
            json!({ "description": "Done.", "content": content(media_type, schema) })
        }
        None => json!({ "description": "Done." }),
    }
}

fn content(media_type: &str, schema: &str) -> Value {
    json!({ media_type: { "schema": { "$ref": format!("#/components/schemas/{schema}") } } })
}

fn parameters(route: &Route) -> Vec<Value> {
    let mut parameters = Vec::new();
    if route.path.contains("{id}") {
        let schema = json!({ "type": "string" });
        parameters.push(json!({ "name": "id", "in": "path", "required": true, "schema": schema }));
    }
    parameters.extend(route.query.iter().map(|name| match route.access {
        Access::Holder(Right::Audit) => openapi_audit::query_parameter(name),
        Access::Holder(Right::ManageAccess) | Access::Authenticated => openapi_access::query_parameter(name),
        _ if route.operation == Operation::Events => events_parameter(name),
        _ => query_parameter(name),
    }));
    if route.operation == Operation::Events {
        let description = "Cursor to go on from; the id of the last event that arrived. It goes before `from`.";
        let schema = json!({ "type": "string" });
        parameters
            .push(json!({ "name": "Last-Event-ID", "in": "header", "description": description, "schema": schema }));
    }
    if route.work.changes() && route.operation.is_command() {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Makes a retry harmless for 24 hours; the retry's answer has the header Idempotency-Replay.",
            "schema": { "type": "string", "maxLength": tidings_engine::limits::COMMAND_ID_BYTES_MAX },
        }));
    }
    parameters
}

fn events_parameter(name: &str) -> Value {
    let (schema, description) = match name {
        "inbox" => (json!({ "enum": ["me", "tenant", "audit"], "default": "me" }), "Which inbox."),
        "ticket" => (json!({ "type": "string" }), "A connect ticket, where no token can be sent."),
        _ => (json!({ "type": "string" }), "Cursor to go on from, where Last-Event-ID cannot be sent."),
    };
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn query_parameter(name: &str) -> Value {
    let strings = json!({ "type": "array", "items": { "type": "string" } });
    let (shown, schema, description) = match name {
        "inbox" => (name, json!({ "enum": ["me", "tenant"], "default": "me" }), "Which inbox."),
        "limit" => (name, json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 10 }), "Most items."),
        "after" => (name, json!({ "type": "string" }), "Id of the last item of the page before."),
        "read" | "seen" => (name, json!({ "type": "boolean" }), "Only these, or only the others."),
        "archived" | "snoozed" => {
            (name, json!({ "type": "boolean", "default": false }), "Only these, or only the others.")
        }
        "tags" => ("tags[]", strings, "Any of these labels; tags[0][]=a&tags[1][]=b needs one of each list."),
        "severity" => ("severity[]", strings, "Any of these."),
        "filters" => (name, json!({ "type": "string" }), "A JSON list of filters, each an object as in Filter."),
        "createdGte" | "createdLte" => (name, json!({ "type": "integer" }), "Milliseconds since 1970, inclusive."),
        _ => (name, json!({ "type": "string" }), "Only these."),
    };
    json!({ "name": shown, "in": "query", "description": description, "schema": schema })
}

/// The path in words: `patchInboxNotificationsIdRead`.
fn operation_id(route: &Route) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty() && *word != "v1");
    let capitals = words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
    route.verb.name().to_ascii_lowercase() + &capitals.collect::<String>()
}
