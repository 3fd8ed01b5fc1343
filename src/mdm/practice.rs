//! Practice devices: simulated ones that show how everything works, and go without a trace at one button.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::enroll::invitations::{self, NewInvitation};
use crate::mdm::{Actor, Right, devices, journal};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::store::invitations::Invitation;
use crate::store::push_certificates::{self, PushCertificate};
use crate::store::roster::{Filter, Sort};
use crate::store::settings::{self, Setting};
use crate::store::{Bell, Tx, invitations as rows, roster};

/// The most practice devices at a time.
pub const MAX_DEVICES: u32 = 200;

/// What begins the topic of practice devices: no portal of Apple's gives such a one.
pub const TOPIC_PREFIX: &str = "com.apple.mgmt.External.practice.";

const WANTED: Setting<Wanted> = Setting::new("practice.wanted");
const TOPIC: Setting<String> = Setting::new("practice.topic");
const INVITATION: Setting<String> = Setting::new("practice.invitation");

/// How many practice devices there are to be; the runner obeys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// How many.
    pub devices: u32,
    /// What their names, serial numbers and models follow from.
    pub seed: u64,
}

/// How many practice devices are wanted now.
pub fn wanted(tx: &Tx) -> Result<Wanted> {
    Ok(settings::value(tx, &WANTED)?.unwrap_or_default())
}

/// Says how many practice devices there are to be.
pub fn want(tx: &Tx, actor: &Actor, wanted: Wanted) -> Result<()> {
    actor.require(Right::Invite)?;
    if wanted.devices > MAX_DEVICES {
        return Err(Error::field("devices", format!("at most {MAX_DEVICES} practice devices")));
    }
    settings::set(tx, &WANTED, &wanted)?;
    journal::note(tx, actor, "practice.wanted", journal::Subject::default(), json!({ "devices": wanted.devices }))?;
    tx.ring(Bell::Jobs);
    Ok(())
}

/// Ends practice: the devices are deleted, their invitation is withdrawn, the runner stops.
pub fn remove(tx: &Tx, actor: &Actor) -> Result<usize> {
    actor.require(Right::Destroy)?;
    want(tx, actor, Wanted::default())?;
    let filter = Filter { practice: Some(true), ..Filter::default() };
    let present = roster::list(tx, &filter, Sort::Name, false, None, MAX_DEVICES * 5)?;
    for listed in &present {
        devices::delete(tx, actor, &listed.device.id)?;
    }
    if let Some(id) = settings::value(tx, &INVITATION)? {
        invitations::revoke(tx, actor, &id)?;
        settings::forget(tx, &INVITATION)?;
    }
    Ok(present.len())
}

/// The topic of this appliance's practice devices, the same for its life.
pub fn topic(tx: &Tx) -> Result<String> {
    if let Some(topic) = settings::value(tx, &TOPIC)? {
        return Ok(topic);
    }
    let topic = format!("{TOPIC_PREFIX}{}", tx.random().uuid_v4());
    settings::set(tx, &TOPIC, &topic)?;
    Ok(topic)
}

/// Takes the push certificate that the stand-in of Apple's service issued for the practice topic.
pub fn adopt_certificate(tx: &Tx, certificate: &Certificate, key: &PrivateKey) -> Result<()> {
    let row = PushCertificate {
        topic: topic(tx)?,
        certificate: certificate.der().to_vec(),
        not_after_at: certificate.not_after(),
        current: false,
        practice: true,
        account_note: String::new(),
        uploads: 1,
        paused_until_at: None,
        uploaded_at: tx.now,
    };
    push_certificates::put(tx, &row, key.pkcs8_der().expose())
}

/// The invitation by which practice devices come in.
pub fn invitation(tx: &Tx) -> Result<Invitation> {
    if let Some(id) = settings::value(tx, &INVITATION)?
        && let Some(invitation) = rows::by_id(tx, &id)?
        && invitations::usable(&invitation, tx.now).is_ok()
    {
        return Ok(invitation);
    }
    let new = NewInvitation {
        note: String::from("Practice devices"),
        group_label: String::from("Practice"),
        practice: true,
        ..NewInvitation::default()
    };
    let invitation = invitations::create(tx, &Actor::Job("practice"), new)?;
    settings::set(tx, &INVITATION, &invitation.id)?;
    Ok(invitation)
}
