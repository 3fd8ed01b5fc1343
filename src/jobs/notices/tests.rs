//! Notices through a mail server over real sockets, by a clock that is moved: encrypted and logged in, once, retried, bounded, and gathered.

mod trouble;

use std::time::Duration;

use crate::app::App;
use crate::jobs::run_due;
use crate::mdm::notices::settings::{NewRules, NewServer};
use crate::mdm::notices::{LOOK_EVERY, MAIL_TROUBLE, MAILINGS_MAX, SETTLE, recipients, settings};
use crate::mdm::webhooks::{self, NewWebhook};
use crate::mdm::{Actor, Role};
use crate::protocol::mail::Security;
use crate::secret::Secret;
use crate::sim::smtp::{SmtpStandIn, Speech, Taken};
use crate::store::admins::{self, Admin};
use crate::store::letters::{self, LetterState};
use crate::store::notices::NoticeKind;
use crate::store::push_certificates::{self, PushCertificate};
use crate::store::{Tx, alerts};

const DAY: Duration = Duration::from_secs(24 * 3600);
const LOGIN: (&str, &str) = ("rollcall", "open sesame");

struct Post {
    app: App,
    server: SmtpStandIn,
}

fn wish(server: &SmtpStandIn, security: Security) -> NewServer {
    NewServer {
        host: String::from("localhost"),
        port: Some(server.port()),
        security,
        user: LOGIN.0.to_owned(),
        password: Some(Secret::new(LOGIN.1.to_owned())),
        from_name: String::from("Rollcall"),
        from: String::from("rollcall@example.school"),
        reply_to: String::from("it@example.school"),
        trust_anchors: server.trust_anchor_pem().to_owned(),
        ..NewServer::default()
    }
}

impl Post {
    /// An appliance that sends everything to one address.
    async fn new(speech: Speech, security: Security) -> Self {
        let app = App::for_tests();
        let server = SmtpStandIn::start(speech, Some(LOGIN), &app.clock, &app.random).await.unwrap();
        let post = Self { app, server };
        let new = wish(&post.server, security);
        post.write(move |tx| {
            settings::set_server(tx, &Actor::Console, &new)?;
            recipients::add(tx, &Actor::Console, "it@example.school", NoticeKind::ALL.to_vec())
        })
        .await;
        post
    }

    async fn write<T: Send + 'static>(&self, work: impl FnOnce(&Tx) -> crate::error::Result<T> + Send + 'static) -> T {
        self.app.store.write(self.app.now(), work).await.unwrap()
    }

    /// Lets time pass, with a look at the end.
    async fn after(&self, duration: Duration) {
        self.app.clock.advance(duration);
        run_due(&self.app).await.unwrap();
    }

    /// Lets a time pass in the steps of the job.
    async fn settle(&self) {
        run_due(&self.app).await.unwrap();
        for _ in 0..SETTLE.as_secs() / LOOK_EVERY.as_secs() {
            self.after(LOOK_EVERY).await;
        }
    }

    async fn raise(&self, key: &str) {
        let key = key.to_owned();
        self.write(move |tx| alerts::raise(tx, &key, 80, &format!("{key} is broken."), "Mend it.")).await;
    }

    fn subjects(&self) -> Vec<String> {
        self.server.taken().iter().map(subject).collect()
    }
}

fn subject(taken: &Taken) -> String {
    let lines = taken.text.lines().skip_while(|line| !line.starts_with("Subject: "));
    let mut subject = String::new();
    for (index, line) in lines.enumerate() {
        if index > 0 && !line.starts_with(' ') {
            break;
        }
        subject.push_str(line.trim_start_matches("Subject:"));
    }
    subject.trim().to_owned()
}

fn certificate(topic: &str, ends_in: Duration, tx: &Tx) -> crate::error::Result<()> {
    let row = PushCertificate {
        topic: topic.to_owned(),
        certificate: Vec::new(),
        not_after_at: tx.now.plus(ends_in),
        current: true,
        practice: false,
        account_note: String::new(),
        uploads: 1,
        paused_until_at: None,
        uploaded_at: tx.now,
    };
    push_certificates::put(tx, &row, b"key")
}

#[tokio::test]
async fn what_needs_somebody_goes_out_once_encrypted_and_logged_in() {
    for (speech, security) in [(Speech::Tls, Security::Tls), (Speech::StartTls, Security::StartTls), (Speech::Open, Security::None)] {
        let post = Post::new(speech, security).await;
        post.raise("backup.failed").await;
        post.settle().await;
        let taken = post.server.taken();
        assert_eq!(taken.len(), 1, "{security:?}: {taken:?}");
        let letter = &taken[0];
        assert_eq!((letter.encrypted, letter.user.as_deref()), (security != Security::None, Some(LOGIN.0)));
        assert_eq!((letter.from.as_str(), &letter.to), ("rollcall@example.school", &vec![String::from("it@example.school")]));
        assert_eq!(subject(letter), "Rollcall: backup.failed is broken");
        for part in [
            "Reply-To: it@example.school",
            "Auto-Submitted: auto-generated",
            "text/plain",
            "text/html",
            "Mend it.",
            "https://mdm.example.school/system/backups",
        ] {
            assert!(letter.text.contains(part), "{part} in {}", letter.text);
        }
        post.after(DAY).await;
        post.after(DAY).await;
        assert_eq!(post.server.taken().iter().filter(|letter| !subject(letter).contains("The week")).count(), 1, "not again");
        let said = post.write(|tx| letters::list(tx, None, 10)).await;
        assert!(
            said.iter().all(|letter| letter.state == LetterState::Sent && letter.said.starts_with("250 2.0.0 Taken as letter")),
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn each_step_of_an_end_is_told_once() {
    let post = Post::new(Speech::Tls, Security::Tls).await;
    post.write(|tx| {
        settings::set_rules(tx, &Actor::Console, &NewRules { tell_mended: false, digest: false, weekday: 0, at: "07:00".into() })
    })
    .await;
    post.write(|tx| {
        let all = recipients::list(tx, &Actor::Console)?;
        recipients::change(tx, &Actor::Console, &all[0].id, None, Some(vec![NoticeKind::Ends]))
    })
    .await;
    post.write(|tx| certificate("com.apple.mgmt.External.1", DAY * 61, tx)).await;
    for _ in 0..70 {
        post.after(DAY).await;
    }
    assert_eq!(
        post.subjects(),
        [
            "Rollcall: Push certificate ends in 60 days, on 25 Jan 2027",
            "Rollcall: Push certificate ends in 30 days, on 25 Jan 2027",
            "Rollcall: Push certificate ends in 14 days, on 25 Jan 2027",
            "Rollcall: Push certificate ends in 7 days, on 25 Jan 2027",
            "Rollcall: Push certificate ends within a day, on 25 Jan 2027",
            "Rollcall: Push certificate ended on 25 Jan 2027",
        ]
    );
}

#[tokio::test]
async fn several_things_at_once_are_one_letter_the_worst_first() {
    let post = Post::new(Speech::Tls, Security::Tls).await;
    post.write(|tx| {
        certificate("com.apple.mgmt.External.1", Duration::ZERO, tx)?;
        alerts::raise(tx, "integrity", 95, "The database is damaged.", "Restore a backup.")?;
        alerts::raise(tx, "backup.failed", 80, "The backup could not be made.", "See System, Backups.")
    })
    .await;
    // The end needs no time to settle, the others do.
    post.settle().await;
    assert_eq!(post.subjects(), ["Rollcall: Push certificate ended on 25 Nov 2026", "Rollcall: The database is damaged, and 1 more"]);
}

#[tokio::test]
async fn there_are_no_more_than_so_many_letters_a_day_and_the_rest_comes_in_one() {
    let post = Post::new(Speech::Tls, Security::Tls).await;
    post.write(|tx| {
        settings::set_rules(tx, &Actor::Console, &NewRules { tell_mended: true, digest: false, weekday: 0, at: "07:00".into() })
    })
    .await;
    for number in 0..30 {
        post.raise(&format!("flood.{number:02}")).await;
        post.after(LOOK_EVERY).await;
        post.after(LOOK_EVERY).await;
        post.after(LOOK_EVERY).await;
    }
    let within_the_day = post.server.taken();
    assert_eq!(within_the_day.len(), MAILINGS_MAX, "{:?}", post.subjects());
    assert!(within_the_day[MAILINGS_MAX - 1].text.contains("There were many letters today"), "{}", within_the_day[MAILINGS_MAX - 1].text);
    assert!(!within_the_day[MAILINGS_MAX - 2].text.contains("There were many letters today"));
    post.after(DAY).await;
    let subjects = post.subjects();
    assert_eq!(subjects.len(), MAILINGS_MAX + 1);
    let gathered = &post.server.taken()[MAILINGS_MAX];
    let told: usize = post
        .server
        .taken()
        .iter()
        .map(|letter| (0..30).filter(|number| letter.text.contains(&format!("* flood.{number:02} is broken."))).count())
        .sum();
    assert_eq!(told, 30, "each once: {}", gathered.text);
}

#[tokio::test]
async fn nothing_that_was_told_to_nobody_comes_when_mail_is_set_up_but_what_still_stands() {
    let app = App::for_tests();
    let server = SmtpStandIn::start(Speech::Tls, Some(LOGIN), &app.clock, &app.random).await.unwrap();
    let post = Post { app, server };
    post.raise("old").await;
    post.settle().await;
    post.write(|tx| alerts::clear(tx, "old")).await;
    post.raise("standing").await;
    post.settle().await;
    assert_eq!(post.server.conversations(), 0);
    let new = wish(&post.server, Security::Tls);
    post.write(move |tx| {
        settings::set_server(tx, &Actor::Console, &new)?;
        recipients::add(tx, &Actor::Console, "it@example.school", vec![NoticeKind::Other])
    })
    .await;
    post.settle().await;
    assert_eq!(post.subjects(), ["Rollcall: standing is broken"]);
}

#[tokio::test]
async fn everybody_gets_what_they_ticked_and_who_lost_the_right_gets_nothing() {
    let post = Post::new(Speech::Tls, Security::Tls).await;
    for (name, role, kinds) in [
        ("Ada", Role::Admin, vec![NoticeKind::Backups]),
        ("Ben", Role::Admin, vec![NoticeKind::Seats]),
        ("Cy", Role::Owner, vec![NoticeKind::Backups]),
    ] {
        post.write(move |tx| {
            let admin = Admin {
                id: tx.new_id(),
                name: name.to_owned(),
                role: role.as_str().to_owned(),
                password_hash: Secret::new(String::from("no password")),
                disabled_at: None,
                created_at: tx.now,
                person_id: None,
            };
            admins::insert(tx, &admin)?;
            let actor = Actor::Person { id: admin.id, name: admin.name, role };
            recipients::set_own(tx, &actor, &format!("{}@example.school", name.to_lowercase()), kinds)
        })
        .await;
    }
    post.write(|tx| {
        let cy = admins::find_by_name(tx, "Cy")?.unwrap();
        admins::update(tx, &Admin { role: String::from("helper"), ..cy })
    })
    .await;
    post.raise("backup.failed").await;
    post.settle().await;
    let mut to: Vec<_> = post.server.taken().into_iter().flat_map(|letter| letter.to).collect();
    to.sort();
    assert_eq!(to, ["ada@example.school", "it@example.school"]);
}

#[tokio::test]
async fn the_digest_comes_once_a_week_and_says_how_everything_stands() {
    let post = Post::new(Speech::Tls, Security::Tls).await;
    post.write(|tx| {
        settings::set_rules(tx, &Actor::Console, &NewRules { tell_mended: true, digest: true, weekday: 0, at: "07:00".into() })
    })
    .await;
    post.write(|tx| certificate("com.apple.mgmt.External.1", DAY * 20, tx)).await;
    for _ in 0..15 {
        post.after(DAY).await;
    }
    let digests: Vec<_> = post.server.taken().into_iter().filter(|letter| subject(letter).contains("The week")).collect();
    assert_eq!(digests.iter().map(subject).collect::<Vec<_>>(), vec!["Rollcall: The week: 1 thing needs you"; 2]);
    let text = &digests[0].text;
    for part in [
        "Needs you",
        "list of OS releases has not come yet",
        "Ends within 60 days",
        "Push certificate ends on 15 Dec 2026.",
        "Devices",
        "Updates",
        "Apps",
        "The last seven days",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[tokio::test]
async fn webhooks_that_name_notices_hear_of_them_and_others_do_not() {
    let app = App::for_tests();
    let waiting = app
        .store
        .write(app.now(), |tx| {
            let mut ids = Vec::new();
            for topics in [vec![String::from("rollcall.Notice")], Vec::new()] {
                let url = String::from("https://hooks.example.school/mdm");
                ids.push(
                    webhooks::create(tx, &Actor::Console, NewWebhook { url, hmac_key: None, topics, include_secrets: false })?.0.webhook.id,
                );
            }
            alerts::raise(tx, "backup.failed", 80, "The backup could not be made.", "Mend it.")?;
            Ok(ids)
        })
        .await
        .unwrap();
    let look = || async {
        let facts = app.store.read(app.now(), |tx| crate::mdm::notices::gather(tx, true)).await.unwrap();
        let out = crate::mdm::notices::Out { public_url: app.public_url.clone() };
        app.store.write(app.now(), move |tx| crate::mdm::notices::look(tx, &facts, &out)).await.unwrap()
    };
    assert_eq!(look().await, 0);
    app.clock.advance(SETTLE);
    assert_eq!(look().await, 1);
    let letters = app.store.write(app.now(), |tx| webhooks::due(tx, &std::collections::BTreeMap::new())).await.unwrap();
    assert_eq!(letters.len(), 1);
    let told: serde_json::Value = serde_json::from_slice(letters[0].body.expose()).unwrap();
    assert_eq!((told["topic"].as_str(), told["notice"]["kind"].as_str()), (Some("rollcall.Notice"), Some("backups")));
    assert_eq!(
        (told["notice"]["what"].as_str(), told["notice"]["url"].as_str()),
        (Some("The backup could not be made."), Some("https://mdm.example.school/system/backups"))
    );
    let count = |id: String| app.store.read(app.now(), move |tx| crate::store::webhooks::count_waiting(tx, &id));
    assert_eq!((count(waiting[0].clone()).await.unwrap(), count(waiting[1].clone()).await.unwrap()), (1, 0));
}
