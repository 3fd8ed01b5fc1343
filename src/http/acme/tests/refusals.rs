//! Requests, orders and accounts that are not what they should be.

use super::*;

#[tokio::test]
async fn requests_that_are_not_what_they_should_be_are_refused_by_name_and_bring_the_next_nonce() {
    let house = House::new().await;
    let client = Client::new(&house).await;
    let jose = [("content-type", "application/jose+json")];
    let every = |came: &Came| {
        assert!(!came.header("replay-nonce").is_empty() && came.header("link").contains("rel=\"index\"") && came.status != 401);
    };
    let header = client.header("/acme/new-order").await;
    let used = client.send("/acme/new-order", header.clone(), b"{}").await;
    assert_eq!(used.fault(), "malformed", "no identifiers");
    let twice = client.send("/acme/new-order", header.clone(), b"{}").await;
    assert_eq!((twice.fault().as_str(), twice.status), ("badNonce", 400));
    let elsewhere = client.send("/acme/new-account", client.header("/acme/new-order").await, b"{}").await;
    assert_eq!(elsewhere.fault(), "unauthorized");
    let mut stranger = client.header("/acme/new-order").await;
    stranger.insert("kid".into(), format!("{BASE}/acme/account/nobody").into());
    assert_eq!(client.send("/acme/new-order", stranger, b"{}").await.fault(), "accountDoesNotExist");
    let both = {
        let mut header = client.header("/acme/new-order").await;
        header.insert("jwk".into(), jwk_of(client.account_key.public_key_der()).unwrap());
        client.send("/acme/new-order", header, b"{}").await
    };
    assert_eq!(both.fault(), "malformed");
    let forged =
        Client { account_key: PrivateKey::generate_p256().unwrap(), key: client.key.clone(), kid: client.kid.clone(), house: &house };
    assert_eq!(forged.ask("/acme/new-order").await.fault(), "unauthorized", "another's account");
    let plain = house.send("POST", "/acme/new-order", &[("content-type", "application/json")], b"{}".to_vec()).await;
    assert_eq!((plain.fault().as_str(), plain.status), ("malformed", 415));
    let junk = house.send("POST", "/acme/new-order", &jose, b"junk".to_vec()).await;
    assert_eq!(junk.fault(), "malformed");
    let large = house.send("POST", "/acme/new-order", &jose, vec![b' '; ACME_MAX_BYTES + 1]).await;
    assert_eq!((large.fault().as_str(), large.status), ("malformed", 413));
    let wrong_method = house.send("PUT", "/acme/new-order", &jose, Vec::new()).await;
    assert_eq!(wrong_method.status, 405);
    for came in [&used, &twice, &elsewhere, &both, &plain, &junk, &large, &wrong_method] {
        every(came);
    }
    let nowhere = house.send("GET", "/acme/nothing", &[], Vec::new()).await;
    assert!(nowhere.status == 400 && nowhere.fault() == "malformed");
}

#[tokio::test]
async fn orders_are_for_values_of_our_own_profiles_and_their_holders_alone() {
    let house = House::new().await;
    let client = Client::new(&house).await;
    let identifier = house.identifier().await;
    for wrong in ["unknown", "", &"x".repeat(message::IDENTIFIER_MAX_BYTES + 1)] {
        assert_eq!(client.order(wrong).await.fault(), "rejectedIdentifier");
    }
    let dns = client.post("/acme/new-order", json!({ "identifiers": [{ "type": "dns", "value": "example.school" }] })).await;
    assert_eq!(dns.fault(), "unsupportedIdentifier");
    let one = json!({ "type": "permanent-identifier", "value": identifier });
    assert_eq!(client.post("/acme/new-order", json!({ "identifiers": [one, one] })).await.fault(), "malformed");
    let order = client.order(&identifier).await;
    let other = Client::new(&house).await;
    assert_eq!(other.ask(&order.header("location")).await.fault(), "malformed", "another's order is none");
    assert_eq!(other.ask(&client.kid.clone().unwrap()).await.fault(), "unauthorized");
    for _ in 1..crate::mdm::ca::acme::ORDERS_MAX {
        assert_eq!(client.order(&identifier).await.status, 201);
    }
    let too_many = client.order(&identifier).await;
    assert_eq!((too_many.fault().as_str(), too_many.status), ("rateLimited", 429));
    assert!(too_many.headers.contains_key(RETRY_AFTER));
    house.app.clock.advance(crate::mdm::ca::acme::ORDER_LIFETIME);
    assert_eq!(client.ask(&order.header("location")).await.json()["status"], "invalid", "its hour is over");
}

#[tokio::test]
async fn an_account_is_found_again_by_its_key_and_given_up_by_its_holder() {
    let house = House::new().await;
    let mut client = Client::new(&house).await;
    let kid = client.kid.take().unwrap();
    let again = client.post("/acme/new-account", json!({})).await;
    assert_eq!((again.status, again.header("location")), (200, kid.clone()));
    let looked = client.post("/acme/new-account", json!({ "onlyReturnExisting": true })).await;
    assert_eq!((looked.status, looked.header("location")), (200, kid.clone()));
    let stranger = Client { house: &house, account_key: PrivateKey::generate_p256().unwrap(), key: client.key.clone(), kid: None };
    assert_eq!(stranger.post("/acme/new-account", json!({ "onlyReturnExisting": true })).await.fault(), "accountDoesNotExist");
    client.kid = Some(kid.clone());
    assert_eq!(client.ask(&kid).await.json()["status"], "valid");
    assert_eq!(client.post(&kid, json!({ "status": "deactivated" })).await.json()["status"], "deactivated");
    assert_eq!(client.ask(&kid).await.fault(), "unauthorized");
    client.kid = None;
    assert_eq!(client.post("/acme/new-account", json!({})).await.fault(), "unauthorized");
}

#[tokio::test]
async fn an_unknown_browser_is_asked_what_it_runs_on_where_a_proof_is_required() {
    let house = House::new().await;
    house.require().await;
    let code =
        house.app.store.write(house.app.now(), |tx| invitations::create(tx, &Actor::Console, NewInvitation::default())).await.unwrap().code;
    let get = |query: &'static str| {
        let (house, code) = (&house, code.clone());
        async move {
            house
                .send(
                    "GET",
                    &format!("/enroll/{code}/profile{query}"),
                    &[("user-agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)")],
                    Vec::new(),
                )
                .await
        }
    };
    let asked = get("").await;
    let page = String::from_utf8(asked.body).unwrap();
    assert!(asked.status == 403 && page.contains("Which device is this?") && page.contains("profile?device=ios"), "{page}");
    assert_eq!(values_at(&get("?device=ios").await.body, "ClientIdentifier").len(), 1);
    assert_eq!(values_at(&get("?device=macos").await.body, "Challenge").len(), 1, "nothing is required of Macs");
}
