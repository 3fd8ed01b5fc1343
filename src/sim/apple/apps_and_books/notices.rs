//! What the stand-in tells by itself: of events that are over, of licences that were bought, of people who accepted; once, twice or not at all.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::book::{Assignment, Book, Location};
use super::deeds::Deed;
use super::people;
use super::script::Mishap;
use super::wire::Asked;
use crate::clock::Timestamp;

/// Whom or what one notification names at the most.
const ELEMENTS_MAX: usize = 100;

/// How long after each attempt to tell something the next one is; then nobody is told.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(180)];

/// Who wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) url: String,
    bearer: String,
    pub(super) types: Vec<String>,
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Where.
    pub url: String,
    /// By which we prove ourselves.
    pub bearer: String,
    /// What.
    pub body: Value,
    tries: usize,
    due_at: Timestamp,
}

/// A kind of notification, with what it says.
pub(super) type Content = (&'static str, Value);

impl Subscription {
    /// Reads who wants to be told; nothing where nobody does. It has to be an address with TLS, and to want something.
    pub(super) fn read(body: &Value) -> Option<Self> {
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let types =
            body["notificationTypes"].as_array().into_iter().flatten().filter_map(|kind| kind.as_str().map(str::to_owned)).collect();
        let read = Self { url: text("notificationUrl"), bearer: text("notificationAuthToken"), types };
        read.url.starts_with("https://").then_some(read)
    }

    fn notice(&self, id: &str, uid: &str, (kind, content): &Content) -> Notice {
        let body = json!({ "notificationId": id, "notificationType": kind, "uId": uid, "notification": content });
        Notice { url: self.url.clone(), bearer: self.bearer.clone(), body, tries: 0, due_at: Timestamp::default() }
    }
}

impl Book {
    /// What proves that somebody can be told, before it is agreed that they are; nothing where nobody wants to be told.
    pub(super) fn test_notice(&mut self, asked: &Asked) -> Option<Notice> {
        let is_claim = asked.method == "POST" && asked.path == "/mdm/v2/client/config";
        let uid = self.location(asked.token.as_deref().filter(|_| is_claim)?)?.uid.clone();
        let subscription = Subscription::read(&serde_json::from_slice(&asked.body).ok()?)?;
        let id = self.random.uuid_v4().to_string();
        Some(subscription.notice(&id, &uid, &("TEST_NOTIFICATION", json!({}))))
    }

    /// Has something told to whoever wants to know.
    pub(super) fn tell(&mut self, token: &str, content: &Content) {
        if self.location(token).is_some_and(|location| location.subscription.is_some()) {
            let id = self.random.uuid_v4().to_string();
            let notice = self.location(token).and_then(|location| location.notice(&id, content));
            self.put_out(notice);
        }
    }

    pub(super) fn put_out(&mut self, notice: Option<Notice>) {
        let Some(notice) = notice else { return };
        match self.mishaps.pop_front() {
            Some(Mishap::Lost) => {}
            Some(Mishap::Twice) => self.outbox.extend([notice.clone(), notice]),
            None => self.outbox.push_back(notice),
        }
    }

    /// Takes what is to be told now; what is over by now is told too.
    pub fn notices_due(&mut self, now: Timestamp) -> Vec<Notice> {
        if self.tokens().iter().all(|token| self.location(token).is_none_or(|location| location.subscription.is_none())) {
            return Vec::new();
        }
        self.catch_up_all(now);
        let (due, later): (Vec<_>, Vec<_>) = self.outbox.drain(..).partition(|notice| notice.due_at <= now);
        self.outbox = later.into();
        due
    }

    /// Nobody took it: it is told again later, a few times.
    pub fn missed(&mut self, notice: Notice, now: Timestamp) {
        if let Some(wait) = AGAIN_AFTER.get(notice.tries) {
            self.outbox.push_back(Notice { tries: notice.tries + 1, due_at: now.plus(*wait), ..notice });
        }
    }
}

impl Location {
    /// What is told, where somebody wants to know such things.
    pub(super) fn notice(&self, id: &str, content: &Content) -> Option<Notice> {
        let subscription = self.subscription.as_ref().filter(|wanted| wanted.types.iter().any(|kind| kind == content.0))?;
        Some(subscription.notice(id, &self.uid, content))
    }
}

/// More licences were bought, or fewer are there.
pub(super) fn count(adam_id: &str, pricing_param: &str, delta: i64) -> Content {
    ("ASSET_COUNT", json!({ "adamId": adam_id, "pricingParam": pricing_param, "countDelta": delta }))
}

/// Somebody accepted.
pub(super) fn associated(line: Value) -> Content {
    ("USER_ASSOCIATED", json!({ "associatedUsers": [line] }))
}

/// An event is over: who got what they were to get, and who did not.
pub(super) fn of_event(location: &Location, event_id: &str, deed: &Deed, failures: &[Value]) -> Vec<Content> {
    let (word, licences) = match deed {
        Deed::Users { word, users, .. } => {
            let lines: Vec<_> = users.iter().filter_map(|user| Some((user, location.users.get(&user.client_user_id)?))).collect();
            let lines: Vec<_> = lines.into_iter().map(|(user, known)| people::line(&user.client_user_id, known)).collect();
            let told =
                |lines: &[Value]| ("USER_MANAGEMENT", json!({ "users": lines, "eventId": event_id, "result": "SUCCESS", "type": word }));
            return lines.chunks(ELEMENTS_MAX).map(told).collect();
        }
        Deed::Associate(licences) => ("ASSOCIATE", licences),
        Deed::Disassociate(licences) => ("DISASSOCIATE", licences),
        Deed::Revoke(licences) => ("REVOKE", licences),
    };
    let failed: BTreeSet<_> = failures.iter().filter_map(held_of).collect();
    let (not_done, done): (Vec<_>, Vec<_>) = super::deeds::each(licences).into_iter().partition(|held| failed.contains(held));
    let told = |(result, held): (&str, &[Assignment])| {
        let lines: Vec<_> = held.iter().map(Assignment::line).collect();
        let mut content = json!({ "assignments": lines, "eventId": event_id, "result": result, "type": word });
        if let Some(error) = failures.first().filter(|_| result == "FAILURE") {
            content["error"] = error.clone();
        }
        ("ASSET_MANAGEMENT", content)
    };
    let done = done.chunks(ELEMENTS_MAX).map(|held| told(("SUCCESS", held)));
    done.chain(not_done.chunks(ELEMENTS_MAX).map(|held| told(("FAILURE", held)))).collect()
}

/// What a failure is about.
fn held_of(failure: &Value) -> Option<Assignment> {
    let info = &failure["errorInfo"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (adam_id, pricing_param) = (text(&info["assets"][0]["adamId"])?, text(&info["assets"][0]["pricingParam"])?);
    let (is_device, holder) = match text(&info["serialNumbers"][0]) {
        Some(serial) => (true, serial),
        None => (false, text(&info["clientUserIds"][0])?),
    };
    Some(Assignment { adam_id, pricing_param, is_device, holder })
}
