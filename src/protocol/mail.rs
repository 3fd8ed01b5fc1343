//! Mail: the server that takes it, addresses, and a letter as it is sent (RFC 5322, in text and HTML).

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// Characters of an address, as RFC 5321 (section 4.5.3.1.3) bounds a path.
pub const ADDRESS_MAX: usize = 254;

/// Characters of a letter's subject.
pub const SUBJECT_MAX: usize = 200;

/// How what is said to a mail server is kept from others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte, mostly on port 465.
    #[default]
    Tls,
    /// TLS after STARTTLS, mostly on port 587; without it nothing is sent.
    StartTls,
    /// Not at all.
    None,
}

impl Security {
    /// Every way, the safest first.
    pub const ALL: [Self; 3] = [Self::Tls, Self::StartTls, Self::None];

    /// The word that the API and forms use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::StartTls => "starttls",
            Self::None => "none",
        }
    }

    /// Reads the word that [`Security::as_str`] writes.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|security| security.as_str() == word)
    }

    /// The port where servers usually listen so.
    pub fn port(self) -> u16 {
        match self {
            Self::Tls => 465,
            Self::StartTls => 587,
            Self::None => 25,
        }
    }
}

/// A server that takes our mail; its password is kept apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailServer {
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How what is said to it is kept from others.
    pub security: Security,
    /// Whether somebody chose to send unencrypted to another machine.
    pub open_allowed: bool,
    /// Who we are to it; empty where it does not ask.
    pub user: String,
    /// The name beside the sender's address; may be empty.
    pub from_name: String,
    /// The sender's address.
    pub from: String,
    /// Where answers go; empty for the sender's address.
    pub reply_to: String,
    /// Roots that are trusted besides the public ones, PEM.
    pub trust_anchors: String,
}

impl MailServer {
    /// Whether it is on this machine, so that nobody is between.
    pub fn is_here(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Whether a text is one address that mail can be sent to, `kim@example.school`, with no name beside it.
pub fn is_address(text: &str) -> bool {
    text.len() <= ADDRESS_MAX
        && text.is_ascii()
        && !text.bytes().any(|byte| byte.is_ascii_control() || byte == b' ')
        && text.parse::<Address>().is_ok()
}

/// A letter before it is put in its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter<'a> {
    /// Our id for it; makes its Message-ID, the same each time it is sent.
    pub id: &'a str,
    /// To whom.
    pub to: &'a str,
    /// What it is about, in one line.
    pub subject: &'a str,
    /// Its text.
    pub plain: &'a str,
    /// The same as an HTML page.
    pub html: &'a str,
    /// When it was written.
    pub at: Timestamp,
}

/// The bytes of a letter: both forms, the reader's program chooses.
///
/// Fails with bad input when one of the addresses cannot be read.
pub fn compose(server: &MailServer, letter: &Letter<'_>) -> Result<Vec<u8>> {
    let from = mailbox(&server.from_name, &server.from)?;
    let domain = from.email.domain().to_owned();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(letter.at.seconds().unsigned_abs());
    let mut message = Message::builder()
        .from(from)
        .to(mailbox("", letter.to)?)
        .subject(one_line(letter.subject))
        .date(at)
        .message_id(Some(format!("<{}@{domain}>", letter.id)))
        // Whoever is away answers people only (RFC 3834, section 5).
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), String::from("auto-generated")));
    if !server.reply_to.is_empty() {
        message = message.reply_to(mailbox("", &server.reply_to)?);
    }
    let both = MultiPart::alternative_plain_html(letter.plain.to_owned(), letter.html.to_owned());
    let message = message.multipart(both).map_err(|error| Error::internal("a letter could not be put together", error))?;
    Ok(message.formatted())
}

fn mailbox(name: &str, address: &str) -> Result<Mailbox> {
    let address = address.parse().map_err(|_| Error::bad_input(t!("“{address}” is not an e-mail address", address)))?;
    let name = one_line(name);
    Ok(Mailbox::new(Some(name).filter(|name| !name.is_empty()), address))
}

/// Text without line ends, so that it cannot begin a header of its own, and not too long.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(SUBJECT_MAX).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> MailServer {
        MailServer {
            host: String::from("mail.example.school"),
            port: 465,
            from_name: String::from("Rollcall Grüße"),
            from: String::from("rollcall@example.school"),
            reply_to: String::from("it@example.school"),
            ..MailServer::default()
        }
    }

    #[test]
    fn a_letter_has_both_forms_and_no_header_that_its_subject_smuggles_in() {
        let at = Timestamp::parse("2026-11-25T08:00:00Z").unwrap();
        let letter = Letter {
            id: "0199",
            to: "kim@example.school",
            subject: "Ends soon\r\nBcc: everybody@example.school",
            plain: "Grüße\n.\nthe end",
            html: "<p>Grüße</p>",
            at,
        };
        let text = String::from_utf8(compose(&server(), &letter).unwrap()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(text.is_ascii(), "what any server takes");
        for line in [
            "To: kim@example.school",
            "Reply-To: it@example.school",
            "Subject: Ends soon  Bcc: everybody@example.school",
            "Date: Wed, 25 Nov 2026 08:00:00 +0000",
            "Message-ID: <0199@example.school>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
        ] {
            assert!(head.split("\r\n").any(|known| known == line), "{line} in {head}");
        }
        assert!(head.contains("multipart/alternative"), "{head}");
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert!(body.contains("text/plain") && body.contains("text/html"), "{body}");
    }

    #[test]
    fn addresses_are_plain_ones() {
        for good in ["kim@example.school", "kim.o'hara+notices@mail.example.school", "kim@[127.0.0.1]"] {
            assert!(is_address(good), "{good}");
        }
        let long = format!("{}@example.school", "x".repeat(ADDRESS_MAX));
        for wrong in [
            "",
            "kim",
            "kim@",
            "@example.school",
            "Kim <kim@example.school>",
            "a@b\r\nRCPT TO:<c@d>",
            "a@b c",
            "kim@example..school",
            &long,
        ] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }

    #[test]
    fn only_this_machine_is_here() {
        let is_here = |host: &str| MailServer { host: host.to_owned(), ..server() }.is_here();
        for here in ["localhost", "LocalHost", "127.0.0.1", "127.9.9.9", "::1"] {
            assert!(is_here(here), "{here}");
        }
        for elsewhere in ["mail.example.school", "192.0.2.1", "localhost.example.school", "::2", ""] {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn each_way_is_a_word_and_has_its_port() {
        for security in Security::ALL {
            assert_eq!(Security::parse(security.as_str()), Some(security));
            assert_eq!(serde_json::to_value(security).unwrap(), security.as_str());
        }
        assert_eq!(Security::ALL.map(Security::port), [465, 587, 25]);
    }
}
