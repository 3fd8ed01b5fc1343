//! One new device: what it is, what it gets, its lock.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::super::form::sentence;
use super::super::{Form, SaidQuery, errors, said};
use super::devices::standing;
use super::{Offered, shell, typed};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::ade;
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::ade::devices::ADDRESS;
use crate::http::pages::ade::one::{Gets, LockRow, OneView, ask_lock, one};
use crate::http::pages::parts::{State as Mark, day_words};
use crate::mdm::ade::devices::{self, Say, Wish};
use crate::mdm::ade::locks;
use crate::mdm::practice::cart;
use crate::mdm::{Actor, Right, people};
use crate::store::Tx;
use crate::store::ade_devices::Listed;
use crate::store::ade_locks::{Lock, LockState};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/new-devices/{serial}", get(show).post(save))
        .route("/new-devices/{serial}/lock", get(ask).post(lock))
        .route("/new-devices/{serial}/locks/{lock}/reveal", post(reveal))
}

fn view(tx: &Tx, actor: &Actor, serial: &str) -> Result<OneView> {
    let known = devices::find(tx, actor, serial)?;
    let listed = devices::listed(tx, actor, serial)?;
    let on = cart::switched_on(tx)?;
    let (state, words) = standing(&listed, known.server.practice.then_some(&on));
    let chosen = listed.device.chosen_profile_id.as_deref().unwrap_or_default();
    let offered = Offered::read(tx, actor, &[listed.device.device_family.clone()].into(), chosen)?;
    let is_ours = listed.device.gone_at.is_none();
    Ok(OneView {
        facts: facts(&listed),
        state,
        words,
        practice: known.server.practice,
        may_switch_on: known.server.practice && is_ours && actor.may(Right::Invite) && !on.contains(serial) && listed.device_id.is_none(),
        device_id: listed.device_id.clone(),
        server: (known.server.id, known.server.name),
        locks: locks::of_serial(tx, actor, serial)?.into_iter().map(lock_row).collect(),
        may_lock: is_ours && actor.may(Right::Destroy) && locks::is_offered(&known.server.account),
        may_reveal: actor.may(Right::Reveal),
        revealed: None,
        gets: gets(listed, offered, is_ours && actor.may(Right::Configure)),
        serial: known.device.serial_number,
    })
}

fn gets(listed: Listed, offered: Offered, may_change: bool) -> Gets {
    let profile = listed.profile.unwrap_or_else(|| String::from(t!("none")));
    let device = listed.device;
    Gets {
        profile: if device.chosen_profile_id.is_some() { t!("{profile}, chosen for it", profile) } else { profile },
        chosen: device.chosen_profile_id.unwrap_or_default(),
        person: listed.person.unwrap_or_default(),
        class: device.class_id.unwrap_or_default(),
        group: device.group_id.unwrap_or_default(),
        profiles: offered.profiles,
        classes: offered.classes,
        groups: offered.groups,
        errors: Vec::new(),
        may_change,
    }
}

fn facts(listed: &Listed) -> Vec<(String, String)> {
    let device = &listed.device;
    let on = |at: Option<Timestamp>| at.map(day_words).unwrap_or_default();
    let added = match (on(device.assigned_at), device.assigned_by.as_str()) {
        (day, "") => day,
        (day, by) => t!("{day} by {by}", day, by).trim().to_owned(),
    };
    let at_apple = match device.profile_status.as_str() {
        "assigned" => t!("assigned, waits for the set-up"),
        "pushed" => t!("taken by the device"),
        "removed" => t!("removed"),
        _ => t!("none"),
    };
    [
        (t!("Model"), device.model.clone()),
        (t!("Description"), device.description.clone()),
        (t!("Colour"), device.color.to_lowercase()),
        (t!("Tag"), device.asset_tag.clone()),
        (t!("Put on the server"), added),
        (t!("Profile at Apple"), at_apple.to_owned()),
        (t!("Assigned"), on(device.profile_assigned_at)),
        (t!("Taken by the device"), on(device.profile_pushed_at)),
        (t!("Tried again"), device.retry_at.map(Timestamp::words).unwrap_or_default()),
        (t!("Moves here by"), on(device.migrates_by_at.filter(|_| device.gone_at.is_none()))),
        (t!("Came without being erased"), on(device.migrated_at)),
        (t!("Not yours since"), on(device.gone_at)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn lock_row(lock: Lock) -> LockRow {
    let (state, words) = match lock.state {
        LockState::Locked => (Mark::Ok, String::from(t!("locked to the organisation"))),
        LockState::Asked => (Mark::Waiting, String::from(t!("may be locked: no answer came"))),
        LockState::Failed => (Mark::Problem, crate::language::kept(&lock.problem)),
    };
    LockRow { id: lock.id, state, words, at: lock.created_at }
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(serial): Path<String>,
    Query(query): Query<SaidQuery>,
) -> Result<Response> {
    let actor = who.actor.clone();
    let view = app.store.read_slow(app.now(), move |tx| view(tx, &actor, &serial)).await?;
    let flash = query.flash(&gate, &who);
    Ok(one(&shell(&app, &who, flash).await?, &view).into_response())
}

/// What the form wishes; a person is named as people name them.
fn wish(tx: &Tx, actor: &Actor, pairs: &[(String, String)]) -> Result<Wish> {
    let chosen = |name: &str| Say::of(Some(typed(pairs, name)).filter(|id| !id.is_empty()));
    let person_id = match typed(pairs, "person").as_str() {
        "" => None,
        label => Some(people::named(tx, actor, label).map_err(at_person)?.id),
    };
    Ok(Wish { profile_id: chosen("profile_id"), person_id: Say::of(person_id), class_id: chosen("class_id"), group_id: chosen("group_id") })
}

fn at_person(error: Error) -> Error {
    match error.kind {
        Kind::NotFound | Kind::BadInput | Kind::Conflict => Error::field("person", error.message.into_owned()),
        _ => error,
    }
}

async fn save(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(serial): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let (actor, named, asked) = (who.actor.clone(), serial.clone(), pairs.clone());
    let saved = app.store.write(app.now(), move |tx| {
        let before = devices::find(tx, &actor, &named)?.device;
        let mut wish = wish(tx, &actor, &asked)?;
        // A class that was chosen before hands nothing out once more.
        if wish.class_id == Say::of(before.class_id) {
            wish.class_id = Say::Keep;
        }
        devices::assign(tx, &actor, std::slice::from_ref(&named), &wish)
    });
    match saved.await {
        Ok(granted) => {
            let words = granted.doubt().map_or_else(|| String::from(t!("Saved.")), |doubt| t!("Saved. {doubt}", doubt));
            Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{serial}"), &words))
        }
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => {
            let actor = who.actor.clone();
            let mut view = app.store.read_slow(app.now(), move |tx| view(tx, &actor, &serial)).await?;
            let gets = &mut view.gets;
            gets.errors = errors(&error);
            gets.chosen = typed(&pairs, "profile_id");
            gets.person = typed(&pairs, "person");
            gets.class = typed(&pairs, "class_id");
            gets.group = typed(&pairs, "group_id");
            Ok((StatusCode::UNPROCESSABLE_ENTITY, one(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn ask(State(app): State<App>, who: SignedIn, Path(serial): Path<String>) -> Result<Response> {
    who.actor.require(Right::Destroy)?;
    let (actor, named) = (who.actor.clone(), serial);
    let known = app.store.read(app.now(), move |tx| devices::find(tx, &actor, &named)).await?;
    Ok(ask_lock(&shell(&app, &who, None).await?, &known.device.serial_number, "", None).into_response())
}

#[derive(Deserialize)]
struct LockForm {
    #[serde(default)]
    message: String,
}

async fn lock(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(serial): Path<String>,
    Form(form): Form<LockForm>,
) -> Result<Response> {
    let words = match ade::lock(&app, &who.actor, &serial, &form.message).await {
        Ok(lock) => match lock.state {
            LockState::Locked => String::from(t!("Apple has locked the device. What opens it is kept here, for an Owner.")),
            _ => sentence(&lock.problem),
        },
        Err(error) if error.kind == Kind::BadInput => {
            let words = sentence(error.fields.first().map_or(&*error.message, |fault| fault.message.as_str()));
            let page = ask_lock(&shell(&app, &who, None).await?, &serial, &form.message, Some(&words));
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
        Err(error) => return Err(error),
    };
    Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{serial}"), &words))
}

async fn reveal(State(app): State<App>, who: SignedIn, Path((serial, lock)): Path<(String, String)>) -> Result<Response> {
    let actor = who.actor.clone();
    let view = app.store.write(app.now(), move |tx| {
        let code = locks::reveal(tx, &actor, &serial, &lock)?;
        Ok(OneView { revealed: Some(String::from_utf8_lossy(code.expose()).into_owned()), ..view(tx, &actor, &serial)? })
    });
    let view = view.await?;
    Ok(one(&shell(&app, &who, None).await?, &view).into_response())
}
