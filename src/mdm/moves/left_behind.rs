//! Devices that still come to an address which this server had before: the one in their profile never changes.

use crate::error::Result;
use crate::protocol::moves::profile::host;
use crate::store::{Tx, alerts, moves};

/// What this is called among the alerts.
const ALERT: &str = "address.left_behind";

/// How much harm it does that devices cannot come: as much as where none can be woken.
const HARM: i64 = 85;

/// Addresses that are named to people, at most.
const NAMED: usize = 3;

/// The addresses that a server answers at.
#[derive(Debug, Clone)]
pub struct Served {
    /// Its own, as `https://mdm.example.school:8443`.
    pub public_url: String,
    /// Further names by which it is asked, whatever the port in front of it.
    pub extra_hosts: Vec<String>,
    /// Ports that it listens at for devices.
    pub ports: Vec<u16>,
}

impl Served {
    /// The addresses of a server that has these names.
    pub fn new(public_url: &str, extra_hosts: &[String], ports: Vec<u16>) -> Self {
        Self { public_url: public_url.to_owned(), extra_hosts: extra_hosts.to_vec(), ports }
    }

    /// Whether a host, with its port where that is not 443, leads here as far as anybody can tell.
    pub fn has(&self, host: &str) -> bool {
        let (name, port) = split(host);
        let is_own_name =
            || crate::protocol::moves::profile::host(&self.public_url).is_some_and(|own| split(own).0.eq_ignore_ascii_case(name));
        self.is_public(host)
            || self.extra_hosts.iter().any(|extra| extra.eq_ignore_ascii_case(name))
            || (port.is_some_and(|port| self.ports.contains(&port)) && is_own_name())
    }

    /// Whether a host, with its port, is the public address itself.
    pub fn is_public(&self, address: &str) -> bool {
        let plain = |address: &str| address.strip_suffix(":443").unwrap_or(address).to_ascii_lowercase();
        host(&self.public_url).is_some_and(|own| plain(own) == plain(address))
    }
}

/// A host and its port, where one is said.
fn split(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':').map(|(name, port)| (name, port.parse().ok())) {
        Some((name, Some(port))) => (name, Some(port)),
        _ => (host, None),
    }
}

/// Hosts that are not served here, each with how many devices have it in their profile, the busiest first.
pub fn left_behind(tx: &Tx, served: &Served) -> Result<Vec<(String, i64)>> {
    let mut left: Vec<(String, i64)> = Vec::new();
    for (server_url, _, devices) in moves::addresses(tx)? {
        let Some(host) = host(&server_url).map(str::to_ascii_lowercase).filter(|host| !served.has(host)) else { continue };
        match left.iter_mut().find(|(known, _)| *known == host) {
            Some((_, count)) => *count += devices,
            None => left.push((host, devices)),
        }
    }
    left.sort_by_key(|(_, devices)| -devices);
    Ok(left)
}

/// Says so where people look, or takes it back; tells whether it is news.
pub fn tell(tx: &Tx, left: &[(String, i64)]) -> Result<bool> {
    if left.is_empty() {
        alerts::clear(tx, ALERT)?;
        return Ok(false);
    }
    let (message, remedy) = (words(left), remedy());
    if alerts::is_raised(tx, ALERT, &message, remedy)? {
        return Ok(false);
    }
    alerts::raise(tx, ALERT, HARM, &message, remedy)
}

/// How many devices come elsewhere, and where.
pub fn words(left: &[(String, i64)]) -> String {
    let devices: i64 = left.iter().map(|(_, devices)| devices).sum();
    let addresses = left.iter().take(NAMED).map(|(host, _)| host.as_str()).collect::<Vec<_>>().join(", ");
    t!("Devices still come to an address that this server does not have any more: {devices} of them, to {addresses}.", devices, addresses)
}

fn remedy() -> &'static str {
    t!(
        "Have the old name and port lead here as well (extra_hosts in rollcall.toml names it), or enroll these devices anew: the address in their profile \
         never changes."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_another_port_is_another_address_and_a_name_that_is_added_is_none() {
        let served = Served::new("https://mdm.example.school", &["old.example.school".into()], vec![8444]);
        for own in
            ["mdm.example.school", "MDM.example.school:443", "old.example.school", "old.example.school:8443", "mdm.example.school:8444"]
        {
            assert!(served.has(own), "{own}");
        }
        for other in ["mdm.example.school:8443", "example.school:8444", "[fd12::1]:8443"] {
            assert!(!served.has(other), "{other}");
        }
        let by_port = Served::new("https://localhost:9955", &[], vec![9955]);
        assert!(by_port.is_public("localhost:9955") && !by_port.has("localhost:9943") && !by_port.has("localhost"));
    }
}
