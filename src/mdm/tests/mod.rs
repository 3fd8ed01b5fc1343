//! Sequences of the device protocol against the rooms, on SQLite in memory: a school, its invitations, and devices that say what they say.

mod account;
mod acme;
mod ade;
mod app_schemas;
mod apps;
mod asset_data;
mod attestation;
mod backups;
mod declared;
mod device_users;
mod enrollment;
mod farewell;
mod foreseen;
mod gone_backups;
mod groups;
mod imports;
mod leaving;
mod library;
mod licences;
mod locked;
mod lost;
mod moved_in;
mod moves;
mod named;
mod names;
mod outbox;
mod packages;
mod people;
mod plans;
mod profiles;
mod provisioning;
mod push;
mod pushes;
mod queue;
mod reconcile;
mod renewal;
mod returns;
mod rights;
mod rollouts;
mod scep;
mod secrets;
mod seen;
mod setup_assistant;
mod succession;
mod takeovers;
mod updates;
mod webhooks;

use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::error::Result;
use crate::mdm::Actor;
use crate::mdm::checkin::{self, Reply};
use crate::mdm::commands::{self, Offer, Wish};
use crate::mdm::connect::{self, Incoming};
use crate::mdm::enroll::identify::Presented;
use crate::pki::certificate::Fingerprint;
use crate::pki::digest;
use crate::protocol::command::Command;
use crate::protocol::{self, report};
use crate::store::certificates::{Identity, NewIdentity, Purpose};
use crate::store::commands::Command as Row;
use crate::store::enrollments::{self, Enrollment};
use crate::store::events::{self, Filter};
use crate::store::{OpenOptions, Store, Tx, authorities, certificates, push_certificates};

/// The topic of the school's push certificate.
pub(super) const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

/// An appliance without doors.
pub(super) struct School {
    store: Store,
    pub(super) clock: Clock,
}

impl School {
    pub(super) fn new() -> Self {
        let school =
            Self { store: Store::open(OpenOptions::memory()).unwrap(), clock: Clock::manual(Timestamp::from_seconds(1_795_000_000)) };
        school.write(|tx| {
            let authority = authorities::Authority {
                id: String::from("our authority"),
                state: authorities::AuthorityState::Current,
                certificate: b"root".to_vec(),
                not_after_at: tx.now.plus(days(7300)),
                created_at: tx.now,
                bridge: None,
                used_from_at: Some(tx.now),
                taken_until_at: None,
            };
            authorities::insert(tx, &authority, &Fingerprint::of_der(b"root"), None)
        });
        school
    }

    pub(super) fn write<T: Send + 'static>(&self, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> T {
        self.try_write(work).unwrap()
    }

    pub(super) fn try_write<T: Send + 'static>(&self, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> Result<T> {
        self.store.write_blocking(self.clock.now(), work)
    }

    /// A certificate as SCEP would have issued it.
    fn certificate(&self, name: &str, purpose: Purpose, intended_for: Option<&str>) -> Presented {
        let (der, intended_for) = (name.as_bytes().to_vec(), intended_for.map(str::to_owned));
        let fingerprint = Fingerprint::of_der(&der);
        self.write(move |tx| {
            let identity = Identity {
                fingerprint,
                authority_id: String::from("our authority"),
                serial: String::from("01"),
                purpose,
                invitation_id: None,
                intended_for,
                enrollment_id: None,
                not_before_at: tx.now.minus(Duration::from_secs(600)),
                not_after_at: tx.now.plus(days(730)),
                issued_at: tx.now,
                bound_at: None,
                revoked_at: None,
            };
            let public_key = digest::sha256(&der);
            certificates::insert(tx, &NewIdentity { identity: &identity, certificate: &der, public_key: &public_key, transaction_id: "" })
        });
        Presented { fingerprint, certificate: None, imported_authority: None, bearer: None, host: None }
    }

    /// A device that has a fresh certificate and has said nothing yet.
    fn device(&self, udid: &str) -> Device<'_> {
        let identity = self.certificate(&format!("identity of {udid}"), Purpose::Enroll, None);
        Device { school: self, udid: udid.to_owned(), identity }
    }

    /// The same with a push certificate, for real devices and for practice ones.
    fn with_push_certificates(self) -> Self {
        self.write(|tx| {
            let row = |topic: String, practice: bool| push_certificates::PushCertificate {
                topic,
                certificate: Vec::new(),
                not_after_at: tx.now.plus(days(300)),
                current: !practice,
                practice,
                account_note: String::new(),
                uploads: 1,
                paused_until_at: None,
                uploaded_at: tx.now,
            };
            push_certificates::put(tx, &row(TOPIC.into(), false), b"key")?;
            push_certificates::put(tx, &row(crate::mdm::practice::topic(tx)?, true), b"key")
        });
        self
    }

    /// A device that is enrolled and has answered its first questions.
    pub(super) fn enrolled(&self, udid: &str) -> Device<'_> {
        let device = self.device(udid);
        device.authenticate();
        device.token_update(false);
        device.answer_everything();
        device
    }

    /// The kinds of everything that happened, oldest first.
    pub(super) fn events(&self) -> Vec<String> {
        let mut kinds: Vec<_> =
            self.write(|tx| events::list(tx, &Filter::default(), None, 500)).into_iter().map(|event| event.kind).collect();
        kinds.reverse();
        kinds
    }
}

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}

/// A device, as far as its messages go.
pub(super) struct Device<'a> {
    school: &'a School,
    udid: String,
    identity: Presented,
}

impl Device<'_> {
    fn check_in(&self, keys: &str) -> Result<Reply> {
        let body = plist(&format!("<key>UDID</key><string>{}</string>{keys}", self.udid));
        let message = protocol::checkin::parse(body.as_bytes())?;
        let identity = self.identity.clone();
        self.school.try_write(move |tx| checkin::checkin(tx, Some(&identity), &message, None))
    }

    fn authenticate(&self) -> Reply {
        self.check_in(&format!(
            "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{TOPIC}</string><key>DeviceName</key><string>iPad 1</string>\
             <key>ProductName</key><string>iPad13,18</string><key>OSVersion</key><string>18.1</string><key>SerialNumber</key><string>TESTSN0001</string>"
        ))
        .unwrap()
    }

    fn token_update(&self, awaiting_configuration: bool) -> Reply {
        self.token_update_with(awaiting_configuration, "AQID")
    }

    fn token_update_with(&self, awaiting_configuration: bool, token: &str) -> Reply {
        self.check_in(&format!(
            "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>{TOPIC}</string><key>Token</key><data>{token}</data>\
             <key>PushMagic</key><string>magic</string><key>UnlockToken</key><data>BAUG</data><key>AwaitingConfiguration</key><{awaiting_configuration}/>"
        ))
        .unwrap()
    }

    fn connect(&self, keys: &str) -> Result<connect::Reply> {
        let body = plist(&format!("<key>UDID</key><string>{}</string>{keys}", self.udid)).into_bytes();
        let report = report::parse(&body)?;
        let identity = self.identity.clone();
        self.school.try_write(move |tx| {
            let incoming = Incoming {
                head: &report.head,
                report: Some(&report),
                body: Some(&body),
                size_bytes: body.len() as u64,
                sha256: digest::sha256(&body),
                unreadable: None,
                query: None,
            };
            connect::connect(tx, Some(&identity), &incoming)
        })
    }

    fn idle(&self) -> Option<Offer> {
        offered(self.connect("<key>Status</key><string>Idle</string>").unwrap())
    }

    fn report(&self, uuid: &str, status: &str) -> Option<Offer> {
        offered(self.connect(&format!("<key>Status</key><string>{status}</string><key>CommandUUID</key><string>{uuid}</string>")).unwrap())
    }

    fn answer_everything(&self) {
        let mut offer = self.idle();
        while let Some(command) = offer {
            offer = self.report(&command.uuid, "Acknowledged");
        }
    }

    fn enrollment(&self) -> Enrollment {
        let udid = self.udid.clone();
        self.school.write(move |tx| enrollments::by_nano_id(tx, &udid)).unwrap()
    }

    fn enqueue(&self, command: Command) -> Row {
        let enrollment = self.enrollment();
        self.school.write(move |tx| commands::enqueue(tx, &Actor::Console, &enrollment, Wish::new(command)))
    }

    fn command(&self, uuid: &str) -> Row {
        let (enrollment, uuid) = (self.enrollment(), uuid.to_owned());
        self.school.write(move |tx| crate::store::commands::by_uuid(tx, &enrollment.id, &uuid)).unwrap()
    }
}

fn offered(reply: connect::Reply) -> Option<Offer> {
    match reply {
        connect::Reply::Command(offer) => Some(offer),
        connect::Reply::Empty => None,
        other => panic!("{other:?}"),
    }
}

fn plist(inside: &str) -> String {
    format!(r#"<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>{inside}</dict></plist>"#)
}
