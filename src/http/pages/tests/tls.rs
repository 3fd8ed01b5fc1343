//! The page of the TLS certificate: an authority is chosen, left, and refused where it cannot work.

use super::*;
use crate::http::pages::parts::encode;
use crate::http::pages::system::tls::ADDRESS;
use crate::mdm::ca::public_tls;

#[tokio::test]
async fn an_authority_is_chosen_at_the_page_and_left_again() {
    let house = House::new();
    let admin = house.person(Role::Admin).await;
    let page = house.get(&admin, ADDRESS).await.body;
    assert!(page.contains("Get one that everybody trusts") && page.contains("name=\"agree_to_terms\""), "{page}");
    for (form, said) in [
        ("challenge=tls-alpn-01&contact=it%40example.school", "f-contact-"),
        ("challenge=dns-01&agree_to_terms=1", "start with --tls-dns-hook"),
        ("challenge=other&agree_to_terms=1", "Choose how the name is proven"),
        ("directory=http%3A%2F%2Facme.example&agree_to_terms=1", "https://…"),
    ] {
        let wrong = house.post(&admin, ADDRESS, form).await;
        assert_eq!(wrong.status, 422, "{form}");
        assert!(said.starts_with("f-") || wrong.body.contains(said), "{form}: {}", wrong.body);
    }
    let kept = house.post(&admin, ADDRESS, "challenge=tls-alpn-01&contact=it%40example.school&agree_to_terms=1").await;
    let page = house.get(&admin, kept.location()).await.body;
    assert!(page.contains("The authority is asked now") && page.contains("Let’s Encrypt") && page.contains("is being got"), "{page}");
    house.write(|tx| public_tls::failed(tx, public_tls::LETS_ENCRYPT, "The certificate authority says: no <b>.")).await;
    let page = house.get(&admin, ADDRESS).await.body;
    assert!(page.contains("No certificate came.") && page.contains("says: no &lt;b&gt;."), "{page}");
    let of_own = "challenge=tls-alpn-01&agree_to_terms=1&directory=https%3A%2F%2Facme.example.school%2Fdirectory&trust_anchors=";
    let root = crate::pki::issue::root("Private", house.app.now()).unwrap().certificate().to_pem();
    let kept = house.post(&admin, ADDRESS, &format!("{of_own}{}", encode(&root))).await;
    assert_eq!(kept.status, 303, "{}", kept.body);
    let page = house.get(&admin, kept.location()).await.body;
    assert!(page.contains("does not know its root refuses what it gives"), "{page}");
    let viewer = house.person(Role::Viewer).await;
    assert!(!house.get(&viewer, ADDRESS).await.body.contains("agree_to_terms"));
    assert_eq!(house.post(&viewer, "/system/tls/own", "").await.status, 403);
    let left = house.post(&admin, "/system/tls/own", "").await;
    assert!(house.get(&admin, left.location()).await.body.contains("Get one that everybody trusts"));
    assert_eq!(house.post(&admin, "/system/tls/order", "").await.status, 409, "there is nobody to ask");
}

#[tokio::test]
async fn a_certificate_that_devices_refuse_is_said_to_be_so_and_stands_first_on_today() {
    let house = House::new();
    let admin = house.person(Role::Admin).await;
    let refused = (String::from("Devices do not trust the certificate: UnknownIssuer."), String::from("Take one of a public authority."));
    house.write(move |tx| crate::mdm::ca::tls::watch_trust(tx, Some(&refused))).await;
    let today = house.get(&admin, "/").await.body;
    assert!(today.contains("UnknownIssuer") && today.contains("href=\"/system/tls\""), "{today}");
    house.app.set_shows_public_tls(true);
    let page = house.get(&admin, ADDRESS).await.body;
    assert!(page.contains("devices refuse it") && page.contains("Take one of a public authority."), "{page}");
    assert!(!page.contains("of an authority that everybody trusts, "), "{page}");
    let setup = house.get(&admin, "/setup/steps").await.body;
    assert!(setup.contains("a certificate that devices refuse") && !setup.contains("a certificate that everybody trusts"), "{setup}");
}
