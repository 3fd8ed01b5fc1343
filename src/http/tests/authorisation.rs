//! Every address for every role and every way of saying who one is: what is let in and what is refused stands in one table, `authorisation.txt`.
//!
//! An address that is missing from the table fails, and so does one that lets somebody in whom the table keeps out. `ROLLCALL_WRITE_TABLE=1` writes the
//! table anew; what changes in it is then read and judged like code.

mod addresses;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use axum::{Extension, Router};
use regex_lite::Regex;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use addresses::routes;

use crate::app::App;
use crate::http::api::Streams;
use crate::http::auth::tests::{Kit, peer};
use crate::http::doors;
use crate::http::server::{Listener, Peer};
use crate::mdm::Role;

const TABLE: &str = "src/http/tests/authorisation.txt";

/// Addresses that prove something by what is sent to them, or end the very session that asks; they have tests of their own.
const BY_THEMSELVES: [&str; 14] = [
    "POST /login",
    "POST /login/code",
    "POST /logout",
    "POST /setup",
    "POST /account/password",
    "POST /account/second-factor/codes",
    "POST /account/second-factor/off",
    "POST /account/second-factor/confirm",
    "POST /api/v1/session",
    "DELETE /api/v1/session",
    "PUT /api/v1/session/password",
    "POST /api/v1/second-factor",
    "POST /api/v1/second-factor/off",
    "POST /api/v1/second-factor/recovery-codes",
];

/// Something that stands where an address wants an id.
const ID: &str = "01890000-0000-7000-8000-000000000000";

/// Who asks, in the order of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Nobody,
    /// Whoever shows a device's certificate and nothing else.
    Device,
    Session(Role),
    Token(Role),
}

const ROLES: [Role; 5] = Role::ALL;

fn everybody() -> Vec<Who> {
    let tokens = ROLES.into_iter().filter(|role| *role != Role::Teacher).map(Who::Token);
    [Who::Nobody, Who::Device].into_iter().chain(ROLES.map(Who::Session)).chain(tokens).collect()
}

fn letter(role: Role) -> char {
    role.as_str().to_uppercase().chars().next().unwrap()
}

/// How far somebody comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// They are served.
    LetIn,
    /// They are told that what they ask for is not there, or not so, before their role decides.
    Past,
    /// They are sent away, or led to the log-in.
    Refused,
}

/// How far each comes.
type Outcomes = BTreeMap<Who, Outcome>;

/// By address.
type Row = BTreeMap<String, Outcomes>;

/// The columns of one row: nobody, device, sessions by role, tokens by role.
fn columns(outcomes: &Outcomes) -> String {
    let of = |who: Who| outcomes.get(&who).copied().unwrap_or(Outcome::Refused);
    let roles = |which: fn(Role) -> Who| -> String {
        let mark = |role: Role| match of(which(role)) {
            Outcome::LetIn => letter(role),
            Outcome::Past => letter(role).to_ascii_lowercase(),
            Outcome::Refused => '-',
        };
        ROLES.into_iter().map(mark).collect()
    };
    let word = |who: Who| match of(who) {
        Outcome::LetIn => "IN",
        Outcome::Past => "in",
        Outcome::Refused => "-",
    };
    format!("{:<7} {:<7} {:<8} {:<6}", word(Who::Nobody), word(Who::Device), roles(Who::Session), roles(Who::Token))
}

fn written(row: &Row) -> String {
    let head = "# Who is let in where: nobody in particular; whoever shows a device's certificate; people by role (Owner, Admin, Helper, Teacher, Viewer);\n\
                # tokens by role. Small letters: told that what is asked for is not there, or what is sent not so, before a role decides.\n";
    let mut text = format!("{head}# {:<5} {:<7} {:<7} {:<8} {:<6} address\n", "", "nobody", "device", "sessions", "tokens");
    for (address, outcomes) in row {
        let (method, path) = address.split_once(' ').unwrap();
        writeln!(text, "{method:<7} {} {path}", columns(outcomes)).unwrap();
    }
    text
}

/// An appliance with somebody of every role.
struct House {
    app: App,
    router: Router,
    credentials: BTreeMap<Who, String>,
    description: Value,
    _data: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let app = App::for_tests_in(crate::store::OpenOptions::memory(), data.path());
        let router = doors(&app, &Streams::default()).whole;
        let kit = Kit::on(app.store.clone(), app.clock.clone());
        let mut credentials = BTreeMap::new();
        for role in ROLES {
            kit.add(role.as_str(), role).await;
            credentials.insert(Who::Session(role), kit.cookie(role.as_str()).await);
            if role != Role::Teacher {
                credentials.insert(Who::Token(role), format!("Bearer {}", kit.token(role).await));
            }
        }
        let mut house = Self { app, router, credentials, description: Value::Null, _data: data };
        let asked = house.ask(Who::Nobody, "GET", "/api/v1/openapi.json", (None, Vec::new())).await;
        let body = axum::body::to_bytes(asked.into_body(), 16 << 20).await.unwrap();
        house.description = serde_json::from_slice(&body).unwrap();
        house
    }

    async fn ask(&self, who: Who, method: &str, path: &str, (kind, body): (Option<&str>, Vec<u8>)) -> Response<Body> {
        let mut request =
            Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path).header("sec-fetch-site", "same-origin");
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        request = match (who, self.credentials.get(&who)) {
            (Who::Session(_), Some(cookie)) => request.header(header::COOKIE, cookie),
            (Who::Token(_), Some(token)) => request.header(header::AUTHORIZATION, token),
            (Who::Device, _) => request.header("mdm-signature", "MIIB"),
            _ => request,
        };
        let certificate = (who == Who::Device).then(|| vec![0x30, 0x00].into());
        let peer = Peer { certificate, ..peer(if who == Who::Device { Listener::Device } else { Listener::Main }) };
        self.router.clone().layer(Extension(peer)).oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()
    }

    /// What is sent to an address so that nothing but the right decides: of the API what its description asks for, of pages a form with every field.
    fn body(&self, method: &str, path: &str) -> (Option<&'static str>, Vec<u8>) {
        if method == "GET" {
            return (None, Vec::new());
        }
        let operation = &self.description["paths"][path][method.to_lowercase()];
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if operation.is_object() {
            return if schema.is_object() {
                (Some("application/json"), self.example(schema, 0).to_string().into_bytes())
            } else {
                (None, Vec::new())
            };
        }
        if path.starts_with("/api/") || path.starts_with("/v1/") {
            return (None, Vec::new());
        }
        (Some("application/x-www-form-urlencoded"), FORM.as_bytes().to_vec())
    }

    /// Something that a schema describes, no more than it asks for.
    fn example(&self, schema: &Value, depth: u8) -> Value {
        if depth > 8 {
            return Value::Null;
        }
        if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
            return self.example(&self.description["components"]["schemas"][name], depth + 1);
        }
        if let Some(first) = schema["enum"].as_array().and_then(|choices| choices.first()) {
            return first.clone();
        }
        for any in ["oneOf", "anyOf"] {
            if let Some(choice) = schema[any].as_array().and_then(|choices| choices.iter().find(|choice| choice["type"] != "null")) {
                return self.example(choice, depth + 1);
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut whole = Map::new();
            for part in parts {
                whole.extend(self.example(part, depth + 1).as_object().cloned().unwrap_or_default());
            }
            return Value::Object(whole);
        }
        let kind = schema["type"].as_str().or_else(|| {
            schema["type"].as_array().and_then(|kinds| kinds.iter().find_map(|kind| kind.as_str().filter(|kind| *kind != "null")))
        });
        match kind {
            Some("object") | None => {
                let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                required.map(|name| (name.to_owned(), self.example(&schema["properties"][name], depth + 1))).collect::<Map<_, _>>().into()
            }
            Some("array") => json!([self.example(&schema["items"], depth + 1)]),
            Some("integer" | "number") => schema["minimum"].as_i64().map_or_else(|| json!(30), |least| json!(least)),
            Some("boolean") => json!(true),
            Some(_) => match schema["format"].as_str() {
                Some("date-time") => json!("2030-01-01T00:00:00Z"),
                _ => json!("something long enough"),
            },
        }
    }
}

/// A form with the fields that pages ask for; each takes its own.
const FORM: &str = "name=Somebody&role=viewer&password=correct+horse+battery&days=3&id=1&of=nobody&person=&email=a%40example.school&title=x&text=x\
    &label=x&note=x&url=https%3A%2F%2Fexample.school&devices=0&domain=example.school&colour=green&audience=nobody&token=x&code=000000&next=%2F\
    &kind=app&one=a.b&minutes=30&organisation=x&time_zone=&version=1&group=&setting=&value=&confirmed=1&until=&reason=x&message=x&username=x&old=x&new=x";

/// How far whoever got this answer came.
fn outcome(method: &str, answer: &Response<Body>) -> Outcome {
    let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    match answer.status() {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Outcome::Refused,
        status if status.is_success() => Outcome::LetIn,
        // Led elsewhere by a look is served nothing: to the log-in, a teacher from Today to their classes, from a form that is loaded again.
        status if status.is_redirection() && (method == "GET" || to.starts_with("/login")) => Outcome::Refused,
        status if status.is_redirection() => Outcome::LetIn,
        _ => Outcome::Past,
    }
}

/// An address without holes.
fn filled(path: &str) -> String {
    let hole = Regex::new(r"\{[^}]*\}").unwrap();
    hole.replace_all(path, ID).into_owned()
}

#[tokio::test]
async fn every_address_lets_in_whom_the_table_names_and_nobody_else() {
    let house = House::new().await;
    let mut addresses = routes();
    for (path, operations) in house.description["paths"].as_object().unwrap() {
        addresses.extend(operations.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    for address in BY_THEMSELVES {
        assert!(addresses.remove(address), "{address} is not there any more");
    }
    let mut found = Row::new();
    for address in addresses {
        let (method, path) = address.split_once(' ').unwrap();
        let (mut outcomes, mut is_there) = (Outcomes::new(), true);
        for who in everybody() {
            let answer = house.ask(who, method, &filled(path), house.body(method, path)).await;
            // Handlers of any method say themselves which they take.
            is_there &= answer.status() != StatusCode::METHOD_NOT_ALLOWED;
            outcomes.insert(who, outcome(method, &answer));
        }
        if is_there {
            found.insert(address, outcomes);
        }
    }
    drop(house.app);
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    if std::env::var_os("ROLLCALL_WRITE_TABLE").is_some() {
        std::fs::write(&table, written(&found)).unwrap();
    }
    let expected = std::fs::read_to_string(&table).unwrap_or_default();
    let actual = written(&found);
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (expected, actual) = (lines(&expected), lines(&actual));
    let odd: Vec<_> = actual.symmetric_difference(&expected).collect();
    assert!(odd.is_empty(), "the table and the doors differ:\n{}", odd.into_iter().cloned().collect::<Vec<_>>().join("\n"));
    let faults: Vec<_> = found.iter().flat_map(|(address, outcomes)| judge(address, outcomes)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What must hold whatever the table says; gives what does not.
fn judge(address: &str, outcomes: &Outcomes) -> Vec<String> {
    let (method, path) = address.split_once(' ').unwrap();
    let is_under = |roots: &[&str]| roots.iter().any(|root| path == *root || path.starts_with(&format!("{root}/")));
    let (of, mut faults) = (|who: Who| outcomes[&who], Vec::new());
    if is_under(&OPEN) {
        return faults;
    }
    for who in [Who::Nobody, Who::Device] {
        if of(who) != Outcome::Refused {
            faults.push(format!("{address}: {who:?} comes in"));
        }
    }
    let is_own = is_under(&OWN);
    if of(Who::Session(Role::Owner)) == Outcome::Refused && of(Who::Token(Role::Owner)) == Outcome::Refused && method != "GET" {
        faults.push(format!("{address} keeps owners out"));
    }
    let is_teaching = is_under(&["/teaching", "/api/v1/classes", "/api/v1/focus"]);
    if !is_own && !is_teaching && of(Who::Session(Role::Teacher)) == Outcome::LetIn {
        faults.push(format!("{address} serves teachers"));
    }
    let is_reading = method == "GET" || path.ends_with("/preview") || path.ends_with("/check");
    if !is_own && !is_reading && of(Who::Session(Role::Viewer)) == Outcome::LetIn {
        faults.push(format!("{address} lets viewers change something"));
    }
    for role in ROLES.into_iter().filter(|role| *role != Role::Teacher) {
        if path.starts_with("/api/v1/")
            && !is_own
            && (of(Who::Session(role)) == Outcome::Refused) != (of(Who::Token(role)) == Outcome::Refused)
        {
            faults.push(format!("{address}: a token may other things than its role"));
        }
    }
    faults
}

/// Addresses for whoever comes: log-in, enrollment, capabilities, devices, monitors, Apple. What they let one do is proven there, not by a role.
const OPEN: [&str; 30] = [
    "/password",
    "/v1/{*rest}",
    "/login",
    "/setup",
    "/enroll",
    "/trust",
    "/static",
    "/favicon.ico",
    "/health",
    "/mdm",
    "/checkin",
    "/scep",
    "/acme",
    "/ddm",
    "/packages",
    "/catalog",
    "/calendar",
    "/access",
    "/ade",
    "/notify",
    "/MDMServiceConfig",
    "/.well-known",
    "/docs",
    "/api/v1/openapi.json",
    "/account-enrollment",
    "/account-driven",
    "/configurator",
    "/version",
    "/api/v1/invitations/{code}",
    "/return",
];

/// Addresses that are about whoever asks.
/// One’s own new token is shown to the session that made it.
const OWN: [&str; 8] = [
    "/system/tokens/made",
    "/account",
    "/logout",
    "/api/v1/session",
    "/api/v1/sessions",
    "/api/v1/second-factor",
    "/api/v1/notices/own",
    "/api/v1/saved-filters",
];
