//! What is done with one device or with several: asked first where something can be lost or has to be said.

mod chosen;
mod several;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

pub(super) use chosen::Chosen;

use super::devices::name;
use super::{Form, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::device::deeds::{Deed, DeedForm, DeedView, ask};
use crate::http::pages::parts::{Action, Markup, count};
use crate::http::return_to_service;
use crate::mdm::commands::{self, Wish};
use crate::mdm::devices;
use crate::mdm::return_to_service::network::{self, Network};
use crate::mdm::{Actor, Right, lost};
use crate::protocol::availability;
use crate::protocol::command::{self, Command, EraseDevice, LostMode};
use crate::protocol::platform::Platform;
use crate::secret::Secret;
use crate::store::enrollments::{Enrollment, EnrollmentState};
use crate::store::roster::Listed;
use crate::store::{Tx, enrollments};

/// Where the pages for several devices lead back to.
const DEVICES: (&str, &str) = ("/devices", msg!("Devices"));

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/devices/{id}/actions/{deed}", get(ask_one).post(do_one))
        // Loading the answer again asks nothing of anyone.
        .route("/devices/actions/{deed}", post(several::several).get(async || Redirect::to(DEVICES.0)))
}

/// The command of a deed; retiring, taking that back, and deleting are decisions of ours.
const fn request_type(deed: Deed) -> Option<&'static str> {
    Some(match deed {
        Deed::Lock => "DeviceLock",
        Deed::Restart => "RestartDevice",
        Deed::ShutDown => "ShutDownDevice",
        Deed::LostMode => "EnableLostMode",
        Deed::EndLostMode => "DisableLostMode",
        Deed::PlaySound => "PlayLostModeSound",
        Deed::Locate => "DeviceLocation",
        Deed::ClearPasscode => "ClearPasscode",
        Deed::Erase => "EraseDevice",
        Deed::Retire | Deed::TakeBack | Deed::Delete => return None,
    })
}

fn right(deed: Deed) -> Right {
    if deed.is_destructive() || deed == Deed::TakeBack { Right::Destroy } else { Right::Command }
}

/// Why this actor does not lock Macs: one is locked by a PIN, which shuts people out.
fn no_macs(actor: &Actor, deed: Deed) -> Option<String> {
    let stands_against = deed == Deed::Lock && !actor.may(Right::Destroy);
    stands_against.then(|| {
        let roles = Right::Destroy.roles();
        t!("A Mac that is locked lets nobody in before a PIN is typed; locking one takes the role {roles}.", roles)
    })
}

/// What this actor may do with this device as it stands and with its OS.
pub(super) fn possible(tx: &Tx, actor: &Actor, channel: Option<&Enrollment>) -> Result<Vec<Deed>> {
    let capabilities = match channel {
        Some(channel) if channel.state == EnrollmentState::Enrolled => Some(commands::capabilities(tx, channel)?),
        _ => None,
    };
    let is_mac = capabilities.as_ref().is_some_and(|device| device.platform == Platform::Macos);
    let commands: Vec<&str> = capabilities.iter().flat_map(availability::commands).collect();
    let is_lost = channel.map(|channel| lost::of(tx, channel)).transpose()?.flatten().is_some();
    let enrolled = channel.is_some_and(|channel| matches!(channel.state, EnrollmentState::Enrolled | EnrollmentState::Authenticated));
    let can = |deed: Deed| match (deed, request_type(deed)) {
        (Deed::Lock, _) if is_mac && no_macs(actor, deed).is_some() => false,
        // A device answers these in Lost Mode alone.
        (Deed::EndLostMode | Deed::PlaySound | Deed::Locate, _) if !is_lost => false,
        (_, Some(request_type)) => commands.contains(&request_type),
        (Deed::Retire, None) => enrolled,
        (Deed::TakeBack, None) => channel.is_some_and(devices::is_to_be_told),
        (_, None) => !enrolled,
    };
    Ok(Deed::ALL.into_iter().filter(|deed| actor.may(right(*deed)) && can(*deed)).collect())
}

/// What this actor may do with chosen rows of the devices table.
pub(super) fn for_several(actor: &Actor) -> Vec<Action> {
    let action = |deed: Deed| Action {
        words: deed.words().to_owned(),
        to: format!("/devices/actions/{}", deed.path()),
        destructive: deed.is_destructive(),
    };
    let group = Action { words: String::from(t!("Put into a group")), to: String::from("/devices/actions/group"), destructive: false };
    let deeds = Deed::ALL.into_iter().filter(|deed| deed.suits_many() && actor.may(right(*deed))).map(action);
    actor.may(Right::Configure).then_some(group).into_iter().chain(deeds).collect()
}

fn read(path: &str) -> Result<Deed> {
    Deed::from_path(path).ok_or_else(|| Error::not_found(t!("There is nothing of that name to do with a device.")))
}

/// Asks before a deed.
async fn ask_one(State(app): State<App>, who: SignedIn, Path((id, deed)): Path<(String, String)>) -> Result<Response> {
    let deed = read(&deed)?;
    who.actor.require(right(deed))?;
    Ok(question(&app, &who, &id, deed, DeedForm::default(), &[]).await?.into_response())
}

async fn question(app: &App, who: &SignedIn, id: &str, deed: Deed, typed: DeedForm, errors: &[(String, String)]) -> Result<Markup> {
    let (actor, target) = (who.actor.clone(), id.to_owned());
    let looked = app.store.read(app.now(), |tx| {
        let listed = devices::standing(tx, &actor, &target)?;
        let networks = networks(tx, deed, std::slice::from_ref(&listed))?;
        let note = note_of_one(tx, deed, &listed)?;
        Ok((listed, networks, note))
    });
    let (listed, networks, note) = looked.await?;
    let name = name(&listed.device);
    let is_mac = listed.device.platform == Platform::Macos;
    let refused = no_macs(&who.actor, deed).filter(|_| is_mac).map(|because| (String::new(), because));
    let all: Vec<_> = if errors.is_empty() { refused.into_iter().collect() } else { errors.to_vec() };
    let (action, back) = (format!("/devices/{id}/actions/{}", deed.path()), format!("/devices/{id}"));
    let view = DeedView {
        deed,
        names: std::slice::from_ref(&name),
        total: 1,
        macs: is_mac && who.actor.may(Right::Destroy),
        networks: networks.as_deref(),
        note: &note,
        action: &action,
        back: (&back, &name),
        hidden: &[],
        typed,
        errors: &all,
    };
    Ok(ask(&shell(app, who, None).await?, &view))
}

/// The Wi-Fi profiles by which erased devices may come back; nothing where that is not the question, or none of them can.
fn networks(tx: &Tx, deed: Deed, chosen: &[Listed]) -> Result<Option<Vec<(String, String)>>> {
    let can = |listed: &Listed| matches!(listed.device.platform, Platform::Ios | Platform::Tvos | Platform::Visionos);
    if deed != Deed::Erase || !chosen.iter().any(can) {
        return Ok(None);
    }
    Ok(Some(network::choices(tx)?.into_iter().map(|choice| (choice.id, choice.name)).collect()))
}

/// What is worth knowing before the only device of a page is put into Lost Mode; empty for nothing.
fn note_of_one(tx: &Tx, deed: Deed, listed: &Listed) -> Result<String> {
    if deed == Deed::LostMode && listed.lost.is_some() {
        return Ok(String::from(t!("It is lost already. What you leave empty stays as it is, and so does since when it is lost.")));
    }
    note(tx, deed, std::slice::from_ref(listed))
}

/// What is worth knowing of these devices before the deed; empty for nothing.
fn note(tx: &Tx, deed: Deed, chosen: &[Listed]) -> Result<String> {
    match chosen.iter().filter(|listed| deed == Deed::LostMode && listed.lost.is_some()).count() {
        0 => {}
        1 => return Ok(String::from(t!("1 device is lost already and stays as it is."))),
        lost => return Ok(t!("{lost} devices are lost already and stay as they are.", lost)),
    }
    let retired = chosen.iter().filter(|listed| deed == Deed::Delete && listed.enrollment_state == Some(EnrollmentState::Retired));
    let mut untold = 0_u64;
    for listed in retired {
        untold += u64::from(enrollments::device_channel(tx, &listed.device.id)?.as_ref().is_some_and(devices::is_to_be_told));
    }
    Ok(match untold {
        0 => String::new(),
        _ if chosen.len() == 1 => String::from(t!(
            "It was retired and has not been told to leave yet. Deleted, it is woken no more: it keeps what it got from here until it is erased, or connects by itself."
        )),
        _ => t!(
            "{are} retired and not told to leave yet. Deleted, these are woken no more: they keep what they got from here until they are erased, or connect by themselves.",
            are = count(untold, t!("device is"), t!("devices are"))
        ),
    })
}

/// By which network the form has erased devices come back; nothing where they are not to.
fn comes_back(deed: Deed, typed: &DeedForm) -> Option<Network> {
    let wanted = typed.wifi_profile.trim();
    let network = if wanted.is_empty() { Network::None } else { Network::Library(wanted.to_owned()) };
    (deed == Deed::Erase && !typed.come_back.is_empty()).then_some(network)
}

/// The PIN that was made for a Mac, where one was.
type Made = Option<Secret<String>>;

/// Does a deed to one device.
async fn carry_out(app: &App, actor: &Actor, id: &str, deed: Deed, typed: &Arc<DeedForm>) -> Result<Made> {
    if let Some(network) = comes_back(deed, typed) {
        return return_to_service::bring_back(app, actor, id, network).await.map(|()| None);
    }
    let (actor, id, given) = (actor.clone(), id.to_owned(), Arc::clone(typed));
    app.store.write(app.now(), move |tx| act(tx, &actor, &id, deed, &given)).await
}

/// Does what the form says; a refusal shows the form again with what was typed.
async fn do_one(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path((id, deed)): Path<(String, String)>,
    Form(typed): Form<DeedForm>,
) -> Result<Response> {
    let deed = read(&deed)?;
    let typed = Arc::new(typed);
    match carry_out(&app, &who.actor, &id, deed, &typed).await {
        Ok(_) if deed == Deed::Delete => Ok(said(&app, &gate, &who, DEVICES.0, &deed.done(1))),
        Ok(made) => {
            // Shown this once; afterwards whoever may reveal secrets has it shown on the device's page.
            let pin = made.map_or_else(String::new, |pin| t!(" The PIN {pin} was made for it and is kept with it.", pin = pin.expose()));
            Ok(said(&app, &gate, &who, &format!("/devices/{id}"), &format!("{}{pin}", deed.done(1))))
        }
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => {
            let page = question(&app, &who, &id, deed, DeedForm::clone(&typed), &errors(&error)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error),
    }
}

fn act(tx: &Tx, actor: &Actor, id: &str, deed: Deed, typed: &DeedForm) -> Result<Made> {
    match deed {
        Deed::Retire => devices::retire(tx, actor, id).map(|_| None),
        Deed::TakeBack => devices::take_back(tx, actor, id).map(|_| None),
        Deed::Delete => devices::delete(tx, actor, id).map(|()| None),
        _ => {
            let channel = devices::channel(tx, actor, id)?;
            let is_mac = commands::capabilities(tx, &channel)?.platform == Platform::Macos;
            if let Some(because) = no_macs(actor, deed).filter(|_| is_mac) {
                return Err(Error::conflict(because));
            }
            let given = pin(typed, is_mac)?;
            // A Mac takes the order only with a PIN.
            let wants_one = is_mac && matches!(deed, Deed::Lock | Deed::Erase) && given.is_none();
            let made = wants_one.then(|| commands::new_pin(tx));
            let order = order(tx, deed, typed, given.as_ref().or(made.as_ref()))?;
            commands::enqueue(tx, actor, &channel, Wish::new(order))?;
            Ok(made)
        }
    }
}

fn order(tx: &Tx, deed: Deed, typed: &DeedForm, pin: Option<&Secret<String>>) -> Result<Command> {
    let uuid = commands::new_uuid(tx);
    let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let (message, phone) = (text(&typed.message), text(&typed.phone));
    Ok(match deed {
        Deed::Lock => command::device_lock(uuid, message.as_deref(), phone.as_deref(), pin),
        Deed::Restart => command::restart_device(uuid, None),
        Deed::ShutDown => command::shut_down_device(uuid),
        Deed::LostMode if message.is_none() && phone.is_none() => {
            return Err(Error::field("message", t!("say something, or give a telephone number")));
        }
        Deed::LostMode => command::enable_lost_mode(uuid, LostMode { message, phone_number: phone, footnote: text(&typed.footnote) }),
        Deed::EndLostMode => command::disable_lost_mode(uuid),
        Deed::PlaySound => command::play_lost_mode_sound(uuid),
        Deed::Locate => command::device_location(uuid),
        // The room fills in the token that the device gave.
        Deed::ClearPasscode => Command::new(uuid, "ClearPasscode"),
        Deed::Erase => command::erase_device(uuid, &EraseDevice { pin: pin.cloned(), ..EraseDevice::default() }),
        Deed::Retire | Deed::TakeBack | Deed::Delete => return Err(Error::bad_input(t!("No command does that."))),
    })
}

/// A Mac's PIN; other devices take none.
fn pin(typed: &DeedForm, is_mac: bool) -> Result<Option<Secret<String>>> {
    let pin = typed.pin.trim();
    if !is_mac || pin.is_empty() {
        return Ok(None);
    }
    if pin.len() != 6 || !pin.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::field("pin", t!("six digits")));
    }
    Ok(Some(Secret::new(pin.to_owned())))
}
