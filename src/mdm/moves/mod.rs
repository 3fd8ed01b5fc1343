//! Devices that move in from another server, without noticing: what was handed over, who has come since, and what is known of their profile there.

pub mod export;
pub mod left_behind;
pub mod profile;
pub mod take;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::enroll::identify::{Presented, Refusal};
use crate::mdm::{Actor, Right, journal, push};
use crate::pki::certificate::Fingerprint;
use crate::store::certificates::Identity;
use crate::store::enrollments::{self, Enrollment};
use crate::store::moves::{self, Counts, Line, Move, MovedFrom};
use crate::store::{Tx, deployments};

pub use profile::fill;

/// Longest host that is kept.
const ADDRESS_MAX_CHARS: usize = 255;

/// Notes that another server handed an enrollment over, and by which certificate its device is expected; tells whether that is news.
///
/// Fails where the certificate is another device's: one belongs to one device.
pub(in crate::mdm) fn note(tx: &Tx, enrollment: &Enrollment, source: MovedFrom, identity: Option<Fingerprint>) -> Result<bool> {
    if let Some(identity) = &identity
        && moves::named_by(tx, identity)?.is_some_and(|other| other != enrollment.id)
    {
        return Err(Error::conflict(t!(
            "The certificate {identity} is another device's there too. A certificate belongs to one device: enroll this one anew by an invitation.",
            identity
        )));
    }
    let known = moves::of(tx, &enrollment.id)?;
    let is_waiting = known.as_ref().is_some_and(|known| known.bound_at.is_none());
    let moved = match known.filter(|_| is_waiting) {
        // What a tool does not say does not unsay what a storage said.
        Some(known) => Move { identity: identity.or(known.identity), source, ..known },
        None => Move {
            enrollment_id: enrollment.id.clone(),
            source,
            identity,
            profile: String::new(),
            per_user: None,
            address: String::new(),
            moved_at: tx.now,
            bound_at: None,
        },
    };
    let before = moves::of(tx, &enrollment.id)?;
    moves::put(tx, &moved)?;
    Ok(before.is_none_or(|before| before.identity != moved.identity || before.bound_at.is_some()))
}

/// Why a certificate that another server issued, and that nobody uses here yet, may not become this device's; none where it may, as far as that server
/// has said. `device_channel` is none where the device is not known.
pub(in crate::mdm) fn stands_against(tx: &Tx, identity: &Identity, device_channel: Option<&str>) -> Result<Option<Refusal>> {
    let named = moves::named_by(tx, &identity.fingerprint)?;
    let is_named = named.is_some() && named.as_deref() == device_channel;
    if named.is_some() && !is_named {
        return Ok(Some(Refusal::AnothersIdentity));
    }
    if let Some(id) = device_channel
        && !is_named
        && moves::of(tx, id)?.is_some_and(|moved| moved.bound_at.is_none() && moved.identity.is_some())
    {
        return Ok(Some(Refusal::AnothersIdentity));
    }
    // The other server may have let a device in whose certificate has ended; whoever else shows one may have found it.
    Ok((identity.not_after_at <= tx.now && !is_named).then_some(Refusal::EndedBeforeItCame))
}

/// Whether the device of this enrollment is expected, and nothing has spoken for it yet.
pub fn is_expected(tx: &Tx, device_channel: &str) -> Result<bool> {
    Ok(moves::of(tx, device_channel)?.is_some_and(|moved| moved.bound_at.is_none()))
}

/// The device of an enrollment that moved in has come: it is asked its first questions, and gets what is meant for it.
pub(in crate::mdm) fn arrived(tx: &Tx, presented: &Presented, device_channel: &Enrollment) -> Result<()> {
    let Some(moved) = moves::of(tx, &device_channel.id)?.filter(|moved| moved.bound_at.is_none()) else { return Ok(()) };
    let address = address(presented);
    let data = json!({ "from": moved.source, "address": address, "named": moved.identity.is_some() });
    journal::note(tx, &presented_as(device_channel), "enrollment.move_in_finished", device_channel, data)?;
    moves::put(tx, &Move { address, bound_at: Some(tx.now), ..moved })?;
    enrollments::set_questions_due(tx, &device_channel.id, true)?;
    deployments::look_again_at(tx, &device_channel.id)?;
    push::due_now(tx, device_channel)
}

fn presented_as(device_channel: &Enrollment) -> Actor {
    Actor::Device { name: device_channel.nano_id.clone() }
}

fn address(presented: &Presented) -> String {
    let letters = presented.host.iter().flat_map(|host| host.chars()).filter(|letter| !letter.is_control());
    letters.take(ADDRESS_MAX_CHARS).collect::<String>().to_ascii_lowercase()
}

/// How moving in stands.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// How many moved in, and how many have not come.
    pub counts: Counts,
    /// Hosts that devices come to, each with how many do, the busiest first; the last, nameless one are devices of which that is not known yet.
    pub hosts: Vec<(String, i64)>,
    /// Push topics of devices that moved in without a push certificate here, each with how many.
    pub topics_without_certificate: Vec<(String, i64)>,
    /// Topics of which the old profile is known.
    pub profiles: Vec<crate::protocol::moves::profile::OldProfile>,
}

/// How moving in stands.
pub fn standing(tx: &Tx, actor: &Actor) -> Result<Standing> {
    actor.require(Right::View)?;
    let mut hosts: Vec<(String, i64)> = Vec::new();
    for (server_url, seen, devices) in moves::addresses(tx)? {
        let host = crate::protocol::moves::profile::host(&server_url).map_or(seen, str::to_ascii_lowercase);
        match hosts.iter_mut().find(|(known, _)| *known == host) {
            Some((_, count)) => *count += devices,
            None => hosts.push((host, devices)),
        }
    }
    hosts.sort_by_key(|(host, devices)| (host.is_empty(), -devices));
    Ok(Standing {
        counts: moves::counts(tx)?,
        hosts,
        topics_without_certificate: moves::topics_without_certificate(tx)?,
        profiles: profile::known(tx)?.into_values().collect(),
    })
}

/// One page of those that moved in, those that have not come first.
pub fn list(tx: &Tx, actor: &Actor, waiting: Option<bool>, after: Option<&(bool, Timestamp, String)>, limit: u32) -> Result<Vec<Line>> {
    actor.require(Right::View)?;
    moves::list(tx, waiting, after, limit)
}
