//! Apps and Books as people see it: a token brought, what is owned, who has it, and what can be done about it.

use std::time::Duration;

use super::House;
use crate::apple::apps_and_books::AppsAndBooks;
use crate::apple::connect::{Connector, Trust};
use crate::http::api::Streams;
use crate::http::auth::tests::peer;
use crate::http::doors;
use crate::http::server::Listener;
use crate::jobs;
use crate::mdm::Role;
use crate::mdm::licences::{self, Holder};
use crate::protocol::apps_and_books::MdmInfo;
use crate::sim::apple::Services;
use crate::sim::apple::apps_and_books::Assignment;

const APP: &str = "409203825";

fn form(field: &str, content: &str) -> String {
    format!("--x\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"f\"\r\n\r\n{content}\r\n")
}

impl House {
    /// An appliance beside the stand-ins.
    async fn beside() -> (Self, Services) {
        let mut house = Self::new();
        let services = Services::start(&house.app.clock, &house.app.random).await.unwrap();
        let connector = Connector::new(Trust::only(&services.trust_anchor_pem()).unwrap(), house.app.clock.clone());
        let base = format!("https://localhost:{}", services.apps_and_books.address().port());
        house.app = house.app.with_licence_service(AppsAndBooks::new(&connector, &base).unwrap());
        house.router = doors(&house.app, &Streams::default()).whole.layer(axum::Extension(peer(Listener::Main)));
        (house, services)
    }

    pub(super) async fn bring_to(&self, cookie: &str, path: &str, parts: &[(&str, &str)]) -> super::Reply {
        let body: String = parts.iter().map(|(field, content)| form(field, content)).collect();
        self.send(Self::posted(cookie, path, "multipart/form-data; boundary=x", format!("{body}--x--\r\n"))).await
    }

    async fn pass(&self, seconds: u64) {
        self.app.clock.advance(Duration::from_secs(seconds));
        jobs::run_due(&self.app).await.unwrap();
    }
}

#[tokio::test]
async fn a_location_is_brought_taken_over_read_and_removed_by_its_page() {
    let (house, services) = House::beside().await;
    let owner = house.person(Role::Owner).await;
    let all = "/system/apps-and-books";
    let empty = house.get(&owner, all).await.body;
    assert!(empty.contains("No location yet") && empty.contains("Bring a content token"), "{empty}");
    let wrong = house.bring_to(&owner, all, &[("file", "PK\u{3}\u{4}")]).await;
    assert!(wrong.status == 422 && wrong.body.contains("This is a ZIP archive."), "{}", wrong.body);

    let end = house.app.now().plus(Duration::from_secs(300 * 86_400));
    let text = services.apps_and_books.book().open("North <building>", end);
    {
        let mut book = services.apps_and_books.book();
        book.buy(&text, APP, 2);
        let location = book.location(&text).unwrap();
        location.assign(Assignment::device(APP, "THEIRS1"));
        location.mdm_info = MdmInfo { id: "other".into(), name: "Old server".into(), metadata: String::new() };
    }
    let brought = house.bring_to(&owner, all, &[("file", &text)]).await;
    let page = brought.location().split('?').next().unwrap().to_owned();
    let taken = house.get(&owner, &page).await.body;
    assert!(taken.contains("Take this location over") && taken.contains("Old server"), "{taken}");
    assert!(house.get(&owner, "/system").await.body.contains("“Old server” took it over"));
    house.post(&owner, &format!("{page}/claim"), "").await;
    house.pass(1).await;
    let listed = house.get(&owner, all).await.body;
    assert!(listed.contains("North &lt;building&gt;") && listed.contains("Numbers"), "the store told the name: {listed}");
    let icon = house.get(&owner, &format!("{all}/icons/{APP}")).await;
    assert_eq!((icon.status, &icon.headers["content-type"]), (axum::http::StatusCode::OK, &"image/png".parse().unwrap()));

    let want = |serial: &str| Holder::Device { serial_number: serial.to_owned() };
    for serial in ["OURS1", "OURS2"] {
        let holder = want(serial);
        house.write(move |tx| licences::want(tx, APP, &holder)).await;
    }
    let holders = house.get(&owner, &format!("{all}/apps/{APP}")).await.body;
    for part in ["OURS1", "THEIRS1", "1 more needed", "All 2 licences are taken; get more", "/take-back"] {
        assert!(holders.contains(part), "{part} in {holders}");
    }
    house.post(&owner, &format!("{all}/take-back"), &format!("adam_id={APP}&serial_number=THEIRS1")).await;
    for _ in 0..4 {
        house.pass(40).await;
    }
    let served = house.get(&owner, &format!("{all}/apps/{APP}")).await.body;
    assert!(!served.contains("THEIRS1") && !served.contains("more needed"), "{served}");
    let ask = house.get(&owner, &format!("{page}/remove")).await.body;
    assert!(ask.contains("2 licences") && ask.contains("stays assigned there"), "{ask}");
    house.post(&owner, &format!("{page}/remove"), "").await;
    assert!(house.get(&owner, all).await.body.contains("No location yet"));
}

#[tokio::test]
async fn codes_are_imported_by_the_page_and_who_may_only_look_changes_nothing() {
    let house = House::new();
    let (owner, viewer) = (house.person(Role::Owner).await, house.person(Role::Viewer).await);
    let path = "/system/apps-and-books/codes";
    let sheet = [("adam_id", APP), ("sheet", "Code,Status\nABCDEFGH2345,\nTAKENTAKEN22,redeemed\n")];
    let refused = house.bring_to(&owner, path, &[("adam_id", "x"), sheet[1]]).await;
    assert!(refused.status == 422 && refused.body.contains("for example 409203825"), "{}", refused.body);
    assert_eq!(house.bring_to(&viewer, path, &sheet).await.status, 403);
    let imported = house.bring_to(&owner, path, &sheet).await;
    let said = house.get(&owner, imported.location()).await.body;
    assert!(said.contains("New codes: 1.") && said.contains("1 of 1") && !said.contains("ABCDEFGH2345"), "{said}");
    let looked = house.get(&viewer, "/system/apps-and-books").await.body;
    assert!(looked.contains("1 of 1") && !looked.contains("Bring the token"), "{looked}");
}
