//! Filters of the list of devices that people keep for themselves, under a name of theirs.

use url::form_urlencoded;

use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, names};
use crate::store::Tx;
use crate::store::saved_filters::{self, SavedFilter};

/// Filters that one person keeps.
pub const FILTERS_MAX: usize = 30;

/// Characters of a name.
pub const NAME_MAX_CHARS: usize = 40;

/// Bytes of a filter, as it stands in an address.
pub const QUERY_MAX_BYTES: usize = 1_000;

/// What a filter of devices may say. Where in the list somebody was is not part of it.
const KEYS: [&str; 9] = ["search", "state", "platform", "group", "hardware", "version", "asked", "answer", "sort"];

/// One's own, by name; tokens and the command line have none.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<SavedFilter>> {
    actor.require(Right::View)?;
    match actor {
        Actor::Person { id, .. } => saved_filters::of_admin(tx, id),
        _ => Ok(Vec::new()),
    }
}

/// Keeps a filter under a name, in place of what had that name. `query` is what stands behind the question mark of the list's address.
///
/// # Errors
/// Names what does not fit: an empty or long name, a filter that says nothing or what the list does not know, one too many.
pub fn save(tx: &Tx, actor: &Actor, name: &str, query: &str) -> Result<SavedFilter> {
    let owner = owner(actor)?;
    let name = names::straight(name);
    if name.is_empty() || name.chars().count() > NAME_MAX_CHARS || name.chars().any(char::is_control) {
        return Err(Error::field("name", t!("Give it a name of at most {NAME_MAX_CHARS} letters.", NAME_MAX_CHARS)));
    }
    if query.len() > QUERY_MAX_BYTES {
        return Err(Error::field("query", t!("A filter has at most {QUERY_MAX_BYTES} bytes: search for less.", QUERY_MAX_BYTES)));
    }
    let filter = SavedFilter { id: tx.new_id(), name, query: tidy(query)?, created_at: tx.now };
    let others = saved_filters::of_admin(tx, owner)?;
    let is_new = others.iter().all(|other| other.name.to_lowercase() != filter.name.to_lowercase());
    if is_new && others.len() >= FILTERS_MAX {
        return Err(Error::conflict(t!("You keep {FILTERS_MAX} filters already: remove one first.", FILTERS_MAX)));
    }
    saved_filters::put(tx, owner, &filter)?;
    Ok(filter)
}

/// Removes one of one's own.
pub fn remove(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    if saved_filters::remove(tx, owner(actor)?, id)? { Ok(()) } else { Err(Error::not_found(t!("You keep no such filter."))) }
}

/// What counts of a filter, in the order of [`KEYS`]: two that show the same are the same text.
pub fn tidy(query: &str) -> Result<String> {
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty()).collect();
    if let Some((unknown, _)) = pairs.iter().find(|(key, _)| !KEYS.contains(&key.as_ref()) && key != "after" && key != "said") {
        return Err(Error::field(
            "query",
            t!("The list of devices is not filtered by “{unknown}”; take {list}.", unknown, list = KEYS.join(", ")),
        ));
    }
    let mut tidy = form_urlencoded::Serializer::new(String::new());
    for key in KEYS {
        if let Some((_, value)) = pairs.iter().find(|(known, _)| known == key) {
            tidy.append_pair(key, value);
        }
    }
    let tidy = tidy.finish();
    if tidy.is_empty() {
        return Err(Error::field("query", t!("It filters nothing: search or choose something first.")));
    }
    Ok(tidy)
}

fn owner(actor: &Actor) -> Result<&str> {
    actor.require(Right::View)?;
    match actor {
        Actor::Person { id, .. } => Ok(id),
        _ => Err(Error::forbidden(t!("Only people who log in keep filters."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::error::Kind;
    use crate::mdm::Role;
    use crate::secret::Secret;
    use crate::store::admins::{self, Admin};
    use crate::store::{OpenOptions, Store};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn with_people<T: Send + 'static>(work: impl FnOnce(&Tx, &Actor, &Actor) -> Result<T> + Send + 'static) -> Result<T> {
        Store::open(OpenOptions::memory()).unwrap().write_blocking(NOW, |tx| {
            let person = |name: &str, role| {
                let id = tx.new_id();
                let admin = Admin {
                    id: id.clone(),
                    name: name.to_owned(),
                    role: Role::as_str(role).to_owned(),
                    password_hash: Secret::new(String::new()),
                    disabled_at: None,
                    created_at: tx.now,
                    person_id: None,
                };
                admins::insert(tx, &admin)?;
                Ok::<_, Error>(Actor::Person { id, name: name.to_owned(), role })
            };
            work(tx, &person("kim", Role::Owner)?, &person("lee", Role::Viewer)?)
        })
    }

    fn names(tx: &Tx, actor: &Actor) -> Vec<String> {
        list(tx, actor).unwrap().into_iter().map(|filter| format!("{}: {}", filter.name, filter.query)).collect()
    }

    #[test]
    fn everybody_has_their_own_each_name_once_and_said_in_one_way() {
        with_people(|tx, kim, lee| {
            save(tx, kim, " Broken in 9b ", "state=problem&after=x&search=9b%20&said=y&platform=")?;
            save(tx, kim, "macs", "platform=macos")?;
            save(tx, kim, "MACS", "platform=macos&sort=-os")?;
            save(tx, lee, "macs", "platform=macos")?;
            assert_eq!(names(tx, kim), ["Broken in 9b: search=9b+&state=problem", "MACS: platform=macos&sort=-os"]);
            let theirs = &list(tx, lee)?[0].id;
            assert_eq!(remove(tx, kim, theirs).unwrap_err().kind, Kind::NotFound);
            remove(tx, lee, theirs)?;
            assert!(names(tx, lee).is_empty());
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn what_filters_nothing_or_what_nobody_could_read_is_not_kept() {
        with_people(|tx, kim, _| {
            let refused = |name: &str, query: &str| save(tx, kim, name, query).unwrap_err().fields[0].field.clone();
            assert_eq!(refused("", "state=ok"), "name");
            assert_eq!(refused(&"n".repeat(NAME_MAX_CHARS + 1), "state=ok"), "name");
            assert_eq!(refused("a\u{7}b", "state=ok"), "name");
            assert_eq!(refused("a", ""), "query");
            assert_eq!(refused("a", "after=x"), "query");
            assert_eq!(refused("a", "colour=red"), "query");
            assert_eq!(refused("a", &format!("search={}", "x".repeat(QUERY_MAX_BYTES))), "query");
            for number in 0..FILTERS_MAX {
                save(tx, kim, &format!("n{number}"), "state=ok")?;
            }
            assert_eq!(save(tx, kim, "one more", "state=ok").unwrap_err().kind, Kind::Conflict);
            save(tx, kim, "N0", "state=silent")?;
            assert!(list(tx, &Actor::Console)?.is_empty());
            assert_eq!(save(tx, &Actor::Console, "a", "state=ok").unwrap_err().kind, Kind::Forbidden);
            Ok(())
        })
        .unwrap();
    }
}
