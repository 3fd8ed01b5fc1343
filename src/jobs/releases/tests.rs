//! The list of releases over real sockets, from a stand-in that does everything wrong in turn.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::apple::connect::{Connector, Trust};
use crate::apple::software_lookup::ROOT_MAX_BYTES;
use crate::jobs::run_one;
use crate::mdm::apple_roots::Source;
use crate::mdm::updates::lookup::{Filter, State};
use crate::pki::issue;
use crate::protocol::lookup::MAX_BYTES;
use crate::sim::apple::Services;
use crate::sim::apple::software_lookup::{Asked, Fault, PATH, ROOT_PATH};
use crate::store::jobs as turns;
use crate::store::releases::Release;

/// How long the client waits here: silence is meant.
const PATIENCE: Duration = Duration::from_millis(1_500);

struct House {
    app: App,
    services: Services,
}

impl House {
    /// An appliance beside the stand-ins, whose root it trusts by its settings.
    async fn new() -> Self {
        Self::with(SoftwareLookup::anchored).await
    }

    async fn with(change: impl FnOnce(SoftwareLookup) -> SoftwareLookup) -> Self {
        let app = App::for_tests();
        let services = Services::start(&app.clock, &app.random).await.unwrap();
        let connector = Connector::new(Trust::only(&services.trust_anchor_pem()).unwrap(), app.clock.clone());
        let url = services.software_lookup.url();
        let client = SoftwareLookup::new(&connector, &url).with_roots_from(&url).within(PATIENCE);
        Self { app: app.with_software_lookup(change(client)), services }
    }

    /// Runs the job though nothing may be due; gives what came of it.
    async fn turn(&self) -> String {
        run_one(&self.app, &JOB).await.unwrap();
        let turn = self.app.store.read(self.app.now(), |tx| turns::turn(tx, JOB.name)).await.unwrap();
        assert_eq!(turn.failures, 0, "{}", turn.result);
        turn.result
    }

    async fn state(&self) -> State {
        self.app.store.read(self.app.now(), |tx| lookup::state(tx, &ACTOR)).await.unwrap()
    }

    async fn listed(&self) -> Vec<Release> {
        self.app.store.read(self.app.now(), |tx| lookup::list(tx, &ACTOR, &Filter::default())).await.unwrap()
    }

    fn asked(&self) -> Vec<Asked> {
        self.services.software_lookup.book().asked.clone()
    }

    fn put(&self, versions: &[&str]) {
        let entries: Vec<_> =
            versions.iter().map(|version| json!({ "ProductVersion": version, "SupportedDevices": ["iPad13,18"] })).collect();
        self.services.software_lookup.book().put_document(&json!({ "AssetSets": { "iOS": entries } }), self.app.now());
    }
}

#[tokio::test]
async fn the_list_of_what_simulated_devices_know_is_taken_in_whole() {
    let house = House::new().await;
    let result = house.turn().await;
    let (listed, state) = (house.listed().await, house.state().await);
    assert!(listed.len() > 20 && result.starts_with(&format!("{} listed: {} new", listed.len(), listed.len())), "{result}");
    assert_eq!((state.fetched_at, state.problem.as_str(), state.passed_over.len()), (Some(house.app.now()), "", 0));
    for platform in ["iOS", "macOS", "visionOS"] {
        assert!(listed.iter().any(|release| release.key.platform == platform), "{platform}");
    }
}

#[tokio::test]
async fn the_same_list_is_not_sent_twice_and_changes_nothing() {
    let house = House::new().await;
    house.put(&["26.1"]);
    house.turn().await;
    house.app.clock.advance(Duration::from_secs(86_400));
    assert_eq!(house.turn().await, "1 listed: nothing has changed");
    let asked = house.asked();
    assert_eq!((asked[0].if_none_match.as_ref(), asked[0].if_modified_since.as_ref(), asked[0].status), (None, None, 200));
    assert!(asked[1].if_none_match.is_some() && asked[1].if_modified_since.is_some() && asked[1].status == 304, "{asked:?}");
    assert_eq!(house.state().await.fetched_at, Some(house.app.now()), "it is known to be the newest now");
    {
        let mut book = house.services.software_lookup.book();
        book.has_etag = false;
    }
    house.put(&["26.1", "26.2"]);
    assert_eq!(house.turn().await, "2 listed: 1 new, 0 changed, 0 gone");
    assert_eq!(house.turn().await, "2 listed: nothing has changed");
    let last = house.asked().pop().unwrap();
    assert!(last.if_none_match.is_none() && last.if_modified_since.is_some(), "{last:?}");
}

#[tokio::test]
async fn whatever_goes_wrong_the_last_good_list_stays_with_its_age() {
    let house = House::new().await;
    house.put(&["26.1"]);
    house.turn().await;
    let (fetched, before) = (house.app.now(), house.listed().await);
    let refuse = |status, retry_after: Option<&str>| Fault::Refuse { status, retry_after: retry_after.map(str::to_owned) };
    for (fault, words) in [
        (Fault::WebPage, "This is a web page"),
        (Fault::Truncated, "broke"),
        (Fault::Flood, "larger than 8192 KB"),
        (Fault::Silence, "did not answer within 1500 ms"),
        (Fault::Stranger, "is not trusted"),
        (refuse(503, None), "out of order (503)"),
        (refuse(403, None), "answers with 403"),
        (refuse(302, None), "redirect (302)"),
    ] {
        // What is here already is not sent again, and so could not be cut short.
        house.services.software_lookup.book().put(r#"{"AssetSets":{"iOS":[]}}"#, house.app.now());
        house.services.software_lookup.book().faults.push_back(fault.clone());
        house.app.clock.advance(Duration::from_secs(3600));
        let result = house.turn().await;
        let state = house.state().await;
        assert!(result.contains(words) && state.problem == result, "{fault:?}: {result}");
        assert_eq!((state.fetched_at, house.listed().await), (Some(fetched), before.clone()), "{fault:?}");
        assert!(state.next_at.unwrap() > house.app.now(), "{fault:?}");
    }
    assert!(house.turn().await.contains("holds nothing that can be read"), "a list that is empty all at once");
    house.services.software_lookup.book().put("{\n \"AssetSets\": {\n  \u{201c}iOS\": [] } }", house.app.now());
    assert!(house.turn().await.contains("at line 3, column"), "{}", house.state().await.problem);
    assert_eq!((house.listed().await, house.state().await.failures), (before, 10));
    house.put(&["26.1", "26.2"]);
    assert_eq!(house.turn().await, "2 listed: 1 new, 0 changed, 0 gone");
    assert_eq!(house.state().await.problem, "");
}

#[tokio::test]
async fn far_too_much_is_cut_off_long_before_its_end() {
    let house = House::new().await;
    house.services.software_lookup.book().faults.push_back(Fault::Flood);
    assert!(house.turn().await.contains("larger than"));
    let taken = house.services.software_lookup.book().flooded_bytes;
    // What sockets and the stand-in itself hold is on its way already.
    assert!((MAX_BYTES..MAX_BYTES + (6 << 20)).contains(&taken), "{taken} bytes");
}

#[tokio::test]
async fn when_apple_says_when_to_come_again_it_is_not_asked_before() {
    let house = House::new().await;
    let date = "Wed, 25 Nov 2026 14:00:00 GMT";
    for (retry_after, seconds) in [("7200", 7200), (date, 4 * 3600)] {
        house.services.software_lookup.book().faults.push_back(Fault::Refuse { status: 429, retry_after: Some(retry_after.into()) });
        assert!(house.turn().await.contains("too often (429)"));
        let asked = house.asked().len();
        house.app.clock.advance(Duration::from_secs(seconds - 1));
        assert!(house.turn().await.starts_with("Apple asked to be left alone until"), "though somebody wished it");
        assert_eq!(house.asked().len(), asked);
        house.app.clock.advance(Duration::from_secs(1));
    }
    assert!(house.turn().await.contains("listed:"));
}

#[tokio::test]
async fn without_apples_root_nothing_is_believed_and_what_another_brings_in_its_place_is_refused_by_name() {
    let house = House::with(|client| client).await;
    let missing = house.turn().await;
    assert!(
        missing.starts_with("Apple Root CA, by which") && missing.contains("answered with 404") && missing.contains("certificateauthority"),
        "{missing}"
    );
    let other = issue::root("Somebody's Root", house.app.now()).unwrap();
    house.services.software_lookup.book().root = Some(other.certificate().der().to_vec());
    let refused = house.turn().await;
    assert!(refused.contains("“Somebody's Root”"), "{refused}");
    house.services.software_lookup.book().root = Some(vec![b' '; ROOT_MAX_BYTES + 1]);
    let large = house.turn().await;
    assert!(large.contains("larger than 64 KB"), "{large}");
    assert!(house.asked().iter().all(|asked| asked.path == ROOT_PATH), "the service itself was not asked");
    assert!(house.state().await.mendable && house.listed().await.is_empty());
}

#[tokio::test]
async fn apples_root_is_fetched_once_and_then_only_what_is_under_it_is_believed() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let house = House::with(|client| client).await;
    let chain = std::fs::read(shared.join("apple-roots/iphone-device-chain.pem")).unwrap();
    house.services.software_lookup.book().root = Some(ROOT_CA.find(&chain).unwrap().der().to_vec());
    for _ in 0..2 {
        let result = house.turn().await;
        assert!(result.contains("is not trusted"), "the stand-in is not under Apple's root, though the connector trusts it: {result}");
    }
    let asked: Vec<_> = house.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(asked, [ROOT_PATH], "its certificate is refused before anything is asked");
    assert!(!asked.contains(&PATH.to_owned()) && house.state().await.mendable);
    let standing = house.app.store.read(house.app.now(), |tx| apple_roots::list(tx, &ACTOR)).await.unwrap();
    assert_eq!(standing[0].came, Some((Source::Download, house.app.now())));
}
