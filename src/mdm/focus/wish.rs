//! What a teacher asks for: what devices are to show, until when; checked before anything is done.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::store::focuses::FocusKind;

/// The shortest focus, in minutes.
pub const MINUTES_MIN: u32 = 5;
/// The longest focus, in minutes: a school day.
pub const MINUTES_MAX: u32 = 8 * 60;
/// Apps of one focus.
pub const APPS_MAX: usize = 50;
/// Websites of one focus.
pub const SITES_MAX: usize = 50;
/// Characters of a bundle id.
pub const BUNDLE_ID_MAX: usize = 155;
/// Characters of an address.
pub const SITE_MAX: usize = 2_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// What devices show meanwhile.
    pub kind: FocusKind,
    /// Bundle ids, or addresses, as they were typed.
    pub items: Vec<String>,
    /// For how long.
    pub minutes: u32,
    /// On which devices of the class; on all of its learners' if absent.
    pub devices: Option<Vec<String>>,
    /// Whether it takes the place of what others have going on there.
    pub replace: bool,
}

impl Wish {
    /// The same with what was typed made straight.
    ///
    /// # Errors
    /// Names the field, and what to type instead.
    pub fn checked(&self) -> Result<Self> {
        if !(MINUTES_MIN..=MINUTES_MAX).contains(&self.minutes) {
            return Err(Error::field("minutes", t!("from {MINUTES_MIN} to {MINUTES_MAX} minutes", MINUTES_MIN, MINUTES_MAX)));
        }
        if self.devices.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::field("devices", t!("choose at least one device, or leave it out for all")));
        }
        let mut items = Vec::new();
        for item in self.items.iter().map(|item| item.trim()).filter(|item| !item.is_empty()) {
            let item = match self.kind {
                FocusKind::Apps | FocusKind::App => bundle_id(item)?,
                FocusKind::Sites => site(item)?,
            };
            if !items.contains(&item) {
                items.push(item);
            }
        }
        let (most, words) = match self.kind {
            FocusKind::Apps => (APPS_MAX, t!("apps")),
            FocusKind::App => (1, t!("app: the one that devices stay in")),
            FocusKind::Sites => (SITES_MAX, t!("websites")),
        };
        if items.is_empty() || items.len() > most {
            let words = if most == 1 { t!("exactly one {words}", words) } else { t!("from 1 to {most} {words}", most, words) };
            return Err(Error::field("items", words));
        }
        Ok(Self { items, ..self.clone() })
    }

    /// How long it lasts.
    pub fn lasts(&self) -> Duration {
        Duration::from_secs(u64::from(self.minutes) * 60)
    }
}

fn bundle_id(item: &str) -> Result<String> {
    let fits = item.len() <= BUNDLE_ID_MAX
        && item.contains('.')
        && item.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if fits {
        Ok(item.to_owned())
    } else {
        Err(Error::field("items", t!("“{value}” is no bundle id, such as com.apple.mobilesafari", value = shown(item))))
    }
}

/// An address as browsers take it; what was typed without a scheme is meant by https.
fn site(item: &str) -> Result<String> {
    let address = if item.contains("://") { item.to_owned() } else { format!("https://{item}") };
    let parsed = address.parse::<http::Uri>().ok().filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    let host = parsed.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let fits = address.chars().count() <= SITE_MAX
        && host.contains('.')
        && !host.starts_with('.')
        && !host.contains('*')
        && !address.contains('@');
    if fits {
        Ok(address)
    } else {
        Err(Error::field("items", t!("“{value}” is no address of a website, such as en.wikipedia.org", value = shown(item))))
    }
}

fn shown(item: &str) -> String {
    item.chars().take(60).collect()
}

/// The host of an address, by which people know it.
pub fn host(site: &str) -> &str {
    let rest = site.split_once("://").map_or(site, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(kind: FocusKind, items: &[&str]) -> Wish {
        Wish { kind, items: items.iter().map(|item| (*item).to_owned()).collect(), minutes: 45, devices: None, replace: false }
    }

    fn field(wish: &Wish) -> String {
        wish.checked().unwrap_err().fields[0].field.clone()
    }

    #[test]
    fn what_was_typed_is_made_straight() {
        let sites =
            wish(FocusKind::Sites, &[" en.wikipedia.org ", "", "https://example.school/a?b", "en.wikipedia.org"]).checked().unwrap();
        assert_eq!(sites.items, ["https://en.wikipedia.org", "https://example.school/a?b"]);
        assert_eq!(host(&sites.items[1]), "example.school");
        for wrong in
            ["wikipedia", "ftp://example.school", "javascript:alert(1)", "a b.school", "https://*.school", "https://me@example.school"]
        {
            assert_eq!(field(&wish(FocusKind::Sites, &[wrong])), "items", "{wrong}");
        }
        for wrong in ["safari", "com.apple.<x>", "com apple.safari"] {
            assert_eq!(field(&wish(FocusKind::Apps, &[wrong])), "items", "{wrong}");
        }
    }

    #[test]
    fn each_limit_is_reached_and_not_passed() {
        let apps = |count: usize| wish(FocusKind::Apps, &[]).with((0..count).map(|number| format!("school.example.a{number}")).collect());
        assert!(apps(APPS_MAX).checked().is_ok() && field(&apps(APPS_MAX + 1)) == "items" && field(&apps(0)) == "items");
        let sites = |count: usize| wish(FocusKind::Sites, &[]).with((0..count).map(|number| format!("a{number}.example.school")).collect());
        assert!(sites(SITES_MAX).checked().is_ok() && field(&sites(SITES_MAX + 1)) == "items");
        assert!(wish(FocusKind::App, &["a.b"]).checked().is_ok() && field(&wish(FocusKind::App, &["a.b", "c.d"])) == "items");
        let lasting = |minutes| Wish { minutes, ..wish(FocusKind::App, &["a.b"]) };
        assert!(lasting(MINUTES_MIN).checked().is_ok() && lasting(MINUTES_MAX).checked().is_ok());
        assert_eq!((field(&lasting(MINUTES_MIN - 1)), field(&lasting(MINUTES_MAX + 1))), ("minutes".into(), "minutes".into()));
        let long = format!("a.{}", "b".repeat(BUNDLE_ID_MAX - 2));
        assert!(wish(FocusKind::App, &[&long]).checked().is_ok() && wish(FocusKind::App, &[&format!("{long}b")]).checked().is_err());
        let long = format!("https://a.school/{}", "b".repeat(SITE_MAX - 17));
        assert!(wish(FocusKind::Sites, &[&long]).checked().is_ok() && wish(FocusKind::Sites, &[&format!("{long}b")]).checked().is_err());
        assert_eq!(field(&Wish { devices: Some(Vec::new()), ..wish(FocusKind::App, &["a.b"]) }), "devices");
    }

    impl Wish {
        fn with(self, items: Vec<String>) -> Self {
            Self { items, ..self }
        }
    }
}
