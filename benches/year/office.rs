//! A location of Apps and Books beside the school: licences that come and go each day, and what Apple tells by itself.

use std::time::Duration;

use rollcall::app::App;
use rollcall::clock::Clock;
use rollcall::error::Result;
use rollcall::mdm::Actor;
use rollcall::mdm::licences::tokens::{self, Arrival};
use rollcall::mdm::licences::{self, Holder, notices};
use rollcall::protocol::apps_and_books::{ClientConfig, ContentToken, Service, read};
use rollcall::random::Random;
use rollcall::sim::apple::apps_and_books::{AppsAndBooksStandIn, Asked};
use rollcall::sim::apple::authority::Authority;
use rollcall::store::Tx;
use serde_json::json;

use crate::{one, school::NOW};

/// What the location owns, by the App Store's numbers.
const APPS: [&str; 3] = ["409203825", "409201541", "361309726"];
const OWNED: u32 = 2_000;
/// Devices that get a licence each day, and keep it for so many days.
const HOLDERS: usize = 20;
const HELD_DAYS: u32 = 10;
/// By then each device has said its serial number.
const FIRST_DAY: u32 = 3;
/// What Apple tells by itself each day.
const NOTICES: u32 = 20;

/// The stand-in of Apps and Books, and whom to trust so that it is believed.
pub(crate) struct Office {
    apple: AppsAndBooksStandIn,
    /// The root of its certificate, PEM.
    pub(crate) root: String,
}

impl Office {
    pub(crate) async fn open(clock: &Clock) -> Self {
        let authority = Authority::new("Stand-in", NOW, Random::seeded(5)).expect("an authority is made");
        let apple = AppsAndBooksStandIn::start_under(&authority, clock.clone(), Random::seeded(6)).await.expect("a port is free");
        // Only this year's clock is to say how long it takes.
        apple.book().limits.max_request_per_second = 100_000;
        Self { apple, root: authority.pem() }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.apple.address().port())
    }

    /// Brings the location's content token; gives its id.
    pub(crate) async fn bring(&self, app: &App) -> String {
        let arrival = self.arrival();
        app.store.write(NOW, move |tx| tokens::keep(tx, &Actor::Console, &arrival)).await.expect("the token is kept").id
    }

    fn arrival(&self) -> Arrival {
        let url = self.url();
        let mut book = self.apple.book();
        let text = book.open("North building", NOW.plus(Duration::from_secs(800 * 24 * 3600)));
        for adam_id in APPS {
            book.buy(&text, adam_id, OWNED);
        }
        let mut ask = |path: &str| {
            let asked =
                Asked { method: "GET".into(), path: path.into(), query: Vec::new(), token: Some(text.clone()), body: b"null".to_vec() };
            let said = book.answer(&asked, NOW).expect("the script loses nothing");
            read(said.status, None, &said.body).expect("the script refuses nothing").body
        };
        let service = Service::read(&ask("/mdm/v2/service/config"), &url);
        let config = ClientConfig::read(&ask("/mdm/v2/client/config"));
        let brought = ContentToken::read(text.as_bytes(), NOW).expect("the stand-in writes tokens as the portal does");
        Arrival { brought, service, config, practice: false, older: false }
    }
}

/// What a day brings to a school of `count` devices: some get a licence, those of earlier give theirs back, and Apple tells of changes.
pub(crate) fn day(tx: &Tx, token_id: &str, day: u32, count: usize) -> Result<()> {
    if day < FIRST_DAY {
        return Ok(());
    }
    let app = |day: u32| APPS[day as usize % APPS.len()];
    let holder = |day: u32, number: usize| {
        let number = (day as usize * HOLDERS + number) % count;
        Holder::Device { serial_number: format!("TESTSN{number:04}") }
    };
    if let Some(before) = day.checked_sub(HELD_DAYS).filter(|before| *before >= FIRST_DAY) {
        (0..HOLDERS).try_for_each(|number| licences::release(tx, app(before), &holder(before, number)))?;
    }
    (0..HOLDERS).try_for_each(|number| licences::want(tx, app(day), &holder(day, number)).map(drop))?;
    (0..NOTICES).try_for_each(|number| {
        let told = json!({ "notificationId": format!("{day}-{number}"), "notificationType": "ASSET_COUNT" });
        notices::hear(tx, token_id, &told)
    })
}

/// That licences were held in the end, and that what was under way and heard did not gather.
pub(crate) fn check(file: &rusqlite::Connection, days: u32) {
    let rows = |table: &str| one(file, &format!("SELECT count(*) FROM {table}"));
    let held = one(file, "SELECT count(*) FROM licences WHERE stage = 'held'");
    let (all, under_way, heard) = (rows("licences"), rows("licence_events"), rows("licence_notices"));
    println!("licences: {held} held of {all} known; {under_way} events under way, {heard} notices remembered");
    if days > FIRST_DAY {
        assert!(held > 0, "somebody has a licence");
    }
    let lately = i64::from(HELD_DAYS + 5) * HOLDERS as i64;
    assert!(all <= lately && under_way <= 10, "what was given back is forgotten");
    let kept = notices::KEPT.as_secs().div_ceil(24 * 3600) + 2;
    assert!(heard <= i64::from(NOTICES) * kept as i64, "what was heard is forgotten");
}
