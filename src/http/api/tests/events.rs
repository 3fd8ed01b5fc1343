//! Events as a list and as a stream.

use super::*;

#[tokio::test]
async fn events_are_listed_by_topic_and_device() {
    let house = House::new();
    for (kind, device) in [("device.renamed", Some("d1")), ("command.queued", Some("d2")), ("command.sent", Some("d2"))] {
        house.happen(kind, device).await;
    }
    let topics = async |query: &str| {
        let body = house.console(Method::GET, &format!("/api/v1/events{query}"), &[], None).await.body;
        body["items"].as_array().unwrap().iter().map(|event| event["topic"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(topics("?topic=command.").await, ["command.sent", "command.queued"]);
    assert_eq!(topics("?device_id=d1").await, ["device.renamed"]);
    assert_eq!(topics("?limit=1").await, ["command.sent"]);
}

#[tokio::test]
async fn a_stream_goes_on_where_it_broke() {
    let house = House::new();
    let bearer = format!("Bearer {}", house.kit.token(Role::Viewer).await);
    house.happen("device.renamed", Some("d1")).await;
    let (status, mut stream) = house.stream(&[("authorization", &bearer)]).await;
    assert_eq!(status, StatusCode::OK);
    house.happen("command.queued", Some("d1")).await;
    let said = next(&mut stream).await.unwrap();
    assert!(said.contains("\"topic\":\"command.queued\"") && said.contains("\"device_id\":\"d1\""), "{said}");
    let last = said.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    drop(stream);
    house.happen("command.sent", Some("d1")).await;
    house.happen("admin.added", None).await;
    house.happen("command.acknowledged", Some("d1")).await;
    let (_, mut stream) = house.stream(&[("authorization", &bearer), ("last-event-id", &last)]).await;
    for topic in ["command.sent", "command.acknowledged"] {
        let said = next(&mut stream).await.unwrap();
        assert!(said.contains(topic), "{said}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_the_token_and_with_the_server() {
    let house = House::new();
    let made = house.console(Method::POST, "/api/v1/tokens", &[], Some(json!({ "name": "x", "role": "viewer" }))).await.body;
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let (_, mut stream) = house.stream(&[("authorization", &bearer)]).await;
    house.console(Method::DELETE, &format!("/api/v1/tokens/{}", made["id"].as_str().unwrap()), &[], None).await;
    house.happen("device.renamed", Some("d1")).await;
    assert_eq!(next(&mut stream).await, None, "a revoked token hears nothing more");
    let bearer = format!("Bearer {}", house.kit.token(Role::Viewer).await);
    let (_, mut stream) = house.stream(&[("authorization", &bearer)]).await;
    house.streams.end();
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_gives_signs_of_life() {
    let house = House::new();
    let bearer = format!("Bearer {}", house.kit.token(Role::Viewer).await);
    let (_, mut stream) = house.stream(&[("authorization", &bearer)]).await;
    stream.next().await.unwrap().unwrap();
    let before = tokio::time::Instant::now();
    assert!(stream.next().await.unwrap().unwrap().starts_with(b":"));
    assert!(before.elapsed() >= HEARTBEAT && before.elapsed() < HEARTBEAT + Duration::from_secs(1));
}

#[tokio::test]
async fn streams_have_a_limit_and_places_are_given_back() {
    let house = House::new();
    let router = house.router(Listener::Main);
    let stream = async |bearer: &str| House::stream_of(router.clone(), &[("authorization", bearer)]).await;
    let mut bearers = Vec::new();
    for _ in 0..=STREAMS_MAX / STREAMS_OF_ONE_MAX {
        bearers.push(format!("Bearer {}", house.kit.token(Role::Viewer).await));
    }
    let (last, others) = bearers.split_last().unwrap();
    let mut open = Vec::new();
    for (place, bearer) in others.iter().enumerate() {
        for _ in 0..STREAMS_OF_ONE_MAX {
            let (status, stream) = stream(bearer).await;
            assert_eq!(status, StatusCode::OK, "stream {}", open.len());
            open.push(stream);
        }
        if place == 0 {
            assert_eq!(stream(bearer).await.0, StatusCode::TOO_MANY_REQUESTS, "one token has its share");
            assert_eq!(stream(last).await.0, StatusCode::OK, "which leaves places for others");
            // The reader notices at its next turn that nobody listens.
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(stream(last).await.0, StatusCode::SERVICE_UNAVAILABLE);
    open.clear();
    for bearer in &bearers {
        while stream(bearer).await.0 != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    }
}
