//! The stand-in's book, without sockets: locations, what they own, who has what, who is known, and what is under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use super::notices::{self, Notice, Subscription};
use super::script::{Act, Churn, Fault, Mishap};
use super::wire::{Asked, Said, refusal, said};
use super::{deeds, pages, shop, store};
use crate::clock::Timestamp;
use crate::protocol::apps_and_books::{ContentToken, Limits, MdmInfo, UNLIMITED};
use crate::random::Random;

/// How long an event takes unless somebody says otherwise.
const EVENT_TAKES: Duration = Duration::from_secs(2);

/// Lines of a page unless somebody says otherwise.
const PAGE_LINES: usize = 500;

/// Somebody has something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Assignment {
    /// The App Store's number.
    pub adam_id: String,
    /// Apple's word for the price.
    pub pricing_param: String,
    /// Whether the holder is a device.
    pub is_device: bool,
    /// Serial number or clientUserId.
    pub holder: String,
}

impl Assignment {
    /// A device's licence at the usual price.
    pub fn device(adam_id: &str, serial_number: &str) -> Self {
        Self { adam_id: adam_id.into(), pricing_param: "STDQ".into(), is_device: true, holder: serial_number.into() }
    }

    /// As lists and notifications show it.
    pub(super) fn line(&self) -> Value {
        let holder = if self.is_device { "serialNumber" } else { "clientUserId" };
        json!({ "adamId": self.adam_id, "pricingParam": self.pricing_param, holder: self.holder })
    }
}

/// How much a location owns of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// How many; [`UNLIMITED`] for as many as anybody wants.
    pub total: u32,
    /// Whether devices can have it.
    pub device_assignable: bool,
    /// `App` or `Book`.
    pub product_type: String,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) email: String,
    pub(super) managed_apple_id: String,
    /// The account that is theirs, once they are associated.
    pub(super) account: String,
    pub(super) status: &'static str,
    pub(super) invite_code: String,
}

/// Something under way.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) deed: deeds::Deed,
    pub(super) over_at: Timestamp,
    pub(super) failures: Option<Vec<Value>>,
}

/// A location.
#[derive(Debug)]
pub struct Location {
    /// Apple's id of it.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Who manages it.
    pub mdm_info: MdmInfo,
    pub(super) subscription: Option<Subscription>,
    /// What it owns.
    pub owned: BTreeMap<(String, String), Owned>,
    /// Who has what.
    pub assigned: BTreeSet<Assignment>,
    pub(super) users: BTreeMap<String, User>,
    pub(super) events: BTreeMap<String, Event>,
    pub(super) version: u64,
    pub(super) changes: Vec<(u64, Assignment)>,
}

/// The whole book.
#[derive(Debug)]
pub struct Book {
    base: String,
    pub(super) random: Random,
    locations: BTreeMap<String, Location>,
    /// How much one request may carry.
    pub limits: Limits,
    /// How long an event takes.
    pub event_takes: Duration,
    /// Lines of a page.
    pub page_lines: usize,
    /// What goes wrong next, in this order for each address.
    pub faults: VecDeque<Fault>,
    /// What others do, one after each page that is read.
    pub churn: VecDeque<Churn>,
    /// Serial numbers that Apple calls done and does nothing about.
    pub ghosts: BTreeSet<String>,
    /// Serial numbers that Apple refuses, with the number of the error.
    pub refused: BTreeMap<String, u32>,
    /// How many more questions of devices are answered as if nothing were assigned to anybody: the store is behind the book.
    pub store_lags: u32,
    /// What becomes of the next notifications, in this order.
    pub mishaps: VecDeque<Mishap>,
    pub(super) outbox: VecDeque<Notice>,
    /// Requests that came, by path.
    pub asked: Vec<String>,
    /// How often somebody wanted more than there was.
    pub overdrawn: u32,
}

impl Book {
    /// An empty book of a service that is reached at `base`.
    pub fn new(base: &str, random: Random) -> Self {
        Self {
            base: base.to_owned(),
            random,
            locations: BTreeMap::new(),
            limits: Limits::default(),
            event_takes: EVENT_TAKES,
            page_lines: PAGE_LINES,
            faults: VecDeque::new(),
            churn: VecDeque::new(),
            ghosts: BTreeSet::new(),
            refused: BTreeMap::new(),
            store_lags: 0,
            mishaps: VecDeque::new(),
            outbox: VecDeque::new(),
            asked: Vec::new(),
            overdrawn: 0,
        }
    }

    /// Opens a location and gives its content token, as the portal would.
    pub fn open(&mut self, name: &str, expires_at: Timestamp) -> String {
        let inner = self.random.token();
        let uid = format!("20490{:08}", self.random.below(100_000_000));
        let text = ContentToken::write(&inner, "Example School", expires_at);
        self.locations.insert(
            text.clone(),
            Location {
                uid,
                name: name.to_owned(),
                mdm_info: MdmInfo::default(),
                subscription: None,
                owned: BTreeMap::new(),
                assigned: BTreeSet::new(),
                users: BTreeMap::new(),
                events: BTreeMap::new(),
                version: 1,
                changes: Vec::new(),
            },
        );
        text
    }

    /// Gives a renewed token of a location; the one before is over.
    pub fn renew(&mut self, token: &str, expires_at: Timestamp) -> Option<String> {
        let location = self.locations.remove(token)?;
        let text = ContentToken::write(&self.random.token(), "Example School", expires_at);
        self.locations.insert(text.clone(), location);
        Some(text)
    }

    /// Buys licences of an app, so that there are `total`; [`UNLIMITED`] of a free one.
    pub fn buy(&mut self, token: &str, adam_id: &str, total: u32) {
        let Some(location) = self.locations.get_mut(token) else { return };
        let (key, owned) =
            ((adam_id.to_owned(), String::from("STDQ")), Owned { total, device_assignable: true, product_type: "App".into() });
        let before = location.owned.insert(key, owned).map_or(0, |owned| owned.total);
        location.version += 1;
        self.tell(token, &notices::count(adam_id, "STDQ", i64::from(total) - i64::from(before)));
    }

    /// The tokens of all locations.
    pub(super) fn tokens(&self) -> Vec<String> {
        self.locations.keys().cloned().collect()
    }

    /// A location by its token.
    pub fn location(&mut self, token: &str) -> Option<&mut Location> {
        self.locations.get_mut(token)
    }

    /// Who has what in a location.
    pub fn assigned(&self, token: &str) -> BTreeSet<Assignment> {
        self.locations.get(token).map(|location| location.assigned.clone()).unwrap_or_default()
    }

    /// Answers a request; nothing hangs up.
    pub fn answer(&mut self, asked: &Asked, now: Timestamp) -> Option<Said> {
        self.asked.push(asked.path.clone());
        let at = self.faults.iter().position(|fault| asked.path.ends_with(&fault.path));
        let act = at.and_then(|at| self.faults.remove(at)).map(|fault| fault.act);
        match act {
            Some(Act::LoseRequest) => return None,
            Some(Act::Refuse { status, number, retry_after }) => return Some(Said { retry_after, ..refusal(status, number) }),
            _ => {}
        }
        let said = self.well(asked, now);
        (act != Some(Act::LoseAnswer)).then_some(said)
    }

    fn well(&mut self, asked: &Asked, now: Timestamp) -> Said {
        if let Some(path) = asked.path.strip_prefix("/icons/") {
            return store::icon(path);
        }
        if asked.path == "/mdm/v2/service/config" {
            return said(&self.service_config());
        }
        let body = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", shop::REGISTER) => return shop::register(self, asked, &body),
            ("POST", path) if path.strip_prefix(shop::SHOP) == Some("/licences") => return shop::licences(self, &body, now),
            _ => {}
        }
        let Some(token) = asked.token.clone() else { return refusal(401, 9601) };
        if !self.locations.contains_key(&token) {
            // As Apple does: the status says that all is well.
            return refusal(200, 9622);
        }
        self.catch_up(&token, now);
        if asked.path == store::LOOKUP {
            return store::look_up(&self.base, &asked.query);
        }
        match (asked.method.as_str(), asked.path.strip_prefix("/mdm/v2").unwrap_or_default()) {
            ("GET", "/client/config") => self.config(&token),
            ("POST", "/client/config") => self.claim(&token, &body),
            ("GET", "/assets" | "/assignments" | "/users") => pages::read(self, &token, asked),
            ("GET", "/status") => deeds::status(self, &token, &asked.query),
            ("POST", path) => deeds::begin(self, &token, path, &body, now),
            _ => refusal(405, 9726),
        }
    }

    /// Ends the events whose time has come.
    fn catch_up(&mut self, token: &str, now: Timestamp) {
        let Some(mut location) = self.locations.remove(token) else { return };
        let due: Vec<_> = location
            .events
            .iter()
            .filter(|(_, event)| event.failures.is_none() && event.over_at <= now)
            .map(|(id, event)| (event.over_at, id.clone()))
            .collect();
        let ordered: BTreeSet<_> = due.into_iter().collect();
        for (_, id) in ordered {
            if let Some(deed) = location.events.get(&id).map(|event| event.deed.clone()) {
                let failures = deeds::carry_out(self, &mut location, &deed);
                if location.subscription.is_some() {
                    for content in notices::of_event(&location, &id, &deed, &failures) {
                        let notice = location.notice(&self.random.uuid_v4().to_string(), &content);
                        self.put_out(notice);
                    }
                }
                if let Some(event) = location.events.get_mut(&id) {
                    event.failures = Some(failures);
                }
            }
        }
        self.locations.insert(token.to_owned(), location);
    }

    /// Ends everything that is under way, however long it would take.
    pub fn finish_all(&mut self) {
        self.catch_up_all(Timestamp::from_millis(i64::MAX));
    }

    /// Ends the events of all locations whose time has come.
    pub(super) fn catch_up_all(&mut self, now: Timestamp) {
        for token in self.tokens() {
            self.catch_up(&token, now);
        }
    }

    /// Lets somebody else do something, if it is their turn.
    pub(super) fn churn(&mut self, token: &str) {
        let Some(churn) = self.churn.pop_front() else { return };
        if let Some(location) = self.locations.get_mut(token) {
            match churn {
                Churn::Assign(assignment) => drop(location.assign(assignment)),
                Churn::Withdraw(assignment) => drop(location.withdraw(&assignment)),
            }
        }
    }

    fn service_config(&self) -> Value {
        let at = |path: &str| format!("{}/mdm/v2{path}", self.base);
        json!({
            "limits": self.limits,
            "notificationTypes": ["ASSET_MANAGEMENT", "ASSET_COUNT", "USER_MANAGEMENT", "USER_ASSOCIATED"],
            "errorCodes": [],
            "urls": {
                "clientConfig": at("/client/config"), "getAssets": at("/assets"), "getAssignments": at("/assignments"),
                "associateAssets": at("/assets/associate"), "disassociateAssets": at("/assets/disassociate"),
                "revokeAssets": at("/assets/revoke"), "eventStatus": at("/status"), "getUsers": at("/users"),
                "createUsers": at("/users/create"), "updateUsers": at("/users/update"), "retireUsers": at("/users/retire"),
                "invitationEmail": format!("{}{}?cc=us&inviteCode=%25inviteCode%25", self.base, shop::REGISTER),
                "contentMetadataLookup": format!("{}{}", self.base, store::LOOKUP),
            },
        })
    }

    fn config(&self, token: &str) -> Said {
        let Some(location) = self.locations.get(token) else { return refusal(200, 9622) };
        let told = location.subscription.as_ref();
        said(&json!({
            "uId": location.uid, "locationName": location.name, "countryISO2ACode": "US", "defaultPlatform": "enterprisestore",
            "mdmInfo": location.mdm_info, "websiteURL": "https://school.example", "notificationUrl": told.map(|told| &told.url),
            "subscribedNotificationTypes": told.map(|told| told.types.clone()).unwrap_or_default(),
        }))
    }

    /// Whoever wants to be told was reached before, or does not come here.
    fn claim(&mut self, token: &str, body: &Value) -> Said {
        let info = serde_json::from_value::<MdmInfo>(body["mdmInfo"].clone()).unwrap_or_default();
        if info.id.is_empty() || info.id.chars().count() > 100 || info.name.chars().count() > 100 {
            return refusal(400, 9702);
        }
        if let Some(location) = self.locations.get_mut(token) {
            (location.mdm_info, location.subscription) = (info, Subscription::read(body));
        }
        self.config(token)
    }
}

impl Location {
    /// How much is left; more than anybody wants where that is so.
    pub(super) fn available(&self, key: &(String, String)) -> u32 {
        let used = self.assigned.iter().filter(|held| held.adam_id == key.0 && held.pricing_param == key.1).count() as u32;
        match self.owned.get(key).map(|owned| owned.total) {
            Some(UNLIMITED) => UNLIMITED,
            Some(total) => total.saturating_sub(used),
            None => 0,
        }
    }

    /// Assigns, if there is one left; false when there is none.
    pub fn assign(&mut self, assignment: Assignment) -> bool {
        if self.assigned.contains(&assignment) {
            return true;
        }
        if self.available(&(assignment.adam_id.clone(), assignment.pricing_param.clone())) == 0 {
            return false;
        }
        self.version += 1;
        self.changes.push((self.version, assignment.clone()));
        self.assigned.insert(assignment)
    }

    /// Takes back; false when it was not assigned.
    pub fn withdraw(&mut self, assignment: &Assignment) -> bool {
        self.version += 1;
        self.assigned.remove(assignment)
    }
}
