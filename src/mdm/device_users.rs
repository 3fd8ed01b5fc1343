//! The people who share a device: who has an account on it, logging them out, deleting them, and how a Shared iPad divides itself among them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::commands::{self, Wish};
use crate::mdm::{Actor, devices, inventory as about};
use crate::protocol::command::{self, Setting};
use crate::protocol::os_version::OsVersion;
use crate::protocol::plist::{Dictionary, Value};
use crate::protocol::report::device::DeviceUser;
use crate::store::commands::Command;
use crate::store::{Tx, device_users, devices as rows, enrollments, inventory};

/// The query by which a device says who has an account on it.
pub const LIST: &str = "UserList";

/// Accounts of one device that are kept; a Shared iPad has room for far fewer.
pub const USERS_MAX: usize = 1_000;

/// The most people that the storage can be divided for.
pub const RESIDENTS_MAX: i64 = 1_000;

/// The most megabytes that one person can have: a terabyte.
pub const QUOTA_MAX_MB: i64 = 1_048_576;

/// The shortest time without a touch after which somebody is logged out, in seconds; 0 is never.
pub const TIMEOUT_LEAST_S: i64 = 30;

/// The longest: a day.
pub const TIMEOUT_MOST_S: i64 = 86_400;

/// The most days without signing in at Apple.
pub const GRACE_MAX_DAYS: i64 = 365;

/// Domains that the log-in screen offers.
pub const DOMAINS_MAX: usize = 3;

/// The times after locking in which no passcode may be asked, in seconds; of others a device takes the next shorter one.
pub const PASSCODE_GRACES_S: [i64; 6] = [0, 60, 300, 900, 3_600, 14_400];

/// The first system that has the time until a passcode is asked among the settings of a Shared iPad; before, it is one of its own.
const GRACE_IS_SHARED_FROM: OsVersion = OsVersion::new(17, 0, 0);

/// The key of that time, and where the shared settings hold it.
const GRACE: &str = "PasscodeLockGracePeriod";
const PASSCODE_POLICY: &str = "PasscodePolicy";

/// Systems that let everybody be deleted at once.
const DELETES_ALL: OsVersion = OsVersion::new(14, 0, 0);

/// Who has an account on a device, and when it said so; none when it never did.
pub fn list(tx: &Tx, actor: &Actor, id: &str) -> Result<(Vec<DeviceUser>, Option<Timestamp>)> {
    let device = devices::find(tx, actor, id)?;
    let Some(channel) = enrollments::device_channel(tx, &device.id)? else { return Ok((Vec::new(), None)) };
    Ok((device_users::of_enrollment(tx, &channel.id)?, inventory::read_at(tx, &channel.id, LIST)?))
}

/// Logs out whoever uses a Shared iPad.
pub fn log_out(tx: &Tx, actor: &Actor, id: &str) -> Result<Command> {
    let channel = devices::channel(tx, actor, id)?;
    commands::enqueue(tx, actor, &channel, Wish::new(command::log_out_user(commands::new_uuid(tx))))
}

/// Deletes an account; `force` also where work of theirs has not reached iCloud yet.
///
/// # Errors
/// Conflict with what to do first when the device would refuse it: somebody is logged in, or has work that is only there.
pub fn delete(tx: &Tx, actor: &Actor, id: &str, user_name: &str, force: bool) -> Result<Command> {
    let channel = devices::channel(tx, actor, id)?;
    let users = device_users::of_enrollment(tx, &channel.id)?;
    let Some(user) = users.iter().find(|user| user.user_name == user_name) else {
        return Err(Error::not_found(t!("The device said of no such account. Ask it for news, and look again.")));
    };
    let who = user.full_name.as_deref().unwrap_or(user_name);
    if user.is_logged_in == Some(true) {
        return Err(Error::conflict(t!("{who} is logged in just now. Log them out first.", who)));
    }
    if user.has_data_to_sync == Some(true) && !force {
        return Err(Error::conflict(t!(
            "Work of {who} has not reached iCloud yet and would be lost. Leave the device on the network for a while, or say that it may be lost.",
            who
        )));
    }
    commands::enqueue(tx, actor, &channel, Wish::new(command::delete_user(commands::new_uuid(tx), user_name, force)))
}

/// Deletes every account of a Shared iPad; `force` also where work has not reached iCloud yet.
///
/// # Errors
/// Conflict with what to do first when the device would refuse it.
pub fn delete_all(tx: &Tx, actor: &Actor, id: &str, force: bool) -> Result<Command> {
    let channel = devices::channel(tx, actor, id)?;
    if !commands::capabilities(tx, &channel)?.os_version.is_at_least(DELETES_ALL) {
        return Err(Error::conflict(t!("Everybody can be deleted at once from iPadOS 14 on; delete them one by one here.")));
    }
    let users = device_users::of_enrollment(tx, &channel.id)?;
    let unsynced = users.iter().filter(|user| user.has_data_to_sync == Some(true)).count();
    if unsynced > 0 && !force {
        return Err(Error::conflict(t!(
            "Work of {unsynced} of them has not reached iCloud yet and would be lost. Leave the device on the network for a while, or say that it may be lost.",
            unsynced
        )));
    }
    commands::enqueue(tx, actor, &channel, Wish::new(command::delete_all_users(commands::new_uuid(tx), force)))
}

/// How a Shared iPad divides itself; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sharing {
    /// For how many people the storage is divided (iPadOS 13.4); not beside `quota_mb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residents: Option<i64>,
    /// How many megabytes each person has (iPadOS 13.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_mb: Option<i64>,
    /// Seconds without a touch after which a person is logged out, from 30 on; 0 for never (iPadOS 14.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_timeout_s: Option<i64>,
    /// The same for guests (iPadOS 14.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_timeout_s: Option<i64>,
    /// Whether there are only guests (iPadOS 14.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guests_only: Option<bool>,
    /// Days for which a person who was here may log in without Apple being asked; 0 for never (iPadOS 16).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline_days: Option<i64>,
    /// Seconds after locking in which no passcode is asked: 0, 60, 300, 900, 3600 or 14400. A longer time holds once nobody is logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passcode_grace_s: Option<i64>,
    /// Domains of accounts that the log-in screen offers, at most three (iPadOS 16).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domains: Option<Vec<String>>,
}

/// One part of [`Sharing`]: the field, its name in the command and in what the device says, and the first iPadOS that has it.
struct Part {
    field: &'static str,
    key: &'static str,
    since: OsVersion,
}

const PARTS: [Part; 7] = [
    Part { field: "residents", key: "ResidentUsers", since: OsVersion::new(13, 4, 0) },
    Part { field: "quota_mb", key: "QuotaSize", since: OsVersion::new(13, 4, 0) },
    Part { field: "session_timeout_s", key: "UserSessionTimeout", since: OsVersion::new(14, 5, 0) },
    Part { field: "guest_timeout_s", key: "TemporarySessionTimeout", since: OsVersion::new(14, 5, 0) },
    Part { field: "guests_only", key: "TemporarySessionOnly", since: OsVersion::new(14, 5, 0) },
    Part { field: "offline_days", key: "OnlineAuthenticationGracePeriod", since: OsVersion::new(16, 0, 0) },
    Part { field: "domains", key: "ManagedAppleIDDefaultDomains", since: OsVersion::new(16, 0, 0) },
];

/// How a Shared iPad said that it divides itself; nothing where it is none.
pub fn sharing(tx: &Tx, actor: &Actor, id: &str) -> Result<Option<Sharing>> {
    let device = devices::find(tx, actor, id)?;
    let facts: Map<String, Json> =
        serde_json::from_str(&rows::facts(tx, &device.id)?).map_err(|error| Error::internal("stored facts are JSON", error))?;
    if facts.get("IsMultiUser").and_then(Json::as_bool) != Some(true) {
        return Ok(None);
    }
    let number = |key: &str| facts.get(key).and_then(Json::as_i64);
    let security: Json =
        serde_json::from_str(&rows::security(tx, &device.id)?).map_err(|error| Error::internal("stored facts are JSON", error))?;
    let domains = facts.get("ManagedAppleIDDefaultDomains").and_then(Json::as_array);
    Ok(Some(Sharing {
        residents: number("ResidentUsers"),
        quota_mb: number("QuotaSize"),
        session_timeout_s: number("UserSessionTimeout"),
        guest_timeout_s: number("TemporarySessionTimeout"),
        guests_only: facts.get("TemporarySessionOnly").and_then(Json::as_bool),
        offline_days: number("OnlineAuthenticationGracePeriod"),
        passcode_grace_s: security[GRACE].as_i64(),
        domains: domains.map(|list| list.iter().filter_map(|domain| domain.as_str().map(str::to_owned)).collect()),
    }))
}

/// Has a Shared iPad divide itself otherwise.
///
/// # Errors
/// Bad input that names each field that is wrong, or that the device's system does not have.
pub fn share(tx: &Tx, actor: &Actor, id: &str, wanted: &Sharing) -> Result<Command> {
    let channel = devices::channel(tx, actor, id)?;
    let mut said = keys(wanted)?;
    let grace = grace(wanted)?;
    if said.is_empty() && grace.is_none() {
        return Err(Error::bad_input(t!("Nothing is to change.")));
    }
    let has = commands::capabilities(tx, &channel)?.os_version;
    if let Some(part) = PARTS.iter().find(|part| said.contains_key(part.key) && !has.is_at_least(part.since)) {
        return Err(Error::field(
            part.field,
            t!("iPadOS has this from {since} on; this device runs {has}. Leave it empty", since = part.since, has),
        ));
    }
    let mut settings = Vec::new();
    match grace {
        Some(seconds) if has.is_at_least(GRACE_IS_SHARED_FROM) => {
            let policy = Dictionary::from_iter([(GRACE.to_owned(), Value::from(seconds))]);
            said.insert(PASSCODE_POLICY.to_owned(), Value::Dictionary(policy));
        }
        Some(seconds) => settings.push(Setting::PasscodeLockGracePeriod(seconds)),
        None => {}
    }
    if !said.is_empty() {
        settings.push(Setting::SharedDeviceConfiguration(said));
    }
    let order = command::settings(commands::new_uuid(tx), settings);
    let queued = commands::enqueue(tx, actor, &channel, Wish::new(order))?;
    about::ask_facts(tx, actor, &channel)?;
    Ok(queued)
}

/// The time until a passcode is asked.
fn grace(wanted: &Sharing) -> Result<Option<i64>> {
    match wanted.passcode_grace_s {
        Some(seconds) if !PASSCODE_GRACES_S.contains(&seconds) => {
            Err(Error::field("passcode_grace_s", t!("0, 60, 300, 900, 3600 or 14400 seconds: a device takes no others")))
        }
        grace => Ok(grace),
    }
}

/// The settings as the command says them.
fn keys(wanted: &Sharing) -> Result<Dictionary> {
    let timeout = |value: i64| value == 0 || (TIMEOUT_LEAST_S..=TIMEOUT_MOST_S).contains(&value);
    let timeout_words = t!("seconds from {TIMEOUT_LEAST_S} to {TIMEOUT_MOST_S}, or 0 for never", TIMEOUT_LEAST_S, TIMEOUT_MOST_S);
    let numbers = [
        (
            &PARTS[0],
            wanted.residents,
            (1..=RESIDENTS_MAX).contains(&wanted.residents.unwrap_or(1)),
            t!("people from 1 to {RESIDENTS_MAX}", RESIDENTS_MAX),
        ),
        (
            &PARTS[1],
            wanted.quota_mb,
            (1..=QUOTA_MAX_MB).contains(&wanted.quota_mb.unwrap_or(1)),
            t!("megabytes from 1 to {QUOTA_MAX_MB}", QUOTA_MAX_MB),
        ),
        (&PARTS[2], wanted.session_timeout_s, timeout(wanted.session_timeout_s.unwrap_or(0)), timeout_words.clone()),
        (&PARTS[3], wanted.guest_timeout_s, timeout(wanted.guest_timeout_s.unwrap_or(0)), timeout_words),
        (
            &PARTS[5],
            wanted.offline_days,
            (0..=GRACE_MAX_DAYS).contains(&wanted.offline_days.unwrap_or(0)),
            t!("days from 0 to {GRACE_MAX_DAYS}", GRACE_MAX_DAYS),
        ),
    ];
    let mut said = Dictionary::new();
    for (part, value, fits, words) in numbers {
        let Some(value) = value else { continue };
        if !fits {
            return Err(Error::field(part.field, words));
        }
        said.insert(part.key.to_owned(), Value::from(value));
    }
    if wanted.residents.is_some() && wanted.quota_mb.is_some() {
        return Err(Error::field("quota_mb", t!("say either for how many people or how much each has, not both")));
    }
    if let Some(only) = wanted.guests_only {
        said.insert(PARTS[4].key.to_owned(), Value::Boolean(only));
    }
    if let Some(domains) = &wanted.domains {
        let fits = |domain: &String| {
            domain.contains('.') && domain.len() <= 253 && !domain.contains(|letter: char| letter.is_whitespace() || letter == '@')
        };
        if domains.len() > DOMAINS_MAX || !domains.iter().all(fits) {
            return Err(Error::field("domains", t!("at most {DOMAINS_MAX} domains like appleaccount.example.school", DOMAINS_MAX)));
        }
        said.insert(PARTS[6].key.to_owned(), Value::Array(domains.iter().map(|domain| Value::from(domain.as_str())).collect()));
    }
    Ok(said)
}
