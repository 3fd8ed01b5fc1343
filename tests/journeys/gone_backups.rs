//! A store for backups in which somebody deletes files, revokes the key, or removes the bucket: what the appliance says of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, ETAG};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use rollcall::mdm::Actor;
use rollcall::mdm::backups;
use rollcall::mdm::backups::plan::{self, NewPlan};
use rollcall::mdm::backups::retention::Keep;
use rollcall::protocol::s3::S3Place;
use rollcall::secret::Secret;
use rollcall::store::alerts;
use serde_json::{Value, json};

use crate::kit::House;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Bytes of an object that are taken.
const OBJECT_MAX_BYTES: usize = 64 << 20;

/// A store with one bucket.
#[derive(Debug, Clone, Default)]
struct Bucket(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    objects: BTreeMap<String, Bytes>,
    /// What every request is refused with: a status and the store's word for it.
    refusal: Option<(u16, &'static str)>,
}

impl Bucket {
    fn refuse(&self, refusal: Option<(u16, &'static str)>) {
        self.0.lock().unwrap().refusal = refusal;
    }

    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().objects.keys().cloned().collect()
    }

    fn delete(&self, name: &str) {
        self.0.lock().unwrap().objects.remove(name);
    }

    /// Serves it, and gives its address.
    async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(answer).with_state(self.clone());
        // It ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, routes).await });
        address
    }
}

async fn answer(State(bucket): State<Bucket>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, OBJECT_MAX_BYTES).await.unwrap();
    let mut inside = bucket.0.lock().unwrap();
    let refuse = |(status, code): (u16, &str)| {
        (StatusCode::from_u16(status).unwrap(), format!("<Error><Code>{code}</Code></Error>")).into_response()
    };
    if let Some(refusal) = inside.refusal {
        return refuse(refusal);
    }
    let name = head.uri.path().to_owned();
    match head.method {
        Method::PUT => {
            inside.objects.insert(name, body);
            [(ETAG, "\"a\"")].into_response()
        }
        Method::DELETE => {
            inside.objects.remove(&name);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => match inside.objects.get(&name) {
            Some(object) => ([(CONTENT_LENGTH, object.len().to_string())], object.clone()).into_response(),
            None => refuse((404, "NoSuchKey")),
        },
    }
}

/// An appliance that backs up into a bucket each day, and has done so for two days.
async fn house(bucket: &Bucket) -> House {
    let house = House::open().await;
    let place = S3Place {
        endpoint: bucket.serve().await,
        region: String::from("eu-central-1"),
        bucket: String::from("example-school"),
        prefix: String::from("rollcall/"),
        key_id: String::from("key"),
        path_style: true,
        trust_anchors: String::new(),
    };
    let plan = NewPlan {
        daily: true,
        at: String::from("03:15"),
        with_packages: false,
        keep: Keep { daily: 2, weekly: 0, monthly: 0 },
        folder: None,
        s3: Some(place),
        s3_secret: Some(Secret::new(String::from("secret"))),
    };
    house
        .write(move |tx| {
            backups::make_recovery_key(tx, &Actor::Console)?;
            plan::set(tx, &Actor::Console, &plan)
        })
        .await;
    house.pass(DAY).await;
    house.pass(DAY).await;
    assert_eq!(bucket.names().len(), 2, "{:?}", bucket.names());
    house
}

/// The message of an alert on Today.
async fn told(house: &House, key: &'static str) -> Option<String> {
    house.read(alerts::all).await.into_iter().find(|alert| alert.key == key).map(|alert| alert.message)
}

async fn listed(house: &House) -> Vec<Value> {
    house.api("GET", "/api/v1/backups", json!(null)).await.1["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_somebody_deleted_from_the_store_are_told_and_what_is_left_is_kept() {
    let bucket = Bucket::default();
    let house = house(&bucket).await;
    assert_eq!(told(&house, backups::gone::GONE).await, None);
    let newest = bucket.names().pop().unwrap();
    bucket.delete(&newest);
    house.pass(DAY).await;

    let message = told(&house, backups::gone::GONE).await.unwrap();
    assert!(message.starts_with("The backup rollcall-") && message.contains("is not in http://127.0.0.1:"), "{message}");
    let list = listed(&house).await;
    let gone: Vec<_> =
        list.iter().filter(|backup| backup["test_problem"].as_str().is_some_and(|words| words.contains("not in its place"))).collect();
    assert_eq!((list.len(), gone.len()), (3, 1), "{list:?}");
    assert!(newest.ends_with(gone[0]["name"].as_str().unwrap()), "{gone:?}");
    // Two days are kept: the one that was just made, and the oldest, for the one between is gone.
    assert_eq!(bucket.names().len(), 2, "{:?}", bucket.names());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_revoked_and_a_bucket_that_was_removed_are_told_and_over_when_they_are() {
    let bucket = Bucket::default();
    let house = house(&bucket).await;
    bucket.refuse(Some((403, "InvalidAccessKeyId")));
    house.pass(DAY).await;
    let message = told(&house, backups::FAILED).await.unwrap();
    assert!(message.contains("does not know this access key"), "{message}");
    assert_eq!(told(&house, backups::gone::GONE).await, None, "nobody can tell whether they are there");
    house.write(|tx| backups::test_now(tx, &Actor::Console)).await;
    house.pass(Duration::from_secs(3600)).await;
    house.pass(DAY).await;
    assert_eq!(listed(&house).await.len(), 2, "nothing is taken off the list");

    bucket.refuse(Some((404, "NoSuchBucket")));
    house.pass(DAY).await;
    let message = told(&house, backups::FAILED).await.unwrap();
    assert!(message.contains("There is no bucket “example-school”"), "{message}");
    let message = told(&house, backups::gone::GONE).await.unwrap();
    assert!(message.starts_with("2 backups are not in their places any more"), "{message}");

    bucket.refuse(None);
    house.pass(DAY).await;
    assert_eq!((told(&house, backups::FAILED).await, told(&house, backups::gone::GONE).await), (None, None));
    house.close().await;
}
