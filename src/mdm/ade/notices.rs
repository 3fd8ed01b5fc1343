//! What about Apple's service needs a person: which one, for which token, and what helps.

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::language::{self, say};
use crate::mdm::ade::ACTOR;
use crate::mdm::connections::Service;
use crate::mdm::journal::{self, Subject};
use crate::protocol::ade::{Account, Cause};
use crate::protocol::unreached;
use crate::store::ade_servers::{self, AdeServer, ServerState};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, ade_devices, ade_profiles, alerts};

/// When to speak of a token's end: so many days before, and how bad that is.
const END_NEAR: [(u64, i64); 3] = [(7, 80), (14, 60), (30, 40)];

/// Nothing that is enrolled breaks, but nothing new comes.
const TERMS_HARM: i64 = 88;
const REFUSED_HARM: i64 = 86;
const ENDED_HARM: i64 = 90;
const UNREACHABLE_HARM: i64 = 55;
const STUCK_HARM: i64 = 45;
const PROFILE_HARM: i64 = 65;

/// Failed rounds in a row after which somebody is told.
const FAILURES_MAX: i64 = 5;

/// What begins the key of every need that is about a server; its id stands after the colon.
const KINDS: [&str; 6] = ["ade.terms", "ade.refused", "ade.ends", "ade.unreachable", "ade.stuck", "ade.profile"];

/// When tokens were last looked at for their end.
const REMINDED: Setting<Timestamp> = Setting::new("ade.reminded_at");

fn key(kind: &str, server: &AdeServer) -> String {
    format!("{kind}:{}", server.id)
}

/// Where a token's successor comes from.
const RENEW: &str = msg!(
    "In Apple's portal, open Preferences, Device Management Services, choose the server and download a new token; drop it at System, \
                     Apple's device list. Nothing that is enrolled is affected."
);

/// What helps where no session is opened.
const NO_SESSION_HELP: &str = msg!(
    "It is tried again every hour. If it stays, see in Apple's portal, Preferences, Device Management Services, that the server still \
                               exists, and download a new token there; drop it at System, Apple's device list. Nothing that is enrolled is affected."
);

/// Who must do it: the account that made the server, as far as Apple has said.
fn who(server: &AdeServer) -> String {
    match server.admin.as_str() {
        "" => String::from(t!("An Administrator of your organisation")),
        admin => t!("{admin}, or another Administrator of your organisation,", admin),
    }
}

/// Speaks of a round that failed as a whole.
pub(super) fn trouble(tx: &Tx, server: &AdeServer, cause: Option<Cause>) -> Result<()> {
    let name = &server.name;
    let told = unreached::told(Service::DeviceList.words(), &server.problem);
    let plain = told.map_or_else(|| server.problem.clone(), |told| format!("{}. {}", told.what, told.remedy));
    let (kind, harm, message, remedy) = match cause {
        Some(Cause::Terms) => {
            let portal = Account::from_json(&server.account).portal();
            let message =
                t!("{server} must accept Apple's new terms at {portal} for the token “{name}”.", server = who(server), portal, name);
            let remedy = t!(
                "Until then Apple tells nothing of new devices and assigns no profile; what is enrolled goes on. Sign in there and accept; \
                          it goes on by itself within half an hour."
            );
            ("ade.terms", TERMS_HARM, message, remedy)
        }
        Some(Cause::Token) => {
            ("ade.refused", REFUSED_HARM, t!("Apple does not take the server token “{name}” any more.", name), say(RENEW))
        }
        Some(Cause::Denied) => {
            ("ade.refused", REFUSED_HARM, t!("Apple does not let the server token “{name}” manage devices.", name), server.problem.as_str())
        }
        Some(Cause::Session) => {
            ("ade.refused", REFUSED_HARM, t!("Apple opens no session for the server token “{name}”.", name), say(NO_SESSION_HELP))
        }
        Some(Cause::Clock) => {
            ("ade.unreachable", REFUSED_HARM, t!("Apple does not answer for the token “{name}”.", name), server.problem.as_str())
        }
        Some(Cause::Expired) => ("ade.ends", ENDED_HARM, t!("The server token “{name}” has ended.", name), say(RENEW)),
        _ if server.failures >= FAILURES_MAX => {
            let message =
                t!("Apple's list of devices for “{name}” could not be read {failures} times in a row.", name, failures = server.failures);
            ("ade.unreachable", UNREACHABLE_HARM, message, plain.as_str())
        }
        _ => return Ok(()),
    };
    if alerts::raise(tx, &key(kind, server), harm, &message, remedy)? {
        note(tx, &format!("{kind}_noticed"), server)?;
    }
    Ok(())
}

/// Speaks of a list that gets no further, or stops doing so.
pub(super) fn stuck(tx: &Tx, server: &AdeServer) -> Result<()> {
    if server.problem.is_empty() {
        return alerts::clear(tx, &key("ade.stuck", server)).map(drop);
    }
    let message = t!("Reading Apple's list of devices for “{name}” got no further.", name = server.name);
    let remedy = t!("{problem} It is tried again by itself; nothing is lost. If it stays, ask Apple's support.", problem = server.problem);
    alerts::raise(tx, &key("ade.stuck", server), STUCK_HARM, &message, &remedy).map(drop)
}

/// Speaks of a profile that devices are to have and Apple does not take, or stops doing so.
pub(super) fn profiles(tx: &Tx, server: &AdeServer) -> Result<()> {
    let key = key("ade.profile", server);
    for refused in ade_profiles::defined(tx, &server.id)?.into_iter().filter(|defined| !defined.problem.is_empty()) {
        let Some(profile) = ade_profiles::by_id(tx, &refused.profile_id)? else { continue };
        if ade_devices::count_with_profile(tx, &profile.id)? == 0 {
            continue;
        }
        let message =
            t!("Apple does not take the profile “{name}” for new devices of “{name_2}”.", name = profile.name, name_2 = server.name);
        let remedy = t!(
            "{problem} Change it under New devices, How they greet people; saving it there, or Read now at the server token, asks Apple again. Until then devices keep the version before.",
            problem = refused.problem
        );
        return if alerts::is_raised(tx, &key, &message, &remedy)? {
            Ok(())
        } else {
            alerts::raise(tx, &key, PROFILE_HARM, &message, &remedy).map(drop)
        };
    }
    alerts::clear(tx, &key).map(drop)
}

/// Apple answers: what was wrong before is over.
pub(super) fn fine(tx: &Tx, server: &AdeServer) -> Result<()> {
    for kind in ["ade.terms", "ade.refused", "ade.unreachable"] {
        alerts::clear(tx, &key(kind, server))?;
    }
    Ok(())
}

/// Nothing is to be said of a server any more.
pub(super) fn forget(tx: &Tx, server: &AdeServer) -> Result<()> {
    for kind in KINDS {
        alerts::clear(tx, &key(kind, server))?;
    }
    Ok(())
}

fn note(tx: &Tx, kind: &str, server: &AdeServer) -> Result<()> {
    let data = json!({ "server": server.id, "name": server.name, "reason": server.problem });
    journal::note(tx, &ACTOR, kind, Subject::default(), data)
}

/// Looks at the ends of tokens, once a day, and always where one is past.
pub(super) fn remind(tx: &Tx) -> Result<()> {
    let last = settings::value(tx, &REMINDED)?;
    let daily = last.is_none_or(|last| tx.now.since(last) >= Duration::from_secs(86_400));
    if daily {
        settings::set(tx, &REMINDED, &tx.now)?;
    }
    for server in ade_servers::all(tx)? {
        if let Some(expires_at) = server.expires_at.filter(|end| daily || *end <= tx.now) {
            look(tx, server, expires_at)?;
        }
    }
    Ok(())
}

fn look(tx: &Tx, mut server: AdeServer, expires_at: Timestamp) -> Result<()> {
    let left = expires_at.since(tx.now);
    if left.is_zero() {
        if server.state != ServerState::Ended {
            (server.state, server.problem) = (ServerState::Ended, t!("The token ended on {day}.", day = language::date(expires_at.day())));
            server.due_at = None;
            ade_servers::update(tx, &server)?;
            fine(tx, &server)?;
        }
        let message = t!("The server token “{name}” ended on {day}.", name = server.name, day = language::date(expires_at.day()));
        return alerts::raise(tx, &key("ade.ends", &server), ENDED_HARM, &message, say(RENEW)).map(drop);
    }
    let days = left.as_secs() / 86_400;
    let Some((_, harm)) = END_NEAR.iter().find(|(near, _)| days <= *near).filter(|_| !server.practice) else {
        return alerts::clear(tx, &key("ade.ends", &server)).map(drop);
    };
    let when = match days {
        0 => String::from(t!("within a day")),
        1 => String::from(t!("in a day")),
        _ => t!("in {days} days, on {day}", days, day = language::date(expires_at.day())),
    };
    let message = t!(
        "The server token “{name}” ends {when}. {said} can renew it.",
        name = server.name,
        when,
        said = who(&server).trim_end_matches(',')
    );
    alerts::raise(tx, &key("ade.ends", &server), *harm, &message, say(RENEW)).map(drop)
}
