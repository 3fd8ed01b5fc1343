//! Enrollment by account at the door: discovery, the 401 that is wanted, the sign-in and the profile, with messages that OpenSSL signed.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use axum::http::{Request, StatusCode};
use serde_json::json;

use super::super::tests::{House, Reply};
use crate::http::attempts::ATTEMPTS_AT_ONCE;
use crate::mdm::admins::Password;
use crate::mdm::enroll::account::TOKEN_LIFE;
use crate::mdm::enroll::account::rules::{self, Change};
use crate::mdm::people::{self, NewPerson};
use crate::mdm::{Actor, access};
use crate::pki::judge::{file, openssl, path};
use crate::protocol::plist::Dictionary;
use crate::protocol::service_discovery::ModelFamily;
use crate::secret::Secret;
use crate::store::Tx;
use crate::store::account_tokens::Ownership;
use crate::store::people::PersonRole;

const ACCOUNT: &str = "kim@appleaccount.example.school";
const OWN: &str = "/account-enrollment/own";
const WELL_KNOWN: &str = "/.well-known/com.apple.remotemanagement";

/// What an iPad of somebody's own says: nothing by which it could be known again.
const SAID: &str = "<plist><dict><key>LANGUAGE</key><string>de</string><key>PRODUCT</key><string>iPad13,18</string>\
                    <key>VERSION</key><string>23A340</string></dict></plist>";

impl House {
    /// A school where iPads are people's own, and Kim can sign in; gives Kim's id.
    async fn with_kim() -> (Self, String) {
        let house = Self::new().await;
        let hashed = Password::parse(Secret::new("correct horse battery".into())).unwrap().hash().unwrap();
        let kim = house.app.store.write(house.app.now(), move |tx: &Tx| {
            let families = [(ModelFamily::Ipad, Some(Ownership::Own)), (ModelFamily::Mac, Some(Ownership::School))].into();
            rules::change(tx, &Actor::Console, Change { families, group: None })?;
            let new = NewPerson { name: "Kim".into(), email: "kim@example.school".into(), role: PersonRole::Teacher, active: true };
            let kim = people::create(tx, &Actor::Console, new)?;
            access::passwords::set(tx, &Actor::Console, &kim.id, hashed)?;
            people::set_account(tx, &Actor::Console, &kim.id, ACCOUNT)?;
            Ok(kim.id)
        });
        let kim = kim.await.unwrap();
        (house, kim)
    }

    /// A device's message as OpenSSL signs it, sent with this token.
    async fn ask(&self, at: &str, said: &str, token: Option<&str>) -> Reply {
        let (signer, key) = (file(self.device.certificate().to_pem().as_bytes()), file(self.device.key().to_pem().expose().as_bytes()));
        let words = ["cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-md", "sha256"];
        let signed = openssl(&[&words[..], &["-signer", path(&signer), "-inkey", path(&key)]].concat(), said.as_bytes());
        let request = Request::post(at).header(CONTENT_TYPE, "application/pkcs7-signature");
        let request = token.into_iter().fold(request, |request, token| request.header("authorization", format!("Bearer {token}")));
        self.send(request.body(Body::from(signed)).unwrap()).await
    }

    async fn post_form(&self, at: &str, form: String) -> Reply {
        let request = Request::post(at).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(form));
        self.send(request.unwrap()).await
    }

    async fn sign_in(&self, email: &str, password: &str) -> Reply {
        let form = format!("user_identifier={ACCOUNT}&email={email}&password={}", password.replace(' ', "+"));
        self.post_form(&format!("{OWN}/sign-in"), form).await
    }

    /// Signs Kim in and goes on; gives the token.
    async fn token(&self) -> String {
        let told = self.sign_in("kim@example.school", "correct horse battery").await;
        let gone = self.post_form("/account-enrollment/go-on", format!("visit={}", visit(&told))).await;
        let location = gone.headers[LOCATION].to_str().unwrap();
        location.strip_prefix("apple-remotemanagement-user-login://authentication-results?access-token=").unwrap().to_owned()
    }

    async fn with_kims(&self, kim: &str, work: impl FnOnce(&Tx, &str) -> crate::error::Result<()> + Send + 'static) {
        let kim = kim.to_owned();
        self.app.store.write(self.app.now(), move |tx| work(tx, &kim)).await.unwrap();
    }
}

fn visit(page: &Reply) -> String {
    let text = page.text();
    text.split_once("name=\"visit\" value=\"").unwrap_or_else(|| panic!("{text}")).1.split('"').next().unwrap().to_owned()
}

/// The MDM payload of a profile.
fn mdm(profile: &Dictionary) -> Dictionary {
    let payloads = profile["PayloadContent"].as_array().unwrap().iter().filter_map(|payload| payload.as_dictionary());
    payloads.into_iter().find(|payload| payload["PayloadType"].as_string() == Some("com.apple.mdm")).unwrap().clone()
}

#[tokio::test]
async fn a_device_finds_its_server_by_family_and_account_or_is_told_why_not() {
    let (house, kim) = House::with_kim().await;
    let ask = async |query: &str| house.get(&format!("{WELL_KNOWN}{query}"), &[]).await;
    let found = ask(&format!("?user-identifier={ACCOUNT}&model-family=iPad")).await;
    assert_eq!((found.status, found.headers[CONTENT_TYPE].as_bytes()), (StatusCode::OK, &b"application/json"[..]));
    let own = json!({ "Servers": [{ "Version": "mdm-byod", "BaseURL": format!("https://mdm.example.school{OWN}") }] });
    assert_eq!(found.json(), own);
    let mac = ask("?user-identifier=KIM@appleaccount.example.school&model-family=Mac").await.json();
    assert_eq!(mac["Servers"][0]["Version"], "mdm-adde");
    assert_eq!(ask("").await.json(), own, "a redirect dropped the rest: it is taken as a person's own");
    let anybody = ask("?user-identifier=ben@example.school&model-family=iPad").await;
    assert_eq!((anybody.status, anybody.json()), (StatusCode::OK, own.clone()), "who has an account is nobody's business");
    for query in ["?model-family=iPhone", "?model-family=AppleTV"] {
        let refused = ask(query).await;
        assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::FORBIDDEN, &json!("com.apple.well-known.failed")), "{query}");
    }
    house
        .with_kims(&kim, |tx, kim| {
            let change = people::Change { active: Some(false), ..people::Change::default() };
            people::change(tx, &Actor::Console, kim, change).map(drop)
        })
        .await;
    assert_eq!(ask(&format!("?user-identifier={ACCOUNT}&model-family=iPad")).await.json(), own);
    let off = Change { families: ModelFamily::ALL.map(|family| (family, None)).into(), group: None };
    house.app.store.write(house.app.now(), move |tx| rules::change(tx, &Actor::Console, off)).await.unwrap();
    assert_eq!(ask("").await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.ask(OWN, SAID, None).await.status, StatusCode::FORBIDDEN, "nobody may, so nobody is asked to sign in");
}

#[tokio::test]
async fn a_device_is_asked_for_a_sign_in_and_comes_back_for_a_profile_without_rights() {
    let (house, _) = House::with_kim().await;
    let asked = house.ask(OWN, SAID, None).await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    let sign_in = format!("https://mdm.example.school{OWN}/sign-in");
    assert_eq!(asked.headers[WWW_AUTHENTICATE], format!("Bearer method=\"apple-as-web\", url=\"{sign_in}\""));
    for token in ["made-up", ""] {
        assert_eq!(house.ask(OWN, SAID, Some(token)).await.status, StatusCode::UNAUTHORIZED, "{token}");
    }
    let page = house.get(&format!("{OWN}/sign-in?user-identifier={ACCOUNT}"), &[]).await;
    assert!(page.status == StatusCode::OK && page.text().contains("type=\"password\""), "{}", page.text());
    let told = house.sign_in("kim@example.school", "correct horse battery").await;
    assert!(told.text().contains("cannot") && told.text().contains(ACCOUNT), "{}", told.text());
    let policy = told.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action 'self' apple-remotemanagement-user-login:;"), "{policy}");
    let visit = visit(&told);
    let gone = house.post_form("/account-enrollment/go-on", format!("visit={visit}")).await;
    assert_eq!(gone.status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(house.post_form("/account-enrollment/go-on", format!("visit={visit}")).await.status, StatusCode::GONE, "it works once");

    let token = house.token().await;
    for _ in 0..2 {
        let profile = house.ask(OWN, SAID, Some(&token)).await.profile();
        let mdm = mdm(&profile);
        assert_eq!((mdm["EnrollmentMode"].as_string(), mdm["AssignedManagedAppleID"].as_string()), (Some("BYOD"), Some(ACCOUNT)));
        assert!(!mdm.contains_key("AccessRights"), "a device that finds some cancels");
    }
    let elsewhere = house.ask("/account-enrollment/school", &SAID.replace("iPad13,18", "Mac14,2"), Some(&token)).await;
    assert_eq!(elsewhere.status, StatusCode::UNAUTHORIZED, "it was not signed in for a device of the school");
    house.app.clock.advance(TOKEN_LIFE);
    assert_eq!(house.ask(OWN, SAID, Some(&token)).await.status, StatusCode::UNAUTHORIZED, "its time is over");
}

#[tokio::test]
async fn what_a_device_of_the_school_says_binds_its_profile_and_it_has_all_rights() {
    let (house, _) = House::with_kim().await;
    let said = "<plist><dict><key>PRODUCT</key><string>Mac14,2</string><key>VERSION</key><string>25A1</string>\
                <key>SERIAL</key><string>TESTSN0001</string><key>UDID</key><string>00008101-000A1B2C3D4E5F60</string></dict></plist>";
    let at = "/account-enrollment/school";
    assert_eq!(house.ask(at, said, None).await.status, StatusCode::UNAUTHORIZED);
    let form = "user_identifier=&email=kim@example.school&password=correct+horse+battery";
    let told = house.post_form(&format!("{at}/sign-in"), form.into()).await;
    let gone = house.post_form("/account-enrollment/go-on", format!("visit={}", visit(&told))).await;
    let token = gone.headers[LOCATION].to_str().unwrap().split_once("access-token=").unwrap().1.to_owned();
    let mdm = mdm(&house.ask(at, said, Some(&token)).await.profile());
    assert_eq!(mdm["EnrollmentMode"].as_string(), Some("ADDE"));
    assert_eq!(mdm["AccessRights"].as_unsigned_integer(), Some(8191));
}

#[tokio::test]
async fn a_wrong_sign_in_gives_nothing_and_guesses_are_slowed() {
    let (house, kim) = House::with_kim().await;
    let wrong = house.sign_in("kim@example.school", "guess").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("Address or password is wrong.") && !wrong.text().contains("guess"), "{}", wrong.text());
    house.with_kims(&kim, |tx, kim| people::set_account(tx, &Actor::Console, kim, "").map(drop)).await;
    let at = format!("{OWN}/sign-in");
    let nameless = house.post_form(&at, "user_identifier=&email=kim@example.school&password=correct+horse+battery".into()).await;
    assert_eq!(nameless.status, StatusCode::FORBIDDEN);
    assert!(nameless.text().contains("No Managed Apple Account is known of Kim"), "{}", nameless.text());
    let mut last = StatusCode::OK;
    for _ in 0..=ATTEMPTS_AT_ONCE {
        last = house.sign_in("kim@example.school", "guess").await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    for at in ["/account-enrollment/none", "/account-enrollment/none/sign-in"] {
        assert_eq!(house.get(at, &[]).await.status, StatusCode::NOT_FOUND, "{at}");
    }
    assert!(house.get(OWN, &[]).await.text().contains("This address is for devices"));
}

#[tokio::test]
async fn a_token_is_worth_nothing_once_its_person_is_gone() {
    let (house, kim) = House::with_kim().await;
    let token = house.token().await;
    house.app.clock.advance(Duration::from_secs(60));
    house
        .with_kims(&kim, |tx, kim| {
            let change = people::Change { active: Some(false), ..people::Change::default() };
            people::change(tx, &Actor::Console, kim, change).map(drop)
        })
        .await;
    assert_eq!(house.ask(OWN, SAID, Some(&token)).await.status, StatusCode::UNAUTHORIZED);
    let strange = house.ask(OWN, "<plist><array/></plist>", None).await;
    assert_eq!(strange.status, StatusCode::BAD_REQUEST, "{}", strange.text());
}
