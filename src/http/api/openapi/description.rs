//! Makes the description of the API, and keeps it whole.

use serde_json::{Value, json};
use utoipa::Modify;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use super::{Addresses, TEXT};
use crate::error::FieldError;
use crate::http::api::list::LIMIT_MAX;
use crate::http::api::{large, nouns};
use crate::http::error::Problem;

/// Set to any value, the test writes the file instead of comparing it.
const WRITE: &str = "ROLLCALL_WRITE_OPENAPI";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rollcall",
        description = "Apple device management in one binary. Ids are UUIDv7 strings; an enrollment is also found by its Nano id. \
                       Times are RFC 3339 in UTC. Lists give `items`, `next` and `total`, take `limit` and `after`, and keep a stable order. \
                       Failures are problem documents (RFC 9457) that name the fields at fault. Unknown fields and parameters are refused."
    ),
    components(schemas(Problem, FieldError)),
    security(("token" = []), ("session" = [])),
    tags(
        (name = "session", description = "Logging in and out"),
        (name = "admins", description = "People who may log in"),
        (name = "tokens", description = "API tokens for scripts"),
        (name = "events", description = "What happened: the audit log, devices' timelines, the live stream"),
        (name = "groups", description = "Devices put together by hand or found by a rule"),
        (name = "people", description = "Who uses devices, classes, and imports of a school's roster"),
        (name = "profiles", description = "Uploaded configuration profiles, their versions, and whom they are assigned to"),
        (name = "policies", description = "Guided switches, whom they are assigned to, and what they come to on a device"),
        (name = "attestation", description = "Whether devices are genuine: what proof is asked for, and what each has shown"),
        (name = "updates", description = "Update plans, how they come along, and updates started by hand"),
        (name = "declarations", description = "Declarations that admins write themselves"),
        (name = "packages", description = "Apps of your own: files, their versions, and for whom each is meant"),
        (name = "provisioning", description = "Provisioning profiles, and whom they are assigned to"),
        (name = "access", description = "Who may use apps that ask this server, and what those apps bring; `/docs/access` says how an app asks"),
        (name = "catalog", description = "The page at which the person at a device chooses apps"),
        (name = "new devices", description = "Devices that Apple says are yours: server tokens, profiles for Setup Assistant, whose each will be"),
        (name = "licences", description = "Locations of Apps and Books, what they own, who has it, and redemption codes"),
        (name = "releases", description = "OS releases that Apple lists, how old the list is, and Apple's own roots, by which its service is known"),
        (name = "setup assistant", description = "Devices that come in while they are set up, and Apple Configurator"),
        (name = "backups", description = "When backups are made, where they are, whether they can be restored, and one to take away"),
        (name = "authorities", description = "Whose certificates are known here: own roots, and those of other servers whose devices move in"),
        (name = "moving in and out", description = "Devices that come from another server without noticing, and those that go to one"),
        (name = "doctor", description = "Whether the appliance can do its work, and what to do where it cannot"),
        (name = "webhooks", description = "Receivers that are told what devices say"),
        (name = "notices", description = "What is told away from the page: by which mail server, to whom, and a calendar of everything that ends"),
    ),
    modifiers(&Ways)
)]
struct Base;

/// The ways of saying who one is.
struct Ways;

impl Modify for Ways {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut token = Http::new(HttpAuthScheme::Bearer);
        token.bearer_format = Some("rc_…".into());
        let session =
            ApiKeyValue::with_description("__Host-rollcall", "Set by POST /api/v1/session; changes also need X-CSRF-Token, or a browser.");
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    }
}

/// The description of addresses.
fn describe(addresses: Addresses) -> Value {
    let (_, document) = OpenApiRouter::with_openapi(Base::openapi()).merge(addresses.described).split_for_parts();
    let mut document = serde_json::to_value(document).unwrap();
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            complete(path, method, operation);
        }
    }
    document
}

/// Adds what holds for every operation.
fn complete(path: &str, method: &str, operation: &mut Value) {
    for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
        let rules: &[(&str, Value)] = match parameter["name"].as_str() {
            Some("limit") => &[("minimum", json!(1)), ("maximum", json!(LIMIT_MAX))],
            Some("after") => &[("minLength", json!(1))],
            _ => &[],
        };
        for (rule, bound) in rules {
            parameter["schema"][rule] = bound.clone();
        }
    }
    let problem = json!({ "$ref": "#/components/schemas/Problem" });
    let content = json!({ "application/problem+json": { "schema": problem } });
    operation["responses"]["default"] = json!({ "description": "A failure, and what to do about it" });
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        // What happened says its own thing, a failure the same everywhere.
        if !status.starts_with(['2', '3']) && response.get("content").is_none() {
            response["content"] = content.clone();
        }
    }
    if method == "post" && path != "/api/v1/session" {
        let key = json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A key of the caller's, for example a UUID: sent again within a day, the same request gets its first answer and does nothing twice.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
        });
        match operation["parameters"].as_array_mut() {
            Some(parameters) => parameters.push(key),
            None => operation["parameters"] = json!([key]),
        }
    }
}

/// The document with a line for each address and each structure, so that a change shows what it changes.
fn written(document: &Value) -> String {
    fn entries(map: &Value, each: impl Fn(&str, &Value) -> String) -> String {
        let entries = map.as_object().unwrap().iter().map(|(key, value)| format!("{}: {}", json!(key), each(key, value)));
        format!("{{\n{}\n}}", entries.collect::<Vec<_>>().join(",\n"))
    }
    let text = entries(document, |part, value| match part {
        "paths" => entries(value, |_, path| path.to_string()),
        "components" => entries(value, |_, kind| entries(kind, |_, one| one.to_string())),
        _ => value.to_string(),
    });
    text + "\n"
}

#[test]
fn the_description_is_what_the_handlers_say() {
    let document = describe(nouns().merge(large()));
    let text = written(&document);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), document);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/api/openapi/openapi.json"), &text).unwrap();
        return;
    }
    let line =
        text.lines().zip(TEXT.lines()).position(|(now, kept)| now != kept).map_or(String::new(), |line| format!("line {}", line + 1));
    assert!(
        text == TEXT,
        "src/http/api/openapi/openapi.json is out of date: {line}. {WRITE}=1 cargo test the_description_is writes it anew"
    );
}
