//! Faults on purpose: lost answers, repeats, bursts of NotNow and other mishaps, scripted in a file and drawn from a seed.
//!
//! A fault file is TOML or JSON:
//!
//! ```toml
//! seed = 7                     # optional: which devices and moments are hit
//!
//! [[fault]]
//! kind = "not-now"             # see `Kind`
//! on = ["InstallProfile"]      # purposes (TokenUpdate, Idle, Report …) or command types; absent: all that the kind can hit
//! devices = [1, 2]             # numbers from 1, or "10%"; absent: all
//! chance = 0.5                 # of each occasion; absent: 1
//! after = 2                    # occasions passed over first; absent: 0
//! times = 3                    # at most so often for each device; absent: without end
//! seconds = 2.5                # slow: how long; clock-skew: how far ahead (negative: behind)
//! bytes = 1000000              # huge: size of the report; break: bytes sent before the connection ends
//! ```

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::device::{Mischief, Purpose};
use crate::error::{Error, Result};

/// How many rules a file may hold.
pub const MAX_RULES: usize = 256;

/// The largest report that `huge` makes, in bytes.
pub const MAX_HUGE_BYTES: usize = 128 << 20;

/// The longest that `slow` waits and `clock-skew` moves, in seconds.
pub const MAX_SECONDS: f64 = 366.0 * 86_400.0;

/// All faults of a fleet.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    seed: u64,
    rules: Arc<[Rule]>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request never arrives.
    LoseRequest,
    /// The request arrives, its answer is lost: the device sends the same bytes again.
    LoseAnswer,
    /// The request is sent twice.
    Duplicate,
    /// The request waits `seconds` before it is sent.
    Slow,
    /// The connection ends after `bytes` of the body.
    Break,
    /// The command is answered with NotNow, where that command may be.
    NotNow,
    /// The report is padded to `bytes`.
    Huge,
    /// The report is no property list.
    Malformed,
    /// The device's clock is `seconds` off.
    ClockSkew,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    fault: Vec<Rule>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    kind: Kind,
    #[serde(default)]
    on: Vec<String>,
    #[serde(default)]
    devices: Devices,
    #[serde(default = "always")]
    chance: f64,
    #[serde(default)]
    after: u32,
    #[serde(default = "without_end")]
    times: u32,
    #[serde(default)]
    seconds: f64,
    #[serde(default)]
    bytes: usize,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
enum Devices {
    #[default]
    All,
    Numbers(Vec<u32>),
    Share(String),
}

fn always() -> f64 {
    1.0
}

fn without_end() -> u32 {
    u32::MAX
}

impl Faults {
    /// Reads a fault file, TOML or JSON.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| unreadable(&error))?
        } else {
            toml::from_str(text).map_err(|error| unreadable(&error))?
        };
        if file.fault.len() > MAX_RULES {
            return Err(Error::bad_input(format!("the fault file has {} faults; {MAX_RULES} are the most", file.fault.len())));
        }
        for (index, rule) in file.fault.iter().enumerate() {
            rule.check().map_err(|what| Error::field(format!("fault[{index}]"), what))?;
        }
        Ok(Self { seed: file.seed, rules: file.fault.into() })
    }

    /// The faults that device `number` (from 1) meets.
    pub fn for_device(&self, number: u32) -> DeviceFaults {
        let mut dice = fastrand::Rng::with_seed(self.seed ^ u64::from(number).wrapping_mul(0xD6E8_FEB8_6659_FD93));
        let hits = |rule: &Rule, dice: &mut fastrand::Rng| match &rule.devices {
            Devices::All => true,
            Devices::Numbers(numbers) => numbers.contains(&number),
            Devices::Share(share) => dice.f64() < share_of(share).unwrap_or(0.0),
        };
        let rules = self.rules.iter().filter(|rule| hits(rule, &mut dice)).map(|rule| Live { rule: rule.clone(), occasions: 0, hits: 0 });
        let rules: Vec<_> = rules.collect();
        DeviceFaults { rules, dice }
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> Error {
    Error::bad_input(format!("the fault file cannot be read: {error}"))
}

/// Reads `10%` as 0.1.
fn share_of(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.chance) {
            return Err(String::from("chance goes from 0 to 1"));
        }
        if let Devices::Share(share) = &self.devices {
            share_of(share).ok_or_else(|| format!("devices is a list of numbers or a share such as \"10%\", not {share:?}"))?;
        }
        if !self.seconds.is_finite() || self.seconds.abs() > MAX_SECONDS || (self.kind == Kind::Slow && self.seconds < 0.0) {
            return Err(format!("seconds goes from 0 (clock-skew: the negative) to {MAX_SECONDS}"));
        }
        if self.bytes > MAX_HUGE_BYTES {
            return Err(format!("bytes goes up to {MAX_HUGE_BYTES}"));
        }
        let needs_seconds = matches!(self.kind, Kind::Slow | Kind::ClockSkew);
        if needs_seconds && self.seconds == 0.0 {
            return Err(String::from("this kind needs seconds"));
        }
        if self.kind == Kind::Huge && self.bytes == 0 {
            return Err(String::from("this kind needs bytes"));
        }
        Ok(())
    }

    fn is_about(&self, purpose: Purpose, command: Option<&str>) -> bool {
        self.on.is_empty() || self.on.iter().any(|word| word == purpose.name() || Some(word.as_str()) == command)
    }
}

/// The faults that one device meets, with what it has met so far.
#[derive(Debug, Clone)]
pub struct DeviceFaults {
    rules: Vec<Live>,
    dice: fastrand::Rng,
}

#[derive(Debug, Clone)]
struct Live {
    rule: Rule,
    occasions: u32,
    hits: u32,
}

impl Default for DeviceFaults {
    fn default() -> Self {
        Self { rules: Vec::new(), dice: fastrand::Rng::with_seed(0) }
    }
}

/// What is wrong with a report on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoiled {
    /// Padded to this many bytes.
    Huge(usize),
    /// No property list.
    Malformed,
}

impl DeviceFaults {
    /// How far the device's clock is ahead, in milliseconds.
    pub(crate) fn clock_skew_ms(&mut self) -> i64 {
        self.draw(Purpose::Idle, None, |kind| kind == Kind::ClockSkew).map_or(0, |rule| (rule.seconds * 1000.0) as i64)
    }

    /// Whether the device puts this command off.
    pub(crate) fn puts_off(&mut self, command: &str) -> bool {
        self.draw(Purpose::Report, Some(command), |kind| kind == Kind::NotNow).is_some()
    }

    /// What is wrong with the report of this command.
    pub(crate) fn spoils(&mut self, command: &str) -> Option<Spoiled> {
        let rule = self.draw(Purpose::Report, Some(command), |kind| matches!(kind, Kind::Huge | Kind::Malformed))?;
        Some(if rule.kind == Kind::Huge { Spoiled::Huge(rule.bytes) } else { Spoiled::Malformed })
    }

    /// What happens to a request on its way; `command` is the type of the command that it reports.
    pub(crate) fn mischief(&mut self, purpose: Purpose, command: Option<&str>) -> Option<Mischief> {
        let on_the_way = |kind| matches!(kind, Kind::LoseRequest | Kind::LoseAnswer | Kind::Duplicate | Kind::Slow | Kind::Break);
        let rule = self.draw(purpose, command, on_the_way)?;
        Some(match rule.kind {
            Kind::LoseRequest => Mischief::LoseRequest,
            Kind::LoseAnswer => Mischief::LoseAnswer,
            Kind::Duplicate => Mischief::Duplicate,
            Kind::Slow => Mischief::Slow(Duration::from_secs_f64(rule.seconds)),
            _ => Mischief::Break(rule.bytes),
        })
    }

    /// The first rule of a wanted kind that this occasion hits.
    fn draw(&mut self, purpose: Purpose, command: Option<&str>, wanted: impl Fn(Kind) -> bool) -> Option<Rule> {
        let dice = &mut self.dice;
        self.rules.iter_mut().filter(|live| wanted(live.rule.kind) && live.rule.is_about(purpose, command)).find_map(|live| {
            live.occasions += 1;
            if live.occasions <= live.rule.after || live.hits >= live.rule.times || dice.f64() >= live.rule.chance {
                return None;
            }
            live.hits += 1;
            Some(live.rule.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_not_now_begins_and_ends_as_written() {
        let faults = Faults::parse("[[fault]]\nkind = \"not-now\"\non = [\"InstallProfile\"]\nafter = 1\ntimes = 2\n").unwrap();
        let mut device = faults.for_device(1);
        let answers: Vec<_> = (0..5).map(|_| device.puts_off("InstallProfile")).collect();
        assert_eq!(answers, [false, true, true, false, false]);
        assert!(!device.puts_off("ProfileList"));
    }

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = Faults::parse("seed = 3\n[[fault]]\nkind = \"lose-answer\"\non = [\"Report\"]\nchance = 0.5\n").unwrap();
        let json = Faults::parse(r#"{"seed": 3, "fault": [{"kind": "lose-answer", "on": ["Report"], "chance": 0.5}]}"#).unwrap();
        let draw = |faults: &Faults| {
            let mut device = faults.for_device(9);
            (0..64).map(|_| device.mischief(Purpose::Report, Some("ProfileList"))).collect::<Vec<_>>()
        };
        assert_eq!(draw(&toml), draw(&json));
        let lost = draw(&toml).iter().filter(|fault| **fault == Some(Mischief::LoseAnswer)).count();
        assert!((16..48).contains(&lost), "{lost}");
    }

    #[test]
    fn a_share_of_the_devices_is_hit() {
        let faults = Faults::parse("[[fault]]\nkind = \"clock-skew\"\nseconds = -7200\ndevices = \"25%\"\n").unwrap();
        let behind = (1..=400).filter(|number| faults.for_device(*number).clock_skew_ms() == -7_200_000).count();
        assert!((60..140).contains(&behind), "{behind}");
    }

    #[test]
    fn wrong_files_are_told_where_they_are_wrong() {
        for (text, word) in [
            ("[[fault]]\nkind = \"explode\"\n", "explode"),
            ("[[fault]]\nkind = \"slow\"\n", "seconds"),
            ("[[fault]]\nkind = \"huge\"\n", "bytes"),
            ("[[fault]]\nkind = \"slow\"\nseconds = -1.0\n", "seconds"),
            ("[[fault]]\nkind = \"not-now\"\nchance = 2.0\n", "chance"),
            ("[[fault]]\nkind = \"not-now\"\ndevices = \"half\"\n", "10%"),
            ("[[fault]]\nkind = \"not-now\"\nwhen = 1\n", "when"),
            ("{", "fault file"),
        ] {
            let error = Faults::parse(text).unwrap_err();
            assert!(error.message.contains(word), "{text}: {}", error.message);
        }
        let many = "[[fault]]\nkind = \"not-now\"\n".repeat(MAX_RULES + 1);
        assert!(Faults::parse(&many).unwrap_err().message.contains("256"));
    }
}
