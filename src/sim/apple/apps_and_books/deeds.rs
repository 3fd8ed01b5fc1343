//! What the stand-in is asked to do: taken at once, done later, told on demand.

use serde_json::{Value, json};

use super::book::{Assignment, Book, Event, Location};
use super::people;
use super::wire::{Said, refusal, said};
use crate::clock::Timestamp;
use crate::protocol::apps_and_books::{AssetRef, Deed as Licences, UserInput};

/// Apple's word for taking people out.
const RETIRE: &str = "RETIRE";

/// Something that is under way.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Associate(Licences),
    Disassociate(Licences),
    Revoke(Licences),
    /// People are made known, changed or retired, by Apple's word for it.
    Users {
        word: &'static str,
        users: Vec<UserInput>,
    },
}

/// Takes a request, if it keeps to the limits; what comes of it is told by its event.
pub(super) fn begin(book: &mut Book, token: &str, path: &str, body: &Value, now: Timestamp) -> Said {
    let limits = book.limits;
    let licences = serde_json::from_value::<Licences>(body.clone()).unwrap_or_default();
    let users: Vec<UserInput> = serde_json::from_value(body["users"].clone()).unwrap_or_default();
    let within = |count: usize, most: u32| count <= most as usize;
    let holders = licences.serial_numbers.len() + licences.client_user_ids.len();
    let once = |list: &[String]| list.iter().collect::<std::collections::BTreeSet<_>>().len() == list.len();
    let sound = within(licences.assets.len(), limits.max_assets)
        && within(licences.serial_numbers.len(), limits.max_serial_numbers)
        && within(licences.client_user_ids.len(), limits.max_client_user_ids)
        && once(&licences.serial_numbers);
    let deed = match path {
        "/assets/associate" | "/assets/disassociate" if !sound || licences.assets.is_empty() || holders == 0 => return refusal(400, 9700),
        "/assets/associate" => Deed::Associate(licences),
        "/assets/disassociate" => Deed::Disassociate(licences),
        "/assets/revoke" if holders == 0 || holders > 100 => return refusal(400, 9700),
        "/assets/revoke" => Deed::Revoke(licences),
        "/users/create" | "/users/update" | "/users/retire" if users.is_empty() || !within(users.len(), limits.max_users) => {
            return refusal(400, 9704);
        }
        "/users/create" => Deed::Users { word: "CREATE", users },
        "/users/update" => Deed::Users { word: "UPDATE", users },
        "/users/retire" => Deed::Users { word: RETIRE, users },
        _ => return refusal(405, 9726),
    };
    let (id, over_at) = (book.random.uuid_v4().to_string(), now.plus(book.event_takes));
    let Some(location) = book.location(token) else { return refusal(200, 9622) };
    location.events.insert(id.clone(), Event { deed, over_at, failures: None });
    said(&json!({ "eventId": id, "uId": location.uid, "mdmInfo": location.mdm_info }))
}

/// Tells how far an event is.
pub(super) fn status(book: &mut Book, token: &str, query: &[(String, String)]) -> Said {
    let id = query.iter().find(|(name, _)| name == "eventId").map(|(_, id)| id.clone()).unwrap_or_default();
    let Some(location) = book.location(token) else { return refusal(200, 9622) };
    let Some(event) = location.events.get(&id) else { return refusal(400, 9720) };
    let (word, failures) = match &event.failures {
        None => ("PENDING", Vec::new()),
        Some(failures) if failures.is_empty() => ("COMPLETE", Vec::new()),
        Some(failures) => ("FAILED", failures.clone()),
    };
    said(&json!({ "eventStatus": word, "eventType": "ASSOCIATE", "failures": failures, "uId": location.uid, "mdmInfo": location.mdm_info }))
}

/// Does what an event is about; gives what did not come about.
pub(super) fn carry_out(book: &mut Book, location: &mut Location, deed: &Deed) -> Vec<Value> {
    match deed {
        Deed::Associate(licences) => each(licences).into_iter().filter_map(|held| associate(book, location, held)).collect(),
        Deed::Disassociate(licences) => {
            for held in each(licences) {
                location.withdraw(&held);
            }
            Vec::new()
        }
        Deed::Revoke(licences) => {
            let named: Vec<_> = location.assigned.iter().filter(|held| is_of(licences, held)).cloned().collect();
            for held in named {
                location.withdraw(&held);
            }
            Vec::new()
        }
        Deed::Users { word, users } => {
            for user in users {
                match *word {
                    RETIRE => people::retire(location, &user.client_user_id),
                    _ => people::make(book, location, user),
                }
            }
            Vec::new()
        }
    }
}

/// Everybody named, with everything named.
pub(super) fn each(licences: &Licences) -> Vec<Assignment> {
    let mut all = Vec::new();
    for AssetRef { adam_id, pricing_param } in &licences.assets {
        let devices = licences.serial_numbers.iter().map(|serial| (true, serial.to_ascii_uppercase()));
        for (is_device, holder) in devices.chain(licences.client_user_ids.iter().map(|id| (false, id.clone()))) {
            all.push(Assignment { adam_id: adam_id.clone(), pricing_param: pricing_param.clone(), is_device, holder });
        }
    }
    all
}

fn is_of(licences: &Licences, held: &Assignment) -> bool {
    let names = if held.is_device { &licences.serial_numbers } else { &licences.client_user_ids };
    names.contains(&held.holder)
}

fn associate(book: &mut Book, location: &mut Location, held: Assignment) -> Option<Value> {
    let failure = |number: u32, held: &Assignment| {
        let name = if held.is_device { "serialNumbers" } else { "clientUserIds" };
        let asset = json!({ "adamId": held.adam_id, "pricingParam": held.pricing_param });
        Some(
            json!({ "errorNumber": number, "errorMessage": "Refused by the stand-in", "errorInfo": { "assets": [asset], name: [held.holder] } }),
        )
    };
    if let Some(number) = book.refused.get(&held.holder) {
        return failure(*number, &held);
    }
    if held.is_device && book.ghosts.contains(&held.holder) {
        return None;
    }
    let can = location.owned.get(&(held.adam_id.clone(), held.pricing_param.clone())).is_some_and(|owned| owned.device_assignable);
    if held.is_device && !can {
        return failure(9718, &held);
    }
    if !held.is_device && location.users.get(&held.holder).is_none_or(|user| user.status == "Retired") {
        return failure(9609, &held);
    }
    if location.assign(held.clone()) {
        return None;
    }
    book.overdrawn += 1;
    failure(9709, &held)
}
