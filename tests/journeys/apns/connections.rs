//! One connection carries many pushes, ends in many ways, and loses none of them.

use std::time::Duration;

use rollcall::apple::apns::IN_FLIGHT_LIMIT;
use rollcall::sim::apple::apns::Act;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::*;

#[tokio::test]
async fn many_pushes_share_one_connection() {
    let ground = Ground::new().await;
    assert!(ground.push_all(300).await.iter().all(is_delivered));
    assert_eq!((ground.stand_in.counts().connections, ground.stand_in.counts().delivered), (1, 300));
}

#[tokio::test]
async fn no_more_pushes_are_under_way_than_the_limit() {
    let ground = Arc::new(Ground::new().await);
    ground.stand_in.script().hold();
    let over_the_limit = IN_FLIGHT_LIMIT as u32 + 100;
    let pushes = tokio::spawn({
        let ground = ground.clone();
        async move { ground.push_all(over_the_limit).await }
    });
    ground.stand_in.in_flight(IN_FLIGHT_LIMIT as u64).await;
    ground.stand_in.script().release();
    assert!(pushes.await.unwrap().iter().all(is_delivered));
    let counts = ground.stand_in.counts();
    assert_eq!((counts.most_in_flight, counts.delivered), (IN_FLIGHT_LIMIT as u64, u64::from(over_the_limit)));
}

#[tokio::test]
async fn goaway_loses_nothing() {
    let ground = Ground::new().await;
    ground.stand_in.script().every(100, Act::GoAway);
    let outcomes = ground.push_all(2_000).await;
    let lost: Vec<_> = outcomes.iter().filter(|outcome| !is_delivered(outcome)).collect();
    assert!(lost.is_empty(), "{} of 2000, for example {:?}", lost.len(), lost[0]);
    let counts = ground.stand_in.counts();
    assert!(counts.connections > 1, "{counts:?}");
    assert_eq!(counts.delivered, 2_000, "each once");
}

#[tokio::test]
async fn what_a_broken_connection_took_with_it_is_sent_again_once() {
    let ground = Ground::new().await;
    ground.stand_in.script().next(Act::HangUp);
    assert!(is_delivered(&ground.push(1).await));
    assert_eq!(ground.stand_in.counts().connections, 2);

    ground.stand_in.script().next(Act::HangUp);
    ground.stand_in.script().next(Act::HangUp);
    let outcome = ground.push(2).await;
    assert!(matches!(outcome, Outcome::Unreachable { .. }), "{outcome:?}");
    assert!(is_delivered(&ground.push(3).await));
}

#[tokio::test]
async fn a_renewed_certificate_gets_a_new_connection() {
    let ground = Ground::new().await;
    let issued = ground.stand_in.issue_push_identity(TOPIC).unwrap();
    let (renewed, read_again) = (identity(&issued), identity(&issued));
    assert!(is_delivered(&ground.push(1).await));
    assert!(is_delivered(&ground.apns.push(&renewed, &push(1)).await));
    assert_eq!(ground.stand_in.counts().connections, 2);
    assert!(is_delivered(&ground.apns.push(&read_again, &push(1)).await));
    assert_eq!(ground.stand_in.counts().connections, 2, "the same certificate, read from the store once more");
}

#[tokio::test]
async fn each_topic_has_its_own_connection() {
    let ground = Ground::new().await;
    for topic in ["com.apple.mgmt.External.a", "com.apple.mgmt.External.b", "com.apple.mgmt.External.a"] {
        let certificate = identity(&ground.stand_in.issue_push_identity(topic).unwrap());
        assert!(is_delivered(&ground.apns.push(&certificate, &push(1)).await), "{topic}");
    }
    assert!(is_delivered(&ground.push(1).await));
    assert_eq!(ground.stand_in.counts().connections, 4, "a was renewed");
}

#[tokio::test]
async fn a_push_without_an_answer_ends_in_time_and_takes_its_connection_out_of_use() {
    let ground = Ground::new().await;
    let request_timeout = Duration::from_millis(100);
    let apns = Apns::new(ApnsConfig { request_timeout, ..config(&ground.stand_in, &ground.clock) });
    ground.stand_in.script().hold();
    let outcome = apns.push(&ground.certificate, &push(1)).await;
    let Outcome::Unreachable { why } = &outcome else { panic!("{outcome:?}") };
    assert!(why.contains("100 ms"), "{why}");
    ground.stand_in.script().release();
    assert!(is_delivered(&ground.apns.push(&ground.certificate, &push(1)).await));
    assert_eq!(ground.stand_in.counts().connections, 2);
}

#[tokio::test]
async fn all_who_wait_for_a_connection_share_one_attempt() {
    let ground = Ground::new().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = silent.local_addr().unwrap().to_string().parse().unwrap();
    let connector = connector(&ground.stand_in.trust_anchor_pem(), &ground.clock).within(Duration::from_millis(500));
    let config = ApnsConfig { endpoint, ..ApnsConfig::new(connector) };
    let ground = Ground { apns: Arc::new(Apns::new(config)), ..ground };
    let attempts = tokio::spawn(async move {
        let mut attempts = 0;
        while let Ok((mut stream, _)) = silent.accept().await {
            attempts += 1;
            // Reads what comes and answers nothing, until the client gives up.
            let mut buffer = [0; 1024];
            while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
            if attempts == 2 {
                break;
            }
        }
        attempts
    });
    let outcomes = ground.push_all(IN_FLIGHT_LIMIT as u32).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unreachable { .. })));
    assert!(!attempts.is_finished(), "a second attempt was made");
    attempts.abort();
}
