//! Copies of offline edits: added and never changed, bounded, kept apart after a refusal, read by those who look after apps.

use super::*;
use crate::mdm::access::copies::{COPIES_MAX, COPIES_MAX_BYTES, COPY_MAX_BYTES, DOCUMENT_MAX_CHARS};
use crate::store::offline_copies;

async fn keep(house: &House, grant: &str, document: &str, content: impl Into<Body>) -> Reply {
    let path = format!("/access/v1/copies?document={document}");
    let request = Request::post(path).header("authorization", format!("Bearer {grant}")).header(CONTENT_TYPE, "text/plain");
    house.send(request.body(content.into()).unwrap()).await
}

async fn granted(house: &House) -> (Talk<'_>, String, String) {
    let good = token(house, "d1", "a1").await;
    let mut talk = Talk::new(house, "installation-1");
    let body = talk.body(&[("token", &good)]);
    let answer = grant(house, "application/json", body).await.body;
    talk.take(&answer).await;
    (talk, good, answer)
}

fn json_of(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap()
}

#[tokio::test]
async fn copies_get_versions_and_the_same_content_is_kept_once() {
    let house = school(Policy::default()).await;
    let (_, _, answer) = granted(&house).await;
    let first = keep(&house, &answer, "notes.txt", "one").await;
    assert_eq!((first.status, &json_of(&first)["version"]), (StatusCode::CREATED, &json!(1)), "{}", first.body);
    assert_eq!(json_of(&first)["sha256"], "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
    let again = keep(&house, &answer, "notes.txt", "one").await;
    assert_eq!((again.status, &json_of(&again)["id"]), (StatusCode::OK, &json_of(&first)["id"]));
    assert_eq!(json_of(&keep(&house, &answer, "notes.txt", "two").await)["version"], 2);
    assert_eq!(json_of(&keep(&house, &answer, "other.txt", "two").await)["version"], 1);
    for method in [Method::DELETE, Method::PUT, Method::PATCH] {
        let request = Request::builder().method(method).uri("/access/v1/copies").header("authorization", format!("Bearer {answer}"));
        assert_eq!(house.send(request.body(Body::empty()).unwrap()).await.status, 405);
    }
}

#[tokio::test]
async fn who_never_had_a_right_brings_nothing_and_a_right_ends_once() {
    let house = school(Policy::default()).await;
    let good = token(&house, "d1", "a1").await;
    house.write(|tx| crate::mdm::assignments::unassign(tx, &Actor::Console, (AssignedKind::App, "a1", "a1"), "g1")).await;
    let ask = async |talk: &mut Talk<'_>| {
        let body = talk.body(&[("token", &good)]);
        grant(&house, "application/json", body).await.body
    };
    let mut talk = Talk::new(&house, "installation-1");
    let refusal = ask(&mut talk).await;
    assert_eq!((claims(&refusal).code, claims(&refusal).copies_until), (Code::NotAssigned, None));
    assert_eq!(keep(&house, &refusal, "a", "x").await.status, 401);
    house.write(|tx| crate::mdm::assignments::assign(tx, &Actor::Console, (AssignedKind::App, "a1", "a1"), "g1", None)).await;
    let granted = ask(&mut talk).await;
    house.write(|tx| crate::mdm::assignments::unassign(tx, &Actor::Console, (AssignedKind::App, "a1", "a1"), "g1")).await;
    let end = house.app.now().plus(access::COPIES_AFTER_REFUSAL);
    let mut last = String::new();
    for _ in 0..3 {
        last = ask(&mut talk).await;
        assert_eq!(claims(&last).copies_until, Some(end), "asking again moves nothing on");
        house.app.clock.advance(Duration::from_secs(1000));
    }
    assert_eq!(keep(&house, &last, "a", "x").await.status, 201);
    house.app.clock.advance(Duration::from_secs(1000));
    for answer in [&last, &granted, &ask(&mut talk).await] {
        assert_eq!(keep(&house, answer, "b", "x").await.status, 401);
    }
}

#[tokio::test]
async fn what_exists_on_the_device_alone_is_saved_before_it_is_erased_and_marked() {
    let house = school(Policy::default()).await;
    let (mut talk, good, before) = granted(&house).await;
    set_enrollment(&house, "d1", |enrollment| enrollment.state = EnrollmentState::Left).await;
    assert_eq!(keep(&house, &before, "a.txt", "under the old grant").await.status, 201);
    let body = talk.body(&[("token", &good)]);
    let refusal = grant(&house, "application/json", body).await.body;
    assert!(claims(&refusal).erase);
    assert_eq!(keep(&house, &refusal, "b.txt", "under the refusal").await.status, 201);
    let kept = house.write(|tx| offline_copies::list(tx, "a1", None, 10)).await;
    assert!(kept.len() == 2 && kept.iter().all(|copy| copy.after_refusal && copy.whose == "iPad 1, Person p1"), "{kept:?}");
    house.app.clock.advance(access::COPIES_AFTER_REFUSAL + Duration::from_secs(1));
    assert_eq!(keep(&house, &refusal, "c.txt", "too late").await.status, 401);
}

#[tokio::test]
async fn only_a_grant_of_ours_that_is_the_last_lets_copies_in() {
    let house = school(Policy::default()).await;
    let (mut talk, good, answer) = granted(&house).await;
    for wrong in ["", "x.y.z", &answer[..answer.len() - 4]] {
        assert_eq!(keep(&house, wrong, "a", "x").await.status, 401, "{wrong}");
    }
    talk.ask(&[("token", &good)]).await;
    assert_eq!(keep(&house, &answer, "a", "x").await.status, 401, "there is a newer one");
    let closed = school(Policy { takes_copies: false, ..Policy::default() }).await;
    let (_, _, answer) = granted(&closed).await;
    assert!(claims(&answer).copies_until.is_none());
    assert_eq!(keep(&closed, &answer, "a", "x").await.status, 401);
}

#[tokio::test]
async fn copies_are_bounded_in_size_number_and_name() {
    let house = school(Policy::default()).await;
    let (_, _, answer) = granted(&house).await;
    assert_eq!(keep(&house, &answer, "big", vec![b'x'; COPY_MAX_BYTES]).await.status, 201);
    assert_eq!(keep(&house, &answer, "big", vec![b'x'; COPY_MAX_BYTES + 1]).await.status, 413);
    assert_eq!(keep(&house, &answer, "empty", "").await.status, 400);
    assert_eq!(keep(&house, &answer, &"n".repeat(DOCUMENT_MAX_CHARS), "x").await.status, 201);
    assert_eq!(keep(&house, &answer, &"n".repeat(DOCUMENT_MAX_CHARS + 1), "x").await.status, 400);
    let fill = |count: u64, bytes: i64| {
        move |tx: &Tx| {
            let row = offline_copies::newest(tx, "a1", "ed1", "big")?.unwrap();
            for number in 0..count {
                let copy = offline_copies::Copy {
                    // An earlier enrollment of the same device.
                    holder: "before".into(),
                    id: format!("{bytes}-{number}"),
                    document: format!("{bytes}-{number}"),
                    size_bytes: bytes,
                    ..row.clone()
                };
                offline_copies::insert(tx, &copy, b"sealed")?;
            }
            Ok(())
        }
    };
    let left = (COPIES_MAX_BYTES - 1 - COPY_MAX_BYTES as u64) as i64;
    house.write(fill(1, left)).await;
    assert_eq!(keep(&house, &answer, "full", "x").await.status, 413);
    house.write(|tx| offline_copies::delete_before(tx, "a1", tx.now.plus(Duration::from_secs(1)))).await;
    assert_eq!(keep(&house, &answer, "big", "x").await.status, 201);
    house.write(fill(COPIES_MAX - 2, 1)).await;
    assert_eq!(keep(&house, &answer, "last", "x").await.status, 201);
    assert_eq!(keep(&house, &answer, "one-more", "x").await.status, 409);
}

#[tokio::test]
async fn copies_of_a_person_by_password_are_counted_together_whatever_installations_an_app_invents() {
    let house = super::people::with_passwords(super::people::by_password()).await;
    let ask = async |installation: &str| {
        let body = Talk::new(&house, installation).body(&super::people::KIM);
        grant(&house, "application/json", body).await.body
    };
    let answer = ask("installation-1").await;
    assert_eq!(keep(&house, &answer, "a", "x").await.status, 201);
    let fill = |tx: &Tx| {
        let row = offline_copies::newest(tx, "a1", "p1/installation-1", "a")?.unwrap();
        for number in 1..COPIES_MAX {
            let (id, holder) = (format!("c{number}"), format!("p1/installation-{number}"));
            offline_copies::insert(tx, &offline_copies::Copy { id, holder, document: "b".into(), ..row.clone() }, b"sealed")?;
        }
        Ok(())
    };
    house.write(fill).await;
    assert_eq!(keep(&house, &ask("installation-x").await, "c", "x").await.status, 409);
}
