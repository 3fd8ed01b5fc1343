//! A practice classroom of many generations: one policy for all, each device by its own mechanism, and nothing left when it is taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::time::Duration;

use rollcall::app::App;
use rollcall::cli::serve::Serving;
use rollcall::clock::Clock;
use rollcall::config::{Config, Layer};
use rollcall::http::limits::Grants;
use rollcall::mdm::Actor;
use rollcall::mdm::policies::{self, NewPolicy};
use rollcall::mdm::practice::{self, Wanted, cart, own};
use rollcall::mdm::reconcile::{self, Foreseen, Named, Standings, State, Thought};
use rollcall::protocol::ids::EnrollmentKind;
use rollcall::random::Random;
use rollcall::store::app_states::{self, Stage};
use rollcall::store::assignments::{AssignedKind, AssignedMode};
use rollcall::store::deployments::Mechanism;
use rollcall::store::devices::Device;
use rollcall::store::enrollments::{Enrollment, EnrollmentState};
use rollcall::store::invitations::Entry;
use rollcall::store::roster::{self, Sort};
use rollcall::store::{Bell, enrollments, groups, people};
use serde_json::json;

const DEVICES: u32 = 25;

/// The most that anything here may take; nothing waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The group that practice devices come into by their invitation.
const GROUP: &str = "Practice";

/// One device as the server knows it.
#[derive(Debug)]
struct Seen {
    device_id: String,
    os: String,
    standings: Standings,
}

async fn classroom(devices: u32) -> (Serving, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let layer = Layer::flags()
        .with("data", [folder.path().join("data").display().to_string()])
        .with("url", [format!("https://localhost:{port}")])
        .with("listen", [format!("127.0.0.1:{port}")])
        .with("http_listen", ["off"])
        .with("scep.legacy_clients", ["true"])
        .with("apple.software_lookup_endpoint", ["https://localhost:1"])
        .with("apple.roots_endpoint", ["https://localhost:1"]);
    let config = Config::read(layer, Vec::new()).unwrap();
    let (serving, _) = Serving::start(config, Clock::System, Random::System, Grants::default()).await.unwrap();
    let app = &serving.app;
    app.store.write(app.now(), move |tx| practice::want(tx, &Actor::Console, Wanted { devices, seed: 1 })).await.unwrap();
    (serving, folder)
}

async fn look(app: &App) -> Vec<Seen> {
    let read = app.store.read_slow(app.now(), |tx| {
        let listed = roster::list(tx, &roster::Filter::default(), Sort::Name, false, None, 500)?;
        let mut seen = Vec::new();
        for device in listed.into_iter().map(|listed| listed.device) {
            let Some(channel) = enrollments::device_channel(tx, &device.id)?.filter(|channel| channel.state == EnrollmentState::Enrolled)
            else {
                continue;
            };
            seen.push(Seen {
                os: format!("{} {}", device.platform, device.os_version),
                standings: reconcile::standing(tx, &channel)?,
                device_id: device.id,
            });
        }
        Ok(seen)
    });
    read.await.unwrap()
}

/// Looks again whenever something happened, until all is as wanted.
async fn until(app: &App, what: &str, is_so: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
    let mut bell = app.store.listen(Bell::Events);
    let mut last = Vec::new();
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            last = look(app).await;
            if is_so(&last) {
                return;
            }
            bell.heard().await;
        }
    });
    if waited.await.is_err() {
        let odd = last.iter().flat_map(|seen| {
            let things = seen.standings.things.iter().filter(|thing| thing.state != State::There);
            things.map(|thing| format!("{}: {:?} {:?} {}", seen.os, thing.mechanism, thing.state, thing.because))
        });
        panic!("{what}: {} devices, {:#?}", last.len(), odd.collect::<Vec<_>>());
    }
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn managed_open_in_reaches_every_generation_by_its_own_mechanism_and_leaves_without_a_trace() {
    let (serving, _folder) = classroom(DEVICES).await;
    let app = &serving.app;
    until(app, "all enroll and say what they are", |seen| {
        seen.len() == DEVICES as usize && seen.iter().all(|seen| seen.standings.planned_at.is_some())
    })
    .await;

    let settings =
        json!({ "open_in_managed_stays": true, "open_in_unmanaged_stays": true, "open_in_airdrop": true, "open_in_pasteboard": true });
    let new = NewPolicy { name: "Managed Open In".into(), settings: settings.as_object().unwrap().clone(), ..NewPolicy::default() };
    let (policy, group) = app
        .store
        .write(app.now(), move |tx| Ok((policies::create(tx, &Actor::Console, &new)?, groups::by_name(tx, GROUP)?)))
        .await
        .unwrap();
    let group = group.expect("practice devices come into a group of their own");

    let thought = Thought {
        add: vec![Named { kind: AssignedKind::Policy, id: policy.id.clone(), mode: None, ends_at: None }],
        groups: vec![group.id.clone()],
        ..Thought::default()
    };
    let foreseen = app.store.read_slow(app.now(), move |tx| reconcile::preview_all(tx, &Actor::Console, &thought)).await.unwrap();
    assert_eq!(foreseen.total, DEVICES as usize);
    let (policy_id, group_id) = (policy.id.clone(), group.id.clone());
    app.store.write(app.now(), move |tx| policies::assign(tx, &Actor::Console, &policy_id, &group_id, None)).await.unwrap();

    let there = until(app, "every device has it", |seen| {
        seen.iter().all(|seen| seen.standings.things.iter().all(|thing| thing.state == State::There))
            && seen.iter().all(|seen| !seen.standings.things.is_empty() || !seen.standings.unable.is_empty())
    })
    .await;
    // What was foreseen is what came about, device by device.
    let foreseen: BTreeMap<_, _> = foreseen.items.iter().map(|preview| (preview.device_id.clone(), preview)).collect();
    let mut mechanisms = BTreeMap::<String, Mechanism>::new();
    for seen in &there {
        let preview = foreseen[&seen.device_id];
        let sent: BTreeSet<_> = preview
            .things
            .iter()
            .filter(|thing| thing.foreseen == Foreseen::Sent)
            .map(|thing| (thing.identifier.clone(), thing.mechanism))
            .collect();
        let came: BTreeSet<_> = seen.standings.things.iter().map(|thing| (thing.identifier.clone(), thing.mechanism)).collect();
        assert_eq!(sent, came, "{}", seen.os);
        assert_eq!(preview.unable, seen.standings.unable, "{}", seen.os);
        if let Some((_, mechanism)) = came.first() {
            mechanisms.insert(seen.os.clone(), *mechanism);
        }
    }
    for wanted in [Mechanism::Command, Mechanism::Declaration] {
        assert!(mechanisms.values().any(|mechanism| *mechanism == wanted), "{mechanisms:?}");
    }
    assert!(mechanisms.len() >= 7, "generations: {mechanisms:?}");

    let policy_id = policy.id.clone();
    app.store.write(app.now(), move |tx| policies::delete(tx, &Actor::Console, &policy_id)).await.unwrap();
    until(app, "nothing is left of it", |seen| seen.iter().all(|seen| seen.standings.things.is_empty())).await;
    let left = app.store.read(app.now(), |tx| assignments_of(tx, &policy.id)).await.unwrap();
    assert_eq!(left, 0);
    serving.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn boxed_ipads_are_switched_on_come_in_with_group_and_pupil_and_end_supervised_with_their_apps() {
    let (serving, _folder) = classroom(1).await;
    let app = &serving.app;
    let prepare = |tx: &rollcall::store::Tx| {
        practice::show_apps(tx)?;
        cart::show_class(tx)
    };
    app.store.write(app.now(), prepare).await.unwrap();
    let mut bell = app.store.listen(Bell::Events);
    let switched = tokio::time::timeout(PATIENCE, async {
        loop {
            let are_ready = |tx: &rollcall::store::Tx| {
                let boxed = cart::boxed(tx)?;
                Ok(!boxed.is_empty() && !cart::is_to_prepare(tx)? && boxed.iter().all(|boxed| boxed.profile_status == "assigned"))
            };
            if app.store.read(app.now(), are_ready).await.unwrap() {
                let on = ["BOXEDSN0001", "BOXEDSN0002"].map(str::to_owned);
                let on = move |tx: &rollcall::store::Tx| cart::switch_on(tx, &Actor::Console, Some(&on));
                return app.store.write(app.now(), on).await.unwrap();
            }
            bell.heard().await;
        }
    });
    assert_eq!(switched.await.expect("the cart is in the list with its profiles"), 2);
    let came = until_boxed(app, 2).await;
    for (serial, supervised, entry, _, person, groups) in came {
        assert!(serial.starts_with("BOXEDSN000") && supervised == Some(true), "{serial}");
        assert_eq!((entry, groups), (Entry::Automated, vec![String::from("iPad cart")]), "{serial}");
        assert!(person.is_some_and(|person| person.ends_with("Example")), "{serial} is a pupil's");
    }
    let boxed = app.store.read(app.now(), cart::still_boxed).await.unwrap();
    assert_eq!(boxed, 8, "the others wait in their boxes");
    serving.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn practice_people_enroll_their_own_devices_beside_the_classroom() {
    let (serving, _folder) = classroom(1).await;
    let app = &serving.app;
    let begin = |tx: &rollcall::store::Tx| {
        own::allow(tx)?;
        own::switch_on(tx, &Actor::Console)
    };
    assert_eq!(app.store.write(app.now(), begin).await.unwrap(), 2);
    let mut bell = app.store.listen(Bell::Events);
    let mut last = Vec::new();
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            last = app.store.read_slow(app.now(), by_account).await.unwrap();
            if last.len() == 2 && last.iter().all(|(device, ..)| !device.os_version.is_empty() && device.facts_at.is_some()) {
                return;
            }
            bell.heard().await;
        }
    });
    assert!(waited.await.is_ok(), "{last:?}");
    for (device, channel, person, groups) in last {
        assert!(device.practice && device.serial_number.is_none() && device.supervised != Some(true), "{device:?}");
        assert_eq!((channel.kind, groups), (EnrollmentKind::UserEnrollmentDevice, vec![String::from("People's own devices")]));
        assert!(person.ends_with("Example") && ["iPhone17,3", "iPad12,1"].contains(&device.product_name.as_str()), "{person}");
    }
    let removed = app.store.write(app.now(), |tx| practice::remove(tx, &Actor::Console)).await.unwrap();
    assert!(removed >= 2, "they go with the practice devices");
    serving.stop().await.unwrap();
}

/// A device that came in by an account, its enrollment, its person, and its groups.
type Own = (Device, Enrollment, String, Vec<String>);

/// The enrolled devices that came in by an account.
fn by_account(tx: &rollcall::store::Tx) -> rollcall::error::Result<Vec<Own>> {
    let mut found = Vec::new();
    for device in roster::list(tx, &roster::Filter::default(), Sort::Name, false, None, 500)?.into_iter().map(|listed| listed.device) {
        let Some(channel) = enrollments::device_channel(tx, &device.id)? else { continue };
        if channel.state == EnrollmentState::Enrolled && channel.entry == Entry::Account {
            let person = people::of_device(tx, &device.id)?.map(|person| person.name).unwrap_or_default();
            let groups = groups::of_device(tx, &device.id)?.into_iter().map(|group| group.name).collect();
            found.push((device, channel, person, groups));
        }
    }
    Ok(found)
}

/// Serial number, whether it is supervised, how it came in, whether it is ready with its apps, its person, and its groups.
type Unpacked = (String, Option<bool>, Entry, bool, Option<String>, Vec<String>);

/// Waits until so many iPads of the cart are enrolled, have said what they are, and have gone on with every app that their group requires.
async fn until_boxed(app: &App, count: usize) -> Vec<Unpacked> {
    let mut bell = app.store.listen(Bell::Events);
    let mut last = Vec::new();
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            last = app.store.read_slow(app.now(), unpacked).await.unwrap();
            let is_ready = last.iter().all(|(_, _, _, is_ready, ..)| *is_ready);
            if is_ready && last.len() == count && last.iter().all(|(_, supervised, ..)| supervised.is_some()) {
                return;
            }
            bell.heard().await;
        }
    });
    assert!(waited.await.is_ok(), "{last:?}");
    last
}

fn unpacked(tx: &rollcall::store::Tx) -> rollcall::error::Result<Vec<Unpacked>> {
    let mut found = Vec::new();
    for device in roster::list(tx, &roster::Filter::default(), Sort::Name, false, None, 500)?.into_iter().map(|listed| listed.device) {
        let Some(serial) = device.serial_number.clone().filter(|serial| serial.starts_with("BOXEDSN")) else { continue };
        let Some(channel) = enrollments::device_channel(tx, &device.id)?.filter(|channel| channel.state == EnrollmentState::Enrolled)
        else {
            continue;
        };
        let apps = app_states::of_enrollment(tx, &channel.id)?;
        let mut required = apps.iter().filter(|app| app.mode == AssignedMode::Required).peekable();
        let has_apps = required.peek().is_some() && required.all(|app| app.stage == Stage::Installed);
        let person = people::of_device(tx, &device.id)?.map(|person| person.name);
        let groups = groups::of_device(tx, &device.id)?.into_iter().map(|group| group.name).collect();
        found.push((serial, device.supervised, channel.entry, has_apps && !channel.awaiting_configuration, person, groups));
    }
    Ok(found)
}

fn assignments_of(tx: &rollcall::store::Tx, policy_id: &str) -> rollcall::error::Result<usize> {
    Ok(rollcall::store::assignments::of_item(tx, AssignedKind::Policy, policy_id)?.len())
}
