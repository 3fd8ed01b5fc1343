//! The check-in messages of a device and what it makes of the answers.

use super::agenda::Errand;
use super::channel::Channel;
use super::profile::{BOOTSTRAP_TOKEN, PER_USER_CONNECTIONS};
use super::wire::{Purpose, Request, Response};
use super::{DEVICE, Device, Phase};
use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, Value, fields, parse_dictionary};
use crate::sim::model::{Account, AccountKind, Family, Platform};

/// The media type of check-ins.
const CHECK_IN: &str = "application/x-apple-aspen-mdm-checkin";

/// The access right without which Authenticate says little about the device.
const DEVICE_INFORMATION_RIGHT: i64 = 16;

impl Device {
    /// Writes who speaks on `channel`.
    pub(crate) fn identify(&self, channel: usize, message: &mut Dictionary) {
        let enrollment_id = self.enrollment.as_ref().and_then(|enrollment| enrollment.id.as_deref());
        let account = self.channels[channel].account.as_ref();
        let (device_key, device, user_key) = match enrollment_id {
            Some(id) => ("EnrollmentID", id, "EnrollmentUserID"),
            None => ("UDID", self.facts.udid.as_str(), "UserID"),
        };
        message.insert(device_key.into(), Value::from(device));
        if let Some(account) = account {
            message.insert(user_key.into(), Value::from(account.user_id.as_str()));
            message.insert("UserShortName".into(), Value::from(account.short_name.as_str()));
            message.insert("UserLongName".into(), Value::from(account.long_name.as_str()));
            if self.facts.model.family == Family::Mac {
                message.insert("NotOnConsole".into(), Value::Boolean(false));
            }
        }
    }

    /// A check-in with the keys that it has beside its type and who speaks.
    pub(crate) fn check_in<const N: usize>(
        &mut self,
        purpose: Purpose,
        channel: usize,
        keys: [(&str, Value); N],
        now: Timestamp,
    ) -> Option<Request> {
        let mut message = super::values::dictionary(keys);
        message.insert("MessageType".into(), Value::from(purpose.name()));
        self.identify(channel, &mut message);
        let url = self.enrollment.as_ref()?.mdm.check_in_url.clone();
        self.signed_put(purpose, url, CHECK_IN, message, now)
    }

    /// Authenticate: the keys that this family says with the rights that the server asked for.
    pub(crate) fn authenticate(&mut self, now: Timestamp) -> Option<Request> {
        let mdm = &self.enrollment.as_ref()?.mdm;
        let (topic, rights, by_user) = (mdm.topic.clone(), mdm.access_rights, mdm.by_user);
        let facts = &self.facts;
        let mut message = super::values::dictionary([("Topic", Value::from(topic)), ("MessageType", Value::from("Authenticate"))]);
        let mut say = |key: &str, value: &str| drop(message.insert(key.to_owned(), Value::from(value)));
        say("BuildVersion", facts.release.build);
        say("OSVersion", facts.release.text);
        say("ProductName", facts.model.product_name);
        if facts.model.family == Family::Mac {
            say("DeviceName", &facts.name);
            say("Model", facts.model.product_name);
            say("ModelName", facts.model.model_name);
        }
        if rights & DEVICE_INFORMATION_RIGHT != 0 && !by_user {
            say("SerialNumber", &facts.serial_number);
            if let Some(imei) = facts.imei.as_deref().filter(|_| facts.release.version.0 < 26) {
                say("IMEI", imei);
            }
        }
        if facts.model.family == Family::Mac {
            message.insert("Challenge".into(), Value::Data(b"apple".to_vec()));
        }
        self.identify(DEVICE, &mut message);
        let url = self.enrollment.as_ref()?.mdm.check_in_url.clone();
        self.signed_put(Purpose::Authenticate, url, CHECK_IN, message, now)
    }

    /// The server took Authenticate.
    pub(crate) fn authenticated(&mut self, response: &Response) {
        self.expect_empty(response, Purpose::Authenticate);
    }

    /// TokenUpdate of any channel.
    pub(crate) fn token_update(&mut self, channel: usize, now: Timestamp) -> Option<Request> {
        let topic = self.enrollment.as_ref()?.mdm.topic.clone();
        let speaker = &self.channels[channel];
        let mut message = super::values::dictionary([
            ("MessageType", Value::from("TokenUpdate")),
            ("Topic", Value::from(topic)),
            ("Token", Value::Data(speaker.token.to_vec())),
            ("PushMagic", Value::from(speaker.magic.as_str())),
        ]);
        if let Some(token) = &speaker.auth_token {
            message.insert("AuthToken".into(), Value::from(token.as_str()));
        }
        if channel == DEVICE {
            message.insert("AwaitingConfiguration".into(), Value::Boolean(self.situation.awaiting_configuration));
            if let Some(token) = &self.situation.unlock_token {
                message.insert("UnlockToken".into(), Value::Data(token.clone()));
            }
        }
        self.identify(channel, &mut message);
        let url = self.enrollment.as_ref()?.mdm.check_in_url.clone();
        self.signed_put(Purpose::TokenUpdate, url, CHECK_IN, message, now)
    }

    /// The server took a TokenUpdate: on the device's own channel that ends an enrollment or a renewal.
    pub(crate) fn token_updated(&mut self, channel: usize, response: &Response, now: Timestamp) {
        self.expect_empty(response, Purpose::TokenUpdate);
        self.channels[channel].is_managed = true;
        if channel == DEVICE {
            self.enrollment_complete(now);
        } else if self.channels[channel].account.as_ref().is_some_and(|account| account.kind != AccountKind::SharedIpad) {
            // A user who has just logged in connects at once.
            self.wake(channel);
        }
    }

    /// What follows an enrollment: the bootstrap token of a supervised Mac, and the users' channels where the server knows users.
    pub(crate) fn follow_enrollment(&mut self) {
        let Some(enrollment) = &self.enrollment else { return };
        let keeps_tokens = enrollment.mdm.can(BOOTSTRAP_TOKEN);
        if keeps_tokens && self.situation.bootstrap_token.is_some() {
            self.agenda.push_back(Errand::SetBootstrapToken);
        }
        // Nobody can log in at a Shared iPad before it is set up.
        if !(self.facts.shared && self.situation.awaiting_configuration) {
            self.open_users_channels();
        }
    }

    /// The people who have an account on it log in: each has a channel where the server knows users.
    pub(crate) fn open_users_channels(&mut self) {
        let knows_users = self.enrollment.as_ref().is_some_and(|enrollment| enrollment.mdm.can(PER_USER_CONNECTIONS));
        if !knows_users || self.facts.release.platform == Platform::Tvos {
            return;
        }
        for account in self.facts.accounts.clone() {
            self.open_channel(account);
        }
    }

    /// UserAuthenticate, with the digest in the second message.
    pub(crate) fn user_authenticate(&mut self, channel: usize, digest: Option<&str>, now: Timestamp) -> Option<Request> {
        match digest {
            Some(digest) => self.check_in(Purpose::UserAuthenticate, channel, [("DigestResponse", Value::from(digest))], now),
            None => self.check_in(Purpose::UserAuthenticate, channel, [], now),
        }
    }

    /// The server's word on a user of a directory: no challenge, a challenge, or a token.
    pub(crate) fn user_authenticated(&mut self, channel: usize, second: bool, response: &Response) {
        let answer = parse_dictionary(&response.body).unwrap_or_default();
        if second {
            match fields::filled(&answer, "AuthToken") {
                Some(token) => self.channels[channel].auth_token = Some(token),
                None => return self.user_refused(channel),
            }
        } else {
            match fields::text(&answer, "DigestChallenge") {
                Some("") => {}
                Some(challenge) => {
                    let digest = format!("Digest username=\"{}\", response to {}", self.channels[channel].magic, challenge.len());
                    self.agenda.push_front(Errand::UserAuthenticate(channel, Some(digest)));
                    return;
                }
                None => {
                    self.journal.remark("UserAuthenticate was answered 200 without a DigestChallenge");
                    return self.user_refused(channel);
                }
            }
        }
        self.agenda.push_front(Errand::TokenUpdate(channel));
    }

    /// The server does not manage this user: nothing more on this channel until the next log-in.
    pub(crate) fn user_refused(&mut self, channel: usize) {
        self.channels[channel].is_managed = false;
        self.end_session(channel);
    }

    /// SetBootstrapToken.
    pub(crate) fn set_bootstrap_token(&mut self, now: Timestamp) -> Option<Request> {
        let token = self.situation.bootstrap_token.clone()?;
        let awaiting = self.situation.awaiting_configuration;
        let keys = [("BootstrapToken", Value::Data(token)), ("AwaitingConfiguration", Value::Boolean(awaiting))];
        self.check_in(Purpose::SetBootstrapToken, DEVICE, keys, now)
    }

    /// A Mac that updates without a person at it asks its token back first.
    pub(crate) fn fetch_bootstrap_token(&mut self) {
        let keeps = self.enrollment.as_ref().is_some_and(|enrollment| enrollment.mdm.can(BOOTSTRAP_TOKEN));
        if keeps && self.situation.bootstrap_token.is_some() {
            self.agenda.push_back(Errand::GetBootstrapToken);
        }
    }

    /// Somebody logs in on a Mac that the server manages by user.
    pub fn log_in(&mut self, account: Account) {
        let knows_users = self.enrollment.as_ref().is_some_and(|enrollment| enrollment.mdm.can(PER_USER_CONNECTIONS));
        if self.phase == Phase::Enrolled && knows_users {
            self.open_channel(account);
        }
    }

    fn open_channel(&mut self, account: Account) {
        let channel = self.channels.len();
        let errand = match account.kind {
            AccountKind::Network => Errand::UserAuthenticate(channel, None),
            AccountKind::Local | AccountKind::SharedIpad => Errand::TokenUpdate(channel),
        };
        self.channels.push(Channel::new(Some(account), &self.random));
        self.agenda.push_back(errand);
    }

    /// The server gave back a bootstrap token, or nothing.
    pub(crate) fn bootstrap_token_came(&mut self, response: &Response) {
        let kept = parse_dictionary(&response.body).ok().and_then(|answer| fields::data(&answer, "BootstrapToken").map(<[u8]>::to_vec));
        if kept.is_some() && kept != self.situation.bootstrap_token {
            self.journal.remark("GetBootstrapToken gave another token than SetBootstrapToken had left");
        }
        if kept.is_none() && !response.body.is_empty() {
            self.journal.remark("GetBootstrapToken was answered with something that is no token");
        }
    }

    /// CheckOut.
    pub(crate) fn check_out(&mut self, now: Timestamp) -> Option<Request> {
        let topic = self.enrollment.as_ref()?.mdm.topic.clone();
        self.check_in(Purpose::CheckOut, DEVICE, [("Topic", Value::from(topic))], now)
    }

    /// The enrollment ends from the device's side: with a CheckOut where the server asked for one.
    pub(crate) fn say_goodbye(&mut self, why: &str) {
        self.agenda.clear();
        self.flight = None;
        if self.enrollment.as_ref().is_some_and(|enrollment| enrollment.mdm.check_out_when_removed) {
            self.agenda.push_back(Errand::CheckOut);
        } else {
            self.leave(why.to_owned());
        }
    }

    /// The enrollment is over: its profile, what it brought, and what it managed are gone.
    pub(crate) fn leave(&mut self, why: String) {
        let by_user = self.enrollment.take().is_some_and(|enrollment| enrollment.mdm.by_user);
        self.journal.error(format!("not enrolled any more: {why}"));
        self.phase = Phase::Left(why);
        self.installation = None;
        self.agenda.clear();
        self.flight = None;
        self.profiles.leave();
        self.course.bearer = None;
        self.apps.release_all(by_user);
        self.situation.token_is_kept = false;
        if !self.update.is_installing() {
            self.update = super::OsUpdate::default();
        }
        self.channels.truncate(1);
        self.channels[DEVICE].reset(&self.random);
        self.next_poll_at = None;
    }

    /// Remarks on a body where none belongs.
    pub(crate) fn expect_empty(&mut self, response: &Response, purpose: Purpose) {
        if !response.body.is_empty() {
            self.journal.remark(format!("{} was answered with a body where none belongs", purpose.name()));
        }
    }

    /// Whether the OS leaves on 403 with Apple's code.
    pub(crate) fn knows_unrecognized_device(&self) -> bool {
        let version = self.facts.release.version.0;
        match self.facts.release.platform {
            Platform::Ios | Platform::Tvos => version >= 17,
            Platform::Macos => version >= 14,
            _ => true,
        }
    }
}
