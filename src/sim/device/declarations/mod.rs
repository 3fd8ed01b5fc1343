//! The device's side of declarative management: the sync of a channel, what the declarations come to, and the status that is told.

mod apps;
mod betas;
mod effects;
mod fetch;
mod judge;
mod known;
mod predicate;
mod status;
mod updates;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;

use super::agenda::Errand;
use super::commands::{After, Answer, Command, Outcome};
use super::wire::{Purpose, Request, Response};
use super::{Device, Phase};
use crate::clock::Timestamp;
use crate::protocol::plist::{Value, fields};

/// How long a device collects changes before it tells them.
const DEBOUNCE: Duration = Duration::from_secs(2);

/// How often a device tells everything, to be safe.
const FULL_REPORT_EVERY: Duration = Duration::from_secs(86_400);

/// How many declarations a channel holds at the most.
const MAX_DECLARATIONS: usize = 1000;

/// The lists of a declaration-items document, with the word for one of each in addresses.
const KINDS: [(&str, &str); 4] =
    [("Activations", "activation"), ("Assets", "asset"), ("Configurations", "configuration"), ("Management", "management")];

/// One request of a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Which set the server has.
    Tokens,
    /// What is in the set.
    Items,
    /// One declaration, by kind and identifier.
    Document(&'static str, String),
    /// What the device has to tell; everything, where so marked.
    Status { full: bool },
}

use self::fetch::Fetched;
pub(crate) use self::fetch::Wanted;

/// The declarations of one channel.
#[derive(Debug, Default)]
pub(crate) struct Declarations {
    /// The server sent the command once.
    enabled: bool,
    /// The set that is held.
    token: Option<String>,
    /// The set that is being fetched.
    fetching: Option<String>,
    /// By identifier.
    held: BTreeMap<String, Held>,
    /// The downloads that are still out.
    outstanding: usize,
    /// What became of the profiles and data that declarations point to, by the declaration's identifier.
    fetched: BTreeMap<String, Fetched>,
    /// Status as it was last told, by item.
    told: BTreeMap<String, Json>,
    status_due: Option<Timestamp>,
    full_due: Option<Timestamp>,
    /// The deadline of an enforced update.
    enforce_at: Option<Timestamp>,
}

/// One declaration.
#[derive(Debug, Clone)]
struct Held {
    kind: &'static str,
    server_token: String,
    /// Absent until it was fetched.
    document: Option<Json>,
    /// What the server called its content before.
    earlier_token: Option<String>,
    /// The device says that it does not know the type, though it does.
    denied: bool,
}

impl Declarations {
    /// When the channel has something to tell by itself.
    pub(crate) fn wakes_at(&self) -> Option<Timestamp> {
        self.status_due.into_iter().chain(self.full_due).chain(self.enforce_at).min().filter(|_| self.enabled)
    }

    /// The set that is held.
    #[cfg(test)]
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    fn documents(&self, kind: &str) -> impl Iterator<Item = (&str, &Held)> {
        self.held.iter().filter(move |(_, held)| held.kind == kind).map(|(identifier, held)| (identifier.as_str(), held))
    }
}

impl Device {
    /// The command that begins a sync; with the tokens inside it may end at once.
    pub(super) fn declarative_management(&mut self, command: &Command) -> Outcome {
        let channel = &mut self.channels[command.channel];
        channel.declarations.enabled = true;
        let tokens = fields::data(&command.body, "Data").and_then(|data| serde_json::from_slice::<Json>(data).ok());
        let offered = tokens.as_ref().and_then(declarations_token);
        if offered.is_some() && offered == channel.declarations.token.as_deref() {
            return (Answer::done(), After::Nothing);
        }
        (Answer::done(), After::Declare(command.channel))
    }

    /// The device loses its declarations and what they brought, as one that was restored from a backup has; nobody is told.
    pub fn forget_declarations(&mut self, now: Timestamp) {
        for channel in 0..self.channels.len() {
            let declarations = &mut self.channels[channel].declarations;
            let (enabled, full_due) = (declarations.enabled, declarations.full_due);
            *declarations = Declarations { enabled, full_due, ..Declarations::default() };
            self.apply_declarations(channel, now);
            self.channels[channel].declarations.status_due = None;
        }
    }

    /// Asks for the declarations of a channel.
    pub(crate) fn declare(&mut self, channel: usize) {
        self.agenda.push_back(Errand::Declare(channel, Step::Tokens));
    }

    /// Something changed that a channel may have subscribed to.
    pub(crate) fn status_changed(&mut self, now: Timestamp) {
        for channel in &mut self.channels {
            if channel.declarations.enabled {
                channel.declarations.status_due.get_or_insert(now.plus(DEBOUNCE));
            }
        }
    }

    /// Plans what the channels have to tell.
    pub(crate) fn declare_if_due(&mut self, now: Timestamp) {
        let mut tried_again = Vec::new();
        for (index, channel) in self.channels.iter_mut().enumerate() {
            let declarations = &mut channel.declarations;
            let due = |at: Option<Timestamp>| declarations.enabled && at.is_some_and(|at| at <= now);
            let full = due(declarations.full_due);
            if full || due(declarations.status_due) {
                declarations.status_due = None;
                if full {
                    declarations.full_due = Some(now.plus(FULL_REPORT_EVERY));
                    tried_again.push(index);
                }
                self.agenda.push_back(Errand::Declare(index, Step::Status { full }));
            }
        }
        for index in tried_again {
            self.try_downloads_again(index, now);
        }
        if self.channels[super::DEVICE].declarations.enforce_at.is_some_and(|at| at <= now) {
            self.enforce_updates(now);
        }
    }

    /// The request of a step; none where nothing is to be told.
    pub(crate) fn declare_request(&mut self, channel: usize, step: &Step, now: Timestamp) -> Option<Request> {
        if self.phase != Phase::Enrolled || !self.channels.get(channel)?.declarations.enabled {
            return None;
        }
        let endpoint = match step {
            Step::Tokens => String::from("tokens"),
            Step::Items => String::from("declaration-items"),
            Step::Document(kind, identifier) => format!("declaration/{kind}/{identifier}"),
            Step::Status { full } => {
                let report = self.status_report(channel, *full)?;
                if self.faults.loses_status() {
                    return None;
                }
                let keys = [("Endpoint", Value::from("status")), ("Data", Value::Data(report.to_string().into_bytes()))];
                return self.check_in(Purpose::DeclarativeManagement, channel, keys, now);
            }
        };
        self.check_in(Purpose::DeclarativeManagement, channel, [("Endpoint", Value::from(endpoint))], now)
    }

    /// A step was answered.
    pub(crate) fn declared(&mut self, channel: usize, step: Step, response: &Response, now: Timestamp) {
        if let Step::Status { .. } = step {
            return self.expect_empty(response, Purpose::DeclarativeManagement);
        }
        let Ok(document) = serde_json::from_slice::<Json>(&response.body) else {
            self.journal.remark(format!("declarations: {step:?} was answered with something that is no JSON"));
            return self.abandon_sync(channel);
        };
        match step {
            Step::Tokens => self.tokens_came(channel, &document),
            Step::Items => self.items_came(channel, &document, now),
            Step::Document(_, identifier) => self.document_came(channel, &identifier, document, now),
            Step::Status { .. } => {}
        }
    }

    fn tokens_came(&mut self, channel: usize, document: &Json) {
        let declarations = &mut self.channels[channel].declarations;
        match declarations_token(document) {
            None => self.journal.remark("declarations: the tokens have no SyncTokens.DeclarationsToken"),
            Some(token) if declarations.token.as_deref() == Some(token) => {}
            Some(token) => {
                declarations.fetching = Some(token.to_owned());
                self.agenda.push_front(Errand::Declare(channel, Step::Items));
            }
        }
    }

    fn items_came(&mut self, channel: usize, document: &Json, now: Timestamp) {
        let Some(wanted) = listed(document) else {
            self.journal.remark("declarations: one of the four arrays of declaration-items is missing or not well formed");
            return self.abandon_sync(channel);
        };
        let declarations = &mut self.channels[channel].declarations;
        let token = document.get("DeclarationsToken").and_then(Json::as_str);
        if token != declarations.fetching.as_deref() {
            self.journal.remark("declarations: the token of declaration-items is another than that of tokens");
            declarations.fetching = token.map(str::to_owned);
        }
        if wanted.len() > MAX_DECLARATIONS {
            self.journal.remark("declarations: more than a device takes");
            return self.abandon_sync(channel);
        }
        declarations.held.retain(|identifier, held| wanted.get(identifier).is_some_and(|(kind, _)| *kind == held.kind));
        declarations.outstanding = 0;
        for (identifier, (kind, server_token)) in wanted {
            let current =
                declarations.held.get(&identifier).is_some_and(|held| held.server_token == server_token && held.document.is_some());
            if !current {
                declarations.outstanding += 1;
                let earlier_token = declarations.held.get(&identifier).map(|held| held.server_token.clone());
                let held = Held { kind, server_token, document: None, earlier_token, denied: false };
                declarations.held.insert(identifier.clone(), held);
                self.agenda.push_front(Errand::Declare(channel, Step::Document(kind, identifier)));
            }
        }
        self.finish_sync(channel, now);
    }

    fn document_came(&mut self, channel: usize, identifier: &str, document: Json, now: Timestamp) {
        let denied = document.get("Type").and_then(Json::as_str).is_some_and(|kind| self.faults.denies(kind));
        let declarations = &mut self.channels[channel].declarations;
        let text = |key: &str| document.get(key).and_then(Json::as_str);
        let Some(held) = declarations.held.get_mut(identifier) else { return };
        if text("Identifier") != Some(identifier) || text("Type").is_none() || document.get("Payload").is_none() {
            self.journal.remark(format!("declarations: the document of {identifier} is another's, or lacks Type or Payload"));
        } else if text("ServerToken") != Some(&held.server_token) {
            self.journal.remark(format!("declarations: the ServerToken of {identifier} is another than that of declaration-items"));
        } else {
            (held.document, held.denied) = (Some(document), denied);
        }
        declarations.outstanding = declarations.outstanding.saturating_sub(1);
        self.finish_sync(channel, now);
    }

    /// A step failed; says whether it is given up. A declaration that is not (any more) for this device is dropped.
    pub(crate) fn declaration_missed(&mut self, channel: usize, step: &Step, status: Option<u16>, given_up: bool, now: Timestamp) -> bool {
        match step {
            Step::Document(_, identifier) if status == Some(404) => {
                let declarations = &mut self.channels[channel].declarations;
                declarations.held.remove(identifier);
                declarations.outstanding = declarations.outstanding.saturating_sub(1);
                self.finish_sync(channel, now);
                true
            }
            _ if given_up => {
                self.abandon_sync(channel);
                true
            }
            _ => false,
        }
    }

    /// The server could not be understood: what is held stays, and the next command begins anew.
    fn abandon_sync(&mut self, channel: usize) {
        self.agenda.retain(|errand| !matches!(errand, Errand::Declare(other, Step::Document(..) | Step::Items) if *other == channel));
        let declarations = &mut self.channels[channel].declarations;
        declarations.fetching = None;
        declarations.outstanding = 0;
    }

    /// When nothing more is to be fetched, the set is applied and its status told.
    fn finish_sync(&mut self, channel: usize, now: Timestamp) {
        let declarations = &mut self.channels[channel].declarations;
        if declarations.outstanding > 0 {
            return;
        }
        declarations.token = declarations.fetching.take();
        declarations.status_due = Some(now);
        declarations.full_due.get_or_insert(now.plus(FULL_REPORT_EVERY));
        self.try_downloads_again(channel, now);
    }
}

/// The token in a tokens document.
fn declarations_token(document: &Json) -> Option<&str> {
    document.get("SyncTokens")?.get("DeclarationsToken")?.as_str()
}

/// The declarations that a declaration-items document lists, by identifier; none where it is not well formed.
fn listed(document: &Json) -> Option<BTreeMap<String, (&'static str, String)>> {
    let lists = document.get("Declarations")?;
    let mut all = BTreeMap::new();
    for (list, kind) in KINDS {
        for item in lists.get(list)?.as_array()? {
            let text = |key: &str| Some(item.get(key)?.as_str()?.to_owned());
            all.insert(text("Identifier")?, (kind, text("ServerToken")?));
        }
    }
    Some(all)
}
