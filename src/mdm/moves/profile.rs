//! The profile that devices have from another server: what is known of it lets their identities be renewed from here.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, journal};
use crate::protocol::moves::profile::OldProfile;
use crate::store::certificates::{self, Purpose};
use crate::store::enrollments::{self, Enrollment};
use crate::store::moves::{self, Move};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, push_certificates};

/// Profiles of other servers by their topics.
const PROFILES: Setting<BTreeMap<String, OldProfile>> = Setting::new("moves.profiles");

/// Profiles that are kept: one for each topic.
pub const PROFILES_MAX: usize = 50;

/// The addresses at which devices that moved in are answered.
const PATHS: [&str; 4] = ["/mdm", "/checkin", "/mdm/connect", "/mdm/checkin"];

/// What was learned from a profile.
#[derive(Debug, Clone)]
pub struct Learned {
    /// Devices that moved in on its topic and have it.
    pub devices: usize,
    /// What will not work, in sentences.
    pub warnings: Vec<String>,
}

/// The profiles that are known, by their topics.
pub fn known(tx: &Tx) -> Result<BTreeMap<String, OldProfile>> {
    Ok(settings::value(tx, &PROFILES)?.unwrap_or_default())
}

/// Learns what a profile says of the devices that have it, those that are still to come included. `hosts` are the names that are served here.
pub fn learn(tx: &Tx, actor: &Actor, profile: &OldProfile, hosts: &[String]) -> Result<Learned> {
    actor.require(Right::Configure)?;
    if !profile.topic.starts_with(crate::pki::push_certificate::TOPIC_PREFIX) {
        return Err(Error::field("profile", t!("its Topic is none of a push certificate; take the profile as devices get it, filled in")));
    }
    let mut all = known(tx)?;
    all.insert(profile.topic.clone(), profile.clone());
    if all.len() > PROFILES_MAX {
        return Err(Error::field("profile", t!("profiles of {PROFILES_MAX} topics are known already", PROFILES_MAX)));
    }
    settings::set(tx, &PROFILES, &all)?;
    let mut devices = 0;
    for moved in moves::on_topic(tx, &profile.topic)? {
        let Some(mut enrollment) = enrollments::by_id(tx, &moved.enrollment_id)? else { continue };
        if is_from_there(tx, &enrollment)? {
            apply(tx, &mut enrollment, moved, profile)?;
            devices += 1;
        }
    }
    let data = json!({ "topic": profile.topic, "identifier": profile.identifier, "server_url": profile.server_url, "devices": devices });
    journal::note(tx, actor, "move.profile_learned", journal::Subject::default(), data)?;
    Ok(Learned { devices, warnings: warnings(tx, profile, hosts)? })
}

/// Tells an enrollment that was just handed over what is known of its profile.
pub fn fill(tx: &Tx, enrollment: &mut Enrollment) -> Result<()> {
    let (Some(moved), Some(profile)) = (moves::of(tx, &enrollment.id)?, known(tx)?.remove(&enrollment.topic)) else { return Ok(()) };
    apply(tx, enrollment, moved, &profile)
}

/// The certificates that a profile of a topic has devices trust, DER: a renewal that left them out would cut a device off whose way here is certified by one.
pub(in crate::mdm) fn roots(tx: &Tx, topic: &str) -> Result<Vec<Vec<u8>>> {
    let profile = known(tx)?.remove(topic);
    Ok(profile.into_iter().flat_map(|profile| profile.roots).filter_map(|text| STANDARD.decode(text).ok()).collect())
}

/// Whether the profile on the device is the other server's still: nothing of ours has replaced it.
fn is_from_there(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    Ok(certificates::of_enrollment(tx, &enrollment.id)?.first().is_none_or(|newest| newest.purpose == Purpose::Imported))
}

fn apply(tx: &Tx, enrollment: &mut Enrollment, moved: Move, profile: &OldProfile) -> Result<()> {
    enrollment.server_url.clone_from(&profile.server_url);
    enrollment.check_in_url.clone_from(&profile.check_in_url);
    enrollment.access_rights = profile.access_rights;
    if enrollment.renewal_attempts > 0 {
        // It could not be renewed for want of this.
        enrollment.renewal_attempts = 0;
        enrollment.renewal_due_at = enrollment.renewal_due_at.map(|due| due.min(tx.now));
    }
    enrollments::update(tx, enrollment)?;
    moves::put(tx, &Move { profile: profile.identifier.clone(), per_user: Some(profile.per_user), ..moved })
}

fn warnings(tx: &Tx, profile: &OldProfile, hosts: &[String]) -> Result<Vec<String>> {
    let (mut warnings, mut is_unknown) = (Vec::new(), false);
    for address in [&profile.server_url, &profile.check_in_url] {
        let Some(host) = crate::protocol::moves::profile::host(address) else {
            is_unknown = true;
            warnings.push(t!(
                "The profile has devices come to “{address}”, which is no https:// address: no device takes that. Take the profile as devices get it, \
                 filled in.",
                address
            ));
            continue;
        };
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        if !hosts.iter().any(|served| served.eq_ignore_ascii_case(name)) {
            warnings.push(t!("Devices come to {name}, which is not served here: add it to extra_hosts, start again, and let the name point to this machine.", name));
        }
        let path = address.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap_or("/");
        let path = path.split('?').next().unwrap_or(path);
        if !PATHS.contains(&path) {
            warnings.push(t!(
                "Devices come to {path}, which is no address of this server ({list}): have a reverse proxy map it.",
                path,
                list = PATHS.join(", ")
            ));
        }
    }
    let waiting = moves::counts(tx)?.waiting;
    if is_unknown && waiting > 0 {
        warnings.push(if waiting == 1 {
            String::from(t!("1 device has not come yet, and its address is not known."))
        } else {
            t!("{waiting} devices have not come yet, and their address is not known.", waiting)
        });
    }
    if !profile.signs {
        warnings.push(String::from(
            t!("Its devices do not sign what they send (SignMessage): they are known only where they show their certificate, by --device-listen or a reverse proxy that passes it on."),
        ));
    }
    if push_certificates::by_topic(tx, &profile.topic)?.is_none() {
        warnings.push(t!(
            "There is no push certificate for {topic}: bring the one from the other server, with its key.",
            topic = profile.topic
        ));
    }
    warnings.dedup();
    Ok(warnings)
}
