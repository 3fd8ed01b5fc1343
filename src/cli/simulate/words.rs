//! The words of the command line that are more than numbers: durations, ways to prove an identity, kinds of load.

use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::sim::device::{HeaderForm, Proof};
use crate::sim::load::{LoadProof, Mode};

/// The longest duration that is accepted: a year.
const MAX_DURATION: Duration = Duration::from_secs(366 * 86_400);

/// Reads `250ms`, `30s`, `10m`, `2h` or `1d`; a number alone is seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let wrong = || format!("{text} is no duration; write for example 30s, 10m or 2h");
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| *duration <= MAX_DURATION).ok_or_else(wrong)
}

/// How devices prove who they are, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    Profile,
    Signature,
    Tls,
    Header { name: String, form: HeaderForm },
}

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "profile" => Ok(Self::Profile),
            "signature" => Ok(Self::Signature),
            "tls" => Ok(Self::Tls),
            "header" => Ok(Self::Header { name: String::from("Client-Cert"), form: HeaderForm::Rfc9440 }),
            _ => {
                let header = text.strip_prefix("header=").filter(|rest| !rest.is_empty());
                let header = header.ok_or("write profile, signature, tls, header, header=NAME or header=NAME:url-pem")?;
                let (name, form) = header.split_once(':').unwrap_or((header, "rfc9440"));
                let form = match form {
                    "rfc9440" => HeaderForm::Rfc9440,
                    "url-pem" => HeaderForm::UrlPem,
                    _ => return Err(format!("{form} is no way to write a certificate; rfc9440 and url-pem are")),
                };
                Ok(Self::Header { name: name.to_owned(), form })
            }
        }
    }
}

impl Identity {
    /// For devices.
    pub(super) fn proof(&self) -> Proof {
        match self.clone() {
            Self::Profile => Proof::AsProfileSays,
            Self::Signature => Proof::Signature,
            Self::Tls => Proof::Tls,
            Self::Header { name, form } => Proof::Header { name, form },
        }
    }

    /// For load.
    pub(super) fn load_proof(&self) -> LoadProof {
        match self.clone() {
            Self::Profile | Self::Signature => LoadProof::Signature,
            Self::Tls => LoadProof::Tls,
            Self::Header { name, form } => LoadProof::Header { name, form },
        }
    }
}

/// The kind of load that a word means.
pub(super) fn mode(word: &str) -> Result<Mode> {
    Mode::parse(word).ok_or_else(|| {
        let names: Vec<_> = Mode::NAMES.iter().map(|(name, _)| *name).collect();
        Error::bad_input(format!("--bench {word}: there is no such load; take {} or none", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_all_units() {
        let read = |text: &str| duration(text).map(|duration| duration.as_millis());
        for (text, millis) in [("250ms", 250), ("30", 30_000), ("30s", 30_000), ("1.5m", 90_000), ("2h", 7_200_000), ("1d", 86_400_000)] {
            assert_eq!(read(text), Ok(millis), "{text}");
        }
        for wrong in ["", "s", "10 minutes", "-1s", "9999999d", "nan"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn identities_are_read() {
        assert_eq!("tls".parse(), Ok(Identity::Tls));
        let header = |name: &str, form| Ok(Identity::Header { name: name.into(), form });
        assert_eq!("header".parse(), header("Client-Cert", HeaderForm::Rfc9440));
        assert_eq!("header=X-SSL-Cert:url-pem".parse(), header("X-SSL-Cert", HeaderForm::UrlPem));
        assert!("header=X:plain".parse::<Identity>().is_err() && "password".parse::<Identity>().is_err());
        assert!(mode("spin").unwrap_err().message.contains("tokenupdate"));
    }
}
