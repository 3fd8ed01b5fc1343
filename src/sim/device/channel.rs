//! A channel to the server: the device's own, or that of one of its users.

use crate::random::Random;

use super::declarations::Declarations;
use crate::sim::model::Account;

/// One channel with its own pushes, session and declarations.
#[derive(Debug)]
pub(crate) struct Channel {
    /// The user; none on the device's own channel.
    pub(crate) account: Option<Account>,
    /// The push token.
    pub(crate) token: [u8; 32],
    /// The push magic.
    pub(crate) magic: String,
    /// The server took the TokenUpdate.
    pub(crate) is_managed: bool,
    /// An Idle or a report is out or planned.
    pub(crate) in_session: bool,
    /// A push came while a session was under way.
    pub(crate) wake_again: bool,
    /// The last word was NotNow.
    pub(crate) said_not_now: bool,
    /// What a directory's server gave for this log-in.
    pub(crate) auth_token: Option<String>,
    pub(crate) declarations: Declarations,
}

impl Channel {
    /// A channel that the server does not know yet.
    pub(crate) fn new(account: Option<Account>, random: &Random) -> Self {
        Self {
            account,
            token: random.bytes(),
            magic: random.uuid_v4().hyphenated().to_string().to_uppercase(),
            is_managed: false,
            in_session: false,
            wake_again: false,
            said_not_now: false,
            auth_token: None,
            declarations: Declarations::default(),
        }
    }

    /// The server forgets the channel, or has yet to learn of it: tokens are new, declarations gone.
    pub(crate) fn reset(&mut self, random: &Random) {
        *self = Self::new(self.account.take(), random);
    }
}
