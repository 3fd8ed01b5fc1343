//! What every audience is told of every failure.

use super::*;

const KINDS: [Kind; 13] = [
    Kind::BadInput,
    Kind::Unauthenticated,
    Kind::Forbidden,
    Kind::NotFound,
    Kind::Conflict,
    Kind::TooLarge,
    Kind::TooSlow,
    Kind::Busy,
    Kind::TooOften,
    Kind::NotManaged,
    Kind::Retired,
    Kind::Upstream,
    Kind::Internal,
];
const READERS: [Audience; 6] = [Audience::Api, Audience::Device, Audience::OldDevice, Audience::Scep, Audience::Acme, Audience::Person];

async fn body(response: Response) -> String {
    String::from_utf8(axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

#[test]
fn every_kind_has_its_status_for_every_audience() {
    let table = [
        (Kind::BadInput, [400, 400, 400, 400, 400, 400]),
        (Kind::Unauthenticated, [401, 400, 400, 400, 400, 401]),
        (Kind::Forbidden, [403, 400, 400, 400, 400, 403]),
        (Kind::NotFound, [404, 400, 400, 400, 400, 404]),
        (Kind::Conflict, [409, 400, 400, 400, 400, 409]),
        (Kind::TooLarge, [413, 413, 413, 413, 413, 413]),
        (Kind::TooSlow, [408, 503, 503, 503, 503, 408]),
        (Kind::Busy, [503, 503, 503, 503, 503, 503]),
        (Kind::TooOften, [429, 503, 503, 503, 503, 429]),
        (Kind::NotManaged, [409, 410, 410, 400, 400, 409]),
        (Kind::Retired, [409, 403, 401, 400, 400, 409]),
        (Kind::Upstream, [502, 503, 503, 503, 503, 502]),
        (Kind::Internal, [500, 503, 503, 503, 503, 500]),
    ];
    assert_eq!(table.map(|(kind, _)| kind), KINDS);
    for (kind, expected) in table {
        assert_eq!(READERS.map(|readers| status(kind, readers).as_u16()), expected, "{kind:?}");
    }
}

#[test]
fn nothing_but_a_retirement_can_make_a_device_leave() {
    for kind in KINDS.into_iter().filter(|kind| *kind != Kind::Retired) {
        for readers in [Audience::Device, Audience::OldDevice, Audience::Scep, Audience::Acme] {
            assert!(![401, 403].contains(&status(kind, readers).as_u16()), "{kind:?} {readers:?}");
        }
    }
    assert!(![401, 403].contains(&status(Kind::Retired, Audience::Scep).as_u16()), "SCEP dismisses nobody");
}

#[tokio::test]
async fn a_stray_status_of_a_handler_or_of_the_framework_never_reaches_a_device() {
    for stray in 400..600 {
        let stray = StatusCode::from_u16(stray).unwrap();
        for readers in [Audience::Device, Audience::OldDevice, Audience::Scep] {
            let sent = answer((stray, "words").into_response(), readers, None).await.status().as_u16();
            assert!([400, 404, 413, 416, 503].contains(&sent), "{stray} became {sent}");
        }
    }
    assert_eq!(answer(StatusCode::PARTIAL_CONTENT.into_response(), Audience::Device, None).await.status(), 206);
}

#[tokio::test]
async fn devices_get_empty_bodies_but_for_the_dismissal() {
    for kind in KINDS {
        let retired = kind == Kind::Retired;
        let told = body(render(&Error::new(kind, "secret words"), Audience::Device, None)).await;
        assert_eq!(told, if retired { UNRECOGNIZED_DEVICE } else { "" }, "{kind:?}");
        assert_eq!(body(render(&Error::new(kind, "secret words"), Audience::OldDevice, None)).await, "");
    }
}

#[tokio::test]
async fn a_handler_that_knows_the_os_decides_how_it_is_dismissed() {
    let retired = || Error::new(Kind::Retired, "An admin retired this enrollment.");
    assert_eq!(answer(retired().into_response(), Audience::Device, None).await.status(), 403);
    assert_eq!(answer(told_to(Audience::OldDevice, retired()), Audience::Device, None).await.status(), 401);
}

#[tokio::test]
async fn a_failure_outside_of_every_group_is_still_harmless() {
    for kind in KINDS {
        let response = Error::new(kind, "words").into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(body(response).await, "");
    }
}

#[tokio::test]
async fn scripts_get_a_problem_document() {
    let response = answer(Error::field("name", "is empty; write one").into_response(), Audience::Api, None).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let told: serde_json::Value = serde_json::from_str(&body(response).await).unwrap();
    let expected = serde_json::json!({
        "type": "about:blank", "title": "Bad Request", "status": 400, "detail": "name: is empty; write one",
        "errors": [{"field": "name", "message": "is empty; write one"}],
    });
    assert_eq!(told, expected);
    let response = answer((StatusCode::UNPROCESSABLE_ENTITY, "missing field `role`").into_response(), Audience::Api, None).await;
    let told: serde_json::Value = serde_json::from_str(&body(response).await).unwrap();
    assert_eq!((&told["status"], &told["detail"]), (&422.into(), &"missing field `role`".into()));
}

#[tokio::test]
async fn people_get_a_page_and_busy_says_when_to_come_back() {
    let response = render(&Error::not_found("There is no <such> device."), Audience::Person, None);
    assert_eq!(response.status(), 404);
    assert!(body(response).await.contains("There is no &lt;such&gt; device."));
    let busy = render(&Error::new(Kind::Busy, "The queue is full.").retry_after(7), Audience::Device, None);
    assert_eq!(busy.headers()[RETRY_AFTER], "7");
    assert_eq!(render(&Error::new(Kind::Busy, "Full."), Audience::Api, None).headers()[RETRY_AFTER], "30");
    assert!(render(&Error::internal("Oops.", "cause"), Audience::Api, None).headers().get(RETRY_AFTER).is_none());
}
