//! The ledger against the stand-in's book, without sockets: what is wanted is held in the end, whatever is lost on the way, and no seat is given twice.

mod cases;
mod locations;
mod places;
mod property;
mod returning;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::School;
use crate::mdm::Actor;
use crate::mdm::licences::errands::{self, Errand, Outcome, UserDeed, What};
use crate::mdm::licences::sync::{self, Read};
use crate::mdm::licences::{self, Holder, Licence, tokens};
use crate::protocol::apps_and_books::{
    Answer, AssetLine, AssignmentLine, ClientConfig, ContentToken, Page, Service, UserLine, Walk, page_query, read,
};
use crate::random::Random;
use crate::sim::apple::apps_and_books::{Asked, Book};

const BASE: &str = "https://localhost:9";
const MINUTE: Duration = Duration::from_secs(60);

/// A school with one location.
pub(super) struct Office {
    pub(super) school: School,
    pub(super) book: Book,
    /// The content token's text.
    pub(super) text: String,
    /// Its id here.
    pub(super) id: String,
    /// Whether an older token is meant.
    pub(super) older: bool,
    /// The texts of all locations, by id here.
    texts: BTreeMap<String, String>,
}

/// Where a turn is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Before Apple is asked for the errand of this number.
    Before(usize),
    /// After it was asked and before that is stored.
    After(usize),
}

impl Office {
    pub(super) fn new(owned: &[(&str, u32)]) -> Self {
        let school = School::new();
        let mut book = Book::new(BASE, Random::seeded(3));
        let text = book.open("North building", school.clock.now().plus(super::days(300)));
        for (adam_id, total) in owned {
            book.buy(&text, adam_id, *total);
        }
        let mut office = Self { school, book, text, id: String::new(), older: false, texts: BTreeMap::new() };
        office.bring();
        office
    }

    /// Brings the token, as a person does.
    fn bring(&mut self) {
        self.try_bring().unwrap();
        self.claim();
    }

    /// Brings the token and does not claim its location.
    pub(super) fn try_bring(&mut self) -> crate::error::Result<()> {
        let now = self.school.clock.now();
        let brought = ContentToken::read(self.text.as_bytes(), now).unwrap();
        let service = Service::read(&self.ask("GET", "/mdm/v2/service/config", &[], &Value::Null).unwrap().body, BASE);
        let config = ClientConfig::read(&self.ask("GET", "/mdm/v2/client/config", &[], &Value::Null).unwrap().body);
        let arrival = tokens::Arrival { brought, service, config, practice: false, older: self.older };
        self.id = self.school.try_write(move |tx| tokens::keep(tx, &Actor::Console, &arrival))?.id;
        self.texts.insert(self.id.clone(), self.text.clone());
        Ok(())
    }

    /// Opens another location and brings its token; the first stays the one that is meant. Gives the text and the id.
    pub(super) fn second(&mut self, name: &str, owned: &[(&str, u32)]) -> (String, String) {
        let text = self.book.open(name, self.school.clock.now().plus(super::days(300)));
        for (adam_id, total) in owned {
            self.book.buy(&text, adam_id, *total);
        }
        let id = self.bring_text(&text);
        (text, id)
    }

    /// Brings a token of another location than the one that is meant.
    pub(super) fn bring_text(&mut self, text: &str) -> String {
        let first = (self.text.clone(), self.id.clone());
        self.text = text.to_owned();
        self.bring();
        let id = self.id.clone();
        (self.text, self.id) = first;
        id
    }

    /// Claims the location, as an upload does when nobody else has it.
    pub(super) fn claim(&mut self) {
        let id = self.id.clone();
        let claim = self.school.write(move |tx| tokens::claim(tx, &Actor::Console, &id));
        let body = ClientConfig::claim(&claim.server_id, "Rollcall", None);
        self.ask("POST", "/mdm/v2/client/config", &[], &body).unwrap();
        self.school.write(move |tx| tokens::claimed(tx, &Actor::Console, &claim, false));
    }

    fn ask(&mut self, method: &str, path: &str, query: &[(&str, String)], body: &Value) -> Result<Answer, Outcome> {
        let asked = Asked {
            method: method.to_owned(),
            path: path.trim_start_matches(BASE).to_owned(),
            query: query.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            token: Some(self.text.clone()),
            body: body.to_string().into_bytes(),
        };
        let said = self.book.answer(&asked, self.school.clock.now()).ok_or_else(|| Outcome::Lost(String::from("the connection broke")))?;
        read(said.status, said.retry_after.as_deref(), &said.body).map_err(Outcome::Refused)
    }

    fn walk<T: DeserializeOwned>(&mut self, url: &str, name: &str, since: Option<&str>) -> Result<Walk<T>, Outcome> {
        let mut walk = Walk::default();
        loop {
            let wanted = walk.wanted();
            if wanted.is_empty() {
                return Ok(walk);
            }
            for page in wanted {
                let answer = self.ask("GET", url, &page_query(page, since), &Value::Null)?;
                walk.take(Page::<T>::read(&answer.body, page, name));
            }
        }
    }

    fn read(&mut self, service: &Service, since: Option<&str>, users: bool) -> Result<Read, Outcome> {
        let urls = &service.urls;
        let config = ClientConfig::read(&self.ask("GET", &urls.client_config, &[], &Value::Null)?.body);
        let mut read = Read { config, assets: self.walk::<AssetLine>(&urls.get_assets, "assets", None)?.lines, ..Read::default() };
        let whole = |office: &mut Self, read: &mut Read| {
            let walk = office.walk::<AssignmentLine>(&urls.get_assignments, "assignments", None)?;
            (read.whole, read.still, read.assignments, read.version) = (true, !walk.changed, walk.lines, walk.version);
            Ok::<_, Outcome>(())
        };
        match since {
            None => whole(self, &mut read)?,
            Some(since) => {
                let walk = self.walk::<AssignmentLine>(&urls.get_assignments, "assignments", Some(since))?;
                (read.assignments, read.version) = (walk.lines, walk.version);
                let id = self.id.clone();
                let (wants, back) = self.school.write(move |tx| Ok((sync::wants_whole(tx, &id, &read)?, read)));
                read = back;
                if wants {
                    whole(self, &mut read)?;
                }
            }
        }
        if users {
            read.users = Some(self.walk::<UserLine>(&urls.get_users, "users", None)?.lines);
        }
        Ok(read)
    }

    fn perform(&mut self, service: &Service, errand: &Errand) -> Result<Result<Read, Outcome>, Box<Service>> {
        let urls = &service.urls;
        Ok(Err(match &errand.what {
            What::Service => match self.ask("GET", "/mdm/v2/service/config", &[], &Value::Null) {
                Ok(answer) => return Err(Box::new(Service::read(&answer.body, BASE))),
                Err(outcome) => outcome,
            },
            What::Sync { since, users } => return Ok(self.read(service, since.as_deref(), *users)),
            What::Event { event_id } => self
                .ask("GET", &urls.event_status, &[("eventId", event_id.clone())], &Value::Null)
                .map_or_else(|lost| lost, |answer| Outcome::Answered(Box::new(answer))),
            What::Licences { assign, deed } => {
                let url = if *assign { &urls.associate_assets } else { &urls.disassociate_assets };
                self.ask("POST", url, &[], &json!(deed)).map_or_else(|lost| lost, |answer| Outcome::Answered(Box::new(answer)))
            }
            What::Users { deed, users } => {
                let url = match deed {
                    UserDeed::Create => &urls.create_users,
                    UserDeed::Update => &urls.update_users,
                    UserDeed::Retire => &urls.retire_users,
                };
                self.ask("POST", url, &[], &json!({ "users": users }))
                    .map_or_else(|lost| lost, |answer| Outcome::Answered(Box::new(answer)))
            }
        }))
    }

    /// Runs what is due, as the job does.
    pub(super) fn turn(&mut self, cut: Option<Cut>) {
        let first = (self.text.clone(), self.id.clone());
        for token in self.school.write(errands::begin) {
            self.text = self.texts[&token.id].clone();
            self.id = token.id;
            self.turn_of_one(cut);
        }
        (self.text, self.id) = first;
    }

    fn turn_of_one(&mut self, cut: Option<Cut>) {
        for number in 0..64 {
            let id = self.id.clone();
            let Some(errand) = self.school.write(move |tx| errands::next(tx, &id)) else { break };
            if cut == Some(Cut::Before(number)) {
                return;
            }
            let id = self.id.clone();
            let token = self.school.write(move |tx| crate::store::content_tokens::by_id(tx, &id)).unwrap();
            let service = Service::from_json(&token.service);
            let came = self.perform(&service, &errand);
            if cut == Some(Cut::After(number)) {
                return;
            }
            let id = self.id.clone();
            let goes_on = match came {
                Err(service) => self.school.write(move |tx| errands::learned(tx, &id, &service).map(|()| true)),
                Ok(Ok(read)) => self.school.write(move |tx| sync::record(tx, &id, &read)),
                Ok(Err(outcome)) => self.school.write(move |tx| errands::record(tx, &errand, &outcome)),
            };
            if !goes_on {
                break;
            }
        }
        let id = self.id.clone();
        self.school.write(move |tx| errands::end(tx, &id));
    }

    /// Lets time pass, and what is due be done.
    pub(super) fn pass(&mut self, time: Duration) {
        self.school.clock.advance(time);
        self.turn(None);
    }

    pub(super) fn want(&self, adam_id: &str, serial: &str) -> Licence {
        let (adam_id, holder) = (adam_id.to_owned(), device(serial));
        self.school.write(move |tx| licences::want(tx, &adam_id, &holder))
    }

    pub(super) fn release(&self, adam_id: &str, serial: &str) {
        let (adam_id, holder) = (adam_id.to_owned(), device(serial));
        self.school.write(move |tx| licences::release(tx, &adam_id, &holder));
    }

    pub(super) fn licence(&self, adam_id: &str, serial: &str) -> Licence {
        let (adam_id, holder) = (adam_id.to_owned(), device(serial));
        self.school.write(move |tx| licences::licence(tx, &adam_id, &holder))
    }

    pub(super) fn seats(&self, adam_id: &str) -> licences::Seats {
        let adam_id = adam_id.to_owned();
        self.school.write(move |tx| licences::seats(tx, &adam_id))
    }

    /// How often the stand-in was asked for an address that ends so.
    pub(super) fn asked(&self, end: &str) -> usize {
        self.book.asked.iter().filter(|path| path.ends_with(end)).count()
    }
}

pub(super) fn device(serial: &str) -> Holder {
    Holder::Device { serial_number: serial.to_owned() }
}
