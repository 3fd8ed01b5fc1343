//! Licences: who is to have one, who has one, and how many there are; every seat once, whatever is lost on the way to Apple and back.

pub mod codes;
pub mod ends;
pub mod errands;
pub mod facts;
pub mod invitations;
pub mod ledger;
pub mod machine;
pub mod notices;
mod outcome;
mod places;
pub mod sync;
pub mod tokens;
mod users;
mod view;

use view::view;
pub use view::{NOT_ACCEPTED, account_hashes, awaits_location, is_no_location, lacks_location};

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::journal::Subject;
use crate::mdm::{Actor, journal};
use crate::store::licences::{self as rows, HolderKind, Licence as Row, Stage, assets, book};
use crate::store::{Tx, content_tokens, deployments, devices, people, store_items};
use machine::{Happening, Standing};

/// Who acts here by itself.
const ACTOR: Actor = Actor::Job("licences");

/// Whose a licence is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A device's.
    Device {
        /// Its serial number, in whatever case.
        serial_number: String,
    },
    /// A person's, whose account is on a device.
    Person {
        /// The person's id.
        person_id: String,
    },
}

impl Holder {
    fn kind(&self) -> HolderKind {
        match self {
            Self::Device { .. } => HolderKind::Device,
            Self::Person { .. } => HolderKind::Person,
        }
    }

    /// As it stands in Apple's book.
    fn name(&self) -> String {
        match self {
            Self::Device { serial_number } => serial_number.trim().to_ascii_uppercase(),
            Self::Person { person_id } => person_id.trim().to_owned(),
        }
    }
}

/// How somebody stands with a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Licence {
    /// Nobody wants it for them.
    None,
    /// It is on its way.
    Waiting {
        /// What it waits for, in a sentence.
        because: String,
    },
    /// They have it: Apple says so.
    Held,
    /// There is none left.
    Short {
        /// How many are missing for all who want one.
        by: u32,
        /// That in a sentence.
        because: String,
    },
    /// Apple refused it.
    Failed {
        /// Why, in a sentence.
        because: String,
        /// When it is tried again by itself; nothing where somebody has to do something first.
        until: Option<Timestamp>,
    },
}

/// How many licences there are of an app, practice ones left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seats {
    /// All; nothing for as many as anybody wants.
    pub owned: Option<u32>,
    /// Assigned, whoever did it.
    pub in_use: u32,
    /// On their way to somebody.
    pub reserved: u32,
    /// Left at locations that can give them now; nothing for as many as anybody wants.
    pub free: Option<u32>,
    /// How many more are wanted than there are.
    pub short: u32,
    /// When Apple said so; nothing where no location owns any.
    pub as_of: Option<Timestamp>,
}

/// What locations own of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// The App Store's number.
    pub adam_id: String,
    /// Its name; empty until the store told it.
    pub name: String,
    /// Its bundle identifier; empty until the store told it.
    pub bundle_id: String,
    /// Platforms in our words: `ios`, `macos`.
    pub platforms: Vec<String>,
    /// Whether devices can have it; books are for people only.
    pub device_assignable: bool,
    /// Whether it is an app, not a book.
    pub is_app: bool,
    /// Whether only the practice classroom owns it.
    pub practice: bool,
    /// How many there are.
    pub seats: Seats,
}

/// Says that somebody is to have a licence of an app: a seat is reserved, and Apple is asked as soon as may be. Saying it twice changes nothing.
///
/// Fails when `adam_id` is not a number of the App Store, or the holder has no name.
pub fn want(tx: &Tx, adam_id: &str, holder: &Holder) -> Result<Licence> {
    let (kind, name) = known(adam_id, holder)?;
    let before = rows::of(tx, adam_id, kind, &name)?;
    if let Some(row) = &before {
        if !row.wanted {
            happen(tx, row, Happening::Wanted, "")?;
        }
        return licence(tx, adam_id, holder);
    }
    let practice = is_practice(tx, kind, &name)?;
    let mut row = Row {
        adam_id: adam_id.to_owned(),
        holder_kind: kind,
        holder: name,
        practice,
        token_id: None,
        pricing_param: String::new(),
        wanted: true,
        stage: Stage::Open,
        event_id: None,
        attempts: 0,
        due_at: None,
        problem: String::new(),
        since_at: tx.now,
    };
    places::take(tx, &mut row)?;
    rows::put(tx, None, &row)?;
    if let Some(token) = &row.token_id {
        content_tokens::make_due(tx, token)?;
    }
    view(tx, &row)
}

/// Says that somebody is not to have a licence any more; the app was removed before. Saying it twice changes nothing.
pub fn release(tx: &Tx, adam_id: &str, holder: &Holder) -> Result<()> {
    let (kind, name) = known(adam_id, holder)?;
    match rows::of(tx, adam_id, kind, &name)?.filter(|row| row.wanted) {
        Some(row) => happen(tx, &row, Happening::Released, ""),
        None => Ok(()),
    }
}

/// How somebody stands with a licence of an app.
pub fn licence(tx: &Tx, adam_id: &str, holder: &Holder) -> Result<Licence> {
    let (kind, name) = known(adam_id, holder)?;
    match rows::of(tx, adam_id, kind, &name)? {
        Some(row) => view(tx, &row),
        // Who was given it by hand or by another server has it.
        None if !book::of_holder(tx, adam_id, kind, &name)?.is_empty() => Ok(Licence::Held),
        None => Ok(Licence::None),
    }
}

/// Has what Apple refused asked for once more.
pub fn ask_again(tx: &Tx, adam_id: &str, holder: &Holder) -> Result<Licence> {
    let (kind, name) = known(adam_id, holder)?;
    if let Some(row) = rows::of(tx, adam_id, kind, &name)?.filter(|row| row.wanted && row.stage == Stage::Failed) {
        let again = Row { stage: Stage::Open, attempts: 0, due_at: None, problem: String::new(), ..row.clone() };
        rows::put(tx, Some(&row), &again)?;
        if let Some(token) = &again.token_id {
            content_tokens::make_due(tx, token)?;
        }
    }
    licence(tx, adam_id, holder)
}

/// How many licences of an app there are for real devices and people; where only the practice classroom owns some, its.
pub fn seats(tx: &Tx, adam_id: &str) -> Result<Seats> {
    let owned = assets::of_app(tx, adam_id)?;
    let practice = !owned.is_empty() && places::all_practice(tx, &owned)?;
    ledger::seats_of(tx, adam_id, practice, &owned)
}

/// Everything that locations own, by name; what has none yet stands at the end, by number.
pub fn offered(tx: &Tx) -> Result<Vec<Asset>> {
    ledger::offered(tx)
}

/// Takes note that a device is not managed here any more: its licences go back, and others may have them.
pub fn device_left(tx: &Tx, device_id: &str) -> Result<()> {
    let Some(serial) = devices::by_id(tx, device_id)?.and_then(|device| device.serial_number) else { return Ok(()) };
    give_back_all(tx, HolderKind::Device, &serial.trim().to_ascii_uppercase())
}

/// Takes note that a device was erased and is to come back by itself: its licences stay its own until its time is over, when they are looked at again.
pub fn device_returns(tx: &Tx, device_id: &str) -> Result<()> {
    let Some(serial) = devices::by_id(tx, device_id)?.and_then(|device| device.serial_number) else { return Ok(()) };
    for row in rows::of_holder(tx, HolderKind::Device, &serial.trim().to_ascii_uppercase())? {
        if let Some(token) = row.token_id.as_deref().filter(|_| row.wanted) {
            content_tokens::make_due(tx, token)?;
        }
    }
    Ok(())
}

/// Takes note that a person is not here any more: their licences go back, and Apple is told that they are retired.
pub fn person_left(tx: &Tx, person_id: &str) -> Result<()> {
    give_back_all(tx, HolderKind::Person, person_id)?;
    users::retire(tx, person_id)
}

fn give_back_all(tx: &Tx, kind: HolderKind, holder: &str) -> Result<()> {
    for row in rows::of_holder(tx, kind, holder)?.into_iter().filter(|row| row.wanted) {
        happen(tx, &row, Happening::Released, "")?;
    }
    Ok(())
}

/// What is asked about, read.
fn known(adam_id: &str, holder: &Holder) -> Result<(HolderKind, String)> {
    if adam_id.is_empty() || adam_id.len() > 20 || !adam_id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::field("adam_id", t!("the App Store's number of an app, for example 409203825")));
    }
    let name = holder.name();
    if name.is_empty() {
        return Err(Error::conflict(t!("A device without a serial number cannot have a licence of its own; assign it to a person.")));
    }
    Ok((holder.kind(), name))
}

/// Whether somebody belongs to the practice classroom: a practice device, or a person who uses such ones only.
fn is_practice(tx: &Tx, kind: HolderKind, holder: &str) -> Result<bool> {
    match kind {
        HolderKind::Device => Ok(devices::by_serial_number(tx, holder)?.is_some_and(|device| device.practice)),
        HolderKind::Person => {
            let used = people::devices(tx, holder)?;
            let mut all = !used.is_empty();
            for device in used {
                all &= devices::by_id(tx, &device.id)?.is_some_and(|device| device.practice);
            }
            Ok(all)
        }
    }
}

/// Lets something happen to a licence, stores what becomes of it, and has those look again whom it concerns.
fn happen(tx: &Tx, row: &Row, happening: Happening, problem: &str) -> Result<()> {
    let standing = Standing { wanted: row.wanted, stage: row.stage, attempts: row.attempts, due_at: row.due_at };
    let Some(after) = machine::next(standing, happening, tx.now) else {
        rows::remove(tx, row)?;
        return changed(tx, row, None);
    };
    let mut next = Row { wanted: after.wanted, stage: after.stage, attempts: after.attempts, due_at: after.due_at, ..row.clone() };
    if !matches!(next.stage, Stage::Asked | Stage::Leaving) || matches!(happening, Happening::Sent(_)) {
        next.event_id = None;
    }
    match next.stage {
        Stage::Failed | Stage::Open if !problem.is_empty() => problem.clone_into(&mut next.problem),
        Stage::Held => next.problem.clear(),
        _ => {}
    }
    if happening == Happening::Refused(crate::protocol::apps_and_books::Verdict::Short) && next.stage == Stage::Open {
        // It has no place after all; it queues for one until the book was read again.
        (next.token_id, next.pricing_param) = (None, String::new());
    }
    if next == *row {
        return Ok(());
    }
    rows::put(tx, Some(row), &next)?;
    if let Some(token) = &next.token_id {
        content_tokens::make_due(tx, token)?;
    }
    changed(tx, row, Some(&next))
}

/// Tells the timeline and the planning what became of a licence, and gives a place that it left to who waits for one.
fn changed(tx: &Tx, before: &Row, after: Option<&Row>) -> Result<()> {
    let stage = |row: Option<&Row>| row.map(|row| (row.stage, row.wanted));
    if stage(Some(before)) == stage(after) {
        return Ok(());
    }
    let kind = match (before.stage, after.map(|after| after.stage)) {
        (_, Some(Stage::Held)) if before.stage != Stage::Held && before.stage != Stage::Leaving => "licence.held",
        (_, Some(Stage::Failed)) => "licence.failed",
        (Stage::Leaving | Stage::Held, None) => "licence.returned",
        _ => "",
    };
    let concerned = concerned(tx, before.holder_kind, &before.holder)?;
    if !kind.is_empty() {
        let subject =
            concerned.first().filter(|_| before.holder_kind == HolderKind::Device).map(|id| Subject::device(id)).unwrap_or_default();
        let mut data = json!({ "adam_id": before.adam_id, "holder": before.holder });
        if let Some(after) = after.filter(|after| !after.problem.is_empty()) {
            data["because"] = json!(after.problem);
        }
        journal::note(tx, &ACTOR, kind, subject, data)?;
    }
    for device in concerned {
        deployments::look_again(tx, &device)?;
    }
    if after.is_none() {
        places::serve(tx, &before.adam_id, before.practice)?;
    }
    Ok(())
}

/// The devices that a holder's licence matters to.
fn concerned(tx: &Tx, kind: HolderKind, holder: &str) -> Result<Vec<String>> {
    Ok(match kind {
        HolderKind::Device => devices::by_serial_number(tx, holder)?.into_iter().map(|device| device.id).collect(),
        HolderKind::Person => people::devices(tx, holder)?.into_iter().map(|device| device.id).collect(),
    })
}

/// What is missing so that free licences at other locations could be given, in sentences; empty where nothing is.
pub fn hindered(tx: &Tx, adam_id: &str) -> Result<String> {
    let owned = assets::of_app(tx, adam_id)?;
    places::hindered(tx, adam_id, !owned.is_empty() && places::all_practice(tx, &owned)?)
}

/// Whether somebody has a licence of an app, or a place of their own for one: also where it is on its way back, and would be asked for again.
pub fn has_place(tx: &Tx, adam_id: &str, holder: &Holder) -> Result<bool> {
    let (kind, name) = known(adam_id, holder)?;
    Ok(match rows::of(tx, adam_id, kind, &name)? {
        Some(row) => row.token_id.is_some() && row.stage != Stage::Failed,
        None => !book::of_holder(tx, adam_id, kind, &name)?.is_empty(),
    })
}

/// Has the store's facts looked up for whatever is owned.
fn look_up(tx: &Tx, adam_id: &str) -> Result<()> {
    store_items::want(tx, adam_id)
}
