//! The connections to Apple: when each worked last, and what keeps it from working, in words.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::updates::lookup::{self, Source};
use crate::mdm::{Actor, Right};
use crate::protocol::unreached::{self, Unreached};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, ade_servers, content_tokens, jobs, push_certificates};

/// What came of the last attempts, by the connection's name.
const KEPT: Setting<BTreeMap<String, Kept>> = Setting::new("apple.connections");

/// How often a connection that goes on working is noted.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// The most that is kept of what was said, in characters.
const SAID_MAX_CHARS: usize = 500;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    worked_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
    /// Whether it failed the last time.
    fails: bool,
    said: String,
}

/// Which of Apple's services it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AppleService)]
pub enum Service {
    /// Wakes devices.
    Push,
    /// Licences, by a content token.
    AppsAndBooks,
    /// The list of the organisation's devices, by a server token.
    DeviceList,
    /// Which OS releases there are.
    Releases,
}

impl Service {
    /// What people call it, within a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Push => t!("Apple's push service"),
            Self::AppsAndBooks => t!("Apps and Books"),
            Self::DeviceList => t!("Apple's device list"),
            Self::Releases => t!("Apple's list of OS releases"),
        }
    }

    /// The job that asks it by itself.
    pub fn job(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::AppsAndBooks => "licences",
            Self::DeviceList => "ade",
            Self::Releases => lookup::JOB,
        }
    }
}

/// A connection and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Names it in addresses: `push`, `releases`, `apps-and-books:<token>`.
    pub name: String,
    /// Where it leads.
    pub service: Service,
    /// Whose it is, where there may be several: the token's name; empty where there is one.
    pub of: String,
    /// The certificate's topic, or the token's id; empty for what needs neither.
    pub key: String,
    /// Whether it leads to the practice stand-in.
    pub practice: bool,
    /// When it worked last.
    pub worked_at: Option<Timestamp>,
    /// When it failed last, where that is known.
    pub failed_at: Option<Timestamp>,
    /// What keeps it from working; nothing where it worked the last time.
    pub failure: Option<Unreached>,
}

impl Connection {
    fn new(name: String, service: Service, kept: &BTreeMap<String, Kept>) -> Self {
        let Kept { worked_at, failed_at, fails, said } = kept.get(&name).cloned().unwrap_or_default();
        let failure = fails.then(|| in_words(service, &said));
        Self { name, service, of: String::new(), key: String::new(), practice: false, worked_at, failed_at, failure }
    }

    /// With what its own row says of its last attempts: when one went well, and why those since did not.
    fn with(mut self, worked_at: Option<Timestamp>, problem: &str) -> Self {
        if !problem.is_empty() {
            self.failure = Some(in_words(self.service, problem));
        } else if self.failed_at < worked_at {
            self.failure = None;
        }
        self.worked_at = self.worked_at.max(worked_at);
        self
    }
}

/// What went wrong with a service, without the words of connections; what is no connection's sentence stays as it is.
pub fn plain(service: Service, said: &str) -> String {
    unreached::told(service.words(), said).map_or_else(|| said.to_owned(), |told| told.what)
}

/// What went wrong, in words for whoever need not know networks.
fn in_words(service: Service, said: &str) -> Unreached {
    unreached::told(service.words(), said).unwrap_or_else(|| Unreached {
        what: said.trim_end_matches('.').to_owned(),
        remedy: String::new(),
        said: String::new(),
    })
}

/// Every connection that there is: push certificates, tokens, and the list of releases.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<Connection>> {
    actor.require(Right::View)?;
    let kept = settings::value(tx, &KEPT)?.unwrap_or_default();
    let mut found = Vec::new();
    let own = push_certificates::current(tx)?.filter(|current| !current.practice);
    for certificate in own.into_iter().chain(push_certificates::practice(tx)?) {
        let connection = Connection::new(push_name(certificate.practice).to_owned(), Service::Push, &kept);
        found.push(Connection { key: certificate.topic, practice: certificate.practice, ..connection });
    }
    for token in content_tokens::all(tx)? {
        let connection = Connection::new(format!("apps-and-books:{}", token.id), Service::AppsAndBooks, &kept);
        let of = token.name().to_owned();
        let connection = connection.with(token.synced_at.max(token.service_at), &token.problem);
        found.push(Connection { of, practice: token.practice, key: token.id, ..connection });
    }
    for server in ade_servers::all(tx)?.into_iter().filter(|server| server.uploaded_at.is_some()) {
        let connection = Connection::new(format!("device-list:{}", server.id), Service::DeviceList, &kept);
        let connection = connection.with(server.synced_at.max(server.account_at), &server.problem);
        found.push(Connection { of: server.name, practice: server.practice, key: server.id, ..connection });
    }
    let state = lookup::state(tx, actor)?;
    let problem = if state.failures > 0 { state.problem.as_str() } else { "" };
    let worked_at = state.fetched_at.filter(|_| state.source == Some(Source::Apple));
    found.push(Connection::new(String::from("releases"), Service::Releases, &kept).with(worked_at, problem));
    Ok(found)
}

/// The connection of this name.
///
/// # Errors
/// Not found where there is none; forbidden for who may not change settings.
pub fn to_test(tx: &Tx, actor: &Actor, name: &str) -> Result<Connection> {
    actor.require(Right::Configure)?;
    let found = list(tx, actor)?.into_iter().find(|connection| connection.name == name);
    found.ok_or_else(|| Error::not_found(t!("There is no such connection to Apple.")))
}

/// What the connection for pushes is called.
pub fn push_name(practice: bool) -> &'static str {
    if practice { "push-practice" } else { "push" }
}

/// Notes what came of an attempt: it worked, or what was said that it failed by.
pub fn note(tx: &Tx, name: &str, outcome: Result<(), &str>) -> Result<()> {
    let mut all = settings::value(tx, &KEPT)?.unwrap_or_default();
    let kept = all.entry(name.to_owned()).or_default();
    match outcome {
        // A class that is woken is no reason to write the same again and again.
        Ok(()) if !kept.fails && kept.worked_at.is_some_and(|at| tx.now.since(at) < NOTED_EVERY) => return Ok(()),
        Ok(()) => (kept.worked_at, kept.fails) = (Some(tx.now), false),
        Err(said) => {
            (kept.failed_at, kept.fails) = (Some(tx.now), true);
            kept.said = said.chars().take(SAID_MAX_CHARS).collect();
        }
    }
    settings::set(tx, &KEPT, &all).map(drop)
}

/// Has the work that waits for a connection go on, now that it is known to work.
pub fn go_on(tx: &Tx, connection: &Connection) -> Result<()> {
    match connection.service {
        Service::Push => Ok(()),
        Service::AppsAndBooks => content_tokens::make_due(tx, &connection.key),
        Service::DeviceList => ade_servers::make_due(tx, &connection.key),
        Service::Releases => jobs::set_due(tx, lookup::JOB, Some(tx.now)),
    }
}

/// The connections that do not work now, of those that a job asks by itself; practice stand-ins are no connection to Apple.
pub fn failing(tx: &Tx, actor: &Actor) -> Result<Vec<Connection>> {
    Ok(list(tx, actor)?.into_iter().filter(|connection| !connection.practice && connection.failure.is_some()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::issue;
    use crate::pki::key::PrivateKey;
    use crate::store::push_certificates::PushCertificate;
    use crate::store::{OpenOptions, Store};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_593_600);
    const SAID: &str = "127.0.0.1:29999 cannot be reached (tcp connect error: Connection refused (os error 111)): check the network";

    #[test]
    fn a_connection_says_when_it_worked_last_and_in_plain_words_why_it_does_not() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let topic = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let certificate = issue::root("Portal of a test", NOW).unwrap().practice_push(topic, &key, NOW).unwrap();
        let put = move |tx: &Tx| {
            let row = PushCertificate {
                topic: topic.to_owned(),
                certificate: certificate.der().to_vec(),
                not_after_at: certificate.not_after(),
                current: true,
                practice: false,
                account_note: String::new(),
                uploads: 0,
                paused_until_at: None,
                uploaded_at: tx.now,
            };
            push_certificates::put(tx, &row, key.pkcs8_der().expose())
        };
        store.write_blocking(NOW, put).unwrap();
        let noted = |seconds: u64, outcome: Result<(), &'static str>| {
            let now = NOW.plus(Duration::from_secs(seconds));
            let work = move |tx: &Tx| note(tx, push_name(false), outcome).and_then(|()| to_test(tx, &Actor::Console, "push"));
            store.write_blocking(now, work).unwrap()
        };
        let works = noted(0, Ok(()));
        assert_eq!((works.worked_at, works.failed_at, &works.failure), (Some(NOW), None, &None));
        let same = noted(30, Ok(()));
        assert_eq!(same.worked_at, Some(NOW), "the same is not written again and again");
        let fails = noted(40, Err(SAID));
        let failure = fails.failure.unwrap();
        assert_eq!((failure.what.as_str(), failure.said.as_str()), ("This server has no way to Apple's push service", SAID));
        assert_eq!(fails.worked_at, Some(NOW), "when it worked last stays known");
        let failing = store.read_blocking(NOW, |tx| failing(tx, &Actor::Console)).unwrap();
        assert_eq!(failing.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["push"]);
        let again = noted(41, Ok(()));
        assert_eq!((again.failure, again.worked_at), (None, Some(NOW.plus(Duration::from_secs(41)))));
    }
}
