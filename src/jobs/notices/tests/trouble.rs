//! Mail servers that refuse, hang, or are not who they say.

use super::*;

#[tokio::test]
async fn mail_that_is_refused_is_tried_again_told_on_the_page_and_holds_up_nobody() {
    let post = Post::new(Speech::Tls, Security::Tls).await;
    post.server.refuse(Some("451 4.7.1 Try again later"));
    post.raise("backup.failed").await;
    post.settle().await;
    assert!(post.server.taken().is_empty());
    let first = post.write(|tx| letters::list(tx, None, 10)).await.remove(0);
    assert_eq!((first.state, first.attempts), (LetterState::Waiting, 1));
    assert_eq!(first.said, "The server did not take the letter. It said: 451 4.7.1 Try again later");
    let job = post.write(|tx| crate::store::jobs::turn(tx, "notices")).await;
    assert_eq!((job.failures, job.result.contains("0 of 1 letters")), (0, true), "{job:?}");
    for _ in 0..3 {
        post.after(Duration::from_secs(1200)).await;
    }
    let trouble = post.write(alerts::all).await.into_iter().find(|alert| alert.key == MAIL_TROUBLE).unwrap();
    assert!(trouble.message.contains("451 4.7.1 Try again later"), "{trouble:?}");
    post.server.refuse(None);
    post.after(Duration::from_secs(8000)).await;
    assert_eq!(post.subjects(), ["Rollcall: backup.failed is broken"], "the trouble with mail itself is told on the page alone");
    assert!(post.write(alerts::all).await.iter().all(|alert| alert.key != MAIL_TROUBLE));
}

#[tokio::test]
async fn a_letter_that_nobody_takes_for_days_is_given_up() {
    let post = Post::new(Speech::Tls, Security::Tls).await;
    post.server.refuse(Some("550 5.1.1 No such mailbox"));
    post.raise("backup.failed").await;
    post.settle().await;
    for _ in 0..60 {
        post.after(Duration::from_secs(3600)).await;
    }
    let letter = post.write(|tx| letters::list(tx, None, 10)).await.into_iter().find(|letter| letter.subject.contains("backup")).unwrap();
    assert_eq!((letter.state, letter.due_at), (LetterState::GivenUp, None));
    assert!(letter.said.contains("550 5.1.1 No such mailbox") && (4..=16).contains(&letter.attempts), "{letter:?}");
    assert!(post.write(alerts::all).await.iter().any(|alert| alert.key == MAIL_TROUBLE));
}

#[tokio::test]
async fn a_wrong_password_an_unknown_root_and_a_server_without_starttls_are_told_in_its_words() {
    let post = Post::new(Speech::StartTls, Security::StartTls).await;
    let try_it = |new: NewServer| {
        let app = post.app.clone();
        async move {
            let (server, password) = app.store.read(app.now(), move |tx| settings::check(tx, &Actor::Console, &new)).await.unwrap();
            app.mailer.send(&server, password.as_ref(), "mdm.example.school", "kim@example.school", b"Subject: x\r\n\r\nx\r\n").await
        }
    };
    let good = wish(&post.server, Security::StartTls);
    assert_eq!(try_it(good.clone()).await.unwrap(), "250 2.0.0 Taken as letter 1");
    let wrong = NewServer { password: Some(Secret::new(String::from("wrong"))), ..good.clone() };
    let refused = try_it(wrong).await.unwrap_err();
    assert_eq!(
        refused.message,
        "The server did not let us in: check the user and the password. It said: 535 5.7.8 Authentication credentials invalid"
    );
    let stranger = try_it(NewServer { trust_anchors: String::new(), ..good.clone() }).await.unwrap_err();
    assert!(stranger.message.contains("is not trusted"), "{stranger}");
    let plain = SmtpStandIn::start(Speech::Open, None, &post.app.clock, &post.app.random).await.unwrap();
    let no_tls = try_it(NewServer { port: Some(plain.port()), ..good.clone() }).await.unwrap_err();
    assert!(no_tls.message.contains("offers no STARTTLS"), "{no_tls}");
    assert!(plain.taken().is_empty());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let away = try_it(NewServer { port: Some(port), ..good }).await.unwrap_err();
    assert!(away.message.contains("cannot be reached"), "{away}");
}

#[tokio::test]
async fn a_mail_server_that_hangs_is_given_up_in_bounded_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let held = tokio::spawn(async move {
        let mut streams = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            streams.push(stream);
        }
    });
    let app = App::for_tests();
    let server = crate::protocol::mail::MailServer {
        host: String::from("127.0.0.1"),
        port,
        security: Security::None,
        from: String::from("rollcall@example.school"),
        ..crate::protocol::mail::MailServer::default()
    };
    let mailer = app.mailer.clone().within(Duration::from_millis(200));
    let error = mailer.send(&server, None, "mdm.example.school", "kim@example.school", b"x").await.unwrap_err();
    assert!(error.message.contains("did not answer within 200 ms"), "{error}");
    held.abort();
}
