//! Beta programmes of the organisation, for those who choose among them and for those who send devices their tokens.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::{Actor, Right};
use crate::protocol::ade::{Account, beta_platform};
use crate::protocol::platform::Platform;
use crate::secret::Secret;
use crate::store::ade_servers::AdeServer;
use crate::store::beta_programs::{self as rows, BetaRow};
use crate::store::{Tx, ade_devices, ade_servers, declared, devices};

/// The switch of a policy that offers programmes: a list of their ids.
pub const OFFER: &str = "offer_beta_programs";

/// The switch of a policy that has devices take part in a programme: a list of ids, one for each system.
pub const REQUIRE: &str = "require_beta_program";

/// The systems whose devices can be offered programmes by their management.
pub const MANAGED: [Platform; 2] = [Platform::Ios, Platform::Macos];

/// A programme, whichever server tokens Apple lists it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// What it is known by: the same at every server and in every list.
    pub id: String,
    /// What Apple calls it.
    pub title: String,
    /// The system that it is for, in Apple's word.
    pub os: String,
    /// That system.
    pub platform: Platform,
    /// Since when Apple lists it.
    pub listed_at: Timestamp,
    /// Since when it does not any more, where no list has it.
    pub gone_at: Option<Timestamp>,
    /// The names of the server tokens that it is listed for.
    pub servers: Vec<String>,
    /// Whether only the practice classroom has it.
    pub practice: bool,
}

/// Every programme that Apple lists or listed, by title.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<Program>> {
    actor.require(Right::View)?;
    let mut all = BTreeMap::<String, Program>::new();
    for server in ade_servers::all(tx)? {
        for row in rows::of_server(tx, &server.id)? {
            let is_listed = row.gone_at.is_none();
            let program = all.entry(row.id.clone()).or_insert_with(|| Program {
                platform: beta_platform(&row.os),
                servers: Vec::new(),
                practice: true,
                id: row.id,
                title: row.title,
                os: row.os,
                listed_at: row.listed_at,
                gone_at: row.gone_at,
            });
            program.listed_at = program.listed_at.min(row.listed_at);
            program.gone_at = program.gone_at.zip(row.gone_at).map(|(one, other)| one.max(other));
            program.practice &= server.practice;
            if is_listed {
                program.servers.push(server.name.clone());
            }
        }
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by(|one, other| (&one.title, &one.id).cmp(&(&other.title, &other.id)));
    Ok(all)
}

/// What each programme is called, by its id; nothing where a policy names none.
pub fn titles_for(tx: &Tx, settings: &Map<String, Value>) -> Result<BTreeMap<String, String>> {
    let mut titles = BTreeMap::new();
    if !are_chosen(settings) {
        return Ok(titles);
    }
    for server in ade_servers::all(tx)? {
        titles.extend(rows::of_server(tx, &server.id)?.into_iter().map(|row| (row.id, row.title)));
    }
    Ok(titles)
}

/// Whose lists a device's token comes from: tokens of one organisation are worth nothing at another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Source {
    /// Whether it is a practice device.
    practice: bool,
    /// The server token that Apple's list of devices names it under.
    server_id: Option<String>,
}

impl Source {
    /// Whose lists an enrolled device's token comes from; the usual one while there are no programmes at all.
    pub fn of_device(tx: &Tx, device_id: &str) -> Result<Self> {
        if !rows::any(tx)? {
            return Ok(Self::default());
        }
        let Some(device) = devices::by_id(tx, device_id)? else { return Ok(Self::default()) };
        let serial = device.serial_number.as_deref().unwrap_or_default();
        Ok(Self { practice: device.practice, ..Self::of_serial(tx, serial)? })
    }

    /// Whose lists the token of a device with this serial number comes from.
    pub fn of_serial(tx: &Tx, serial_number: &str) -> Result<Self> {
        let known = ade_devices::by_serial(tx, serial_number)?.filter(|known| known.device.gone_at.is_none());
        Ok(Self { practice: known.as_ref().is_some_and(|known| known.server.practice), server_id: known.map(|known| known.server.id) })
    }

    /// The server tokens that count for it, its own first: those of its organisation, or all where it stands in no list.
    fn servers(&self, tx: &Tx) -> Result<Vec<AdeServer>> {
        let mut servers = ade_servers::all(tx)?;
        servers.retain(|server| server.practice == self.practice);
        let organisation = |server: &AdeServer| Account::from_json(&server.account).org_id;
        let own = servers.iter().find(|server| Some(&server.id) == self.server_id.as_ref()).map(|own| (own.id.clone(), organisation(own)));
        if let Some((id, of_own)) = own {
            servers.retain(|server| server.id == id || (!of_own.is_empty() && organisation(server) == of_own));
            servers.sort_by_key(|server| server.id != id);
        }
        Ok(servers)
    }
}

/// A programme as one device can have it.
#[derive(Debug, Clone)]
struct Entry {
    title: String,
    platform: Platform,
    /// The server token whose list gives it; none where Apple lists it no more.
    server_id: Option<String>,
}

/// The programmes that there are for one device.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    entries: BTreeMap<String, Entry>,
}

/// How a programme stands for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It can have it; the title.
    Here(&'a str),
    /// It is for another system.
    Elsewhere,
    /// Apple lists it no more; the title, empty where not even that is known any more.
    Gone(&'a str),
}

impl Shelf {
    /// Gathers them.
    pub fn of(tx: &Tx, source: &Source) -> Result<Self> {
        let mut entries = BTreeMap::<String, Entry>::new();
        for server in source.servers(tx)? {
            for BetaRow { id, os, title, gone_at, .. } in rows::of_server(tx, &server.id)? {
                let server_id = gone_at.is_none().then(|| server.id.clone());
                let entry = entries.entry(id).or_insert_with(|| Entry { title, platform: beta_platform(&os), server_id: None });
                entry.server_id = entry.server_id.take().or(server_id);
            }
        }
        Ok(Self { entries })
    }

    /// How a programme stands for a device of this system.
    pub fn standing(&self, id: &str, platform: Platform) -> Standing<'_> {
        match self.entries.get(id) {
            None => Standing::Gone(""),
            Some(entry) if entry.platform != platform => Standing::Elsewhere,
            Some(Entry { title, server_id: Some(_), .. }) => Standing::Here(title),
            Some(entry) => Standing::Gone(&entry.title),
        }
    }

    /// What a programme is called.
    pub fn title(&self, id: &str) -> Option<&str> {
        self.entries.get(id).map(|entry| entry.title.as_str())
    }

    /// The title of a programme and the organisation's token for it, for the device alone.
    pub fn token(&self, tx: &Tx, id: &str) -> Result<Option<(String, Secret<String>)>> {
        let Some(Entry { title, server_id: Some(server_id), .. }) = self.entries.get(id) else { return Ok(None) };
        let Some(token) = rows::token(tx, server_id, id)? else { return Ok(None) };
        Ok(Some((title.clone(), Secret::new(String::from_utf8_lossy(token.expose()).into_owned()))))
    }
}

/// The programme that an enrolled device takes part in, as the device calls it: empty for none; nothing where it has not said.
pub fn of_enrollment(tx: &Tx, enrollment_id: &str) -> Result<Option<String>> {
    let said = declared::status_item(tx, enrollment_id, "softwareupdate.beta-enrollment")?;
    Ok(said.and_then(|said| serde_json::from_str::<Value>(&said).ok()).and_then(|said| said.as_str().map(str::to_owned)))
}

/// The ids that a policy's switch names.
pub fn chosen<'a>(settings: &'a Map<String, Value>, switch: &str) -> impl Iterator<Item = &'a str> {
    settings.get(switch).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Whether a policy names any programme.
pub fn are_chosen(settings: &Map<String, Value>) -> bool {
    [OFFER, REQUIRE].into_iter().any(|switch| settings.contains_key(switch))
}

/// Refuses a programme that Apple does not list, or that is for devices of another system than `platform`.
pub fn check_one(tx: &Tx, id: &str, platform: Platform, field: &str) -> Result<()> {
    match list(tx, &Actor::Console)?.into_iter().find(|program| program.id == id) {
        Some(program) if program.gone_at.is_some() => {
            Err(Error::field(field, t!("Apple lists “{title}” no more; choose another one", title = program.title)))
        }
        Some(program) if program.platform != platform => {
            Err(Error::field(field, t!("“{title}” is for {os}", title = program.title, os = program.os)))
        }
        Some(_) => Ok(()),
        None => Err(Error::field(field, t!("is no programme that Apple lists for you; GET /api/v1/beta-programs lists them"))),
    }
}

/// Refuses programmes that are not known or not listed any more, unless they were chosen `before`, and two required ones for one system.
pub fn check(tx: &Tx, settings: &Map<String, Value>, before: Option<&Map<String, Value>>) -> Result<()> {
    if !are_chosen(settings) {
        return Ok(());
    }
    let known: BTreeMap<String, Program> = list(tx, &Actor::Console)?.into_iter().map(|program| (program.id.clone(), program)).collect();
    let kept: BTreeSet<&str> =
        before.into_iter().flat_map(|before| [OFFER, REQUIRE].into_iter().flat_map(|switch| chosen(before, switch))).collect();
    let refuse = |switch: &str, words: String| {
        let mut error = Error::field(format!("settings.{switch}"), words);
        error.kind = Kind::BadInput;
        Err(error)
    };
    for switch in [OFFER, REQUIRE] {
        for id in chosen(settings, switch).filter(|id| !kept.contains(id)) {
            match known.get(id) {
                None => {
                    return refuse(switch, t!("`{id}` is no programme that Apple lists for you; GET /api/v1/beta-programs lists them", id));
                }
                Some(program) if program.gone_at.is_some() => {
                    return refuse(switch, t!("Apple lists “{title}” no more; choose another one", title = program.title));
                }
                Some(program) if !MANAGED.contains(&program.platform) => {
                    return refuse(
                        switch,
                        t!("“{title}” is for {os}; only iPhones, iPads and Macs can be told", title = program.title, os = program.os),
                    );
                }
                Some(_) => {}
            }
        }
    }
    let mut systems = BTreeSet::new();
    for program in chosen(settings, REQUIRE).filter_map(|id| known.get(id)).filter(|program| program.gone_at.is_none()) {
        if !systems.insert(program.platform) {
            return refuse(REQUIRE, t!("one programme for each system at the most; another one for {os} is required too", os = program.os));
        }
    }
    Ok(())
}
