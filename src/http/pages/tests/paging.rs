//! Lists in pages: whoever follows "Next page" to the end sees every row, and each once.

use std::collections::BTreeSet;
use std::time::Duration;

use super::declarations::TEST;
use super::profiles::camera;
use super::{House, enrollment};
use crate::clock::Timestamp;
use crate::mdm::enroll::invitations::{self, NewInvitation};
use crate::mdm::groups::{self, NewGroup};
use crate::mdm::people::{self, NewPerson, classes};
use crate::mdm::policies::{self, NewPolicy};
use crate::mdm::{Actor, Role, apps};
use crate::sim::apple::ade::device as apples;
use crate::store::app_states::{self, AppState};
use crate::store::deployments::Mechanism;
use crate::store::enrollments::{self, Enrollment};
use crate::store::events::{self, NewEvent};
use crate::store::people::PersonRole;
use crate::store::profiles::tests::group;
use crate::store::update_states::{self, Stage, UpdateState};
use crate::store::{Tx, devices as rows, roster};

/// Three pages of every list but the log's, which are twice as long.
const ROWS: usize = 103;
/// Pages after which a list is taken for one without end.
const PAGES_MAX: usize = 9;

/// What stands between `before` and `after`, wherever they stand.
fn all_between<'a>(page: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    page.split(before).skip(1).filter_map(|rest| rest.split_once(after)).map(|(found, _)| found).collect()
}

/// Where the link with these words leads, as a browser reads it.
fn link(page: &str, words: &str) -> Option<String> {
    let (before, _) = page.split_once(&format!(">{words}</a>"))?;
    let (_, href) = before.rsplit_once("href=\"")?;
    Some(href.split(['"', '#']).next().unwrap().replace("&amp;", "&"))
}

impl House {
    /// What stands between `before` and `after` on all pages from `first` on, by the links to the next.
    async fn followed(&self, cookie: &str, first: &str, (before, after): (&str, &str)) -> Vec<String> {
        let (mut found, mut path) = (Vec::new(), first.to_owned());
        for _ in 0..PAGES_MAX {
            let page = self.get(cookie, &path).await;
            assert_eq!(page.status, 200, "{path}: {}", page.body);
            found.extend(all_between(&page.body, before, after).into_iter().map(str::to_owned));
            match link(&page.body, "Next page").or_else(|| link(&page.body, "Older")) {
                Some(next) => path = next,
                None => return found,
            }
        }
        panic!("{first} has no end; the last was {path}, and {} rows were seen", found.len());
    }

    /// Sees to it that the list at `first` shows [`ROWS`] rows, each once.
    async fn shows_each_once(&self, cookie: &str, first: &str) {
        let found = self.followed(cookie, first, ("class=\"row-link\" href=\"", "\"")).await;
        let different: BTreeSet<_> = found.iter().collect();
        assert_eq!((found.len(), different.len()), (ROWS, ROWS), "{first}: rows, and different ones");
    }

    /// Devices for which nothing waits, with names that have to be encoded, some of which say no serial number, and an update by hand on each.
    async fn many_devices(&self) {
        let add = |tx: &Tx| {
            for at in 0..ROWS {
                let id = format!("{at:03}");
                let mut device =
                    roster::tests::device(&id, &format!("{} & Zoë +{:02}%", if at.is_multiple_of(2) { "art" } else { "ART" }, at / 4));
                device.os_version = format!("18.{}", at % 3);
                if at.is_multiple_of(9) {
                    device.serial_number = None;
                }
                rows::insert(tx, &device)?;
                let seen = Timestamp::from_millis(tx.now.millis() - (at as i64 / 2) * 1000);
                enrollments::insert(tx, &Enrollment { last_seen_at: Some(seen), ..enrollment(tx, &id) })?;
                update_states::put(tx, &format!("e{id}"), &UpdateState { stage: Stage::Done, ..UpdateState::blank("", 0, tx.now) })?;
            }
            Ok(())
        };
        self.write(add).await;
    }
}

#[tokio::test]
async fn devices_are_all_seen_by_the_next_links_whatever_the_order_and_the_filter() {
    let house = House::new();
    house.many_devices().await;
    let viewer = house.person(Role::Viewer).await;
    for key in ["name", "model", "os", "serial", "last_seen", "state"] {
        for sort in [key.to_owned(), format!("-{key}")] {
            house.shows_each_once(&viewer, &format!("/devices?sort={sort}")).await;
        }
    }
    for filter in
        ["", "search=Zo%C3%AB+%2B", "state=ok", "platform=ios", "group=7b", "hardware=iPad13%2C18", "state=ok&search=art&sort=-serial"]
    {
        house.shows_each_once(&viewer, &format!("/devices?{filter}")).await;
    }
    for filter in ["", "?stage=done"] {
        house.shows_each_once(&viewer, &format!("/updates/by-hand{filter}")).await;
    }
}

#[tokio::test]
async fn the_next_link_of_devices_keeps_the_filter_and_holds_the_cursor_alone() {
    let house = House::new();
    house.many_devices().await;
    let viewer = house.person(Role::Viewer).await;
    let page = house.get(&viewer, "/devices?search=art&sort=serial").await.body;
    let next = link(&page, "Next page").unwrap();
    assert!(next.starts_with("/devices?search=art&sort=serial&after="), "{next}");
    assert!(!next.contains("%2Fdevices") && next.matches("after").count() == 1, "{next}");
}

#[tokio::test]
async fn people_classes_groups_and_their_devices_are_all_seen_by_the_next_links() {
    let house = House::new();
    house.many_devices().await;
    let add = |tx: &Tx| {
        for at in 0..ROWS {
            let name = format!("{} & Zoë +{:02}%", if at.is_multiple_of(2) { "kim" } else { "KIM" }, at / 4);
            let person = NewPerson { name: name.clone(), email: String::new(), role: PersonRole::Student, active: true };
            people::create(tx, &Actor::Console, person)?;
            classes::create(tx, &Actor::Console, &format!("{name} {at}"))?;
        }
        for at in 1..ROWS {
            groups::create(tx, &Actor::Console, NewGroup { name: format!("Cart +{at}% & more"), note: String::new(), rule: None })?;
        }
        let ids: Vec<_> = (0..ROWS).map(|at| format!("{at:03}")).collect();
        group(tx, "g", "All & everything", &ids.iter().map(String::as_str).collect::<Vec<_>>())
    };
    house.write(add).await;
    let viewer = house.person(Role::Viewer).await;
    for list in ["/people", "/people?role=student", "/people?search=Zo%C3%AB&role=student", "/classes", "/groups", "/groups/g"] {
        house.shows_each_once(&viewer, list).await;
    }
}

#[tokio::test]
async fn what_is_given_out_is_all_seen_by_the_next_links() {
    let house = House::new();
    house.many_devices().await;
    let add = |tx: &Tx| {
        let mut first = None;
        let camera_off = serde_json::Map::from_iter([("no_camera".to_owned(), true.into())]);
        for at in 0..ROWS {
            let name = format!("Atlas +{at}% & more");
            let app = apps::add(tx, &Actor::Console, &(1_500_000_000 + at).to_string(), &name)?;
            first.get_or_insert(app.id);
            policies::create(tx, &Actor::Console, &NewPolicy { name: name.clone(), note: String::new(), settings: camera_off.clone() })?;
            let note = NewInvitation {
                note: name,
                group_label: String::new(),
                person_label: String::new(),
                max_uses: None,
                expires_at: None,
                practice: false,
                asks_device: false,
            };
            invitations::create(tx, &Actor::Console, note)?;
        }
        let app = first.unwrap_or_default();
        for at in 0..ROWS {
            app_states::put(tx, &format!("e{at:03}"), &AppState::absent(&app, Mechanism::Command, tx.now))?;
        }
        Ok(app)
    };
    let app = house.write(add).await;
    let owner = house.person(Role::Owner).await;
    for at in 0..ROWS {
        house.kept(&owner, &camera(&format!("school.example.camera.{at}"), false)).await;
        let text = TEST.replace("school.example.test", &format!("school.example.test.{at}"));
        let added = house.send_declarations(&owner, "", &text, &format!("Echo +{}% & more", at / 2)).await;
        assert_eq!(added.status, 303, "{}", added.body);
    }
    for list in ["/apps", "/apps?search=Atlas+%2B", "/policies", "/invitations", "/profiles", "/declarations"] {
        house.shows_each_once(&owner, list).await;
    }
    house.shows_each_once(&owner, &format!("/apps/{app}")).await;
}

#[tokio::test]
async fn new_devices_are_all_seen_by_the_next_links() {
    let (house, services) = House::beside_apples_list().await;
    let (owner, now) = (house.person(Role::Owner).await, house.app.now());
    let token = services.ade.book().open("School", "head@example.school", now.plus(Duration::from_secs(300 * 86_400)));
    for at in 0..ROWS {
        services.ade.book().server(&token).add(&apples(&format!("TESTSN{at:04}"), "iPad", "iPad", "SILVER"), now);
    }
    let server = crate::http::ade::begin(&house.app, &Actor::Console, "School", false).await.unwrap();
    house.write(move |tx| crate::mdm::ade::servers::take(tx, &Actor::Console, &server.id, &token).map(drop)).await;
    house.let_pass(1).await;
    for list in ["/new-devices", "/new-devices?search=TESTSN&show=no_profile"] {
        house.shows_each_once(&owner, list).await;
    }
}

#[tokio::test]
async fn the_log_is_all_seen_by_the_links_to_what_is_older() {
    let house = House::new();
    house.device("1", "iPad A").await;
    let add = |tx: &Tx| {
        for at in 0..2 * ROWS {
            let actor = format!("Zoë {at:03}");
            let event =
                NewEvent { kind: "escrow.revealed", actor_kind: "person", actor: &actor, device_id: Some("1"), ..NewEvent::default() };
            events::append(tx, &event)?;
        }
        Ok(())
    };
    house.write(add).await;
    let owner = house.person(Role::Owner).await;
    for list in ["/system/audit", "/system/audit?who=people&kind=escrow.", "/system/audit?who=all&device=1"] {
        let found = house.followed(&owner, list, ("by Zoë ", "<")).await;
        let different: BTreeSet<_> = found.iter().collect();
        assert_eq!((found.len(), different.len()), (2 * ROWS, 2 * ROWS), "{list}: lines, and different ones");
    }
}
