//! However much has gathered over the years, nothing that devices or jobs wait for looks through it.

use serde_json::json;
use uuid::Uuid;

use super::{Device, School, days, plist};
use crate::error::Result;
use crate::mdm::connect::{self, Incoming};
use crate::mdm::enroll::identify::Presented;
use crate::mdm::enroll::renewal;
use crate::mdm::webhooks::{self, NewWebhook};
use crate::mdm::{Actor, admins, checkin, commands, groups, inventory, jobs, needs, people, push};
use crate::pki::digest;
use crate::protocol::push::{Fault, Outcome, Verdict};
use crate::protocol::{self, command, report};
use crate::secret::SecretBytes;
use crate::store::commands::tests::{fill_events, fill_finished, fill_reports};
use crate::store::plans::{self, Plans};
use crate::store::{Tx, devices, enrollments, invitations, reports, webhooks as outbox};

/// Rows of each kind that years of use leave behind.
const OLD: i64 = 100_000;

/// A device that has done all this before.
fn old_device(school: &School) -> Device<'_> {
    let device = school.enrolled("A-1");
    let enrollment = device.enrollment();
    school.write(move |tx| {
        fill_finished(tx, &enrollment.id, OLD)?;
        fill_reports(tx, &enrollment.id, OLD)?;
        fill_events(tx, &enrollment.device_id, &enrollment.id, OLD)?;
        let new =
            NewWebhook { url: String::from("https://hooks.example.school/"), hmac_key: None, topics: Vec::new(), include_secrets: false };
        webhooks::create(tx, &Actor::Console, new)?;
        let class = people::classes::create(tx, &Actor::Console, "7b")?;
        let rule = json!({ "all": [{ "platform": "ios" }, { "not": { "class": class.id } }, { "not": { "role": "teacher" } }, { "not": { "app": "a" } }] });
        let rule = serde_json::from_value(rule).unwrap();
        groups::create(tx, &Actor::Console, groups::NewGroup { name: String::from("iPads"), note: String::new(), rule: Some(rule) })
    });
    device
}

fn says(tx: &Tx, identity: &Presented, keys: &str) -> Result<connect::Reply> {
    let body = plist(&format!("<key>UDID</key><string>A-1</string>{keys}")).into_bytes();
    let report = report::parse(&body)?;
    connect::poll(tx, identity, &report.head)?;
    let incoming = Incoming {
        head: &report.head,
        report: Some(&report),
        body: Some(&body),
        size_bytes: body.len() as u64,
        sha256: digest::sha256(&body),
        unreadable: None,
        query: None,
    };
    connect::connect(tx, Some(identity), &incoming)
}

fn answers(tx: &Tx, identity: &Presented, uuid: &str, status: &str) -> Result<connect::Reply> {
    says(tx, identity, &format!("<key>CommandUUID</key><string>{uuid}</string><key>Status</key><string>{status}</string>"))
}

fn assert_no_scan(plans: &Plans, least: usize) {
    assert!(plans.scans.is_empty(), "{:#?}", plans.scans);
    assert!(plans.statements.len() >= least, "only {} statements were seen", plans.statements.len());
}

#[test]
fn a_conversation_with_a_device_looks_nothing_through() {
    let school = School::new();
    let device = old_device(&school);
    let (identity, enrollment) = (device.identity.clone(), device.enrollment());
    let plans = school.write(move |tx| {
        plans::of(tx, || {
            let mut uuids = Vec::new();
            for number in 1..5 {
                let profile = super::queue::profile(&format!("p{number}"));
                let order = command::install_profile(Uuid::from_u128(number), profile);
                uuids.push(commands::enqueue(tx, &Actor::Console, &enrollment, commands::Wish::new(order))?.uuid);
            }
            says(tx, &identity, "<key>Status</key><string>Idle</string>")?;
            for (uuid, status) in uuids.iter().zip(["NotNow", "Error", "CommandFormatError", "Acknowledged"]) {
                answers(tx, &identity, uuid, status)?;
            }
            answers(tx, &identity, "nobody-sent-this", "Acknowledged")?;
            commands::cancel(tx, &Actor::Console, &enrollment, &uuids[0])?;
            inventory::ask_first(tx, &enrollment)?;
            says(tx, &identity, "<key>Status</key><string>Idle</string>")?;
            connect::too_large(tx, &identity, Some(&uuids[1]), 1 << 30)?;
            connect::too_large(tx, &identity, None, 1 << 30)?;
            says(tx, &identity, "<key>Status</key><string>Idle</string>")
        })
    });
    assert_no_scan(&plans, 20);
}

#[test]
fn a_check_in_looks_nothing_through() {
    let school = School::new();
    let device = old_device(&school);
    let identity = device.identity.clone();
    let plans = school.write(move |tx| {
        plans::of(tx, || {
            for keys in [
                "<key>MessageType</key><string>TokenUpdate</string><key>Token</key><data>CQkJ</data><key>PushMagic</key><string>other</string>",
                "<key>MessageType</key><string>SetBootstrapToken</string><key>BootstrapToken</key><data>AQID</data>",
                "<key>MessageType</key><string>GetBootstrapToken</string>",
                "<key>MessageType</key><string>Authenticate</string>",
                "<key>MessageType</key><string>CheckOut</string>",
            ] {
                let body = plist(&format!("<key>UDID</key><string>A-1</string><key>Topic</key><string>{}</string>{keys}", super::TOPIC));
                let message = protocol::checkin::parse(body.as_bytes())?;
                checkin::checkin(tx, Some(&identity), &message, None)?;
            }
            Ok(())
        })
    });
    assert_no_scan(&plans, 20);
}

#[test]
fn what_is_due_is_found_and_done_without_looking_anything_through() {
    let school = School::new();
    let device = old_device(&school);
    let enrollment = device.enrollment();
    school.clock.advance(days(400));
    let plans = school.write(move |tx| {
        plans::of(tx, || {
            // When the loop wakes up.
            crate::store::commands::next_expiry(tx)?;
            enrollments::next_push_due(tx)?;
            enrollments::next_renewal_due(tx)?;
            devices::next_refresh_due(tx)?;
            outbox::next_deliverable(tx)?;
            jobs::list(tx, &Actor::Console)?;
            // What its jobs do.
            push::due_now(tx, &enrollment)?;
            push::due(tx)?;
            let sent = push::Due {
                enrollment_id: enrollment.id.clone(),
                topic: super::TOPIC.to_owned(),
                token: SecretBytes::new(vec![1]),
                magic: SecretBytes::new(vec![1]),
                token_updated_at: tx.now,
            };
            let lost = Outcome::Unreachable { why: String::from("no way to Apple") };
            for verdict in [
                Verdict::BackOff(days(1)),
                Verdict::OurFault(Fault::Token),
                Verdict::CertificateRefused(days(1)),
                Verdict::Delivered,
                Verdict::TokenDead,
            ] {
                push::record(tx, &sent, &lost, verdict)?;
            }
            renewal::due(tx, "https://mdm.example.school")?;
            inventory::refresh(tx)?;
            commands::expire(tx)?;
            for letter in webhooks::due(tx, &std::collections::BTreeMap::new())? {
                webhooks::record(tx, &letter, &webhooks::Outcome { status: None, error: Some(String::from("it did not answer")) })?;
                webhooks::record(tx, &letter, &webhooks::Outcome::default())?;
            }
            crate::store::commands::prune(tx, tx.now.minus(days(90)), 1000)?;
            reports::prune(tx, tx.now.minus(days(30)), 1000)?;
            invitations::prune_challenges(tx, tx.now)?;
            admins::sessions::sweep(tx)
        })
    });
    assert_no_scan(&plans, 20);
}

#[test]
fn what_every_page_says_of_needs_goes_through_no_devices() {
    let plans = School::new().write(|tx| plans::of(tx, || needs::all(tx)));
    assert!(plans.statements.len() > 5, "{plans:#?}");
    // Of those that are in trouble, or not done, there are indices of their own.
    let few =
        ["app_states_trouble", "update_states_open", "deployments_problem", "declaration_states_invalid", "commands_lost", "devices_lost"];
    let is_walk = |step: &&str| {
        ["enrollments", "devices", "commands", "events", "app_states", "update_states", "deployments"]
            .contains(&step.split(' ').nth(1).unwrap_or_default())
            && !few.iter().any(|index| step.ends_with(&format!(" {index}")))
    };
    let walks: Vec<_> = plans.scans.iter().filter_map(|scan| scan.split(':').next()).filter(is_walk).collect();
    assert!(walks.is_empty(), "{walks:#?}");
}

#[test]
fn lists_are_put_in_order_by_what_indices_have_of_their_rows() {
    use crate::store::people::PeopleFilter;
    use crate::store::update_progress::{Narrowed, members};
    use crate::store::{app_states, groups, people};
    let steps = School::new().write(|tx| {
        let of = |work: &dyn Fn() -> crate::error::Result<()>| plans::of(tx, work).map(|plans| plans.steps);
        Ok([
            ("a group", of(&|| groups::devices(tx, "g", None, 50).map(drop))?),
            ("an app", of(&|| app_states::of_app(tx, "a", &[], None, 50).map(drop))?),
            ("a plan", of(&|| members(tx, "p", &Narrowed::default(), None, 50).map(drop))?),
            ("people", of(&|| people::list(tx, &PeopleFilter::default(), Some(("kim", "p")), 50).map(drop))?),
        ])
    });
    for (list, steps) in steps {
        let index =
            if list == "people" { "SEARCH people USING INDEX people_name" } else { "SEARCH devices USING COVERING INDEX devices_roster" };
        assert!(steps.iter().any(|step| step.starts_with(index)), "{list}: {steps:#?}");
    }
}
