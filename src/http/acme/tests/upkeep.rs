//! Certificates that their holders revoke, and accounts that get another key.

use super::*;
use crate::store::certificates;

impl Client<'_> {
    /// A certificate for the key of this client.
    async fn certificate(&self, identifier: &str) -> Certificate {
        let order = self.ready(identifier).await;
        let done = self.post(order["finalize"].as_str().unwrap(), Client::csr(&self.key)).await.json();
        let chain = self.ask(done["certificate"].as_str().unwrap()).await;
        Certificate::all_from_pem(&chain.body).unwrap().remove(0)
    }

    /// A request to revoke, by the account or by this key.
    async fn revoke(&self, by: Option<&PrivateKey>, payload: Value) -> Came {
        let Some(key) = by else { return self.post("/acme/revoke-cert", payload).await };
        let mut header = self.header("/acme/revoke-cert").await;
        header.remove("kid");
        header.insert("jwk".into(), jwk_of(key.public_key_der()).unwrap());
        let body = sign_flattened(key, header, payload.to_string().as_bytes()).unwrap().to_string().into_bytes();
        self.house.send("POST", "/acme/revoke-cert", &[("content-type", "application/jose+json")], body).await
    }

    /// What a new key signs; `change` makes it wrong.
    fn consent(&self, key: &PrivateKey, change: impl FnOnce(&mut Map<String, Value>, &mut Value)) -> Value {
        let mut header = Map::new();
        header.insert("jwk".into(), jwk_of(key.public_key_der()).unwrap());
        header.insert("url".into(), format!("{BASE}/acme/key-change").into());
        let mut said = json!({ "account": self.kid, "oldKey": jwk_of(self.account_key.public_key_der()).unwrap() });
        change(&mut header, &mut said);
        sign_flattened(key, header, said.to_string().as_bytes()).unwrap()
    }
}

fn wanted(certificate: &Certificate, reason: u8) -> Value {
    json!({ "certificate": URL_SAFE_NO_PAD.encode(certificate.der()), "reason": reason })
}

impl House {
    async fn is_revoked(&self, certificate: &Certificate) -> bool {
        let fingerprint = certificate.fingerprint();
        let look = move |tx: &Tx| certificates::by_fingerprint(tx, &fingerprint);
        self.app.store.read(self.app.now(), look).await.unwrap().unwrap().revoked_at.is_some()
    }
}

#[tokio::test]
async fn a_certificate_is_revoked_by_its_key_and_by_the_account_that_ordered_it_and_by_nobody_else() {
    let house = House::new().await;
    let client = Client::new(&house).await;
    let (first, second) = (client.certificate(&house.identifier().await).await, client.certificate(&house.identifier().await).await);
    let stranger = Client::new(&house).await;
    assert_eq!(stranger.revoke(None, wanted(&first, 1)).await.fault(), "unauthorized", "another account");
    let by_another = stranger.revoke(Some(&stranger.key), wanted(&first, 1)).await;
    assert_eq!((by_another.fault().as_str(), by_another.status), ("unauthorized", 403), "another key");
    let forged = {
        let mut header = client.header("/acme/revoke-cert").await;
        header.remove("kid");
        header.insert("jwk".into(), jwk_of(client.key.public_key_der()).unwrap());
        client.send("/acme/revoke-cert", header, wanted(&first, 1).to_string().as_bytes()).await
    };
    assert_eq!(forged.fault(), "unauthorized", "the key is named, and another one signed");
    assert_eq!(client.revoke(None, wanted(&first, 6)).await.fault(), "badRevocationReason");
    assert_eq!(client.revoke(None, json!({ "certificate": "AQID" })).await.fault(), "malformed");
    let foreign = house.service.root();
    assert_eq!(client.revoke(None, wanted(foreign, 0)).await.fault(), "malformed", "not issued here");
    assert!(!house.is_revoked(&first).await && !house.is_revoked(&second).await);

    let done = client.revoke(None, wanted(&first, 4)).await;
    assert_eq!((done.status, done.body.len()), (200, 0));
    let done = client.revoke(Some(&client.key), json!({ "certificate": URL_SAFE_NO_PAD.encode(second.der()) })).await;
    assert_eq!((done.status, done.body.len()), (200, 0));
    assert!(!done.header("replay-nonce").is_empty());
    assert!(house.is_revoked(&first).await && house.is_revoked(&second).await);
    for by in [None, Some(&client.key)] {
        assert_eq!(client.revoke(by, wanted(&first, 0)).await.fault(), "alreadyRevoked");
    }
    let filter = events::Filter { kind: Some("certificate.revoked"), ..events::Filter::default() };
    let told = house.app.store.read(house.app.now(), move |tx| events::list(tx, &filter, None, 9)).await.unwrap();
    assert_eq!(told.len(), 2);
    assert!(told[1].data["because"].as_str().unwrap().contains("another one in its place"), "{:?}", told[1].data);
}

/// What makes a consent wrong.
type Change = fn(&mut Map<String, Value>, &mut Value);

#[tokio::test]
async fn an_account_goes_on_with_another_key_that_consents_and_not_with_the_old_one() {
    let house = House::new().await;
    let mut client = Client::new(&house).await;
    let order = client.order(&house.identifier().await).await.header("location");
    let new = PrivateKey::generate_p256().unwrap();
    let other = Client::new(&house).await;
    let wrong: [(&str, Change); 5] = [
        ("url", |header, _| drop(header.insert("url".into(), format!("{BASE}/acme/new-account").into()))),
        ("nonce", |header, _| drop(header.insert("nonce".into(), "x".into()))),
        ("account", |_, said| said["account"] = json!(format!("{BASE}/acme/account/nobody"))),
        ("oldKey", |_, said| said["oldKey"] = json!({ "kty": "EC" })),
        ("kid", |header, _| drop(header.insert("kid".into(), "x".into()))),
    ];
    for (what, change) in wrong {
        let refused = client.post("/acme/key-change", client.consent(&new, change)).await;
        assert_eq!(refused.fault(), "malformed", "{what}");
    }
    assert_eq!(client.post("/acme/key-change", json!({})).await.fault(), "malformed", "nobody consents");
    let mut unsigned = client.consent(&new, |_, _| ());
    unsigned["signature"] = client.consent(&PrivateKey::generate_p256().unwrap(), |_, _| ())["signature"].clone();
    assert_eq!(client.post("/acme/key-change", unsigned).await.fault(), "unauthorized", "the new key did not sign");
    // The key of another account, and its own.
    for (taken, at) in [(&other.account_key, &other.kid), (&client.account_key, &client.kid)] {
        let conflict = client.post("/acme/key-change", client.consent(taken, |_, _| ())).await;
        assert_eq!((conflict.status, Some(conflict.header("location"))), (409, at.clone()));
    }
    assert_eq!(client.ask(&order).await.json()["status"], "pending", "nothing has changed");

    let changed = client.post("/acme/key-change", client.consent(&new, |_, _| ())).await;
    assert_eq!((changed.status, changed.json()["status"].as_str()), (200, Some("valid")), "{}", changed.json());
    assert_eq!(client.ask(&order).await.fault(), "unauthorized", "the old key");
    let old = std::mem::replace(&mut client.account_key, new);
    assert_eq!(client.ask(&order).await.json()["status"], "pending", "its orders are its own still");
    let returning = Client { house: &house, account_key: old, key: client.key.clone(), kid: None };
    let made = returning.post("/acme/new-account", json!({ "onlyReturnExisting": true })).await;
    assert_eq!(made.fault(), "accountDoesNotExist", "nobody has the old key now");
}
