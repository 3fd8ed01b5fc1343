//! Everything here that has an end: certificates, tokens, profiles and the deadlines of update plans, in one list for all who count down.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::language::say;
use crate::mdm::ca::tls;
use crate::store::{
    Tx, ade_servers, authorities, content_tokens, enrollments, packages, provisioning, push_certificates, update_plans, update_progress,
};

/// How near an end has to be to say so.
pub const SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// Provisioning profiles that are listed; those that end first.
const PROFILES_MAX: u32 = 100;

/// The page of the certificate that the listeners show.
const TLS: &str = "/system/tls";

/// The page of our own certificate authority.
const AUTHORITY: &str = "/trust";

/// What comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A certificate or a token: without it something stops.
    Proof,
    /// A profile, or the certificate behind an app's signature, without which the app does not start.
    Provisioning,
    /// The deadline of an update plan: nothing has to be renewed.
    Deadline,
}

/// Something with an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Names it, for example `push.certificate:<topic>`; the same after a renewal.
    pub key: String,
    /// What comes to its end.
    pub sort: Sort,
    /// What it is, in words.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// Whether it is renewed without anybody.
    pub by_itself: bool,
    /// What renews it, in a sentence; empty where nothing has to be done.
    pub remedy: &'static str,
    /// The page where it is looked after.
    pub path: String,
}

const PUSH: &str = msg!(
    "Renew it at identity.apple.com with the same Apple Account, and bring it at System, Push certificate: without it no device can be reached."
);
const TLS_FILES: &str =
    msg!("Renew it where it comes from; Rollcall reads the files again by itself. Without it no device and no browser comes in.");
const BY_ITSELF: &str = msg!("It should have been renewed by itself: look at System, Jobs.");
const SERVER_TOKEN: &str = msg!(
    "Download a new token for the same server in Apple's portal, and bring it at System, Apple's device list. What is enrolled goes on."
);
const CONTENT_TOKEN: &str =
    msg!("Download a new token for the same location in Apple's portal, and bring it at System, Apps and Books. What is assigned stays.");
const PROFILE: &str =
    msg!("Renew it on Apple's developer site and upload the new one: after its end the apps that need it start on no device.");
const SIGNER: &str = msg!("Sign the app with a new certificate and upload it again: after its end no device opens the app.");
const PACKAGE: &str = msg!("Upload a version of the app with a newer profile: after its end the app starts on no device.");

/// Everything with an end, the nearest first; `own_tls` says that we get the listeners' certificate ourselves.
pub fn all(tx: &Tx, own_tls: bool) -> Result<Vec<End>> {
    let mut ends = own(tx, own_tls)?;
    ends.extend(tokens(tx)?);
    ends.extend(profiles(tx)?);
    ends.extend(deadlines(tx)?);
    ends.sort_by(|one, other| (one.at, &one.key).cmp(&(other.at, &other.key)));
    Ok(ends)
}

/// Certificates that this appliance shows.
fn own(tx: &Tx, own_tls: bool) -> Result<Vec<End>> {
    let mut ends = Vec::new();
    for certificate in push_certificates::all(tx)?.into_iter().filter(|certificate| !certificate.practice) {
        if !certificate.current && enrollments::count_on_topic(tx, &certificate.topic)? == 0 {
            // Nobody is woken with it: its end changes nothing.
            continue;
        }
        let name = if certificate.current { t!("Push certificate") } else { t!("Push certificate of another topic still in use") };
        ends.push(End {
            key: format!("push.certificate:{}", certificate.topic),
            sort: Sort::Proof,
            name: name.to_owned(),
            at: certificate.not_after_at,
            by_itself: false,
            remedy: say(PUSH),
            path: String::from("/system/push"),
        });
    }
    let (name, remedy) =
        if own_tls { (t!("TLS certificate (renewed by itself)"), say(BY_ITSELF)) } else { (t!("TLS certificate"), say(TLS_FILES)) };
    ends.extend(tls::shown_until(tx)?.map(|at| End {
        key: String::from("tls.certificate"),
        sort: Sort::Proof,
        name: name.to_owned(),
        at,
        by_itself: own_tls,
        remedy,
        path: TLS.to_owned(),
    }));
    if let Some(authority) = authorities::current(tx)? {
        ends.push(End {
            key: format!("authority:{}", authority.id),
            sort: Sort::Proof,
            name: String::from(t!("Own certificate authority")),
            at: authority.not_after_at,
            by_itself: true,
            remedy: say(BY_ITSELF),
            path: AUTHORITY.to_owned(),
        });
    }
    Ok(ends)
}

/// Tokens for Apple's services.
fn tokens(tx: &Tx) -> Result<Vec<End>> {
    let mut ends = Vec::new();
    for server in ade_servers::all(tx)?.into_iter().filter(|server| !server.practice) {
        ends.extend(server.expires_at.map(|at| End {
            key: format!("ade.token:{}", server.id),
            sort: Sort::Proof,
            name: t!("Server token “{name}”", name = server.name),
            at,
            by_itself: false,
            remedy: say(SERVER_TOKEN),
            path: format!("/system/device-list/{}", server.id),
        }));
    }
    for token in content_tokens::all(tx)?.into_iter().filter(|token| !token.practice) {
        ends.push(End {
            key: format!("licences.token:{}", token.id),
            sort: Sort::Proof,
            name: t!("Content token “{name}”", name = token.name()),
            at: token.expires_at,
            by_itself: false,
            remedy: say(CONTENT_TOKEN),
            path: String::from("/system/apps-and-books"),
        });
    }
    Ok(ends)
}

/// Provisioning profiles, by themselves and inside apps, and the certificates that signed those.
fn profiles(tx: &Tx) -> Result<Vec<End>> {
    let mut ends = Vec::new();
    for profile in provisioning::first_to_end(tx, PROFILES_MAX)? {
        ends.push(End {
            key: format!("provisioning:{}", profile.id),
            sort: Sort::Provisioning,
            name: t!("Provisioning profile “{name}”", name = profile.name),
            at: profile.expires_at,
            by_itself: false,
            remedy: say(PROFILE),
            path: format!("/provisioning/{}", profile.id),
        });
    }
    let of_packages = [
        (packages::Ending::Profile, "package", t!("Provisioning profile inside"), say(PACKAGE)),
        (packages::Ending::Certificate, "package.signer", t!("Certificate that signed"), say(SIGNER)),
    ];
    for (what, key, words, remedy) in of_packages {
        for (package, name, at) in packages::ending(tx, what, Timestamp::from_millis(i64::MAX))?.into_iter().take(PROFILES_MAX as usize) {
            ends.push(End {
                key: format!("{key}:{}", package.id),
                sort: Sort::Provisioning,
                name: format!("{words} “{name}” {}", package.version),
                at,
                by_itself: false,
                remedy,
                path: format!("/apps/{}", package.app_id),
            });
        }
    }
    Ok(ends)
}

/// Deadlines of update plans that some devices have not met yet.
fn deadlines(tx: &Tx) -> Result<Vec<End>> {
    let mut ends = Vec::new();
    for plan in update_plans::all(tx)? {
        for meant in update_progress::meant(tx, &plan.id)? {
            ends.extend(meant.due_at.map(|at| End {
                key: format!("update.deadline:{}:{}", plan.id, meant.version),
                sort: Sort::Deadline,
                name: t!("Deadline of “{name}” for {version}", name = plan.name, version = meant.version),
                at,
                by_itself: false,
                remedy: "",
                path: format!("/updates/plans/{}", plan.id),
            }));
        }
    }
    Ok(ends)
}
