//! Whether devices find the appliance: what time it is, its name, its ports, and the certificate that it shows.

use std::time::Duration;

use super::{Area, Door, Finding, Level, Seen, until};
use crate::clock::{Timestamp, Zone};
use crate::error::Result;
use crate::language::{self, say};
use crate::mdm::ca::public_tls::{self, Situation};
use crate::mdm::ends::SOON;
use crate::mdm::first_steps::{is_this_machine, listens_here_alone};
use crate::pki::certificate::Certificate;
use crate::pki::public_key::KeyKind;
use crate::store::Tx;
use crate::store::events::{self, Filter};

/// A clock that is wrong by more than this makes signatures and tokens look old or not valid yet.
const CLOCK_WRONG: Duration = Duration::from_secs(300);

/// A clock that is wrong by more than this is on its way there.
const CLOCK_OFF: Duration = Duration::from_secs(60);

/// No clock that is right says less.
const EARLIEST: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// How long a certificate may be good for by the rules of Apple's systems: since iOS 13 and macOS 10.15 for every server.
const LONGEST_LIFE: Duration = Duration::from_secs(825 * 24 * 3600);

/// Bits of the shortest RSA key that Apple's systems take.
const RSA_BITS_MIN: usize = 2048;

/// How long it takes until `at`, or how long ago it was.
fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}

/// What time it is here, by what others say and by what was written down before.
pub(super) fn clock(tx: &Tx, seen: &Seen, zone: &Zone) -> Result<Finding> {
    const ID: &str = "clock.time";
    const SET: &str = msg!("Set the clock and have the system keep it (timedatectl set-ntp true, or the settings of macOS).");
    let (area, here) = (Area::Clock, language::date(zone.words(tx.now)));
    if tx.now < EARLIEST {
        return Ok(Finding::new(ID, area, Level::Error, t!("This machine’s clock says {here}, which is long past.", here), say(SET)));
    }
    if let Some(service) = seen.apple.iter().find(|service| service.date.is_some()) {
        let there = service.date.unwrap_or(tx.now);
        let off = apart(tx.now, there);
        let what = t!(
            "This machine’s clock says {here}; {host} says {time}.",
            here,
            host = service.host,
            time = language::date(zone.words(there))
        );
        return Ok(match off {
            off if off > CLOCK_WRONG => {
                let remedy = t!(
                    "{set} Until then certificates look as if they had ended or not begun, and Apple refuses what is signed here.",
                    set = say(SET)
                );
                Finding::new(ID, area, Level::Error, what, remedy)
            }
            off if off > CLOCK_OFF => Finding::new(ID, area, Level::Warning, what, say(SET)),
            _ => Finding::ok(ID, area, t!("This machine’s clock is right, as far as {host} tells.", host = service.host)),
        });
    }
    let newest = events::list(tx, &Filter::default(), None, 1)?.into_iter().next();
    if let Some(newest) = newest.filter(|newest| newest.at.since(tx.now) > CLOCK_WRONG) {
        let what = t!(
            "This machine’s clock says {here}, and something is noted here as of {time}: it was set back.",
            here,
            time = language::date(zone.words(newest.at))
        );
        return Ok(Finding::new(ID, area, Level::Warning, what, say(SET)));
    }
    Ok(Finding::new(ID, area, Level::Note, t!("This machine’s clock says {here}. Nobody could be asked whether that is so.", here), ""))
}

/// Whether the public address is one that devices can use.
pub(super) fn names(seen: &Seen) -> Option<Finding> {
    const ID: &str = "names.address";
    const NAME: &str = msg!(
        "Give this machine a name in your network’s name service, and start Rollcall with it as --url, before devices enroll: they keep \
                        the address for good."
    );
    let (area, url, host) = (Area::Names, &seen.public_url, &seen.host);
    let error = |what: String, remedy: &str| Some(Finding::new(ID, area, Level::Error, what, remedy));
    if is_this_machine(host) {
        let what = t!(
            "The public address {url} is for this machine alone, to try out with practice devices: it leads devices to themselves.",
            url
        );
        return Some(Finding::new(ID, area, Level::Warning, what, say(NAME)));
    }
    if host.parse::<std::net::IpAddr>().is_ok() {
        return error(t!("The public address {url} is a number, which changes with the network.", url), say(NAME));
    }
    if !host.contains('.') {
        return error(
            t!("The public address {url} names only “{host}”, which devices in another network do not find.", url, host),
            say(NAME),
        );
    }
    let resolved = match seen.resolved.as_ref()? {
        Ok(resolved) if !resolved.is_empty() => resolved,
        outcome => {
            let why = outcome.as_ref().err().map(|why| format!(" ({why})")).unwrap_or_default();
            let what = t!("The name {host} leads nowhere from this machine{why}.", host, why);
            // What announces itself in the local network is looked up there, which not every server does.
            let level = if is_local(host) { Level::Warning } else { Level::Error };
            return Some(Finding::new(ID, area, level, what, t!("Have your network’s name service lead {host} to this machine.", host)));
        }
    };
    let list = resolved.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if resolved.iter().all(std::net::IpAddr::is_loopback) {
        let what = t!("The name {host} leads to {list} on this machine, so what devices find cannot be seen from here.", host, list);
        return Some(Finding::new(ID, area, Level::Warning, what, t!("Take the name out of /etc/hosts, or look from another machine.")));
    }
    if is_local(host) {
        let what = t!("The name {host} leads to {list}; devices find it in the same network only.", host, list);
        return Some(Finding::new(ID, area, Level::Note, what, say(NAME)));
    }
    Some(Finding::ok(ID, area, t!("The name {host} leads to {list}.", host, list)))
}

/// By which way an authority that everybody trusts could vouch for the name; nothing where its certificate is not our own authority's.
pub(super) fn ways(seen: &Seen) -> Option<Finding> {
    const ID: &str = "tls.ways";
    if !seen.own_tls || !seen.serving {
        return None;
    }
    let port = seen.public_url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(443);
    let listens_at_443 = seen.ports.iter().any(|port| port.address.port() == 443);
    let ways = public_tls::ways(Situation { host: &seen.host, port, listens_at_443, has_hook: seen.has_dns_hook });
    let words: Vec<_> = ways.iter().map(|way| way.words.as_str()).collect();
    let what = if ways.is_empty() {
        t!("Let’s Encrypt cannot vouch for {host}: it is no name that can be found from the internet.", host = seen.host)
    } else if ways.iter().any(|way| way.possible) {
        t!("Let’s Encrypt can vouch for {host}. {list}", host = seen.host, list = words.join(" "))
    } else {
        t!("Let’s Encrypt cannot vouch for {host} as it is. {list}", host = seen.host, list = words.join(" "))
    };
    Some(Finding::new(ID, Area::Tls, Level::Note, what, ""))
}

fn is_local(host: &str) -> bool {
    host.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("local"))
}

/// Whether the listeners can be connected to, or could be opened.
///
/// Of an appliance that does not run nothing is an error here: where its service listens may stand in flags and variables that only the service has.
pub(super) fn ports(seen: &Seen) -> Vec<Finding> {
    let area = Area::Ports;
    let mut findings: Vec<_> = seen
        .ports
        .iter()
        .filter_map(|port| {
            let problem = port.problem.as_ref()?;
            let what = format!("{} ({}): {problem}", port.address, port.flag);
            let (level, remedy) = if seen.serving {
                (Level::Error, t!("Look whether a firewall of this machine is in the way, and in the log of Rollcall."))
            } else {
                (
                    Level::Note,
                    t!("Nothing is wrong where the service is started with other addresses or as another user; else end what listens there, or choose another port."),
                )
            };
            Some(Finding::new(format!("ports.listener:{}", port.flag), area, level, what, remedy))
        })
        .collect();
    if !seen.serving {
        let what = t!("Rollcall does not run now, so its address and its certificate were not looked at.");
        findings.push(Finding::new("ports.serving", area, Level::Note, what, t!("Start it, then look once more.")));
    }
    if findings.is_empty() {
        let list = seen.ports.iter().map(|port| port.address.to_string()).collect::<Vec<_>>().join(", ");
        findings.push(Finding::ok("ports.listener", area, t!("It answers at {list}.", list)));
    }
    findings.extend(here_alone(seen));
    findings
}

/// Whether it takes connections from this machine alone, and nothing passes those of devices on.
fn here_alone(seen: &Seen) -> Option<Finding> {
    let listening: Vec<_> = seen.ports.iter().map(|port| (port.flag, port.address)).collect();
    let port = listens_here_alone(&listening).filter(|_| seen.serving)?;
    let leads_on = seen.resolved.as_ref().is_some_and(|outcome| outcome.iter().flatten().any(|address| !address.is_loopback()));
    let answers = seen.door.as_ref().is_some_and(|door| door.status == Some(200));
    if leads_on && answers && !is_this_machine(&seen.host) {
        // Something before it passes on what comes to the public address.
        return None;
    }
    let list = seen.ports.iter().map(|port| port.address.to_string()).collect::<Vec<_>>().join(", ");
    let what = t!("No device can connect: it listens at {list}, for this machine alone.", list);
    let remedy = t!(
        "Start it with --listen {port}, at all addresses of this machine; nothing is wrong where a program here passes devices on.",
        port
    );
    Some(Finding::new("ports.here_alone", Area::Ports, Level::Warning, what, remedy))
}

/// The certificate, as a device sees it.
pub(super) fn tls(now: Timestamp, seen: &Seen, zone: &Zone) -> Vec<Finding> {
    let Some(door) = &seen.door else { return Vec::new() };
    let area = Area::Tls;
    let Some(own) = door.chain.first() else {
        let why = door.failure.as_deref().unwrap_or(t!("nothing was shown"));
        let remedy = t!(
            "Devices come by this address. Look whether its port leads to this machine; where your router does not let this machine reach itself \
                      by its public address, look from a device."
        );
        return vec![Finding::new(
            "tls.reach",
            area,
            Level::Error,
            t!("The public address {public_url} does not answer: {why}.", public_url = seen.public_url, why),
            remedy,
        )];
    };
    let mut findings = Vec::new();
    findings.extend(validity(now, seen, own, zone));
    if !door.names_host {
        findings.push(misnamed(own, &seen.host));
    }
    findings.extend(trust(now, door, own));
    findings.extend(rules(door, own));
    if findings.is_empty() {
        let by = if seen.own_tls { t!("our own authority") } else { t!("a public authority") };
        let what = t!(
            "Devices trust what {public_url} shows: it is of {by}, ends {time}, and its chain is whole.",
            public_url = seen.public_url,
            by,
            time = until(own.not_after(), now, zone)
        );
        findings.push(Finding::ok("tls.certificate", area, what));
    }
    match door.status {
        Some(200) | None => {}
        Some(status) => {
            let what = t!(
                "At {public_url} something else answers than Rollcall ({status}), or a proxy before it does not pass /health/live on.",
                public_url = seen.public_url,
                status
            );
            let remedy = t!("Have the address lead to this machine, and a proxy before it pass everything on.");
            findings.push(Finding::new("tls.answer", area, Level::Warning, what, remedy));
        }
    }
    findings
}

/// Why devices refuse what is shown to those that come to `host`, and what to do; none where they take it. What has ended, or has not begun, is told by
/// itself.
pub fn refused(now: Timestamp, door: &Door, host: &str) -> Option<(String, String)> {
    let own = door.chain.first()?;
    let name = (!door.names_host).then(|| misnamed(own, host));
    let found: Vec<Finding> = name.into_iter().chain(trust(now, door, own)).chain(rules(door, own)).collect();
    let mut remedies = Vec::<String>::new();
    for finding in &found {
        if !remedies.contains(&finding.remedy) {
            remedies.push(finding.remedy.clone());
        }
    }
    let what: Vec<_> = found.into_iter().map(|finding| finding.what).collect();
    (!what.is_empty()).then(|| (what.join(" "), remedies.join(" ")))
}

/// The certificate is for another name than that of the appliance.
fn misnamed(own: &Certificate, host: &str) -> Finding {
    let what = t!("The certificate that {host} shows is for another name ({subject}).", host, subject = own.subject());
    Finding::new("tls.name", Area::Tls, Level::Error, what, t!("Get a certificate for {host}; every device refuses this one.", host))
}

fn validity(now: Timestamp, seen: &Seen, own: &Certificate, zone: &Zone) -> Option<Finding> {
    const ID: &str = "tls.validity";
    let renew = if seen.own_tls {
        t!("Rollcall renews it by itself; look in its log why it does not.")
    } else {
        t!("Renew it where it comes from; Rollcall reads the files again by itself.")
    };
    let end = own.not_after();
    if own.not_before() > now {
        let what = t!("The certificate is not valid before {not_before}.", not_before = language::date(zone.words(own.not_before())));
        return Some(Finding::new(
            ID,
            Area::Tls,
            Level::Error,
            what,
            t!("Look whether this machine’s clock is right, else get another certificate."),
        ));
    }
    if end <= now {
        return Some(Finding::new(
            ID,
            Area::Tls,
            Level::Error,
            t!("The certificate has ended, {time}.", time = until(end, now, zone)),
            renew,
        ));
    }
    (end.since(now) < SOON)
        .then(|| Finding::new(ID, Area::Tls, Level::Warning, t!("The certificate ends {time}.", time = until(end, now, zone)), renew))
}

/// Whether a chain that is valid and of the right name leads to a root that devices know.
fn trust(now: Timestamp, door: &Door, own: &Certificate) -> Option<Finding> {
    let failure = door.failure.as_ref().filter(|_| door.names_host && own.is_valid_at(now))?;
    let is_linked = door.chain.windows(2).all(|pair| pair[0].is_issued_by(&pair[1]));
    let (id, what, remedy) = if !is_linked {
        (
            "tls.chain",
            String::from(t!("The chain that is shown is out of order or has a gap: one of its certificates was not made by the next one.")),
            t!("Put the server’s certificate first into the file, then each that made the one before it."),
        )
    } else if door.chain.len() == 1 && own.issuer() != own.subject() {
        (
            "tls.chain",
            t!("The chain that is shown has one certificate only, and no device knows who made it ({issuer}).", issuer = own.issuer()),
            t!(
                "Take the file with the whole chain (fullchain.pem). Where your own authority made it, devices must be told to trust that first."
            ),
        )
    } else {
        (
            "tls.trust",
            t!("Devices do not trust the certificate: {failure}.", failure),
            t!("Take one of a public authority, or leave the certificate to Rollcall, whose own authority comes with every enrollment."),
        )
    };
    Some(Finding::new(id, Area::Tls, Level::Error, what, remedy))
}

/// The rules of Apple's systems for servers (App Transport Security, and the rules for certificates of iOS 13 and macOS 10.15).
fn rules(door: &Door, own: &Certificate) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut broken = |what: String, remedy: &str| findings.push(Finding::new("tls.rules", Area::Tls, Level::Error, what, remedy));
    if own.not_after().since(own.not_before()) > LONGEST_LIFE {
        broken(
            String::from(t!("The certificate is good for more than 825 days, which no Apple system since iOS 13 and macOS 10.15 accepts.")),
            t!("Get one with a shorter life."),
        );
    }
    match own.key_kind() {
        KeyKind::Rsa { bits } if bits < RSA_BITS_MIN => {
            broken(
                t!("The certificate’s key has {bits} bits, and Apple’s systems want {RSA_BITS_MIN}.", bits, RSA_BITS_MIN),
                t!("Get one with an RSA key of 2048 bits, or P-256."),
            );
        }
        KeyKind::Other => broken(
            String::from(t!("The certificate’s key is of a kind that Apple’s systems do not take.")),
            t!("Get one with an RSA key of 2048 bits, or P-256."),
        ),
        _ => {}
    }
    // TLS 1.3 has nothing else.
    let is_secret_later = door.version.is_empty() || door.version == "TLSv1_3" || door.suite.contains("ECDHE");
    if !is_secret_later {
        broken(
            t!(
                "The connection uses {suite}, which keeps nothing secret once the key is known; Apple’s systems want ECDHE.",
                suite = door.suite
            ),
            t!("Have the proxy before Rollcall offer TLS 1.3, or ECDHE suites."),
        );
    }
    findings
}
