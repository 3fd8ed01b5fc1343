//! Rules by which devices are found: a tree of conditions, judged by what is known of a device.
//!
//! What is not known decides nothing: a condition about an unknown fact is neither met nor not met, and so is its negation. "Not supervised" therefore
//! holds for devices that said so, and not for those that have said nothing yet. Around that, `all`, `any` and `not` are those of three-valued logic:
//! one condition that is surely not met settles `all`, one that is surely met settles `any`. Who uses a device is our own knowledge and always known:
//! a device of nobody is in no class and has no role, and so "not in 7b" holds for it. People who are not active count as nobody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::people::PersonRole;

/// How many lists of conditions may stand in each other.
pub const DEPTH_MAX: usize = 6;
/// Conditions of one rule, the lists counted too.
pub const CONDITIONS_MAX: usize = 100;
/// Serial numbers of one rule.
pub const SERIALS_MAX: usize = 2_000;
/// Characters of a text in a condition.
pub const TEXT_MAX_CHARS: usize = 200;

/// A rule, or one condition of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Every device.
    Everything,
    /// Each of these is met.
    #[schema(no_recursion)]
    All(Vec<Self>),
    /// At least one of these is met.
    #[schema(no_recursion)]
    Any(Vec<Self>),
    /// This is not met.
    #[schema(no_recursion)]
    Not(Box<Self>),
    /// Its family of operating systems.
    Platform(Platform),
    /// The version of its operating system.
    Os(OsRange),
    /// Part of its model's name or of its ProductName, in whatever case: `iPad13`, `MacBook`.
    Model(String),
    /// Whether it is supervised.
    Supervised(bool),
    /// Its own name.
    Name(NameTest),
    /// Its serial number is one of these, in whatever case.
    Serial(Vec<String>),
    /// Its person is in the class of this id.
    Class(String),
    /// What its person is.
    Role(PersonRole),
    /// Whether it belongs to somebody.
    Person(bool),
    /// The app with this bundle identifier is installed.
    App(String),
    /// How it is enrolled.
    Enrollment(EnrollmentKind),
}

/// A range of versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OsRange {
    /// This version or a later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "17.0")]
    pub at_least: Option<String>,
    /// Older than this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "18.0")]
    pub below: Option<String>,
}

/// What a name is looked at for, in whatever case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NameTest {
    /// This stands in it.
    Contains(String),
    /// It begins with this.
    Begins(String),
}

/// What is known of a device; absent and empty is unknown unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its family; [`Platform::Unknown`] until it said so.
    pub platform: Platform,
    /// The version of its system.
    pub os_version: OsVersion,
    /// The name of its model.
    pub model_name: String,
    /// Its ProductName.
    pub product_name: String,
    /// Whether it is supervised.
    pub supervised: Option<bool>,
    /// Its own name.
    pub name: String,
    /// Its serial number.
    pub serial_number: Option<String>,
    /// The classes of its person; none for a device of nobody.
    pub classes: Vec<String>,
    /// What its person is; none for a device of nobody.
    pub role: Option<PersonRole>,
    /// Those of the apps that rules ask for which are installed; absent until it said what is.
    pub apps: Option<Vec<String>>,
    /// How it is enrolled.
    pub enrollment: EnrollmentKind,
}

/// What rules ask for beyond a device's own row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asks {
    /// Whether any asks for classes.
    pub classes: bool,
    /// Whether any asks for a person's role, or whether there is one.
    pub role: bool,
    /// The apps that are asked for.
    pub apps: Vec<String>,
}

impl Rule {
    /// Whether a device is found by it.
    pub fn matches(&self, facts: &Facts) -> bool {
        self.judge(facts) == Some(true)
    }

    /// Whether it is met; nothing where what is known does not tell.
    pub fn judge(&self, facts: &Facts) -> Option<bool> {
        match self {
            Self::Everything => Some(true),
            Self::All(rules) => settle(rules, facts, false),
            Self::Any(rules) => settle(rules, facts, true),
            Self::Not(rule) => rule.judge(facts).map(|met| !met),
            Self::Platform(platform) => (facts.platform != Platform::Unknown).then(|| facts.platform == *platform),
            Self::Os(range) => range.judge(facts.os_version),
            Self::Model(text) => {
                let names = [&facts.model_name, &facts.product_name];
                let known = names.iter().any(|name| !name.is_empty());
                known.then(|| names.iter().any(|name| contains(name, text)))
            }
            Self::Supervised(wanted) => facts.supervised.map(|is| is == *wanted),
            Self::Name(_) if facts.name.is_empty() => None,
            Self::Name(NameTest::Contains(text)) => Some(contains(&facts.name, text)),
            Self::Name(NameTest::Begins(text)) => Some(facts.name.to_lowercase().starts_with(&text.to_lowercase())),
            Self::Serial(serials) => {
                facts.serial_number.as_ref().map(|serial| serials.iter().any(|wanted| wanted.eq_ignore_ascii_case(serial)))
            }
            // A device of nobody is neither used by a teacher nor by somebody who is none: only `person` asks for that.
            Self::Class(id) => facts.role.map(|_| facts.classes.contains(id)),
            Self::Role(role) => facts.role.map(|is| is == *role),
            Self::Person(wanted) => Some(facts.role.is_some() == *wanted),
            Self::App(identifier) => facts.apps.as_ref().map(|apps| apps.contains(identifier)),
            Self::Enrollment(kind) => Some(facts.enrollment == *kind),
        }
    }

    /// Looks whether the rule can be kept: not too deep, not too long, every text and version one.
    ///
    /// # Errors
    /// Names `rule` and says what to change.
    pub fn check(&self) -> Result<()> {
        let (mut conditions, mut serials) = (0, 0);
        self.check_part(1, &mut conditions, &mut serials)
    }

    /// The same rule as it is kept: serial numbers in capitals, without spaces around them, each once.
    #[must_use]
    pub fn straight(&self) -> Self {
        let all = |rules: &[Self]| rules.iter().map(Self::straight).collect();
        match self {
            Self::All(rules) => Self::All(all(rules)),
            Self::Any(rules) => Self::Any(all(rules)),
            Self::Not(rule) => Self::Not(Box::new(rule.straight())),
            Self::Serial(serials) => {
                let mut kept: Vec<String> = Vec::with_capacity(serials.len());
                let mut seen = BTreeSet::new();
                for serial in serials.iter().map(|serial| serial.trim().to_ascii_uppercase()) {
                    if seen.insert(serial.clone()) {
                        kept.push(serial);
                    }
                }
                Self::Serial(kept)
            }
            Self::Model(text) => Self::Model(text.trim().to_owned()),
            Self::App(text) => Self::App(text.trim().to_owned()),
            Self::Name(NameTest::Contains(text)) => Self::Name(NameTest::Contains(text.trim().to_owned())),
            Self::Name(NameTest::Begins(text)) => Self::Name(NameTest::Begins(text.trim().to_owned())),
            same => same.clone(),
        }
    }

    fn check_part(&self, depth: usize, conditions: &mut usize, serials: &mut usize) -> Result<()> {
        *conditions += 1;
        if depth > DEPTH_MAX {
            return Err(wrong(t!("lists of conditions may stand in each other {DEPTH_MAX} deep, not deeper", DEPTH_MAX)));
        }
        if *conditions > CONDITIONS_MAX {
            return Err(wrong(t!("a rule has at most {CONDITIONS_MAX} conditions", CONDITIONS_MAX)));
        }
        match self {
            Self::All(rules) | Self::Any(rules) => {
                if rules.is_empty() {
                    return Err(wrong(t!("a list of conditions needs at least one; take `everything` for every device")));
                }
                rules.iter().try_for_each(|rule| rule.check_part(depth + 1, conditions, serials))?;
                let ranges = rules.iter().filter_map(|rule| if let Self::Os(range) = rule { Some(range) } else { None });
                if matches!(self, Self::All(_)) { can_be_met(ranges) } else { Ok(()) }
            }
            Self::Not(rule) => rule.check_part(depth + 1, conditions, serials),
            Self::Platform(Platform::Unknown) => Err(wrong(t!("take a platform that devices have: ios, macos, tvos, visionos or watchos"))),
            Self::Os(range) => range.check(),
            Self::Model(text) | Self::Name(NameTest::Contains(text) | NameTest::Begins(text)) | Self::App(text) | Self::Class(text) => {
                check_text(text)
            }
            Self::Serial(list) => {
                *serials += list.len();
                if list.is_empty() || *serials > SERIALS_MAX {
                    return Err(wrong(t!("a rule has 1 to {SERIALS_MAX} serial numbers where it has any", SERIALS_MAX)));
                }
                list.iter().try_for_each(|serial| check_text(serial))
            }
            Self::Everything | Self::Platform(_) | Self::Supervised(_) | Self::Role(_) | Self::Person(_) | Self::Enrollment(_) => Ok(()),
        }
    }

    /// Adds what this rule asks for.
    pub fn ask(&self, asks: &mut Asks) {
        match self {
            Self::All(rules) | Self::Any(rules) => rules.iter().for_each(|rule| rule.ask(asks)),
            Self::Not(rule) => rule.ask(asks),
            Self::Class(_) => asks.classes = true,
            Self::Role(_) | Self::Person(_) => asks.role = true,
            Self::App(identifier) if !asks.apps.contains(identifier) => asks.apps.push(identifier.clone()),
            _ => {}
        }
    }

    /// Ids of the classes that it names.
    pub fn classes(&self) -> Vec<&str> {
        match self {
            Self::All(rules) | Self::Any(rules) => rules.iter().flat_map(Self::classes).collect(),
            Self::Not(rule) => rule.classes(),
            Self::Class(id) => vec![id],
            _ => Vec::new(),
        }
    }
}

/// Judges a list: one condition that is `deciding` settles it; else an unknown one leaves it open.
fn settle(rules: &[Rule], facts: &Facts, deciding: bool) -> Option<bool> {
    let mut outcome = Some(!deciding);
    for rule in rules {
        match rule.judge(facts) {
            Some(met) if met == deciding => return Some(deciding),
            Some(_) => {}
            None => outcome = None,
        }
    }
    outcome
}

impl OsRange {
    fn judge(&self, version: OsVersion) -> Option<bool> {
        let compare = |bound: &Option<String>| bound.as_ref().map(|bound| version.compare(OsVersion::parse(bound)));
        let not_older = compare(&self.at_least).map_or(Some(true), |order| order.map(std::cmp::Ordering::is_ge))?;
        let older = compare(&self.below).map_or(Some(true), |order| order.map(std::cmp::Ordering::is_lt))?;
        Some(not_older && older)
    }

    fn check(&self) -> Result<()> {
        if self.at_least.is_none() && self.below.is_none() {
            return Err(wrong(t!("`os` needs `at_least`, `below` or both")));
        }
        for bound in [&self.at_least, &self.below].into_iter().flatten() {
            if !OsVersion::parse(bound).is_known() {
                return Err(wrong(t!("“{said}” is no version; write for example 17.5", said = bound.chars().take(40).collect::<String>())));
            }
        }
        can_be_met([self])
    }
}

/// Refuses ranges of versions that leave none together, since no device could ever be found.
fn can_be_met<'a>(ranges: impl IntoIterator<Item = &'a OsRange> + Clone) -> Result<()> {
    let bounds = |of: fn(&OsRange) -> &Option<String>| ranges.clone().into_iter().filter_map(move |range| of(range).as_ref());
    for at_least in bounds(|range| &range.at_least) {
        for below in bounds(|range| &range.below) {
            let order = OsVersion::parse(at_least).compare(OsVersion::parse(below));
            if order.is_some_and(std::cmp::Ordering::is_ge) {
                let words = t!("no version is both, so no device would ever be found; change one of the two");
                return Err(wrong(t!("the system is to be at least {at_least} and below {below}: {words}", at_least, below, words)));
            }
        }
    }
    Ok(())
}

fn contains(name: &str, text: &str) -> bool {
    name.to_lowercase().contains(&text.to_lowercase())
}

fn check_text(text: &str) -> Result<()> {
    if text.trim().is_empty() || text.chars().count() > TEXT_MAX_CHARS || text.chars().any(char::is_control) {
        return Err(wrong(t!("a text in a condition has 1 to {TEXT_MAX_CHARS} characters on one line", TEXT_MAX_CHARS)));
    }
    Ok(())
}

fn wrong(words: impl Into<String>) -> Error {
    Error::field("rule", words)
}

#[cfg(test)]
mod tests;
