//! How notices go out: the mail server with its sealed password, what is told beside, and when the weekly digest comes.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::{Timestamp, Zone, weekday_words};
use crate::error::{Error, Result};
use crate::language;
use crate::mdm::backups::plan::{ANCHORS_MAX_BYTES, minute, time};
use crate::mdm::{Actor, Right, journal};
use crate::protocol::mail::{MailServer, Security, is_address};
use crate::secret::{Secret, SecretBytes};
use crate::store::settings::{self, Setting};
use crate::store::{Bell, Tx, alerts, letters};

/// Longest name, user or password, in characters.
pub const TEXT_MAX: usize = 255;

const SERVER: Setting<MailServer> = Setting::new("notices.mail_server");
const PASSWORD: Setting<SecretBytes> = Setting::new("notices.mail_password");
const RULES: Setting<Rules> = Setting::new("notices.rules");

/// What is told beside what needs somebody, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Whether people hear that something is over.
    pub tell_mended: bool,
    /// Whether a digest is sent each week.
    pub digest: bool,
    /// On which day: Monday 0 to Sunday 6.
    pub weekday: i8,
    /// At which minute of the day, in the appliance's time zone.
    pub minute: i64,
    /// The schedule counts from here: what lies before was not missed.
    pub since_at: Timestamp,
}

impl Default for Rules {
    fn default() -> Self {
        Self { tell_mended: true, digest: true, weekday: 0, minute: 7 * 60, since_at: Timestamp::default() }
    }
}

impl Rules {
    /// The first moment after `since` at which the digest is due.
    pub fn next_after(&self, since: Timestamp, zone: &Zone) -> Timestamp {
        let today = zone.wall(since).day();
        let days = (0..15).map(|days| today.plus(days)).filter(|day| day.weekday() == self.weekday);
        let mut moments = days.map(|day| zone.moment(day.at(self.minute)));
        moments.find(|moment| *moment > since).unwrap_or(since.plus(std::time::Duration::from_secs(7 * 24 * 3600)))
    }

    /// When it comes, in words: `Mondays at 07:00`.
    pub fn words(&self) -> String {
        t!("{weekday}s at {minute}", weekday = language::weekday(weekday_words(self.weekday)), minute = time(self.minute))
    }
}

/// What is told, and when.
pub fn rules(tx: &Tx) -> Result<Rules> {
    Ok(settings::value(tx, &RULES)?.unwrap_or_default())
}

/// The mail server; none while nobody named one.
pub fn server(tx: &Tx) -> Result<Option<MailServer>> {
    settings::value(tx, &SERVER)
}

/// The password for the mail server.
pub fn password(tx: &Tx) -> Result<Option<Secret<String>>> {
    Ok(settings::secret(tx, &PASSWORD)?.map(|secret| Secret::new(String::from_utf8_lossy(secret.expose()).into_owned())))
}

/// What the rules are to be.
#[derive(Debug, Clone)]
pub struct NewRules {
    /// Whether people hear that something is over.
    pub tell_mended: bool,
    /// Whether a digest is sent each week.
    pub digest: bool,
    /// Monday 0 to Sunday 6.
    pub weekday: i8,
    /// The time of the day, `07:00`.
    pub at: String,
}

/// Keeps rules.
///
/// Fails with every field that is wrong: `weekday`, `at`.
pub fn set_rules(tx: &Tx, actor: &Actor, new: &NewRules) -> Result<Rules> {
    actor.require(Right::Configure)?;
    let (before, minute) = (rules(tx)?, minute(&new.at));
    let mut wrong = Vec::new();
    if !(0..7).contains(&new.weekday) {
        wrong.push(("weekday", String::from(t!("choose a day from Monday (0) to Sunday (6)"))));
    }
    if minute.is_none() {
        wrong.push(("at", String::from(t!("write a time of the day like 07:00"))));
    }
    Error::fields(wrong)?;
    let mut rules = Rules {
        tell_mended: new.tell_mended,
        digest: new.digest,
        weekday: new.weekday,
        minute: minute.unwrap_or_default(),
        ..before.clone()
    };
    // A digest that is switched on, or moved, begins now.
    if (before.digest, before.weekday, before.minute) != (rules.digest, rules.weekday, rules.minute) {
        rules.since_at = tx.now;
    }
    settings::set(tx, &RULES, &rules)?;
    let data = json!({ "tell_mended": rules.tell_mended, "digest": rules.digest, "weekday": rules.weekday, "at": time(rules.minute) });
    journal::note(tx, actor, "notice.rules_changed", journal::Subject::default(), data)?;
    tx.ring(Bell::Jobs);
    Ok(rules)
}

/// What the mail server is to be.
#[derive(Debug, Clone, Default)]
pub struct NewServer {
    /// Its name or address.
    pub host: String,
    /// Its port; the usual one where none is given.
    pub port: Option<u16>,
    /// How what is said to it is kept from others.
    pub security: Security,
    /// Whether to send unencrypted to another machine.
    pub open_allowed: bool,
    /// Who we are to it; empty where it does not ask.
    pub user: String,
    /// The password; none keeps the one that is here for the same server and user.
    pub password: Option<Secret<String>>,
    /// The name beside the sender's address.
    pub from_name: String,
    /// The sender's address.
    pub from: String,
    /// Where answers go; empty for the sender's address.
    pub reply_to: String,
    /// Roots to trust besides the public ones, PEM.
    pub trust_anchors: String,
}

/// Checks what the mail server is to be without keeping it; gives it with the password that belongs to it.
///
/// Fails with every field that is wrong.
pub fn check(tx: &Tx, actor: &Actor, new: &NewServer) -> Result<(MailServer, Option<Secret<String>>)> {
    actor.require(Right::Configure)?;
    let text = |text: &str| text.trim().to_owned();
    let server = MailServer {
        host: text(&new.host).trim_matches(['[', ']']).to_owned(),
        port: new.port.unwrap_or_else(|| new.security.port()),
        security: new.security,
        open_allowed: new.open_allowed && new.security == Security::None,
        user: text(&new.user),
        from_name: text(&new.from_name),
        from: text(&new.from),
        reply_to: text(&new.reply_to),
        trust_anchors: text(&new.trust_anchors),
    };
    let given = new.password.clone().filter(|password| !password.expose().is_empty());
    let before = self::server(tx)?;
    // The password goes only to the server that it was given for, and no less protected.
    let is_same = before.is_some_and(|before| {
        before.host == server.host
            && before.user == server.user
            && (before.security == server.security || server.security != Security::None)
    });
    let password = match given {
        Some(given) => Some(given),
        None if is_same => password(tx)?,
        None => None,
    };
    Error::fields(faults(&server, password.as_ref()))?;
    let password = password.filter(|_| !server.user.is_empty());
    Ok((server, password))
}

/// What is wrong with a server, by field.
fn faults(server: &MailServer, password: Option<&Secret<String>>) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    let mut unless = |is_right: bool, field: &'static str, words: &str| {
        if !is_right {
            wrong.push((field, words.to_owned()));
        }
    };
    let is_host = !server.host.is_empty()
        && server.host.len() <= TEXT_MAX
        && server.host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte))
        && (!server.host.contains(':') || server.host.parse::<std::net::Ipv6Addr>().is_ok());
    unless(is_host, "host", t!("write the name of the mail server, like mail.example.school"));
    unless(server.port > 0, "port", t!("write a port from 1 to 65535, mostly 465 or 587"));
    let is_secret = server.security != Security::None || server.is_here() || server.open_allowed;
    unless(
        is_secret,
        "security",
        t!("without encryption everybody on the way can read along; choose TLS or STARTTLS, or say that this is meant"),
    );
    let plain = |text: &str| text.chars().count() <= TEXT_MAX && !text.chars().any(char::is_control);
    unless(plain(&server.user), "user", t!("write the user on one line"));
    unless(server.user.is_empty() || password.is_some(), "password", t!("give the password that belongs to this user and server"));
    unless(
        password.is_none_or(|password| plain(password.expose())),
        "password",
        t!("this is too long for a password, or of several lines"),
    );
    unless(plain(&server.from_name), "from_name", t!("write a name on one line"));
    unless(is_address(&server.from), "from", t!("write the address that letters come from, like rollcall@example.school"));
    let answers = server.reply_to.is_empty() || is_address(&server.reply_to);
    unless(answers, "reply_to", t!("write one address, like it@example.school, or nothing"));
    let anchors = &server.trust_anchors;
    let are_anchors = anchors.is_empty() || (anchors.len() <= ANCHORS_MAX_BYTES && anchors.contains("-----BEGIN CERTIFICATE-----"));
    unless(are_anchors, "trust_anchors", "paste certificates that begin with -----BEGIN CERTIFICATE-----, or nothing");
    wrong
}

/// Keeps the mail server. Letters that wait are tried at once.
pub fn set_server(tx: &Tx, actor: &Actor, new: &NewServer) -> Result<MailServer> {
    let (server, password) = check(tx, actor, new)?;
    match &password {
        Some(password) => settings::set_secret(tx, &PASSWORD, &SecretBytes::new(password.expose().clone().into_bytes()))?,
        None => settings::forget(tx, &PASSWORD).map(drop)?,
    }
    settings::set(tx, &SERVER, &server)?;
    let rules = rules(tx)?;
    if rules.since_at == Timestamp::default() {
        // The first week begins with the first mail server.
        settings::set(tx, &RULES, &Rules { since_at: tx.now, ..rules })?;
    }
    letters::hurry(tx)?;
    let data = json!({
        "host": server.host, "port": server.port, "security": server.security, "user": server.user, "from": server.from, "reply_to": server.reply_to,
    });
    journal::note(tx, actor, "notice.mail_server_changed", journal::Subject::default(), data)?;
    Ok(server)
}

/// Forgets the mail server; letters that wait are not sent any more.
pub fn remove_server(tx: &Tx, actor: &Actor) -> Result<()> {
    actor.require(Right::Configure)?;
    if !settings::forget(tx, &SERVER)? {
        return Err(Error::not_found(t!("There is no mail server.")));
    }
    settings::forget(tx, &PASSWORD)?;
    let dropped = letters::give_up_waiting(tx, t!("The mail server was taken out."))?;
    alerts::clear(tx, super::MAIL_TROUBLE)?;
    journal::note(tx, actor, "notice.mail_server_removed", journal::Subject::default(), json!({ "dropped": dropped }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_comes_on_its_day_by_the_clock_on_the_wall() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let at = |text| Timestamp::parse(text).unwrap();
        let rules = Rules { weekday: 0, minute: 7 * 60, ..Rules::default() };
        let next = |since| rules.next_after(at(since), &zone).to_string();
        assert_eq!(next("2026-11-25T08:00:00Z"), "2026-11-30T06:00:00Z");
        assert_eq!(next("2026-11-30T05:59:59Z"), "2026-11-30T06:00:00Z");
        assert_eq!(next("2026-11-30T06:00:00Z"), "2026-12-07T06:00:00Z");
        assert_eq!(next("2026-03-23T06:00:00Z"), "2026-03-30T05:00:00Z", "an hour earlier in summer");
        assert_eq!(rules.words(), "Mondays at 07:00");
    }
}
