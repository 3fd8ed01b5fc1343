//! What licences cost us: an app for ten thousand devices, from the wish to the last licence held, with Apple's answers at hand.

use std::time::{Duration, Instant};

use rollcall::clock::Timestamp;
use rollcall::mdm::Actor;
use rollcall::mdm::licences::errands::{self, Outcome, What};
use rollcall::mdm::licences::sync::{self, Read};
use rollcall::mdm::licences::tokens::{self, Arrival};
use rollcall::mdm::licences::{self, Holder};
use rollcall::pki::seal::{KEY_BYTES, Sealer};
use rollcall::protocol::apps_and_books::{AssetLine, AssignmentLine, ClientConfig, ContentToken, Page, Service, read};
use rollcall::random::Random;
use rollcall::sim::apple::apps_and_books::{Asked, Book};
use rollcall::store::{OpenOptions, Store};
use serde_json::{Value, json};

const START: Timestamp = Timestamp::from_seconds(1_795_577_349);
const DEVICES: u32 = 10_000;
const APP: &str = "409203825";
const BASE: &str = "https://localhost:9";

/// The appliance's store, and Apple's book.
struct Office {
    store: Store,
    book: Book,
    text: String,
    /// Time spent on our own work, Apple's left out.
    ours: Duration,
}

impl Office {
    #[expect(clippy::disallowed_methods, reason = "it measures")]
    fn timed<T>(&mut self, work: impl FnOnce(&Store) -> T) -> T {
        let began = Instant::now();
        let outcome = work(&self.store);
        self.ours += began.elapsed();
        outcome
    }

    fn ask(&mut self, method: &str, path: &str, query: &[(&str, String)], body: &Value, now: Timestamp) -> Value {
        let asked = Asked {
            method: method.to_owned(),
            path: path.trim_start_matches(BASE).to_owned(),
            query: query.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            token: Some(self.text.clone()),
            body: body.to_string().into_bytes(),
        };
        let said = self.book.answer(&asked, now).expect("the script loses nothing");
        read(said.status, None, &said.body).expect("the script refuses nothing").body
    }

    /// One turn of the only location; gives how many errands it had.
    fn turn(&mut self, now: Timestamp) -> usize {
        let due = self.timed(|store| store.write_blocking(now, errands::begin).expect("a turn begins"));
        let Some(token) = due.into_iter().next() else { return 0 };
        let mut done = 0;
        loop {
            let id = token.id.clone();
            let errand =
                self.timed(|store| store.write_blocking(now, move |tx| errands::next(tx, &id)).expect("there is an errand or none"));
            let Some(errand) = errand else { break };
            let (urls, id) = (Service::from_json(&token.service).urls, token.id.clone());
            done += 1;
            let body = match &errand.what {
                What::Sync { .. } => {
                    let assets = self.ask("GET", &urls.get_assets, &[], &Value::Null, now);
                    let lines = self.ask("GET", &urls.get_assignments, &[], &Value::Null, now);
                    let page = Page::<AssignmentLine>::read(&lines, 0, "assignments");
                    let assets = Page::<AssetLine>::read(&assets, 0, "assets").lines;
                    let read = Read { assets, assignments: page.lines, version: page.version, whole: true, still: true, ..Read::default() };
                    self.timed(|store| store.write_blocking(now, move |tx| sync::record(tx, &id, &read)).expect("Apple's book is read"));
                    continue;
                }
                What::Event { event_id } => self.ask("GET", &urls.event_status, &[("eventId", event_id.clone())], &Value::Null, now),
                What::Licences { assign: true, deed } => self.ask("POST", &urls.associate_assets, &[], &json!(deed), now),
                What::Licences { deed, .. } => self.ask("POST", &urls.disassociate_assets, &[], &json!(deed), now),
                What::Service | What::Users { .. } => unreachable!("the limits are known, and there are no people"),
            };
            let answer = read(200, None, body.to_string().as_bytes()).expect("it was read before");
            let record = move |tx: &rollcall::store::Tx| errands::record(tx, &errand, &Outcome::Answered(Box::new(answer)));
            self.timed(|store| store.write_blocking(now, record).expect("the outcome is recorded"));
        }
        let id = token.id;
        self.timed(|store| store.write_blocking(now, move |tx| errands::end(tx, &id)).expect("a turn ends"));
        done
    }
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let sealer = Sealer::from_key(&[7; KEY_BYTES]).expect("the key has the right length");
    let store = Store::open(OpenOptions::file(folder.path().join("rollcall.db"), sealer)).expect("the store opens");
    let mut book = Book::new(BASE, Random::seeded(3));
    let text = book.open("North building", START.plus(Duration::from_secs(300 * 86_400)));
    book.buy(&text, APP, DEVICES);
    book.page_lines = usize::MAX;
    let mut office = Office { store, book, text, ours: Duration::ZERO };
    let service = Service::read(&office.ask("GET", "/mdm/v2/service/config", &[], &Value::Null, START), BASE);
    let config = ClientConfig::read(&office.ask("GET", "/mdm/v2/client/config", &[], &Value::Null, START));
    let brought = ContentToken::read(office.text.as_bytes(), START).expect("the stand-in writes tokens as the portal does");
    let arrival = Arrival { brought, service, config, practice: false, older: false };
    office.store.write_blocking(START, move |tx| tokens::keep(tx, &Actor::Console, &arrival)).expect("the token is kept");
    office.turn(START);

    office.ours = Duration::ZERO;
    office.timed(|store| {
        let all = |tx: &rollcall::store::Tx| {
            for number in 0..DEVICES {
                licences::want(tx, APP, &Holder::Device { serial_number: format!("TESTSN{number:05}") })?;
            }
            Ok(())
        };
        store.write_blocking(START, all).expect("all are wanted");
    });
    let wanted = office.ours;
    let (mut now, mut errands) = (START, 0);
    let held = loop {
        errands += office.turn(now);
        let seats = office.store.write_blocking(now, |tx| licences::seats(tx, APP)).expect("seats are counted");
        if seats.in_use == DEVICES || now > START.plus(Duration::from_secs(3600)) {
            break seats.in_use;
        }
        now = now.plus(Duration::from_secs(31));
    };
    println!("{held} of {DEVICES} licences held after {errands} errands to Apple");
    println!("our own work: {:.2} s to reserve them, {:.2} s in all", wanted.as_secs_f64(), office.ours.as_secs_f64());
}
