//! What an update plan says: which release, for whom first, by when, and when not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::{Day, Wall};
use crate::error::Error;
use crate::language::date;
use crate::mdm::names;
use crate::mdm::updates::timing;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

/// The most rings of one plan.
pub const RINGS_MAX: usize = 10;

/// The most times of the week in which nothing is installed.
pub const QUIET_MAX: usize = 30;

/// The most holidays of one plan.
pub const HOLIDAYS_MAX: usize = 60;

/// Days that one holiday lasts at most after its first: a year.
pub const HOLIDAY_DAYS_MAX: i32 = 366;

/// The longest a ring may begin after the first, and a deadline after its ring, in minutes: a year.
pub const WAIT_MAX_MINUTES: u32 = 366 * 24 * 60;

/// The shortest time that a ring has before its deadline, in minutes; devices look for a new declaration within one or two.
pub const NOTICE_MIN_MINUTES: u32 = 5;

/// The most days that a release must have been out.
pub const AGE_MAX_DAYS: u32 = 365;

/// The most devices at once that can be set; more is no limit.
pub const AT_ONCE_MAX: u32 = 10_000;

/// The longest address of a page about the update, in characters.
pub const URL_MAX_CHARS: usize = 500;

/// The longest name of a ring or a holiday, in characters.
pub const NAME_MAX_CHARS: usize = 60;

/// The years that times of a plan lie in; calendars of devices do not go on for ever.
pub const YEARS: std::ops::RangeInclusive<i16> = 2000..=2199;

/// Minutes of a day.
pub const DAY: i64 = 24 * 60;

/// Which release a device is to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = UpdateTarget)]
pub enum Target {
    /// This one, on devices of its platform.
    Release {
        /// `iOS` (with iPadOS and tvOS), `macOS`, `visionOS`.
        platform: String,
        /// `26.1`, or `26.1 (a)`.
        version: String,
        /// The build, where there are several of that version.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        build: String,
    },
    /// The newest that the device can have.
    Newest,
    /// The newest of the generation that the device runs: no new generation comes by it.
    NewestOfOwn,
    /// The newest with this first number; devices beyond it are left alone.
    NewestOfMajor {
        /// The first number, `18`.
        major: u32,
    },
    /// The newest that has been out for so many days.
    NewestMinusDays {
        /// 1 to 365.
        days: u32,
    },
    /// At least this, by platform; devices that have it are left alone, others get the newest of its generation.
    Minimum {
        /// `{"iOS": "26.1", "macOS": "15.7"}`.
        versions: BTreeMap<String, String>,
    },
}

/// A part of the devices, which begins some time after the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateRing)]
pub struct Ring {
    /// What people call it: `Pilot`.
    pub name: String,
    /// Minutes after the plan's start, or after a release counts; never fewer than the ring before it.
    #[serde(default)]
    pub after_minutes: u32,
    /// The groups whose devices are in it; a device in several rings is in the first of them.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// By when an update is to be installed, on the clock of each device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = UpdateDeadline)]
pub enum Deadline {
    /// At this moment, for every ring.
    At {
        /// `2026-12-04T16:00:00`.
        at: Wall,
    },
    /// So long after the ring's start.
    After {
        /// At least 5.
        minutes: u32,
        /// The minute of that day, if it is to be one: 960 for 16:00; on the next day where it has passed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time: Option<u16>,
    },
}

/// A part of the week in which nothing is installed: lessons, opening hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateQuiet)]
pub struct Quiet {
    /// Monday 0 to Sunday 6.
    pub weekdays: Vec<u8>,
    /// The first minute of the day, 480 for 08:00.
    pub from: u16,
    /// The first minute after it; over midnight where it is not after `from`.
    pub to: u16,
}

/// Days on which nothing is installed, both included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateHoliday)]
pub struct Holiday {
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
}

/// When a plan stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateStop)]
pub struct Stop {
    /// Part of the devices that were begun and failed, in percent, 1 to 100.
    pub percent: u8,
    /// And at least so many devices, 1 or more.
    #[serde(default = "one")]
    pub at_least: u32,
}

const fn one() -> u32 {
    1
}

/// All that a plan says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateRules)]
pub struct Rules {
    /// Which release.
    pub target: Target,
    /// When the first ring begins, on the clock of each device; a release that appears later begins on the day of its posting.
    pub starts: Wall,
    /// Who first; at least one.
    pub rings: Vec<Ring>,
    /// By when.
    pub deadline: Deadline,
    /// When not, in each week.
    #[serde(default)]
    pub quiet: Vec<Quiet>,
    /// When not, in the year.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
    /// How many devices may be at it at once; no limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u32>,
    /// When it stops by itself; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// Whether background security improvements are brought too.
    #[serde(default)]
    pub improvements: bool,
    /// Whether a Mac of macOS 13 or earlier restarts at the deadline whatever is open: unsaved work is lost.
    #[serde(default)]
    pub force_restart: bool,
    /// A page that tells people about the update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details_url: Option<String>,
}

/// The platforms as lists name them, with their names for people.
pub const LISTED: [(&str, &str); 3] = [("iOS", msg!("iOS, iPadOS and tvOS")), ("macOS", "macOS"), ("visionOS", "visionOS")];

impl Rules {
    /// Checks everything, so that all that is wrong is said at once.
    pub fn check(&self) -> Result<(), Error> {
        let mut faults = Vec::new();
        self.check_target(&mut faults);
        self.check_rings(&mut faults);
        self.check_times(&mut faults);
        if self.at_once.is_some_and(|most| most == 0 || most > AT_ONCE_MAX) {
            faults.push(("at_once", t!("1 to {AT_ONCE_MAX} devices at once, or none for no limit", AT_ONCE_MAX)));
        }
        if self.stop.is_some_and(|stop| stop.percent == 0 || stop.percent > 100 || stop.at_least == 0) {
            faults.push(("stop", String::from(t!("1 to 100 percent, of at least one device"))));
        }
        if let Some(url) = &self.details_url
            && !is_page(url)
        {
            faults.push(("details_url", t!("an address that begins with https://, of at most {URL_MAX_CHARS} characters", URL_MAX_CHARS)));
        }
        Error::fields(faults)
    }

    fn check_target(&self, faults: &mut Vec<(&'static str, String)>) {
        let is_listed = |platform: &str| LISTED.iter().any(|(known, _)| *known == platform);
        let is_version = |text: &str| OsVersion::parse(text).is_known();
        let fault = match &self.target {
            Target::Release { platform, .. } if !is_listed(platform) => Some(t!("the platform is one of iOS, macOS and visionOS").into()),
            Target::Release { version, .. } if !is_version(version) => Some(t!("“{name}” is no version; 26.1 is one", name = cut(version))),
            Target::NewestOfMajor { major: 0 } => Some(String::from(t!("a generation has a number, 26 for example"))),
            Target::NewestMinusDays { days } if *days == 0 || *days > AGE_MAX_DAYS => {
                Some(t!("a release must have been out for 1 to {days} days", days = AGE_MAX_DAYS))
            }
            Target::Minimum { versions } if versions.is_empty() => Some(t!("name the least version of at least one platform").into()),
            Target::Minimum { versions } => {
                versions.iter().find(|(platform, version)| !is_listed(platform) || !is_version(version)).map(|(platform, version)| {
                    t!("“{version}” of {platform} is no version; 26.1 of iOS is one", version = cut(version), platform = cut(platform))
                })
            }
            _ => None,
        };
        faults.extend(fault.map(|fault| ("target", fault)));
    }

    fn check_rings(&self, faults: &mut Vec<(&'static str, String)>) {
        if self.rings.is_empty() || self.rings.len() > RINGS_MAX {
            faults.push(("rings", t!("1 to {RINGS_MAX} rings", RINGS_MAX)));
        }
        for pair in self.rings.windows(2) {
            if pair[1].after_minutes < pair[0].after_minutes {
                faults.push((
                    "rings",
                    t!(
                        "“{name}” begins before “{name_2}”: put the rings in the order in which they begin",
                        name = cut(&pair[1].name),
                        name_2 = cut(&pair[0].name)
                    ),
                ));
            }
        }
        for ring in &self.rings {
            if names::straight(&ring.name).is_empty()
                || ring.name.chars().count() > NAME_MAX_CHARS
                || ring.name.chars().any(char::is_control)
            {
                faults.push(("rings", t!("a name of 1 to {NAME_MAX_CHARS} characters for each ring", NAME_MAX_CHARS)));
            }
            if ring.after_minutes > WAIT_MAX_MINUTES {
                faults.push(("rings", t!("“{name}” begins more than a year after the first", name = cut(&ring.name))));
            }
        }
    }

    fn check_times(&self, faults: &mut Vec<(&'static str, String)>) {
        let last = self.rings.iter().map(|ring| ring.after_minutes).max().unwrap_or_default();
        let years = t!("a time in the years {start} to {end}", start = YEARS.start(), end = YEARS.end());
        if !YEARS.contains(&self.starts.day().year()) {
            return faults.push(("starts", years));
        }
        if let Deadline::At { at } = &self.deadline
            && !YEARS.contains(&at.day().year())
        {
            return faults.push(("deadline", years));
        }
        match &self.deadline {
            Deadline::At { at } if *at < self.starts.plus_minutes(i64::from(last) + i64::from(NOTICE_MIN_MINUTES)) => faults.push((
                "deadline",
                t!(
                    "the last ring begins on {last}, and needs at least {NOTICE_MIN_MINUTES} minutes from there",
                    last = self.starts.plus_minutes(last.into()).words(),
                    NOTICE_MIN_MINUTES
                ),
            )),
            Deadline::After { minutes, .. } if *minutes < NOTICE_MIN_MINUTES || *minutes > WAIT_MAX_MINUTES => {
                faults.push(("deadline", t!("{NOTICE_MIN_MINUTES} minutes to a year after the start of a ring", NOTICE_MIN_MINUTES)));
            }
            Deadline::After { time: Some(time), .. } if i64::from(*time) >= DAY => {
                faults.push(("deadline", String::from(t!("a time of the day"))));
            }
            _ => {}
        }
        if self.quiet.len() > QUIET_MAX || self.holidays.len() > HOLIDAYS_MAX {
            faults.push(("quiet", t!("at most {QUIET_MAX} times of the week and {HOLIDAYS_MAX} holidays", QUIET_MAX, HOLIDAYS_MAX)));
            return;
        }
        for quiet in &self.quiet {
            if quiet.weekdays.is_empty() || quiet.weekdays.iter().any(|day| *day > 6) || i64::from(quiet.from.max(quiet.to)) > DAY {
                faults.push(("quiet", String::from(t!("days of the week from 0 (Monday) to 6, and minutes of the day from 0 to 1440"))));
                return;
            }
        }
        if let Some(holiday) = self.holidays.iter().find(|holiday| holiday.to.since(holiday.from) > HOLIDAY_DAYS_MAX) {
            faults.push(("holidays", t!("the holiday from {from} lasts over a year: check the day on which it ends", from = holiday.from)));
            return;
        }
        if let Some(holiday) =
            self.holidays.iter().find(|holiday| holiday.to < holiday.from || holiday.name.chars().count() > NAME_MAX_CHARS)
        {
            faults.push((
                "holidays",
                t!(
                    "the holiday from {from} ends before it begins, or has a name of over {NAME_MAX_CHARS} characters",
                    from = holiday.from,
                    NAME_MAX_CHARS
                ),
            ));
            return;
        }
        if timing::allowed(self, self.starts).is_none() {
            faults.push(("quiet", String::from(t!("these leave no time at all in which something could be installed"))));
        } else if let Deadline::At { at } = &self.deadline
            && timing::allowed(self, *at) != Some(*at)
        {
            faults.push((
                "deadline",
                t!("{at} lies within quiet hours or a holiday: choose a time at which devices may restart", at = date(at.words())),
            ));
        } else if let Some(ring) = self.ring_without_time() {
            faults.push((
                "deadline",
                t!("quiet hours and holidays leave “{name}” no time before it: choose a later one", name = cut(&ring.name)),
            ));
        }
    }
}

impl Rules {
    /// The first ring that may begin only when a deadline that is set as a time has come.
    fn ring_without_time(&self) -> Option<&Ring> {
        let Deadline::At { at } = &self.deadline else { return None };
        let has_time = |ring: usize| {
            timing::window(self, &[], ring, None).is_some_and(|window| *at >= window.opens.plus_minutes(NOTICE_MIN_MINUTES.into()))
        };
        self.rings.iter().enumerate().find(|(ring, _)| !has_time(*ring)).map(|(_, ring)| ring)
    }
}

fn cut(text: &str) -> String {
    text.chars().take(NAME_MAX_CHARS).collect()
}

fn is_page(url: &str) -> bool {
    url.len() > "https://".len()
        && url.chars().count() <= URL_MAX_CHARS
        && url.strip_prefix("https://").is_some_and(|rest| !rest.starts_with('/'))
        && url.chars().all(|letter| letter.is_ascii_graphic())
        // A name and a password have no place in what every device is told.
        && !url.split('/').nth(2).is_some_and(|host| host.contains('@'))
}

impl Target {
    /// The target as the end of a sentence: "the newest release of iOS 18".
    pub fn words(&self) -> String {
        match self {
            Self::Release { platform, version, .. } => format!("{platform} {version}"),
            Self::Newest => String::from(t!("the newest release")),
            Self::NewestOfOwn => String::from(t!("the newest release of the generation that each device runs")),
            Self::NewestOfMajor { major } => t!("the newest release of generation {major}", major),
            Self::NewestMinusDays { days: 1 } => String::from(t!("the newest release that has been out for a day")),
            Self::NewestMinusDays { days } => t!("the newest release that has been out for {days} days", days),
            Self::Minimum { versions } => {
                let each: Vec<_> = versions.iter().map(|(platform, version)| format!("{platform} {version}")).collect();
                t!("at least {list}", list = each.join(", "))
            }
        }
    }

    /// Whether it moves: a new release changes what is meant.
    pub const fn moves(&self) -> bool {
        !matches!(self, Self::Release { .. })
    }
}

/// Under which name the target of a plan knows the platform of a device.
pub fn listed(platform: Platform) -> Option<&'static str> {
    crate::protocol::lookup::listed_under(platform)
}
