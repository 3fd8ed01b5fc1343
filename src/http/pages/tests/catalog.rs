//! The catalogue through all layers: what a person at a device is shown, what they choose, and who sets how it looks.

use std::time::Duration;

use super::access::app as app_row;
use super::*;
use crate::mdm::catalog::{
    self, ASK_AGAIN_AFTER, Audience, CLIP_IDENTIFIER, Catalog, Colour, GROUPS_MAX, NOTE_MAX_CHARS, PERIOD, TITLE_MAX_CHARS,
};
use crate::mdm::{Actor, capability};
use crate::protocol::plist;
use crate::store::app_states::{self, AppState, Stage};
use crate::store::apps;
use crate::store::assignments::{AssignedKind, AssignedMode};
use crate::store::deployments::Mechanism;
use crate::store::policies::tests as groups;

/// A house with an iPad whose group has one app to choose and one that comes by itself.
async fn school() -> House {
    let house = House::new();
    house.device("d1", "iPad 1").await;
    house.device("d2", "iPad 2").await;
    house
        .write(|tx| {
            capability::prepare(tx)?;
            apps::insert(tx, &app_row("a1", "school.example.field", "{}"))?;
            apps::insert(tx, &app_row("a2", "school.example.exam", "{}"))?;
            groups::group(tx, "g1", "Cart A")?;
            groups::put_in(tx, "g1", "d1")?;
            for (app, mode) in [("a1", AssignedMode::Optional), ("a2", AssignedMode::Required)] {
                crate::mdm::assignments::assign_as(tx, &Actor::Console, (AssignedKind::App, app, app), "g1", None, mode)?;
            }
            Ok(())
        })
        .await;
    house
}

async fn address(house: &House, device: &'static str) -> String {
    let link = house.write(move |tx| catalog::link(tx, &enrollments::device_channel(tx, device)?.unwrap())).await.unwrap();
    format!("/catalog/{}", link.capability)
}

fn blank(house: &House) -> AppState {
    AppState {
        name: "Field notes a1".into(),
        bundle_id: "school.example.field".into(),
        mode: AssignedMode::Optional,
        wanted: "wanted".into(),
        stage: Stage::Offered,
        ..AppState::absent("a1", Mechanism::Command, house.app.now())
    }
}

/// What is different of an app's row.
type Change = fn(&mut AppState);

/// The apps room says that the app which may be chosen is at this stage.
async fn stands(house: &House, stage: Stage, change: Change) {
    let begun = blank(house);
    house
        .write(move |tx| {
            let mut row = app_states::find(tx, "ed1", "a1")?.unwrap_or(begun);
            row.stage = stage;
            change(&mut row);
            app_states::put(tx, "ed1", &row)
        })
        .await;
}

async fn choose(house: &House, path: &str, app: &str, choice: &str) -> Reply {
    // Without a cookie, and as an old browser sends it: without any header that says where from.
    let request = Request::post(format!("{path}/apps/{app}")).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    house.send(request.body(Body::from(format!("choice={choice}"))).unwrap()).await
}

#[tokio::test]
async fn an_app_is_chosen_installed_and_given_back() {
    let house = school().await;
    let path = address(&house, "d1").await;
    let page = house.get("", &path).await.body;
    assert!(
        page.contains("Install Field notes a1") && page.contains("Comes by itself") && !page.contains("Install Field notes a2"),
        "{page}"
    );
    assert!(!page.contains("/packages/") && !page.contains("itms-services") && !page.contains("manifest"), "no link to a package");
    house.write(crate::store::known::tests::take_planned).await;
    house.app.clock.advance(Duration::from_secs(60));
    let chosen = choose(&house, &path, "a1", "install").await;
    assert_eq!((chosen.status, chosen.location()), (StatusCode::SEE_OTHER, path.as_str()), "{}", chosen.body);
    assert_eq!(house.write(crate::store::known::tests::take_planned).await, ["ed1"], "the device is looked at anew");
    assert!(house.get("", &path).await.body.contains("Asked for just now"));
    let as_it_is: Change = |_| {};
    let there: Change = |row| {
        row.seen = "there".into();
        row.short_version = "2.1".into();
    };
    let cases = [
        (Stage::NoLicence, as_it_is, "Waiting for a licence: ask your teacher"),
        (Stage::Prompting, as_it_is, "Look at the Home Screen"),
        (Stage::Declined, as_it_is, "Ask again for Field notes a1"),
        (Stage::Failed, as_it_is, "It could not be installed"),
        (Stage::Installing, as_it_is, "Installing"),
        (Stage::Installed, there, "Installed, version 2.1"),
    ];
    for (stage, change, words) in cases {
        stands(&house, stage, change).await;
        assert!(house.get("", &path).await.body.contains(words), "{stage}");
    }
    house.app.clock.advance(ASK_AGAIN_AFTER);
    assert_eq!(choose(&house, &path, "a1", "install").await.status, 409, "it is there");
    assert_eq!(choose(&house, &path, "a1", "remove").await.status, StatusCode::SEE_OTHER);
    let row = house.write(|tx| app_states::find(tx, "ed1", "a1")).await.unwrap();
    assert!(row.withdrawn && row.asked_at.is_none(), "the apps room takes it away");
    let events = house.write(|tx| crate::store::events::list(tx, &crate::store::events::Filter::default(), None, 50)).await;
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).filter(|kind| kind.starts_with("app.")).collect();
    assert_eq!(kinds, ["app.withdrawn", "app.asked"]);
}

#[tokio::test]
async fn a_finger_that_taps_twice_asks_once_and_later_asks_again() {
    let house = school().await;
    let path = address(&house, "d1").await;
    let times = async || {
        house.write(|tx| crate::store::app_requests::of_enrollment(tx, &enrollments::device_channel(tx, "d1")?.unwrap())).await[0].times
    };
    for _ in 0..3 {
        assert_eq!(choose(&house, &path, "a1", "install").await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(times().await, 1);
    house.app.clock.advance(ASK_AGAIN_AFTER);
    choose(&house, &path, "a1", "install").await;
    assert_eq!(times().await, 2);
}

#[tokio::test]
async fn what_the_device_cannot_have_is_not_offered_there() {
    let house = school().await;
    let path = address(&house, "d1").await;
    assert!(house.get("", &path).await.body.contains("/apps/a1"));
    let because = "it needs version 99 of the system";
    let unable =
        serde_json::json!([{ "what": "a1", "because": because, "origin": { "kind": "app", "id": "a1", "name": "a1" } }]).to_string();
    house.write(move |tx| crate::store::profiles::tests::planned(tx, "ed1", &unable)).await;
    assert!(!house.get("", &path).await.body.contains("/apps/a1"));
    assert_eq!(choose(&house, &path, "a1", "install").await.status, 409);
}

#[tokio::test]
async fn nobody_chooses_what_is_not_offered_or_for_another_device() {
    let house = school().await;
    let (mine, others) = (address(&house, "d1").await, address(&house, "d2").await);
    assert_eq!(choose(&house, &mine, "a2", "install").await.status, 409, "it comes by itself");
    assert_eq!(choose(&house, &mine, "a2", "remove").await.status, 409);
    let odd = choose(&house, &mine, "a1", "sell").await;
    assert!(odd.status == 400 && odd.body.contains(&format!("href=\"{mine}\"")), "{}", odd.body);
    let gone = choose(&house, &mine, "nothing", "install").await;
    assert_eq!(gone.status, 404);
    assert!(gone.body.contains("not meant for this device") && gone.body.contains(&format!("href=\"{mine}\"")), "{}", gone.body);
    assert!(!gone.body.contains("href=\"/\""), "the way back is to the catalogue: {}", gone.body);
    assert_eq!(choose(&house, &others, "a1", "install").await.status, 404, "not assigned there");
    assert!(house.get("", &others).await.body.contains("no apps to choose from"));
    let (id, proof) = others.rsplit_once('.').unwrap();
    for forged in [mine.replace("ed1", "ed2"), format!("{id}.0-{proof}"), "/catalog/ed1.1-x".into(), "/catalog/x".into()] {
        let reply = house.get("", &forged).await;
        assert!(reply.status == 404 && reply.body.contains("This link is over"), "{forged}");
        assert_eq!(choose(&house, &forged, "a1", "install").await.status, 404);
    }
}

#[tokio::test]
async fn a_link_ends_by_itself_with_the_enrollment_and_when_all_are_ended() {
    let house = school().await;
    let path = address(&house, "d1").await;
    house.app.clock.advance(PERIOD);
    assert_eq!(house.get("", &path).await.status, 200, "it opens for another period");
    let next = address(&house, "d1").await;
    assert_ne!(next, path, "and a new one is given out");
    house.app.clock.advance(PERIOD);
    assert_eq!(house.get("", &path).await.status, 404);
    let next = address(&house, "d1").await;
    house.write(|tx| catalog::renew_all(tx, &Actor::Console)).await;
    assert_eq!(house.get("", &next).await.status, 404);
    let last = address(&house, "d1").await;
    super::access::set_enrollment(&house, "d1", |enrollment| enrollment.generation += 1).await;
    assert_eq!(house.get("", &last).await.status, 404, "a new generation");
    let last = address(&house, "d1").await;
    super::access::set_enrollment(&house, "d1", |enrollment| enrollment.state = EnrollmentState::Left).await;
    assert_eq!(house.get("", &last).await.status, 404);
}

#[tokio::test]
async fn the_settings_are_kept_by_page_and_api_at_their_limits() {
    let house = school().await;
    let (admin, viewer) = (house.person(Role::Admin).await, house.person(Role::Viewer).await);
    assert!(!house.get(&viewer, "/system/catalog").await.body.contains("name=\"title\""));
    let wrong = house.post(&admin, "/system/catalog", "title=&note=x&colour=blue&audience=nobody").await;
    assert!(wrong.status == 422 && wrong.body.contains("Give it a title."), "{}", wrong.body);
    let saved = house.post(&admin, "/system/catalog", "title=Our+apps&note=Choose&colour=blue&audience=groups&groups=g1").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    assert_eq!(house.post(&viewer, "/system/catalog", "title=x&note=&colour=blue&audience=nobody").await.status, 403);
    let path = address(&house, "d1").await;
    let page = house.get("", &path).await.body;
    assert!(page.contains("Our apps") && page.contains("Choose") && page.contains("tint-blue"), "{page}");
    let set = |catalog: Catalog| house.app.store.write(house.app.now(), |tx| catalog::set(tx, &Actor::Console, catalog));
    let longest = Catalog { title: "t".repeat(TITLE_MAX_CHARS), note: "n".repeat(NOTE_MAX_CHARS), ..Catalog::default() };
    assert_eq!(set(longest.clone()).await.unwrap(), longest);
    for (field, wrong) in [
        ("title", Catalog { title: "t".repeat(TITLE_MAX_CHARS + 1), ..longest.clone() }),
        ("note", Catalog { note: "n".repeat(NOTE_MAX_CHARS + 1), ..longest.clone() }),
        ("groups", Catalog { groups: (0..=GROUPS_MAX).map(|n| n.to_string()).collect(), ..longest.clone() }),
        ("groups", Catalog { audience: Audience::Groups, ..longest.clone() }),
        ("groups", Catalog { groups: vec!["nowhere".into()], ..longest.clone() }),
    ] {
        assert_eq!(set(wrong).await.unwrap_err().fields[0].field, field);
    }
    let bearer = format!("Bearer {}", house.kit.token(Role::Admin).await);
    let ask = async |method: Method, path: &str, body: &str| {
        let request = Request::builder().method(method).uri(path).header("authorization", &bearer).header(CONTENT_TYPE, "application/json");
        house.send(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let put = ask(Method::PUT, "/api/v1/catalog", r#"{"title":"All apps","colour":"red"}"#).await;
    assert!(put.status == 200 && put.body.contains("\"audience\":\"nobody\""), "{}", put.body);
    assert_eq!(ask(Method::PUT, "/api/v1/catalog", r#"{"titel":"x"}"#).await.status, 400);
    assert!(ask(Method::GET, "/api/v1/catalog", "").await.body.contains("All apps"));
    let link = ask(Method::GET, "/api/v1/devices/d1/catalog", "").await;
    assert!(link.body.contains("https://mdm.example.school/catalog/ed1."), "{}", link.body);
    assert_eq!(ask(Method::POST, "/api/v1/catalog/end-links", "{}").await.status, 200);
    assert!(house.get(&admin, "/devices/d1/catalog").await.body.contains("/catalog/ed1."));
    assert_eq!(house.get(&viewer, "/devices/d1/catalog").await.status, 403, "who only looks chooses for nobody");
    assert!(house.get(&admin, "/system/catalog/links").await.body.contains("made anew by themselves"));
    assert_eq!(house.post(&admin, "/system/catalog/links", "confirmed=1").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_icon_is_a_web_clip_that_apples_schema_knows_and_changes_with_the_address() {
    let house = school().await;
    super::access::set_enrollment(&house, "d1", |enrollment| enrollment.server_url = "https://mdm.example.school/mdm/connect".into()).await;
    let icon = async || {
        house
            .write(|tx| {
                let enrollment = enrollments::device_channel(tx, "d1")?.unwrap();
                let device = rows::by_id(tx, "d1")?.unwrap();
                let target = crate::mdm::reconcile::target(tx, &enrollment, &device, &[])?;
                catalog::pieces(tx, &target, Some("https://mdm.example.school"))
            })
            .await
    };
    assert!(icon().await.is_empty(), "for nobody at first");
    let wanted = Catalog { title: "Our apps".into(), audience: Audience::Groups, groups: vec!["g1".into()], ..Catalog::default() };
    house.write(move |tx| catalog::set(tx, &Actor::Console, wanted)).await;
    let bytes = |pieces: Vec<crate::mdm::wanted::Piece>| match pieces.into_iter().next() {
        Some(crate::mdm::wanted::Piece::Profile(piece)) => match piece.content {
            crate::mdm::wanted::ProfileContent::Rendered(bytes) => (piece.identifier, piece.uuid, bytes),
            other @ crate::mdm::wanted::ProfileContent::Uploaded { .. } => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let (identifier, uuid, first) = bytes(icon().await);
    assert_eq!(identifier, CLIP_IDENTIFIER);
    let read: plist::Dictionary = plist::parse_dictionary(&first).unwrap();
    let clip = read["PayloadContent"].as_array().unwrap()[0].as_dictionary().unwrap().clone();
    let url = clip["URL"].as_string().unwrap().to_owned();
    assert_eq!(house.get("", url.strip_prefix("https://mdm.example.school").unwrap()).await.status, 200);
    if let Some(shared) = crate::shared_for_tests() {
        let schema = std::fs::read_to_string(shared.join("apple-schema-18.1/mdm/profiles/com.apple.webClip.managed.yaml")).unwrap();
        for (key, value) in clip.iter().filter(|(key, _)| !key.starts_with("Payload")) {
            let kind = schema.split(&format!("- key: {key}\n")).nth(1).and_then(|rest| rest.split("type: ").nth(1)).unwrap_or_default();
            let is_so = match value {
                plist::Value::Data(_) => kind.starts_with("<data>"),
                plist::Value::Boolean(_) => kind.starts_with("<boolean>"),
                plist::Value::String(_) => kind.starts_with("<string>"),
                other => panic!("{key}: {other:?}"),
            };
            assert!(is_so, "{key}");
        }
    }
    assert!(clip["Icon"].as_data().unwrap().starts_with(b"\x89PNG"));
    assert_eq!(bytes(icon().await).1, uuid, "the same content is the same profile");
    let looks = Catalog {
        title: "Our apps".into(),
        audience: Audience::Groups,
        colour: Colour::Red,
        groups: vec!["g1".into()],
        ..Catalog::default()
    };
    house.write(move |tx| catalog::set(tx, &Actor::Console, looks)).await;
    let (_, uuid, red) = bytes(icon().await);
    assert_ne!(red, first, "another colour is another icon");
    house.app.clock.advance(PERIOD);
    assert_ne!(bytes(icon().await).1, uuid, "a new address is a new one");
    let other = house.write(|tx| {
        let enrollment = enrollments::device_channel(tx, "d2")?.unwrap();
        let target = crate::mdm::reconcile::target(tx, &enrollment, &rows::by_id(tx, "d2")?.unwrap(), &[])?;
        catalog::pieces(tx, &target, Some("https://mdm.example.school"))
    });
    assert!(other.await.is_empty(), "a device of no such group");
}

#[tokio::test]
async fn icons_are_made_anew_when_a_period_begins() {
    let house = school().await;
    assert!(house.write(catalog::renew).await);
    assert!(!house.write(catalog::renew).await);
    let wanted = Catalog { audience: Audience::Everybody, ..Catalog::default() };
    house.write(move |tx| catalog::set(tx, &Actor::Console, wanted)).await;
    let due = house.write(groups::due).await;
    house.write(crate::store::known::tests::take_planned).await;
    house.app.clock.advance(PERIOD);
    assert!(house.write(catalog::renew).await);
    assert!(house.write(groups::due).await > due);
}

#[test]
fn every_colour_has_enough_contrast_in_light_and_dark() {
    let style = include_str!("../../../../static/app.css");
    let luminance = |hex: &str| {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
    };
    let contrast = |a: &str, b: &str| {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    };
    for colour in Colour::ALL.into_iter().filter(|colour| *colour != Colour::Green) {
        let found: Vec<_> = style.split(&format!("--{}: #", colour.as_str())).skip(1).map(|rest| &rest[..6]).collect();
        assert_eq!(found.len(), 2, "{colour:?} in light and dark");
        for (accent, grounds) in [(found[0], ["ffffff", "fbfaf7"]), (found[1], ["0e1513", "1b201e"])] {
            for ground in grounds {
                assert!(contrast(accent, ground) >= 4.5, "{colour:?} {accent} on {ground}: {}", contrast(accent, ground));
            }
        }
    }
}
