//! An installation is one person's: whoever comes after finds nothing of theirs.

use super::people::{KIM, PASSWORD, by_password, with_passwords};
use super::*;
use crate::pki::jws;

const JO: [(&str, &str); 2] = [("email", "jo@example.school"), ("password", PASSWORD)];

#[tokio::test]
async fn a_device_that_was_given_to_somebody_else_begins_anew() {
    let house = school(Policy { who: Who::DevicePerson, proofs: vec![Proof::Certificate], ..Policy::default() }).await;
    let (key, certificate) = identity(&house, "d1").await;
    let mut talk = Talk::new(&house, "installation-1");
    let ask = async |talk: &mut Talk<'_>| {
        let body = talk.body(&[]);
        let sent = jws::sign_with_chain(&key, std::slice::from_ref(&certificate), &body).unwrap();
        let answer = grant(&house, "application/jose", sent).await.body;
        talk.take(&answer).await
    };
    assert_eq!(ask(&mut talk).await.1, Verdict::Open);
    talk.client.data = Some("what p1 wrote".into());
    house.write(|tx| crate::store::people::set_person(tx, "d1", Some("p2"))).await;
    let (said, verdict) = ask(&mut talk).await;
    assert_eq!((said.code, said.allowed, said.erase), (Code::AnotherPerson, false, true));
    assert!(matches!(verdict, Verdict::Erased(_)) && talk.client.data.is_none());
    assert!(said.copies_until.is_some(), "what p1 had not brought is saved");
    let known = house.write(|tx| crate::store::access::standing(tx, "a1", "ed1")).await.unwrap();
    assert_eq!((known.owner_id.as_deref(), known.person_id.as_deref()), (Some("p1"), Some("p1")), "and stays theirs");
    assert_eq!(ask(&mut talk).await.1, Verdict::Open, "the new installation is p2's");
    let known = house.write(|tx| crate::store::access::standing(tx, "a1", "ed1")).await.unwrap();
    assert_eq!(known.owner_id.as_deref(), Some("p2"));
    house.write(|tx| crate::store::people::set_person(tx, "d1", Some("p1"))).await;
    assert_eq!(ask(&mut talk).await.0.code, Code::AnotherPerson, "and not p1's again");
}

#[tokio::test]
async fn another_persons_password_does_not_open_what_somebody_left_on_a_device() {
    let policy = Policy { who: Who::People, proofs: vec![Proof::Token, Proof::Password], ..Policy::default() };
    let house = with_passwords(policy).await;
    let good = token(&house, "d1", "a1").await;
    let of = |who: [(&'static str, &'static str); 2]| [("token", good.clone()), (who[0].0, who[0].1.into()), (who[1].0, who[1].1.into())];
    let mut talk = Talk::new(&house, "installation-1");
    let ask = async |talk: &mut Talk<'_>, who| {
        let proofs = of(who);
        let proofs: Vec<(&str, &str)> = proofs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        talk.ask(&proofs).await
    };
    assert_eq!(ask(&mut talk, KIM).await.1, Verdict::Open);
    let (said, verdict) = ask(&mut talk, JO).await;
    assert_eq!((said.code, said.erase), (Code::AnotherPerson, true));
    assert!(matches!(verdict, Verdict::Erased(_)));
    assert_eq!(ask(&mut talk, JO).await.1, Verdict::Open);
}

#[tokio::test]
async fn by_password_alone_an_installation_is_one_persons_too() {
    let house = with_passwords(Policy { roles: Vec::new(), ..by_password() }).await;
    let mut talk = Talk::new(&house, "installation-1");
    assert_eq!(talk.ask(&KIM).await.1, Verdict::Open);
    let (said, verdict) = talk.ask(&JO).await;
    assert_eq!((said.code, said.erase, said.holder.as_str()), (Code::AnotherPerson, true, "p1/installation-1"));
    assert!(matches!(verdict, Verdict::Erased(_)));
    assert_eq!(talk.ask(&JO).await.1, Verdict::Open);
    // A device that anybody may use asks for nobody, and belongs to nobody.
    let house = school(Policy::default()).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    talk.ask(&[("token", &good)]).await;
    house.write(|tx| crate::store::people::set_person(tx, "d1", Some("p2"))).await;
    assert_eq!(talk.ask(&[("token", &good)]).await.1, Verdict::Open);
}
