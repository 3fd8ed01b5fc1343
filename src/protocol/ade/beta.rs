//! Beta programmes of an organisation: what Apple lists for it, each with the token by which a device takes part.

use serde_json::Value;

use crate::pki::digest::sha256;
use crate::pki::hex;
use crate::protocol::platform::Platform;
use crate::secret::Secret;

/// Programmes of one list that are read; Apple has a handful.
pub const BETA_PROGRAMS_MAX: usize = 200;

/// Characters of a programme's title.
const TITLE_MAX_CHARS: usize = 200;

/// Characters of the name of a system.
const OS_MAX_CHARS: usize = 40;

/// Characters of a token.
const TOKEN_MAX_CHARS: usize = 4096;

/// A beta programme that a device may take part in by a token of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BetaProgram {
    /// What Apple calls it: `iOS 27 AppleSeed Beta`.
    pub title: String,
    /// The system that it is for, in Apple's word: `iOS` (also of iPads), `macOS`, `tvOS`, `watchOS`, `visionOS`.
    pub os: String,
    /// The organisation's token for it; a credential.
    pub token: Secret<String>,
}

impl BetaProgram {
    /// Reads Apple's answer, `{"betaEnrollmentTokens":[{"token","title","os"}]}`, each programme once; nothing where it is no such answer.
    ///
    /// Lines without a title, a system or a token are left out.
    pub fn read_list(body: &Value) -> Option<Vec<Self>> {
        // The service called them so before.
        let lists = [body.get("betaEnrollmentTokens"), body.get("seedBuildTokens")];
        if lists.iter().all(|list| list.is_none_or(|list| !list.is_array())) {
            return None;
        }
        let mut programs = Vec::<Self>::new();
        for program in lists.into_iter().flatten().filter_map(Value::as_array).flatten().filter_map(Self::read) {
            if programs.len() < BETA_PROGRAMS_MAX && programs.iter().all(|known| known.id() != program.id()) {
                programs.push(program);
            }
        }
        Some(programs)
    }

    fn read(line: &Value) -> Option<Self> {
        let text = |name: &str, most: usize| {
            let text = line[name].as_str()?.trim();
            let is_sound = !text.is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control);
            is_sound.then(|| text.to_owned())
        };
        Some(Self {
            title: text("title", TITLE_MAX_CHARS)?,
            os: text("os", OS_MAX_CHARS)?,
            token: Secret::new(text("token", TOKEN_MAX_CHARS)?),
        })
    }

    /// What it is known by: the same at every server and in every list, whatever its token.
    pub fn id(&self) -> String {
        program_id(&self.os, &self.title)
    }
}

/// What a programme of this system and title is known by: 32 hex digits.
pub fn program_id(os: &str, title: &str) -> String {
    let system = match platform_of(os) {
        Platform::Unknown => os.to_lowercase(),
        known => known.to_string(),
    };
    hex(&sha256(format!("{system}\n{title}").as_bytes())[..16])
}

/// The family of the system that a programme is for.
pub fn platform_of(os: &str) -> Platform {
    match os.to_ascii_lowercase().as_str() {
        "ios" | "ipados" => Platform::Ios,
        "macos" | "osx" => Platform::Macos,
        "tvos" => Platform::Tvos,
        "watchos" => Platform::Watchos,
        "visionos" | "xros" => Platform::Visionos,
        _ => Platform::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(title: &str, os: &str, token: &str) -> Value {
        json!({ "token": token, "title": title, "os": os })
    }

    #[test]
    fn programmes_are_read_each_once_and_their_tokens_never_show() {
        let body = json!({ "betaEnrollmentTokens": [
            line("iOS 27 AppleSeed Beta", "iOS", "first-token"), line("iOS 27 AppleSeed Beta", "iOS", "again"),
            line("macOS 27 AppleSeed Beta", "macOS", "other-token"), line("", "iOS", "x"), line("No token", "iOS", ""),
            line("Two\nlines", "iOS", "x"), json!({ "title": "odd", "os": 7, "token": "x" }), json!("odd"),
        ] });
        let read = BetaProgram::read_list(&body).unwrap();
        assert_eq!(
            read.iter().map(|program| program.title.as_str()).collect::<Vec<_>>(),
            ["iOS 27 AppleSeed Beta", "macOS 27 AppleSeed Beta"]
        );
        assert_eq!(read[0].token.expose(), "first-token");
        assert!(!format!("{read:?}").contains("token-") && !format!("{read:?}").contains("first-token"));
        assert_eq!(BetaProgram::read_list(&json!({ "seedBuildTokens": [line("A", "iOS", "t")] })).unwrap().len(), 1);
        assert_eq!(BetaProgram::read_list(&json!({ "betaEnrollmentTokens": [] })), Some(Vec::new()), "an empty list is an answer");
        for no_answer in [json!({}), json!([]), json!({ "betaEnrollmentTokens": "odd" }), json!(null)] {
            assert_eq!(BetaProgram::read_list(&no_answer), None, "{no_answer}");
        }
    }

    #[test]
    fn a_list_and_its_texts_have_limits() {
        let many: Vec<_> = (0..=BETA_PROGRAMS_MAX).map(|number| line(&format!("Programme {number}"), "iOS", "t")).collect();
        assert_eq!(BetaProgram::read_list(&json!({ "betaEnrollmentTokens": many })).unwrap().len(), BETA_PROGRAMS_MAX);
        let read = |title: usize, os: usize, token: usize| {
            let line = line(&"x".repeat(title), &"x".repeat(os), &"x".repeat(token));
            BetaProgram::read_list(&json!({ "betaEnrollmentTokens": [line] })).unwrap().len()
        };
        assert_eq!(read(TITLE_MAX_CHARS, OS_MAX_CHARS, TOKEN_MAX_CHARS), 1);
        for (title, os, token) in [(1, 0, 0), (0, 1, 0), (0, 0, 1)] {
            assert_eq!(read(TITLE_MAX_CHARS + title, OS_MAX_CHARS + os, TOKEN_MAX_CHARS + token), 0);
        }
    }

    #[test]
    fn a_programme_keeps_its_id_whatever_its_token_and_however_its_system_is_spelled() {
        let of =
            |os: &str, title: &str, token: &str| BetaProgram { title: title.into(), os: os.into(), token: Secret::new(token.into()) }.id();
        assert_eq!(of("iOS", "A", "one"), of("iOS", "A", "two"));
        assert_eq!(of("macOS", "A", "one"), of("OSX", "A", "one"));
        assert_ne!(of("iOS", "A", "one"), of("macOS", "A", "one"));
        assert_ne!(of("iOS", "A", "one"), of("iOS", "B", "one"));
        assert_eq!(of("iOS", "A", "one").len(), 32);
        assert_eq!((platform_of("visionOS"), platform_of("BeOS")), (Platform::Visionos, Platform::Unknown));
    }
}
