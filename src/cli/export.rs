//! `rollcall export`: what another server has to be told, so that it knows the devices of this one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::{Method, Request, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::{Args, Subcommand};
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::api::{self, Api, Beside};
use super::print::{self, private_file, text};
use crate::apple::connect::{Connector, Dialer, Trust};
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::secret::{Secret, SecretBytes};

/// Names the key of the other server in the environment.
const VARIABLE: &str = "ROLLCALL_EXPORT_KEY";

/// How long one message may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Moves devices out to any server of the Nano world, without their noticing: their check-ins, for its /migration.
///
/// Works while Rollcall runs, through its control socket, and while it does not. Nothing is changed here. Push tokens are in what is written; unlock and
/// bootstrap tokens only with --secrets, and each device's timeline says so then. The other server also needs this one's root (`/trust`), its push
/// certificate, and the host name that devices come to.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall export nano check-ins.plist
  rollcall export nano --secrets check-ins.plist
  rollcall export nano --to https://new-mdm.example.school/migration --key-file key.txt
  ROLLCALL_EXPORT_KEY=… rollcall export nano --to http://localhost:9000/migration")]
pub(super) struct Export {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    beside: Beside,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Authenticate and TokenUpdate of every enrolled device and its users, as property lists
    Nano(Nano),
}

#[derive(Debug, Args)]
struct Nano {
    /// The file that they are written to, readable for its owner alone
    #[arg(required_unless_present = "to", conflicts_with = "to")]
    file: Option<PathBuf>,
    /// Sends them to this address of the other server instead
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// A file whose first line is the key of the other server's API
    #[arg(long, value_name = "FILE", requires = "to")]
    key_file: Option<PathBuf>,
    /// A PEM file with the authority that the other server's TLS certificate is from, where it is no public one
    #[arg(long, value_name = "FILE", requires = "to")]
    trust: Option<PathBuf>,
    /// With unlock and bootstrap tokens
    #[arg(long)]
    secrets: bool,
}

/// A check-in as the API gives it.
struct Message {
    id: String,
    kind: String,
    body: SecretBytes,
}

impl Export {
    /// Does it and prints what came of it.
    pub(super) fn run(self) -> Result<()> {
        let Self { deed: Deed::Nano(nano), beside: Beside { data, json } } = self;
        let target = nano.to.as_deref().map(|to| Target::new(to, nano.key_file.as_deref(), nano.trust.as_deref())).transpose()?;
        let report = api::with(data, async |api| {
            let (messages, left_out) = messages(api, nano.secrets).await?;
            match (&target, &nano.file) {
                (Some(target), _) => send(target, &messages, left_out).await,
                (None, Some(file)) => write(file, &messages, left_out),
                (None, None) => Err(Error::bad_input("Name a file, or an address with --to.")),
            }
        })?;
        print::whole((if json { print::json(&report) } else { told(&report) }).as_bytes())?;
        match report["refused"].as_array().map_or(0, Vec::len) {
            0 => Ok(()),
            refused => Err(Error::conflict(format!("{refused} check-ins were refused there."))),
        }
    }
}

/// Every message, page by page.
async fn messages(api: &mut Api, secrets: bool) -> Result<(Vec<Message>, Vec<Value>)> {
    let (mut messages, mut left_out, mut after) = (Vec::new(), Vec::new(), Value::Null);
    loop {
        let mut page = api.ask(Method::POST, "/api/v1/moves/export", Some(json!({ "secrets": secrets, "after": after }))).await?;
        for item in page["items"].as_array().into_iter().flatten() {
            let body = item["message"].as_str().and_then(|text| STANDARD.decode(text).ok());
            let body = body.ok_or_else(|| Error::new(Kind::Upstream, "A check-in came broken from the appliance."))?;
            messages.push(Message { id: text(item, "id"), kind: text(item, "message_type"), body: SecretBytes::new(body) });
        }
        if let Some(more) = page["left_out"].as_array_mut() {
            left_out.append(more);
        }
        after = page["next"].take();
        if after.is_null() {
            return Ok((messages, left_out));
        }
    }
}

fn devices(messages: &[Message]) -> usize {
    messages.iter().filter(|message| message.kind == "Authenticate").count()
}

/// One property list after the other: what `rollcall import nanomdm` reads, and what any tool can take apart at `</plist>`.
fn write(path: &Path, messages: &[Message], left_out: Vec<Value>) -> Result<Value> {
    let mut all = Vec::new();
    for message in messages {
        all.extend_from_slice(message.body.expose().trim_ascii_end());
        all.push(b'\n');
    }
    let content = SecretBytes::new(all);
    private_file(path, content.expose())?;
    Ok(json!({ "file": path.display().to_string(), "devices": devices(messages), "messages": messages.len(), "left_out": left_out }))
}

/// Another server's address for check-ins that move in.
struct Target {
    address: Uri,
    login: Secret<String>,
    client: Client<HttpsConnector<Dialer>, Full<Bytes>>,
}

impl Target {
    fn new(to: &str, key_file: Option<&Path>, trust: Option<&Path>) -> Result<Self> {
        let wrong = |what: &str| Error::bad_input(format!("--to: “{to}” {what}; write for example https://mdm.example.school/migration"));
        let address: Uri = to.parse().map_err(|_| wrong("is no address"))?;
        let host = address.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        match address.scheme_str() {
            Some("https") => {}
            Some("http") if is_here => {}
            Some("http") => return Err(wrong("would send push tokens for everybody to read: use https")),
            _ => return Err(wrong("does not begin with https://")),
        }
        if address.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(Error::bad_input(format!(
                "--to holds no password: give the key by --key-file, or as {VARIABLE} in the environment."
            )));
        }
        let unreadable = |path: &Path, error: std::io::Error| Error::not_found(format!("{} cannot be read: {error}.", path.display()));
        let key = match key_file {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
                Secret::new(text.lines().next().unwrap_or_default().to_owned())
            }
            None => Secret::new(std::env::var(VARIABLE).unwrap_or_default()),
        };
        if key.expose().is_empty() {
            return Err(Error::bad_input(format!(
                "The other server wants the key of its API: give --key-file FILE, or {VARIABLE} in the environment."
            )));
        }
        let mut anchors = Trust::public();
        if let Some(path) = trust {
            anchors = anchors.and(&std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?)?;
        }
        let client = Client::builder(TokioExecutor::new()).build(Connector::new(anchors, Clock::System).http()?);
        Ok(Self { address, login: Secret::new(format!("Basic {}", STANDARD.encode(format!("nanomdm:{}", key.expose())))), client })
    }

    /// Puts a message; gives the status.
    async fn put(&self, message: &Message) -> Result<u16> {
        let request = Request::builder()
            .method(Method::PUT)
            .uri(self.address.clone())
            .header("authorization", self.login.expose().as_str())
            .header("content-type", "application/x-apple-aspen-mdm-checkin");
        let request = request.body(Full::new(Bytes::from(message.body.expose().clone())));
        let request = request.map_err(|error| Error::internal("a check-in is no request", error))?;
        let gone = |why: String| {
            Error::new(
                Kind::Upstream,
                format!("{} does not answer: {why}. What was sent stays there; run the same once more.", self.address),
            )
        };
        let answer =
            tokio::time::timeout(TIMEOUT, self.client.request(request)).await.map_err(|_| gone(String::from("it takes too long")))?;
        let answer = answer.map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            gone(source.unwrap_or_else(|| error.to_string()))
        })?;
        Ok(answer.status().as_u16())
    }
}

async fn send(target: &Target, messages: &[Message], left_out: Vec<Value>) -> Result<Value> {
    let mut refused = Vec::new();
    for message in messages {
        match target.put(message).await? {
            200..=299 => {}
            401 | 403 => return Err(Error::forbidden(format!("{} does not take this key.", target.address))),
            404 | 405 => {
                return Err(Error::not_found(format!(
                    "{} takes no check-ins that move in: NanoMDM wants -migration for that.",
                    target.address
                )));
            }
            status => refused.push(json!({ "id": message.id, "message_type": message.kind, "status": status })),
        }
    }
    let sent = messages.len() - refused.len();
    Ok(
        json!({ "to": target.address.to_string(), "devices": devices(messages), "messages": sent, "refused": refused, "left_out": left_out }),
    )
}

fn told(report: &Value) -> String {
    let (verb, place) = if report["to"].is_string() { ("were sent to", text(report, "to")) } else { ("are in", text(report, "file")) };
    let mut lines = vec![format!("{} check-ins of {} devices {verb} {place}.", report["messages"], report["devices"])];
    for one in report["refused"].as_array().into_iter().flatten() {
        lines.push(format!("Refused with {}: {} {}", one["status"], text(one, "message_type"), text(one, "id")));
    }
    let left_out = report["left_out"].as_array().map_or(0, Vec::len);
    if left_out > 0 {
        lines.push(format!("{left_out} enrollments cannot be woken, so that there is nothing to tell another server."));
    }
    if report["file"].is_string() {
        lines.push(String::from(
            "The file holds what it takes to wake these devices: keep it like a password, and delete it when they have moved.",
        ));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_named_whole_and_nothing_secret_goes_over_open_lines() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        std::fs::write(&key, "practice\n").unwrap();
        for to in [
            "https://new.example.school/migration",
            "http://localhost:9000/migration",
            "http://127.0.0.1:9000/migration",
            "http://[::1]:9/m",
        ] {
            assert_eq!(Target::new(to, Some(&key), None).unwrap().login.expose(), "Basic bmFub21kbTpwcmFjdGljZQ==", "{to}");
        }
        for (to, words) in [
            ("http://new.example.school/migration", "use https"),
            ("new.example.school", "https://"),
            ("https://nanomdm:x@new.example.school/migration", "no password"),
            ("ftp://localhost/x", "https://"),
        ] {
            let Err(refusal) = Target::new(to, Some(&key), None) else { panic!("{to}") };
            assert!(refusal.message.contains(words), "{to}: {refusal}");
        }
    }

    #[test]
    fn what_was_written_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.plist");
        let message = |kind: &str| Message { id: "A-1".into(), kind: kind.into(), body: SecretBytes::new(b"<plist></plist>\n\n".to_vec()) };
        let report = write(&path, &[message("Authenticate"), message("TokenUpdate")], vec![json!("A-2")]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "<plist></plist>\n<plist></plist>\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let told = told(&report);
        assert!(told.starts_with("2 check-ins of 1 devices are in ") && told.contains("1 enrollments cannot be woken"), "{told}");
    }
}
