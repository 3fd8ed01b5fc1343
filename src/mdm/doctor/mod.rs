//! Whether the appliance can do its work, and what to do where it cannot: what doors saw outside and what is stored, judged in one place.

mod address;
mod apple;
mod backups;
mod house;

pub use address::refused;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::{Timestamp, Zone};
use crate::error::{Error, Result};
use crate::language;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right};
use crate::pki::certificate::Certificate;
use crate::store::Tx;
use crate::store::integrity as look;
use crate::store::settings::{self, Setting};

pub use house::room;

/// The last examination.
const LAST: Setting<Report> = Setting::new("doctor.last");

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DoctorLevel)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Good to know.
    Note,
    /// It works, and will not for ever, or not for everybody.
    Warning,
    /// Something does not work.
    Error,
}

impl Level {
    /// The word that the API and the command line use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DoctorArea)]
pub enum Area {
    /// What time it is here.
    Clock,
    /// The public address and its name.
    Names,
    /// Where it listens.
    Ports,
    /// The certificate that devices are shown.
    Tls,
    /// The way to Apple's services.
    Apple,
    /// Push certificates.
    Push,
    /// Tokens of Apps and Books and of Apple's device list.
    Tokens,
    /// The certificate authority and the identities of devices.
    Identities,
    /// Room on the disk.
    Disk,
    /// The database.
    Database,
    /// Backups.
    Backups,
    /// What runs by itself.
    Jobs,
    /// The program.
    Version,
}

impl Area {
    /// What people call it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Clock => t!("Clock"),
            Self::Names => t!("Address"),
            Self::Ports => t!("Ports"),
            Self::Tls => t!("TLS certificate"),
            Self::Apple => t!("Apple’s services"),
            Self::Push => t!("Push certificate"),
            Self::Tokens => t!("Apple’s tokens"),
            Self::Identities => t!("Authority and identities"),
            Self::Disk => t!("Disk"),
            Self::Database => t!("Database"),
            Self::Backups => t!("Backups"),
            Self::Jobs => t!("Jobs"),
            Self::Version => t!("Version"),
        }
    }
}

/// Something that was found, good or bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Names it for scripts, for example `names.address`; what concerns one of several has its name behind a colon.
    pub id: String,
    /// What it is about.
    pub area: Area,
    /// How bad it is.
    pub level: Level,
    /// What was found, in a sentence.
    pub what: String,
    /// What to do, in a sentence; empty where there is nothing to do.
    pub remedy: String,
}

impl Finding {
    fn new(id: impl Into<String>, area: Area, level: Level, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id: id.into(), area, level, what: what.into(), remedy: remedy.into() }
    }

    fn ok(id: impl Into<String>, area: Area, what: impl Into<String>) -> Self {
        Self::new(id, area, Level::Ok, what, "")
    }
}

/// What came of an examination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When it was.
    pub checked_at: Timestamp,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many findings are of a level.
    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    /// The worst level of all.
    pub fn worst(&self) -> Level {
        self.findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
    }
}

/// What was seen at the public address, as a device sees it.
#[derive(Debug, Clone)]
pub struct Door {
    /// The certificates that were shown, the server's own first.
    pub chain: Vec<Certificate>,
    /// Whether the first of them is for the host's name.
    pub names_host: bool,
    /// Whether devices trust it, and why not, or why there was no connection at all.
    pub failure: Option<String>,
    /// The version of TLS.
    pub version: String,
    /// The cipher suite.
    pub suite: String,
    /// The status of the answer to a question that this appliance answers with 200.
    pub status: Option<u16>,
}

/// Somewhere to listen.
#[derive(Debug, Clone)]
pub struct Port {
    /// The flag that opens it.
    pub flag: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// Why nobody can connect there.
    pub problem: Option<String>,
}

/// One of Apple's services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Pushes.
    Push,
    /// The list of OS releases.
    Releases,
    /// Automated Device Enrollment.
    DeviceList,
    /// Apps and Books.
    AppsAndBooks,
}

/// What was seen of one of Apple's services.
#[derive(Debug, Clone)]
pub struct Reached {
    /// Which.
    pub service: Service,
    /// `host:port`.
    pub host: String,
    /// Why it could not be reached, and what helps.
    pub problem: Option<(String, String)>,
    /// What time it is there.
    pub date: Option<Timestamp>,
}

/// What was seen of the places that backups are in.
#[derive(Debug, Clone, Default)]
pub struct BackupsSeen {
    /// Whether the plan's folder is on the disk of the data folder; none where there is no such folder.
    pub same_disk: Option<bool>,
    /// Folders that are not there, or cannot be looked into.
    pub unreachable: Vec<String>,
    /// The ids of backups whose file is not in its folder, or has not the size that it had.
    pub gone: Vec<String>,
}

/// What doors saw outside; nothing of it is judged yet.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The public address, `https://name[:port]`.
    pub public_url: String,
    /// Its host.
    pub host: String,
    /// The addresses to which the host's name leads, or why it leads nowhere; none while the appliance does not answer.
    pub resolved: Option<Result<Vec<IpAddr>, String>>,
    /// Whether the appliance answers now.
    pub serving: bool,
    /// What the public address shows; none while the appliance does not answer.
    pub door: Option<Door>,
    /// Where it listens, or would.
    pub ports: Vec<Port>,
    /// Whether the certificate that is shown is our own authority's.
    pub own_tls: bool,
    /// Whether the settings name a program for DNS records.
    pub has_dns_hook: bool,
    /// Apple's services.
    pub apple: Vec<Reached>,
    /// The proxy on the way there.
    pub proxy: Option<String>,
    /// Why Apple's push service refuses the push certificate; none where it does not, or was not asked.
    pub push_refused: Option<String>,
    /// The data folder.
    pub data: PathBuf,
    /// Where backups are.
    pub backups: BackupsSeen,
    /// Bytes that are free on the disk of the data folder.
    pub disk_free: Option<u64>,
    /// What a look through the database found; none where it is too large to be looked through at once.
    pub damage: Option<Vec<look::Finding>>,
    /// The program's version.
    pub version: &'static str,
}

/// Examines the appliance; what the look through the database found was recorded before.
pub fn examine(tx: &Tx, actor: &Actor, seen: &Seen) -> Result<Report> {
    may_examine(actor)?;
    let zone = zone(tx).unwrap_or_default();
    let one = |found: Result<Finding>| found.map(|finding| vec![finding]);
    let looks = [
        (Area::Clock, one(address::clock(tx, seen, &zone))),
        (Area::Names, Ok(address::names(seen).into_iter().collect())),
        (Area::Ports, Ok(address::ports(seen))),
        (Area::Tls, Ok(address::tls(tx.now, seen, &zone))),
        (Area::Tls, Ok(address::ways(seen).into_iter().collect())),
        (Area::Apple, apple::services(tx, seen)),
        (Area::Database, house::alerts(tx, seen)),
        (Area::Push, apple::push(tx, actor, seen, &zone)),
        (Area::Tokens, apple::tokens(tx, actor, &zone)),
        (Area::Identities, house::identities(tx, actor, seen, &zone)),
        (Area::Disk, Ok(house::disk(seen).into_iter().collect())),
        (Area::Database, house::database(tx, seen, &zone)),
        (Area::Backups, backups::findings(tx, actor, seen, &zone)),
        (Area::Jobs, house::jobs(tx, actor)),
        (Area::Version, one(house::version(tx, seen))),
    ];
    // What is examined may be broken: what cannot be read is a finding too, and no reason to say nothing of the rest.
    let mut findings: Vec<_> =
        looks.into_iter().flat_map(|(area, found)| found.unwrap_or_else(|error| vec![unreadable(area, &error)])).collect();
    // Where something is wrong, nothing beside it is said to be well under the same name.
    let wrong: Vec<String> = findings.iter().filter(|finding| finding.level > Level::Note).map(|finding| finding.id.clone()).collect();
    findings.retain(|finding| finding.level > Level::Note || !wrong.contains(&finding.id));
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.level), finding.area));
    Ok(Report { checked_at: tx.now, findings })
}

fn unreadable(area: Area, error: &Error) -> Finding {
    let what = t!("{area} could not be looked at: {message}.", area = area.words(), message = error.message.trim_end_matches('.'));
    let remedy = t!("What is stored about it cannot be read. See what is said of the database; where nothing is, look in the log.");
    Finding::new(format!("unreadable:{}", area.words()), area, Level::Error, what, remedy)
}

/// Keeps what came of an examination.
pub fn keep(tx: &Tx, actor: &Actor, report: &Report) -> Result<()> {
    may_examine(actor)?;
    settings::set(tx, &LAST, report).map(drop)
}

/// Refuses who may not have the appliance examined, before anything is asked outside.
pub fn may_examine(actor: &Actor) -> Result<()> {
    actor.require(Right::Configure)
}

/// What came of the last examination.
pub fn last(tx: &Tx, actor: &Actor) -> Result<Option<Report>> {
    actor.require(Right::View)?;
    settings::value(tx, &LAST)
}

/// How long until `at`, for people: `in 12 days, on 7 Dec 2026`.
fn until(at: Timestamp, now: Timestamp, zone: &Zone) -> String {
    let days = at.since(now).as_secs() / 86_400;
    match days {
        _ if at <= now => t!("since {day}", day = language::date(zone.day(at))),
        0 => String::from(t!("within a day")),
        1 => t!("in a day, on {day}", day = language::date(zone.day(at))),
        _ => t!("in {days} days, on {day}", days, day = language::date(zone.day(at))),
    }
}

#[cfg(test)]
mod tests;
