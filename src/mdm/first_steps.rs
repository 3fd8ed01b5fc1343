//! How far an appliance is that somebody has begun with: what the set-up page ticks off.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::admins::second_factor;
use crate::mdm::ca::tls;
use crate::mdm::enroll::invitations;
use crate::mdm::{Actor, Right, backups, journal, licences, practice};
use crate::store::ade_servers::{self, ServerState};
use crate::store::app_states::Stage;
use crate::store::invitations::Invitation;
use crate::store::roster;
use crate::store::settings::{self, Setting};
use crate::store::{Tx, app_totals, apps, content_tokens, push_certificates};

/// Somebody said that devices will find the appliance at its address.
const ADDRESS_CONFIRMED: Setting<bool> = Setting::new("set_up.address_confirmed");

/// Invitations that are looked at for one that is open.
const LOOKED_AT: u32 = 50;

/// How the appliance found itself at its address the last time.
const ADDRESS_TESTED: Setting<AddressTest> = Setting::new("set_up.address_tested");

/// What came of fetching something from the own public address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressTest {
    /// When it was.
    pub at: Timestamp,
    /// The public address then.
    pub url: String,
    /// Whether it answered, by a certificate that devices trust.
    pub good: bool,
    /// What was found, and what to do, in sentences.
    pub words: String,
}

/// What is done.
#[derive(Debug, Clone)]
pub struct FirstSteps {
    /// Somebody confirmed the address, or a device came by it.
    pub address_confirmed: bool,
    /// Practice devices that are wanted now.
    pub practice: u32,
    /// Practice devices were tried, or waived.
    pub practice_done: bool,
    /// The end of the push certificate.
    pub push_until: Option<Timestamp>,
    /// The newest invitation that can be used.
    pub invitation: Option<Invitation>,
    /// Devices, practice ones left out.
    pub devices: u64,
    /// The moment of the last backup.
    pub backup_at: Option<Timestamp>,
    /// Devices refuse the certificate that is shown.
    pub tls_refused: bool,
    /// The last look at the own address.
    pub address_test: Option<AddressTest>,
    /// Apps in the library.
    pub apps: u64,
    /// Apps that are wanted on real devices, each counted on each; and how many of them are there.
    pub app_places: (u64, u64),
    /// Apps of the store wait on real devices for a location whose licences could be given.
    pub awaits_location: bool,
    /// Locations of Apps and Books, practice ones left out.
    pub locations: u64,
    /// Servers of Apple's device list whose token was brought, practice ones left out.
    pub device_lists: u64,
    /// Whether the viewer's second factor is on; none for who has none to switch on.
    pub second_factor: Option<bool>,
}

impl FirstSteps {
    /// Whether nothing is left that an appliance needs.
    pub fn is_done(&self) -> bool {
        self.address_confirmed && self.practice_done && self.push_until.is_some() && self.devices > 0
    }
}

/// How far it is.
pub fn standing(tx: &Tx, actor: &Actor) -> Result<FirstSteps> {
    actor.require(Right::View)?;
    let devices = roster::total(tx, false)?;
    let (listed, _) = if actor.may(Right::Invite) { invitations::list(tx, actor, None, LOOKED_AT)? } else { (Vec::new(), 0) };
    Ok(FirstSteps {
        address_confirmed: devices > 0 || settings::value(tx, &ADDRESS_CONFIRMED)?.unwrap_or_default(),
        practice: practice::wanted(tx)?.devices,
        practice_done: devices > 0 || practice::was_decided(tx)?,
        push_until: push_certificates::current(tx)?.map(|current| current.not_after_at),
        invitation: listed.into_iter().find(|invitation| is_open(invitation, tx.now)),
        devices,
        backup_at: backups::last_at(tx)?,
        tls_refused: tls::untrusted(tx)?.is_some(),
        address_test: settings::value(tx, &ADDRESS_TESTED)?,
        apps: apps::count(tx, "")?.unsigned_abs(),
        app_places: app_places(tx)?,
        awaits_location: awaits_location(tx)?,
        locations: content_tokens::all(tx)?.iter().filter(|token| !token.practice).count() as u64,
        device_lists: ade_servers::all(tx)?.iter().filter(|server| !server.practice && server.state != ServerState::Waiting).count() as u64,
        second_factor: match actor {
            Actor::Person { id, .. } => Some(second_factor::standing(tx, actor, id)?.on_since.is_some()),
            _ => None,
        },
    })
}

fn app_places(tx: &Tx) -> Result<(u64, u64)> {
    let totals = app_totals::totals(tx)?;
    let sum = |wanted: fn(Stage) -> bool| totals.iter().filter(|(stage, _)| wanted(*stage)).map(|(_, count)| count).sum();
    Ok((sum(|_| true), sum(|stage| stage == Stage::Installed)))
}

fn awaits_location(tx: &Tx) -> Result<bool> {
    let waits = app_totals::totals(tx)?.iter().any(|(stage, count)| *stage == Stage::NoLicence && *count > 0);
    Ok(waits && licences::lacks_location(tx)?)
}

/// Whether a host is whoever asks for it: `localhost` and loopback addresses lead every device to itself.
pub fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address.is_unspecified());
    is_loopback || host == "localhost" || host.ends_with(".localhost")
}

/// The port of the main listener where nobody but this machine can connect to what devices use, by the flags and addresses of all listeners.
pub fn listens_here_alone(listening: &[(&str, SocketAddr)]) -> Option<u16> {
    let (_, main) = listening.iter().find(|(flag, _)| *flag == "--listen")?;
    let serves_others = |(flag, address): &(&str, SocketAddr)| match *flag {
        // A proxy stands before it, and where that listens is not known here.
        "--proxy-listen" => true,
        "--listen" | "--device-listen" => !address.ip().is_loopback(),
        _ => false,
    };
    (!listening.iter().any(serves_others)).then_some(main.port())
}

/// Keeps what came of a look at the own address.
pub fn note_test(tx: &Tx, actor: &Actor, test: &AddressTest) -> Result<()> {
    actor.require(Right::Configure)?;
    settings::set(tx, &ADDRESS_TESTED, test)?;
    Ok(())
}

fn is_open(invitation: &Invitation, now: Timestamp) -> bool {
    !invitation.practice && invitations::usable(invitation, now).is_ok()
}

/// Notes that the address is the one that devices will find.
pub fn confirm_address(tx: &Tx, actor: &Actor) -> Result<()> {
    actor.require(Right::Configure)?;
    if settings::set(tx, &ADDRESS_CONFIRMED, &true)? {
        journal::note(tx, actor, "settings.changed", journal::Subject::default(), json!({ "address": "confirmed" }))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_and_addresses_are_whoever_asks() {
        for here in ["localhost", "LocalHost", "x.localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]", "0.0.0.0"] {
            assert!(is_this_machine(here), "{here}");
        }
        for elsewhere in ["mdm.example.school", "localhost.example.school", "192.0.2.7", "2001:db8::1", "vm", ""] {
            assert!(!is_this_machine(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_listener_that_others_reach_or_a_proxy_is_enough() {
        let at = |flag, address: &str| (flag, address.parse::<SocketAddr>().unwrap());
        let main = at("--listen", "127.0.0.1:18640");
        assert_eq!(listens_here_alone(&[main, at("--http-listen", "0.0.0.0:80")]), Some(18640));
        assert_eq!(listens_here_alone(&[main, at("--listen", "[::1]:18640")]), Some(18640));
        for other in [at("--listen", "192.0.2.7:18640"), at("--device-listen", "0.0.0.0:8443"), at("--proxy-listen", "127.0.0.1:9000")] {
            assert_eq!(listens_here_alone(&[main, other]), None, "{other:?}");
        }
        assert_eq!(listens_here_alone(&[]), None);
    }
}
