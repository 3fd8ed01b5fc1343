//! New devices as people see them: a key made, a token dropped, a profile chosen, devices given to a class, a lock.

use std::time::Duration;

use super::House;
use crate::apple::ade::Ade;
use crate::apple::connect::{Connector, Trust};
use crate::http::api::Streams;
use crate::http::auth::tests::peer;
use crate::http::doors;
use crate::http::server::Listener;
use crate::jobs;
use crate::mdm::{Actor, Role, people};
use crate::pki::certificate::Certificate;
use crate::pki::cipher::Cipher;
use crate::pki::{cms, pem};
use crate::protocol::ade::{beta_program_id, paths};
use crate::sim::apple::Services;
use crate::sim::apple::ade::{Beta, device};
use crate::store::people::PersonRole;

impl House {
    pub(super) async fn beside_apples_list() -> (Self, Services) {
        let mut house = Self::new();
        let services = Services::start(&house.app.clock, &house.app.random).await.unwrap();
        let connector = Connector::new(Trust::only(&services.trust_anchor_pem()).unwrap(), house.app.clock.clone());
        let client = Ade::new(&connector, &services.ade.url(), house.app.clock.clone()).unwrap();
        house.app = house.app.with_ade_service(client);
        house.router = doors(&house.app, &Streams::default()).whole.layer(axum::Extension(peer(Listener::Main)));
        (house, services)
    }

    pub(super) async fn let_pass(&self, seconds: u64) {
        self.app.clock.advance(Duration::from_secs(seconds));
        jobs::run_due(&self.app).await.unwrap();
    }
}

#[tokio::test]
async fn three_steps_bring_the_devices_and_a_choice_says_how_they_greet_people() {
    let (house, services) = House::beside_apples_list().await;
    let owner = house.person(Role::Owner).await;
    let all = "/system/device-list";
    assert!(house.get(&owner, "/new-devices").await.body.contains("No new devices yet"));
    assert!(house.get(&owner, all).await.body.contains("No server token yet"));
    let unnamed = house.post(&owner, all, "name=").await;
    assert!(unnamed.status == 422 && unnamed.body.contains("Is 1 to 100 letters"), "{}", unnamed.body);
    let made = house.post(&owner, all, "name=School").await;
    let page = made.location().split('?').next().unwrap().to_owned();
    let steps = house.get(&owner, &page).await.body;
    assert!(steps.contains("Save the public key") && steps.contains("Drop the token here"), "{steps}");
    let key = house.get(&owner, &format!("{page}/public-key.pem")).await.body;
    let certificate = Certificate::from_pem(key.as_bytes()).unwrap();

    let now = house.app.now();
    let token = services.ade.book().open("North <school>", "head@example.school", now.plus(Duration::from_secs(300 * 86_400)));
    for serial in ["TESTSN0001", "TESTSN0002"] {
        services.ade.book().server(&token).add(&device(serial, "iPad", "iPad (10th generation)", "SILVER"), now);
    }
    let wrong = house.bring_to(&owner, &format!("{page}/token"), &[("file", &key)]).await;
    assert!(wrong.status == 422 && wrong.body.contains("It belongs into Apple"), "{}", wrong.body);
    let file = pem::encode(&cms::encrypt(&certificate, token.to_mail().expose(), Cipher::Aes128Cbc).unwrap());
    let mail = format!("Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{file}\r\n");
    let brought = house.bring_to(&owner, &format!("{page}/token"), &[("file", &mail)]).await;
    assert!(brought.location().starts_with(&page), "{}", brought.body);
    house.let_pass(1).await;
    let listed = house.get(&owner, "/new-devices").await.body;
    assert!(listed.contains("TESTSN0002") && listed.contains("has no profile") && listed.contains("North &lt;school&gt;"), "{listed}");

    let form = house.get(&owner, "/new-devices/profiles/new?kind=classroom_ipad").await.body;
    assert!(form.contains("Siri") && form.contains("Management"), "{form}");
    let bad = house.post(&owner, "/new-devices/profiles/new?kind=classroom_ipad", "name=Cart&is_mdm_removable=").await;
    assert!(bad.status == 422 && bad.body.contains("supervised"), "{}", bad.body);
    assert!(!form.contains("Accounts on the Mac"));
    let macs = "/new-devices/profiles/new?kind=staff_mac";
    assert!(house.get(&owner, macs).await.body.contains("Accounts on the Mac"));
    let wrong = house.post(&owner, macs, "name=Macs&is_supervised=1&await_device_configured=1&first_user=regular&admin_name=Root").await;
    assert!(wrong.status == 422 && wrong.body.contains("small letters") && wrong.body.contains("value=\"Root\""), "{}", wrong.body);
    let right = "name=Macs&is_supervised=1&await_device_configured=1&first_user=regular&admin_name=it&admin_hidden=1";
    assert_eq!(house.post(&owner, macs, right).await.status, 303);
    let sent = "name=Cart&is_supervised=1&await_device_configured=1&skip-Siri=1&skip-AppleID=1&department=Art";
    assert_eq!(house.post(&owner, "/new-devices/profiles/new?kind=classroom_ipad", sent).await.status, 303);
    let defaults = house.get(&owner, &page).await.body;
    let id = defaults.split("<option value=\"").find_map(|rest| rest.split_once("\">Cart<")).unwrap().0.to_owned();
    assert_eq!(house.post(&owner, &format!("{page}/defaults"), &format!("family-iPad={id}")).await.status, 303);
    house.let_pass(1).await;
    assert!(house.get(&owner, "/new-devices").await.body.contains("ready to be unpacked"));
    let said = services.ade.book().server(&token).profiles.values().next().unwrap().clone();
    assert_eq!((said["department"].as_str(), &said["skip_setup_items"]), (Some("Art"), &serde_json::json!(["AppleID", "Siri"])));
    let sheet = house.get(&owner, "/new-devices.csv").await.body;
    assert!(sheet.starts_with("Serial number,") && sheet.contains("TESTSN0001"), "{sheet}");
    assert!(house.get(&owner, "/system").await.body.contains("Apple's device list"));
}

#[tokio::test]
async fn one_is_given_to_a_person_many_to_a_group_and_terms_stand_on_today() {
    let (house, services) = House::beside_apples_list().await;
    let (owner, viewer) = (house.person(Role::Owner).await, house.person(Role::Viewer).await);
    let now = house.app.now();
    let token = services.ade.book().open("School", "head@example.school", now.plus(Duration::from_secs(300 * 86_400)));
    for serial in ["TESTSN0001", "TESTSN0002"] {
        services.ade.book().server(&token).add(&device(serial, "iPad", "iPad", "SILVER"), now);
    }
    let server = crate::http::ade::begin(&house.app, &Actor::Console, "School", false).await.unwrap();
    let kept = token.clone();
    house
        .app
        .store
        .write(now, move |tx| {
            crate::mdm::ade::servers::take(tx, &Actor::Console, &server.id, &kept)?;
            let kim = people::NewPerson { name: "Kim Example".into(), email: String::new(), role: PersonRole::Student, active: true };
            people::create(tx, &Actor::Console, kim).map(drop)
        })
        .await
        .unwrap();
    house.let_pass(1).await;
    let one = "/new-devices/TESTSN0001";
    let wrong = house.post(&owner, one, "profile_id=&person=Nobody&class_id=&group_id=").await;
    assert!(wrong.status == 422 && wrong.body.contains("value=\"Nobody\""), "{}", wrong.body);
    assert_eq!(house.post(&owner, one, "profile_id=&person=Kim+Example&class_id=&group_id=").await.status, 303);
    assert!(house.get(&viewer, one).await.body.contains("Kim Example"));
    assert_eq!(house.post(&viewer, one, "person=").await.status, 403);
    let form = house.post(&owner, "/new-devices/assign", "device=TESTSN0001&device=TESTSN0002").await.body;
    assert!(form.contains("2 devices") && form.contains("As it is"), "{form}");
    let nothing = house.post(&owner, "/new-devices/assign", "device=TESTSN0001&confirmed=1").await;
    assert!(nothing.status == 422 && nothing.body.contains("Say what"), "{}", nothing.body);
    assert_eq!(house.post(&owner, "/new-devices/assign", "all=1&show=all&confirmed=1&profile_id=-").await.status, 303);

    let locked = house.post(&owner, &format!("{one}/lock"), "message=Call+us&confirmed=1").await;
    assert_eq!(locked.status, 303, "{}", locked.body);
    let page = house.get(&owner, one).await.body;
    let reveal = page.split("action=\"").find_map(|rest| rest.split_once("/reveal\"")).unwrap().0.to_owned();
    assert!(house.post(&owner, &format!("{reveal}/reveal"), "").await.body.contains("Bypass code"));
    assert_eq!(services.ade.book().server(&token).locked["TESTSN0001"].1, "Call us");

    services.ade.book().server(&token).terms_signed = false;
    house.let_pass(1000).await;
    let today = house.get(&owner, "/").await.body;
    assert!(today.contains("head@example.school") && today.contains("must accept Apple's new terms at school.apple.com"), "{today}");
}

#[tokio::test]
async fn beta_programmes_are_shown_with_their_age_ticked_in_a_policy_and_named_by_a_profile() {
    let (house, services) = House::beside_apples_list().await;
    let owner = house.person(Role::Owner).await;
    let made = house.post(&owner, "/system/device-list", "name=School").await;
    let page = made.location().split('?').next().unwrap().to_owned();
    let editor = house.get(&owner, "/policies/new").await.body;
    assert!(editor.contains("Apple lists none."), "{editor}");
    let key = house.get(&owner, &format!("{page}/public-key.pem")).await.body;
    let certificate = Certificate::from_pem(key.as_bytes()).unwrap();
    let now = house.app.now();
    let token = services.ade.book().open("School", "head@example.school", now.plus(Duration::from_secs(300 * 86_400)));
    let programs =
        [("iOS 27 <Seed> Beta", "iOS", "secret-1"), ("iOS 26 AppleSeed Beta", "iOS", "secret-2"), ("tvOS 27 Beta", "tvOS", "secret-3")];
    services.ade.book().server(&token).betas = Some(programs.map(|(title, os, token)| Beta::new(title, os, token)).into());
    let file = pem::encode(&cms::encrypt(&certificate, token.to_mail().expose(), Cipher::Aes128Cbc).unwrap());
    let mail = format!("Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{file}\r\n");
    house.bring_to(&owner, &format!("{page}/token"), &[("file", &mail)]).await;
    house.let_pass(1).await;
    house.let_pass(1).await;

    let shown = house.get(&owner, &page).await.body;
    for part in ["iOS 27 &lt;Seed&gt; Beta", "for tvOS", "As Apple listed them", "Read them now"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let viewer = house.person(Role::Viewer).await;
    assert_eq!(house.post(&viewer, &format!("{page}/betas"), "").await.status, 403);
    let asked = house.post(&owner, &format!("{page}/betas"), "").await;
    assert!(house.get(&owner, asked.location()).await.body.contains("is being read"));
    house.let_pass(1).await;
    assert_eq!(services.ade.book().asked.iter().filter(|path| *path == paths::BETA_TOKENS).count(), 2);

    let [new, old] = ["iOS 27 <Seed> Beta", "iOS 26 AppleSeed Beta"].map(|title| beta_program_id("iOS", title));
    let editor = house.get(&owner, "/policies/new").await.body;
    assert!(editor.contains(&new) && editor.contains("iOS 27 &lt;Seed&gt; Beta") && !editor.contains("tvOS 27 Beta"), "{editor}");
    let both = format!("name=Testers&revision=0&offer_beta_programs={new}&offer_beta_programs={old}");
    let made = house.post(&owner, "/policies", &both).await;
    assert_eq!(made.status, 303, "{}", made.body);
    let policy = made.location().split('?').next().unwrap().to_owned();
    let told = house.get(&owner, &policy).await.body;
    assert!(told.contains("Offer beta programmes: ") && told.contains("iOS 26 AppleSeed Beta"), "{told}");
    let edit = house.get(&owner, &format!("{policy}/edit")).await.body;
    for id in [&new, &old] {
        assert!(edit.contains(&format!("name=\"offer_beta_programs\" value=\"{id}\" checked")), "{id} in {edit}");
    }
    let refused = house.post(&owner, "/policies", &format!("{both}&no_beta_updates=1")).await;
    assert!(refused.status == 422 && refused.body.contains("takes devices out of every programme"), "{}", refused.body);

    let kind = "/new-devices/profiles/new?kind=classroom_ipad";
    assert!(house.get(&owner, kind).await.body.contains("Beta programme that brings it"));
    let base = "name=Cart&is_supervised=1&await_device_configured=1";
    let alone = house.post(&owner, kind, &format!("{base}&beta_program={new}")).await;
    assert!(alone.status == 422 && alone.body.contains("which one a device has to run"), "{}", alone.body);
    let right = format!("{base}&minimum_os=version&minimum_version=27.1&beta_program={new}");
    assert_eq!(house.post(&owner, kind, &right).await.status, 303);
    let rules = "/system/setup-assistant";
    assert!(house.get(&owner, rules).await.body.contains("iPhone and iPad: beta programme that brings it"));
    let without = house.post(&owner, rules, &format!("hold_minutes=20&minimum.ios=&beta_programs.ios={old}")).await;
    assert!(without.status == 422 && without.body.contains(&format!("value=\"{old}\" selected")), "{}", without.body);
    assert!(without.body.contains("which one a device of this family has to run"), "{}", without.body);
    assert_eq!(house.post(&owner, rules, &format!("hold_minutes=20&minimum.ios=27.1&beta_programs.ios={old}")).await.status, 303);
    assert!(house.get(&owner, rules).await.body.contains(&format!("value=\"{old}\" selected")));
    for address in [rules, page.as_str(), &policy, &format!("{policy}/edit"), kind, "/system/audit?who=all"] {
        assert!(!house.get(&owner, address).await.body.contains("secret-"), "{address}");
    }
    services.ade.book().server(&token).betas = None;
    house.let_pass(86_400).await;
    let owner = house.kit.cookie("Owner").await;
    let shown = house.get(&owner, &page).await.body;
    assert!(shown.contains("AppleSeed for IT is off") && shown.contains("iOS 26 AppleSeed Beta"), "the last list holds: {shown}");
}
