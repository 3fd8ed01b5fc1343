//! App access: what a managed app says when it asks whether it may go on, and what it is answered.
//!
//! The answer is a JWS (`typ` [`GRANT_TYPE`]) whose payload is [`Claims`]; the duties that make it safe are the client's and stand on `/docs/access`.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::Error;
use crate::secret::Secret;

/// `typ` of a grant's JWS.
pub const GRANT_TYPE: &str = "rollcall-grant+jws";

/// Longest bundle identifier, in bytes.
pub const BUNDLE_ID_MAX: usize = 155;
/// Longest id of an installation, in bytes.
pub const INSTALLATION_MAX: usize = 64;
/// Shortest nonce: 22 characters of base64url carry 128 bits.
pub const NONCE_MIN: usize = 22;
/// Longest nonce, in bytes.
pub const NONCE_MAX: usize = 128;
/// The largest counter: what every JSON reader keeps exact.
pub const COUNTER_MAX: u64 = (1 << 53) - 1;
/// Longest id of a grant, in bytes.
pub const GRANT_ID_MAX: usize = 64;
/// Longest device token, in bytes.
pub const TOKEN_MAX: usize = 200;
/// Longest address of a person, in bytes.
pub const EMAIL_MAX: usize = 320;
/// Longest password, in bytes.
pub const PASSWORD_MAX: usize = crate::pki::password::MAX_PASSWORD_BYTES;

/// What an app says when it asks.
#[derive(Debug, Clone)]
pub struct GrantRequest {
    /// The app's bundle identifier.
    pub bundle_id: String,
    /// Made at random when the app has no record of an earlier grant; kept with that record.
    pub installation: String,
    /// Fresh for each ask; comes back in the answer.
    pub nonce: String,
    /// The device's clock.
    pub client_time: Timestamp,
    /// Grows with each launch and each ask, from 1.
    pub counter: u64,
    /// The id of the last grant that the app has.
    pub last_grant: Option<String>,
    /// The device's token for this app, from its managed configuration.
    pub token: Option<Secret<String>>,
    /// The address of the person who is at the device.
    pub email: Option<String>,
    /// Their password.
    pub password: Option<Secret<String>>,
}

/// As it stands in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    bundle_id: String,
    installation: String,
    nonce: String,
    client_time: Timestamp,
    counter: u64,
    last_grant: Option<String>,
    token: Option<String>,
    email: Option<String>,
    password: Option<String>,
}

/// What is wrong with an ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct BadRequest {
    /// Path of the field; empty where the whole is no JSON object.
    pub field: String,
    /// What is wrong with it, without repeating it: it may be a password in the wrong place.
    pub message: String,
}

impl From<BadRequest> for Error {
    fn from(bad: BadRequest) -> Self {
        if bad.field.is_empty() { Self::bad_input(bad.message) } else { Self::field(bad.field, bad.message) }
    }
}

fn bad(field: &str, message: impl Into<String>) -> BadRequest {
    BadRequest { field: field.to_owned(), message: message.into() }
}

impl GrantRequest {
    /// Reads an ask: a JSON object; unknown fields are refused, so that a mistyped proof is not passed over.
    pub fn parse(json: &[u8]) -> Result<Self, BadRequest> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let said: Written = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let message = error.into_inner().to_string();
            let is_quiet = message.starts_with("missing field") || message.starts_with("unknown field");
            if is_quiet {
                return bad(if path == "." { "" } else { &path }, message);
            }
            match path.as_str() {
                "." => bad("", t!("The ask is missing, or is no JSON object; /docs/access has the shape.")),
                path => bad(path, t!("is missing, or not of its type; /docs/access has the shape")),
            }
        })?;
        reader.end().map_err(|_| bad("", t!("the JSON goes on after its end")))?;
        said.checked()
    }
}

impl Written {
    fn checked(self) -> Result<GrantRequest, BadRequest> {
        let plain = |text: &str, more: &[char]| text.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(&letter));
        if self.bundle_id.is_empty() || self.bundle_id.len() > BUNDLE_ID_MAX || !plain(&self.bundle_id, &['.', '-', '_']) {
            return Err(bad("bundle_id", t!("take the app's bundle identifier, at most {BUNDLE_ID_MAX} characters", BUNDLE_ID_MAX)));
        }
        if !(8..=INSTALLATION_MAX).contains(&self.installation.len()) || !plain(&self.installation, &['-']) {
            return Err(bad(
                "installation",
                t!("take a random UUID: 8 to {INSTALLATION_MAX} letters, digits and hyphens", INSTALLATION_MAX),
            ));
        }
        if !(NONCE_MIN..=NONCE_MAX).contains(&self.nonce.len()) || !plain(&self.nonce, &['-', '_']) {
            return Err(bad(
                "nonce",
                t!("take {NONCE_MIN} to {NONCE_MAX} random characters of base64url, fresh for each ask", NONCE_MIN, NONCE_MAX),
            ));
        }
        if !(1..=COUNTER_MAX).contains(&self.counter) {
            return Err(bad("counter", t!("count launches and asks from 1")));
        }
        for (field, text, most) in [
            ("last_grant", self.last_grant.as_deref(), GRANT_ID_MAX),
            ("token", self.token.as_deref(), TOKEN_MAX),
            ("email", self.email.as_deref(), EMAIL_MAX),
            ("password", self.password.as_deref(), PASSWORD_MAX),
        ] {
            if text.is_some_and(|text| text.is_empty() || text.len() > most) {
                return Err(bad(field, t!("leave it out, or send 1 to {most} bytes", most)));
            }
        }
        if self.email.is_some() != self.password.is_some() {
            return Err(bad("password", t!("send `email` and `password` together, or neither")));
        }
        Ok(GrantRequest {
            bundle_id: self.bundle_id,
            installation: self.installation,
            nonce: self.nonce,
            client_time: self.client_time,
            counter: self.counter,
            last_grant: self.last_grant,
            token: self.token.map(Secret::new),
            email: self.email,
            password: self.password.map(Secret::new),
        })
    }
}

/// What was decided, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Go on.
    Granted,
    /// The device is not managed here any more.
    NotEnrolled,
    /// The app is not meant for this device any more.
    NotAssigned,
    /// The person is not active any more.
    PersonInactive,
    /// The device belongs to nobody, and only its person may use the app.
    NobodysDevice,
    /// The device is given to somebody else than who says to be there.
    NotYourDevice,
    /// What the app holds belongs to another person: the one whom this installation was first granted to.
    AnotherPerson,
    /// The person is not one of those who may use the app.
    NotAllowed,
    /// What the app has kept is older than what it has shown before: it comes from a backup, or from another device.
    RolledBack,
    /// The device's clock is wrong.
    ClockWrong,
    /// The certificate has expired.
    CertificateExpired,
    /// The certificate was revoked.
    CertificateRevoked,
    /// The token is from an earlier enrollment of the device; the new configuration brings a new one.
    TokenOutdated,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 13] = [
        Self::Granted,
        Self::NotEnrolled,
        Self::NotAssigned,
        Self::PersonInactive,
        Self::NobodysDevice,
        Self::NotYourDevice,
        Self::AnotherPerson,
        Self::NotAllowed,
        Self::RolledBack,
        Self::ClockWrong,
        Self::CertificateExpired,
        Self::CertificateRevoked,
        Self::TokenOutdated,
    ];

    /// The word in JSON and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::NotEnrolled => "not_enrolled",
            Self::NotAssigned => "not_assigned",
            Self::PersonInactive => "person_inactive",
            Self::NobodysDevice => "nobodys_device",
            Self::NotYourDevice => "not_your_device",
            Self::AnotherPerson => "another_person",
            Self::NotAllowed => "not_allowed",
            Self::RolledBack => "rolled_back",
            Self::ClockWrong => "clock_wrong",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateRevoked => "certificate_revoked",
            Self::TokenOutdated => "token_outdated",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }

    /// Whether somebody's right to the data has ended, so that an app is told to erase it where its policy says so. The others are states that pass
    /// without anybody losing a right.
    pub const fn ends_the_right(self) -> bool {
        matches!(
            self,
            Self::NotEnrolled
                | Self::NotAssigned
                | Self::PersonInactive
                | Self::NobodysDevice
                | Self::AnotherPerson
                | Self::NotAllowed
                | Self::RolledBack
        )
    }

    /// The reason in words, for the person at the device.
    pub fn words(self) -> &'static str {
        match self {
            Self::Granted => t!("You may use this app."),
            Self::NotEnrolled => t!("This device is not managed by your organisation any more, so this app cannot be used on it."),
            Self::NotAssigned => t!("Your organisation does not provide this app on this device any more."),
            Self::PersonInactive => t!("Your account is not active any more. Ask whoever looks after it."),
            Self::NobodysDevice => t!("This device is not given to anybody. Ask whoever looks after the devices to give it to you."),
            Self::NotYourDevice => t!("This device is given to somebody else. Use your own device."),
            Self::AnotherPerson => t!("What this app holds belongs to somebody else. It has to begin anew."),
            Self::NotAllowed => t!("This app is not meant for you. Ask whoever looks after it."),
            Self::RolledBack => t!("What this app has kept is from an older backup. It has to begin anew."),
            Self::ClockWrong => t!("The date or time of this device is wrong. Set it in Settings, General, Date & Time, and try again."),
            Self::CertificateExpired => t!("The certificate of this device has expired. It gets a new one by itself; try again later."),
            Self::CertificateRevoked => t!("The certificate of this device is not good any more. Ask whoever looks after the devices."),
            Self::TokenOutdated => t!("This device was enrolled anew, and this app waits for its new settings. Try again later."),
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the server says: the payload of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The server's public address.
    pub iss: String,
    /// Which app it is for.
    pub bundle_id: String,
    /// Which installation it is for.
    pub installation: String,
    /// The ask's own nonce: an answer with another one belongs to another ask.
    pub nonce: String,
    /// Id of this grant; to be sent as `last_grant` next time.
    pub grant: String,
    /// Grows with each grant of this holder.
    pub sequence: i64,
    /// Whether the app may go on.
    pub allowed: bool,
    /// Whether it must erase what it holds; never with `allowed`.
    pub erase: bool,
    /// What was decided, for programs.
    pub code: Code,
    /// The same in words, for the person.
    pub reason: String,
    /// When it was given, by the server's clock.
    pub issued_at: Timestamp,
    /// From then on an app that is online asks again.
    pub expires_at: Timestamp,
    /// From then on an app that is offline shows nothing.
    pub offline_until: Timestamp,
    /// Launches without a new grant; absent where they are not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launches_left: Option<u32>,
    /// How far the device's clock may go back behind the latest time that the app has seen, in seconds.
    pub clock_tolerance_s: u32,
    /// Until when copies of offline edits are taken under this grant; absent where they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies_until: Option<Timestamp>,
    /// Whose it is; opaque to apps.
    pub holder: String,
    /// The app, by the server's id; opaque to apps.
    pub app_id: String,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn ask() -> Value {
        json!({ "bundle_id": "school.example.field", "installation": "5ee58346-12ab", "nonce": "A".repeat(NONCE_MIN), "client_time": "2026-11-25T08:00:00Z", "counter": 1 })
    }

    fn with(field: &str, value: Value) -> Result<GrantRequest, BadRequest> {
        let mut said = ask();
        said[field] = value;
        GrantRequest::parse(said.to_string().as_bytes())
    }

    #[test]
    fn an_ask_is_read_at_its_limits_and_refused_beyond_them() {
        assert_eq!(GrantRequest::parse(ask().to_string().as_bytes()).unwrap().counter, 1);
        for (field, most) in [
            ("bundle_id", BUNDLE_ID_MAX),
            ("installation", INSTALLATION_MAX),
            ("nonce", NONCE_MAX),
            ("last_grant", GRANT_ID_MAX),
            ("token", TOKEN_MAX),
        ] {
            assert!(with(field, json!("a".repeat(most))).is_ok(), "{field}");
            assert_eq!(with(field, json!("a".repeat(most + 1))).unwrap_err().field, field);
        }
        assert!(with("counter", json!(COUNTER_MAX)).is_ok());
        for (field, value) in [
            ("counter", json!(COUNTER_MAX + 1)),
            ("counter", json!(0)),
            ("nonce", json!("A".repeat(NONCE_MIN - 1))),
            ("installation", json!("a b c d e f")),
        ] {
            assert_eq!(with(field, value).unwrap_err().field, field);
        }
        let mut said = ask();
        said["email"] = json!("k".repeat(EMAIL_MAX));
        said["password"] = json!("p".repeat(PASSWORD_MAX));
        assert!(GrantRequest::parse(said.to_string().as_bytes()).is_ok());
        for (field, most) in [("email", EMAIL_MAX), ("password", PASSWORD_MAX)] {
            let mut long = said.clone();
            long[field] = json!("x".repeat(most + 1));
            assert_eq!(GrantRequest::parse(long.to_string().as_bytes()).unwrap_err().field, field);
        }
        assert_eq!(with("email", json!("kim@example.school")).unwrap_err().field, "password");
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_repeated() {
        for (field, value) in [("counter", json!("open sesame")), ("client_time", json!("open sesame")), ("token", json!(["open sesame"]))]
        {
            let refusal = with(field, value).unwrap_err();
            assert!(!refusal.to_string().contains("sesame"), "{refusal}");
        }
        assert!(with("pasword", json!("x")).unwrap_err().message.starts_with("unknown field"));
        let read = GrantRequest::parse(br#"{"password":"x"} trailing"#);
        assert!(read.is_err());
        let mut said = ask();
        (said["email"], said["password"], said["token"]) = (json!("kim@example.school"), json!("open sesame"), json!("open sesame"));
        assert!(!format!("{:?}", GrantRequest::parse(said.to_string().as_bytes()).unwrap()).contains("sesame"));
    }

    #[test]
    fn every_code_reads_back_and_what_passes_by_itself_erases_nothing() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(code));
            assert_eq!(serde_json::to_value(code).unwrap(), json!(code.as_str()));
        }
        for passing in
            [Code::Granted, Code::ClockWrong, Code::CertificateExpired, Code::CertificateRevoked, Code::TokenOutdated, Code::NotYourDevice]
        {
            assert!(!passing.ends_the_right());
        }
    }
}
