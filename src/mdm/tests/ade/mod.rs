//! Apple's list of devices against the stand-in's book, without sockets: what Apple says is known in the end, whatever is cut off on the way.

mod accounts;
mod betas;
mod cases;
mod discovery;
mod moves;
mod people;
mod profiles;
mod property;

use std::time::Duration;

use serde_json::Value;

use super::School;
use crate::clock::Timestamp;
use crate::mdm::Actor;
use crate::mdm::ade::errands::{self, Outcome};
use crate::mdm::ade::{profiles as wishes, servers};
use crate::pki::issue;
use crate::pki::key::PrivateKey;
use crate::pki::oauth1::{Signatory, authorization, nonce};
use crate::protocol::ade::{Cause, PROTOCOL_VERSION, REALM, ServerToken, Surroundings, paths, read};
use crate::random::Random;
use crate::sim::apple::ade::{Asked, Book, Server};
use crate::store::ade_devices::AdeDevice;
use crate::store::ade_servers::AdeServer;
use crate::store::{ade_devices, ade_servers, alerts};

const BASE: &str = "https://localhost:9";
const MINUTE: Duration = Duration::from_secs(60);

/// Errands in one turn; more would be a loop.
const ERRANDS_MAX: usize = 500;

/// A school with one server in Apple's portal.
pub(super) struct Office {
    pub(super) school: School,
    pub(super) book: Book,
    pub(super) token: ServerToken,
    /// Its id here.
    pub(super) id: String,
    session: String,
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
    pub(super) fn new() -> Self {
        let school = School::new();
        let mut book = Book::new(BASE, Random::seeded(3));
        // Sessions that end are the stand-in's own tests; here every question counts.
        book.session_lives = super::days(3650);
        let token = book.open("Example School", "head@example.school", school.clock.now().plus(super::days(300)));
        let (now, kept) = (school.clock.now(), token.clone());
        let identity = issue::self_signed("Example School", &PrivateKey::generate_rsa_2048().unwrap(), super::days(3650), now).unwrap();
        let id = school.write(move |tx| {
            let server = servers::begin(tx, &Actor::Console, "Our server", &identity, false)?;
            servers::take(tx, &Actor::Console, &server.id, &kept)?;
            Ok(server.id)
        });
        Self { school, book, token, id, session: String::new() }
    }

    /// An office whose server has these devices: serial number and family.
    pub(super) fn with(devices: &[(&str, &str)]) -> Self {
        let mut office = Self::new();
        for (serial, family) in devices {
            office.add(serial, family);
        }
        office
    }

    pub(super) fn now(&self) -> Timestamp {
        self.school.clock.now()
    }

    pub(super) fn apple(&mut self) -> &mut Server {
        self.book.server(&self.token)
    }

    pub(super) fn add(&mut self, serial: &str, family: &str) {
        let now = self.now();
        let device = crate::sim::apple::ade::device(serial, family, family, "SILVER");
        self.apple().add(&device, now);
    }

    fn say(&mut self, method: &str, path: &str, body: Option<&Value>, header: Option<String>) -> Outcome {
        let asked = Asked {
            method: method.to_owned(),
            path: path.to_owned(),
            query: String::new(),
            session: header.is_none().then(|| self.session.clone()),
            authorization: header,
            version: Some(PROTOCOL_VERSION.to_owned()),
            user_agent: Some(String::from("Rollcall/1")),
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        };
        let now = self.now();
        match self.book.answer(&asked, now) {
            None => Outcome::Lost(String::from("hung up")),
            Some(said) => read(said.status, said.retry_after.as_deref(), &said.body).map_or_else(Outcome::Refused, Outcome::Answered),
        }
    }

    /// Asks as the client does: in a session, which is renewed in silence.
    fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> Outcome {
        let said = self.say(method, path, body, None);
        if !matches!(&said, Outcome::Refused(refusal) if refusal.cause == Cause::Session) {
            return said;
        }
        let by = Signatory {
            consumer_key: &self.token.consumer_key,
            consumer_secret: &self.token.consumer_secret,
            access_token: &self.token.access_token,
            access_secret: &self.token.access_secret,
        };
        let header = authorization(by, "GET", &format!("{BASE}{}", paths::SESSION), REALM, &nonce().unwrap(), self.now());
        match self.say("GET", paths::SESSION, None, Some(header)) {
            Outcome::Answered(answer) => {
                answer["auth_session_token"].as_str().unwrap_or_default().clone_into(&mut self.session);
                self.say(method, path, body, None)
            }
            refused => refused,
        }
    }

    pub(super) fn around(&self) -> Surroundings {
        self.school.write(|tx| wishes::surroundings(tx, "https://mdm.example.school", true))
    }

    /// A turn of the job, cut off where that is wanted; gives how many errands there were.
    pub(super) fn turn(&mut self, cut: Option<Cut>) -> usize {
        let around = self.around();
        let due = self.school.write(errands::begin);
        let mut done = 0;
        for server in due {
            loop {
                let (id, at) = (server.id.clone(), around.clone());
                let Some(errand) = self.school.write(move |tx| errands::next(tx, &id, &at)) else { break };
                if cut == Some(Cut::Before(done)) {
                    return done;
                }
                let (method, path, body) = errand.what.request();
                let came = self.ask(method, path, body.as_ref());
                if cut == Some(Cut::After(done)) {
                    return done;
                }
                done += 1;
                assert!(done < ERRANDS_MAX, "it asks for ever: {errand:?}");
                if !self.school.write(move |tx| errands::record(tx, &errand, &came)) {
                    break;
                }
            }
            let (id, at) = (server.id.clone(), around.clone());
            self.school.write(move |tx| errands::end(tx, &id, &at));
        }
        done
    }

    /// Lets time pass, with a turn at its end.
    pub(super) fn pass(&mut self, time: Duration) -> usize {
        self.school.clock.advance(time);
        self.turn(None)
    }

    pub(super) fn server(&self) -> AdeServer {
        let id = self.id.clone();
        self.school.write(move |tx| ade_servers::by_id(tx, &id)).unwrap()
    }

    pub(super) fn device(&self, serial: &str) -> Option<AdeDevice> {
        let (id, serial) = (self.id.clone(), serial.to_owned());
        self.school.write(move |tx| ade_devices::of(tx, &id, &serial))
    }

    /// The serial numbers of the devices that are ours.
    pub(super) fn ours(&self) -> Vec<String> {
        let id = self.id.clone();
        self.school.write(move |tx| ade_devices::of_server(tx, &id)).into_iter().map(|device| device.serial_number).collect()
    }

    pub(super) fn alerts(&self) -> Vec<(String, String)> {
        self.school.write(alerts::all).into_iter().map(|alert| (alert.key, alert.message)).collect()
    }

    /// Makes a profile of a guided choice the one of every family.
    pub(super) fn profile(&self, kind: &str, family: &str) -> String {
        let (id, kind, family) = (self.id.clone(), kind.to_owned(), family.to_owned());
        self.school.write(move |tx| {
            let wish = wishes::Wish { name: format!("{kind} for {family}"), kind, keys: None };
            let profile = wishes::create(tx, &Actor::Console, wish)?.profile.id;
            wishes::set_default(tx, &Actor::Console, &id, &family, Some(&profile))?;
            Ok(profile)
        })
    }

    /// How often a page was asked for.
    pub(super) fn asked(&self, path: &str) -> usize {
        self.book.asked.iter().filter(|asked| *asked == path).count()
    }
}
