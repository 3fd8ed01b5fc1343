//! Keys of an uploaded profile that some devices pass over, though they take the profile: those of people's own devices and of devices that are not
//! supervised, by the table that policies go by. It forbids nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::conflicts::Warning;
use super::version;
use crate::error::Result;
use crate::mdm::commands;
use crate::protocol::availability::{Capabilities, Reason};
use crate::protocol::mobileconfig::facts::Facts;
use crate::protocol::mobileconfig::payload_types::{self, words};
use crate::protocol::platform::Platform;
use crate::protocol::restrictions::{self, Fact};
use crate::store::assignments::{self, AssignedKind};
use crate::store::meetings::{self, Restricted};
use crate::store::profiles as store;
use crate::store::{Tx, enrollments};

/// Keys that one sentence names at most.
const KEYS_MAX: usize = 12;

/// Why a device passes a key over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Because {
    /// It is its person's own.
    Own,
    /// It is not supervised.
    Unsupervised,
}

/// How many devices pass over one key of one payload type, and which kinds of devices they are.
type Passed = BTreeMap<(Because, &'static str, &'static str), (u64, BTreeSet<usize>)>;

/// The keys of a profile of which something is known: payload type and key, each once.
fn keys(facts: &Facts) -> Vec<&'static Fact> {
    let mut keys: Vec<&'static Fact> = Vec::new();
    for payload in &facts.payloads {
        for fact in payload.settings.keys().filter_map(|key| restrictions::fact(&payload.payload_type, key)) {
            if !keys.iter().any(|known| std::ptr::eq(*known, fact)) {
                keys.push(fact);
            }
        }
    }
    keys
}

/// Why a device of this sort passes a key over, where it does so for what it is, and not for its system.
fn because(fact: &Fact, device: &Capabilities) -> Option<Because> {
    let is_own = device.kind.is_user_enrollment();
    // Such a device refuses the whole profile, which is told elsewhere.
    let refuses = |known: &payload_types::PayloadType| known.is_refused_in_user_enrollment(device.platform);
    if is_own && device.platform != Platform::Macos && payload_types::find(fact.of_type).is_some_and(refuses) {
        return None;
    }
    match restrictions::check(fact, device) {
        Err(Reason::UserEnrollment) => Some(Because::Own),
        Err(Reason::Supervision) => Some(Because::Unsupervised),
        _ => None,
    }
}

fn passed(tx: &Tx, keys: &[&'static Fact], devices: &[Restricted]) -> Result<Passed> {
    let mut passed = Passed::new();
    for (sort, alike) in devices.iter().enumerate() {
        let Some(channel) = enrollments::device_channel(tx, &alike.device_id)? else { continue };
        let device = commands::capabilities(tx, &channel)?;
        for fact in keys {
            let Some(because) = because(fact, &device) else { continue };
            let (count, sorts) = passed.entry((because, fact.of_type, fact.key)).or_default();
            *count += alike.device_count;
            sorts.insert(sort);
        }
    }
    Ok(passed)
}

/// Keys of one payload type that the very same devices pass over.
struct Together {
    because: Because,
    of_type: &'static str,
    sorts: BTreeSet<usize>,
    count: u64,
    keys: Vec<&'static str>,
}

/// Keys that the very same devices pass over, in one sentence.
fn told(passed: Passed, say: impl Fn(&Together) -> String) -> Vec<Warning> {
    let mut all: Vec<Together> = Vec::new();
    for ((because, of_type, key), (count, sorts)) in passed {
        let is_same = |known: &&mut Together| known.because == because && known.of_type == of_type && known.sorts == sorts;
        match all.iter_mut().find(is_same) {
            Some(known) => known.keys.push(key),
            None => all.push(Together { because, of_type, sorts, count, keys: vec![key] }),
        }
    }
    all.iter().map(|one| Warning { payload_type: Some(one.of_type.to_owned()), ..Warning::alone(say(one)) }).collect()
}

fn listed(keys: &[&str]) -> String {
    let named = keys.iter().take(KEYS_MAX).copied().collect::<Vec<_>>().join(", ");
    if keys.len() > KEYS_MAX { t!("{named} and {keys_max} more", named, keys_max = keys.len() - KEYS_MAX) } else { named }
}

fn devices(because: Because, count: u64) -> String {
    match (because, count) {
        (Because::Own, 1) => String::from(t!("1 person's own device")),
        (Because::Own, count) => t!("{count} people's own devices", count),
        (Because::Unsupervised, 1) => String::from(t!("1 device that is not supervised")),
        (Because::Unsupervised, count) => t!("{count} devices that are not supervised", count),
    }
}

/// Which keys of a profile do nothing on devices of these groups. Without a group: on which devices they would do nothing, of all that are here.
pub(super) fn among(tx: &Tx, name: &str, facts: &Facts, groups: &[&str]) -> Result<Vec<Warning>> {
    let keys = keys(facts);
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let nobody = groups.is_empty();
    let passed = passed(tx, &keys, &meetings::restricted(tx, Some(groups).filter(|_| !nobody))?)?;
    Ok(told(passed, |one| {
        let (who, kind, list) = (devices(one.because, one.count), words(one.of_type), listed(&one.keys));
        let these = if one.keys.len() == 1 { t!("this key") } else { t!("these keys") };
        match (nobody, one.keys.len()) {
            (true, _) => t!("On {who}, {these} of “{name}” ({kind}) would do nothing: {list}.", who, these, name, kind, list),
            (false, 1) => t!("On {who}, {these} of “{name}” ({kind}) does nothing: {list}.", who, these, name, kind, list),
            (false, _) => t!("On {who}, {these} of “{name}” ({kind}) do nothing: {list}.", who, these, name, kind, list),
        }
    }))
}

/// Which keys of the profiles that are assigned to a device do nothing on it, a sentence for each profile and payload.
pub fn on_device(tx: &Tx, device_id: &str) -> Result<Vec<Warning>> {
    let this = [Restricted { device_id: device_id.to_owned(), device_count: 1 }];
    let mut ids: Vec<String> = Vec::new();
    for row in assignments::of_device(tx, device_id)?.into_iter().filter(|row| row.kind == AssignedKind::Profile) {
        if row.ends_at.is_none_or(|end| end > tx.now) && !ids.contains(&row.item_id) {
            ids.push(row.item_id);
        }
    }
    let mut warnings = Vec::new();
    for id in ids {
        let Some(profile) = store::by_id(tx, &id)? else { continue };
        let facts = version(tx, &id, profile.version)?.facts;
        let name = &profile.name;
        warnings.extend(told(passed(tx, &keys(&facts), &this)?, |one| {
            let why = match one.because {
                Because::Own => t!("is a person's own"),
                Because::Unsupervised => t!("is not supervised"),
            };
            let (kind, list) = (words(one.of_type), listed(&one.keys));
            let (these, act) = if one.keys.len() == 1 { (t!("this key"), "does") } else { (t!("these keys"), "do") };
            t!("This device {why}, so that {these} of “{name}” ({kind}) {act} nothing on it: {list}.", why, these, name, kind, act, list)
        }));
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::protocol::mobileconfig::{read, tests as made};
    use crate::protocol::plist::Value;
    use crate::store::meetings::tests as devices;
    use crate::store::profiles::tests::group;
    use crate::store::{OpenOptions, Store};

    fn restricting(keys: &[&str]) -> Facts {
        let keys: Vec<_> = keys.iter().map(|key| (*key, Value::Boolean(false))).collect();
        Facts::of(&read(&made::profile("a", &[made::payload("com.apple.applicationaccess", "b", &keys)])).unwrap())
    }

    fn told(work: impl FnOnce(&Tx) -> Result<()> + Send + 'static, facts: Facts, groups: &'static [&'static str]) -> Vec<String> {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let told = store.write_blocking(Timestamp::from_seconds(1_795_000_000), move |tx| {
            group(tx, "g1", "Cart", &[])?;
            work(tx)?;
            among(tx, "Locks", &facts, groups)
        });
        told.unwrap().into_iter().map(|warning| warning.message).collect()
    }

    #[test]
    fn keys_are_told_together_where_the_same_devices_pass_them_over() {
        // An iPad of iOS 12 still takes the one that a supervised device alone takes from iOS 13 on.
        let two = |tx: &Tx| {
            for (id, version) in [("d1", "12.5.7"), ("d2", "18.1")] {
                devices::device(tx, id, id, version, "g1")?;
                devices::is_unsupervised(tx, id)?;
            }
            Ok(())
        };
        let facts = restricting(&["allowAppInstallation", "allowChat", "allowAirPrint", "allowCamera", "allowNothingOfTheSort"]);
        assert_eq!(
            told(two, facts, &["g1"]),
            [
                "On 2 devices that are not supervised, these keys of “Locks” (Restrictions) do nothing: allowAirPrint, allowChat.",
                "On 1 device that is not supervised, this key of “Locks” (Restrictions) does nothing: allowAppInstallation.",
            ]
        );
    }

    #[test]
    fn what_everybody_takes_is_not_told_and_a_long_list_has_an_end() {
        let own = |tx: &Tx| {
            devices::device(tx, "d1", "d1", "26.1", "g1")?;
            devices::is_own(tx, "d1")
        };
        assert!(told(own, restricting(&["allowAssistant"]), &["g1"]).is_empty(), "own devices take it");
        assert!(told(own, restricting(&["allowCamera"]), &["another group"]).is_empty());
        let all: Vec<&str> =
            restrictions::all().iter().filter(|fact| fact.of_type == restrictions::RESTRICTIONS).map(|fact| fact.key).collect();
        let said = told(own, restricting(&all), &[]);
        assert!(said.len() == 1 && said[0].starts_with("On 1 person's own device, these keys"), "{said:?}");
        assert_eq!(said[0].matches(", ").count(), KEYS_MAX, "{said:?}");
        assert!(said[0].ends_with("more."), "{said:?}");
    }
}
