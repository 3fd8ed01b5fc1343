//! What can be done with one device: asked first where something can be lost or has to be said.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::{Form, shell};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::auth::SignedIn;
use crate::http::pages::device::DeviceAction;
use crate::http::pages::parts::{Confirm, Frame, Section, confirm, field, frame};
use crate::mdm::commands::{self, Wish};
use crate::mdm::{Actor, Right, devices, inventory};
use crate::protocol::command::{self, Command, EraseDevice, LostMode};
use crate::protocol::platform::Platform;
use crate::secret::Secret;
use crate::store::Tx;
use crate::store::enrollments::{Enrollment, EnrollmentState};

/// A command that has a button.
pub(super) struct Action {
    pub(super) path: &'static str,
    pub(super) words: &'static str,
    pub(super) request_type: &'static str,
    pub(super) right: Right,
    asks: bool,
    destructive: bool,
    consequence: &'static str,
    fields: &'static [(&'static str, &'static str, &'static str)],
}

const MESSAGE: (&str, &str, &str) = ("message", "Message on the screen", "Shown to whoever holds the device.");
const PHONE: (&str, &str, &str) = ("phone", "Telephone number", "Shown beside the message.");
const PIN: (&str, &str, &str) = ("pin", "PIN of six digits (Macs only)", "The only way to unlock the Mac again. It is kept here, sealed.");

/// Every command with a button, in the order of the page.
pub(super) const ACTIONS: &[Action] = &[
    Action {
        path: "lock",
        words: "Lock",
        request_type: "DeviceLock",
        right: Right::Command,
        asks: true,
        destructive: false,
        consequence: "Its screen locks. A Mac restarts and asks for the PIN.",
        fields: &[MESSAGE, PHONE, PIN],
    },
    Action {
        path: "restart",
        words: "Restart",
        request_type: "RestartDevice",
        right: Right::Command,
        asks: true,
        destructive: false,
        consequence: "It restarts at once. What is not saved may be lost.",
        fields: &[],
    },
    Action {
        path: "shut-down",
        words: "Shut down",
        request_type: "ShutDownDevice",
        right: Right::Command,
        asks: true,
        destructive: false,
        consequence: "It turns off, and cannot be reached until somebody turns it on.",
        fields: &[],
    },
    Action {
        path: "lost",
        words: "Lost mode",
        request_type: "EnableLostMode",
        right: Right::Command,
        asks: true,
        destructive: false,
        consequence: "It can only show your message until you end lost mode. Then its place can be asked.",
        fields: &[MESSAGE, PHONE],
    },
    Action {
        path: "found",
        words: "End lost mode",
        request_type: "DisableLostMode",
        right: Right::Command,
        asks: false,
        destructive: false,
        consequence: "",
        fields: &[],
    },
    Action {
        path: "sound",
        words: "Play a sound",
        request_type: "PlayLostModeSound",
        right: Right::Command,
        asks: false,
        destructive: false,
        consequence: "",
        fields: &[],
    },
    Action {
        path: "locate",
        words: "Ask where it is",
        request_type: "DeviceLocation",
        right: Right::Command,
        asks: false,
        destructive: false,
        consequence: "",
        fields: &[],
    },
    Action {
        path: "clear-passcode",
        words: "Clear its passcode",
        request_type: "ClearPasscode",
        right: Right::Destroy,
        asks: true,
        destructive: true,
        consequence: "Whoever holds the device gets in without its passcode.",
        fields: &[],
    },
    Action {
        path: "erase",
        words: "Erase",
        request_type: "EraseDevice",
        right: Right::Destroy,
        asks: true,
        destructive: true,
        consequence: "Everything on it is lost, and it leaves this server. This cannot be undone.",
        fields: &[PIN],
    },
];

impl Action {
    pub(super) fn button(&self) -> DeviceAction {
        DeviceAction { words: self.words.to_owned(), path: self.path.to_owned(), asks: self.asks, destructive: self.destructive }
    }
}

/// An end that an admin decides on.
pub(super) struct End {
    path: &'static str,
    words: &'static str,
    consequence: &'static str,
    enrolled: bool,
}

/// Retiring and deleting.
pub(super) const ENDS: &[End] = &[
    End {
        path: "retire",
        words: "Retire",
        enrolled: true,
        consequence: "At its next contact it is told to remove its management profile, with everything that the profile brought.",
    },
    End {
        path: "delete",
        words: "Delete",
        enrolled: false,
        consequence: "It disappears from the lists. It is told nothing; secrets held for it stay; if it enrolls again it is back.",
    },
];

impl End {
    pub(super) fn fits(&self, state: EnrollmentState) -> bool {
        !self.enrolled || matches!(state, EnrollmentState::Enrolled | EnrollmentState::Authenticated)
    }

    pub(super) fn button(&self) -> DeviceAction {
        DeviceAction { words: self.words.to_owned(), path: self.path.to_owned(), asks: true, destructive: true }
    }
}

/// What a form of this page sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    message: String,
    phone: String,
    pin: String,
}

/// Asks for news of a device.
pub(super) async fn refresh(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    app.store
        .write(app.now(), move |tx| {
            actor.require(Right::Command)?;
            let channel = devices::channel(tx, &actor, &target)?;
            inventory::ask_all(tx, &actor, &channel)
        })
        .await?;
    Ok(back(&id))
}

/// Takes a waiting command back.
pub(super) async fn cancel(State(app): State<App>, who: SignedIn, Path((id, uuid)): Path<(String, String)>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    app.store
        .write(app.now(), move |tx| {
            let channel = devices::channel(tx, &actor, &target)?;
            commands::cancel(tx, &actor, &channel, &uuid)
        })
        .await?;
    Ok(back(&id))
}

fn back(id: &str) -> Response {
    Redirect::to(&format!("/devices/{id}")).into_response()
}

/// Asks before a deed.
pub(super) async fn ask(State(app): State<App>, who: SignedIn, Path((id, path)): Path<(String, String)>) -> Result<Response> {
    let page = question(&app, &who, &id, &path, &Said::default(), None).await?;
    Ok(page.into_response())
}

async fn question(app: &App, who: &SignedIn, id: &str, path: &str, said: &Said, error: Option<&Error>) -> Result<Markup> {
    let (actor, target) = (who.actor.clone(), id.to_owned());
    let listed = app.store.read(app.now(), |tx| devices::standing(tx, &actor, &target)).await?;
    let (words, consequence, destructive, fields) = describe(path)?;
    let name = super::name(&listed.device);
    let (title, action, cancel) = (format!("{words}: {name}"), format!("/devices/{id}/actions/{path}"), format!("/devices/{id}"));
    let given = |field: &str| match field {
        "message" => said.message.as_str(),
        "phone" => said.phone.as_str(),
        _ => "",
    };
    let wrong =
        |name: &str| error.and_then(|error| error.fields.iter().find(|fault| fault.field == name)).map(|fault| fault.message.as_str());
    let inputs = html! {
        @if let Some(error) = error.filter(|error| error.fields.is_empty()) { p.error role="alert" { (error.message) } }
        @for (key, label, help) in fields { (field(key, label).value(given(key)).help(help).error(wrong(key)).optional()) }
    };
    let content = confirm(&Confirm {
        action: &action,
        title: &title,
        consequence: html! { (consequence) },
        names: std::slice::from_ref(&name),
        total: 1,
        typed: None,
        hidden: &[],
        fields: inputs,
        verb: words,
        destructive,
        cancel: &cancel,
    });
    Ok(frame(&shell(app, who, None).await?, &Frame { back: Some((&cancel, &name)), ..Frame::new(Section::Devices, &title) }, content))
}

type Described = (&'static str, &'static str, bool, &'static [(&'static str, &'static str, &'static str)]);

fn describe(path: &str) -> Result<Described> {
    if let Some(action) = ACTIONS.iter().find(|action| action.path == path) {
        return Ok((action.words, action.consequence, action.destructive, action.fields));
    }
    let end =
        ENDS.iter().find(|end| end.path == path).ok_or_else(|| Error::not_found("There is nothing of that name to do with a device."))?;
    Ok((end.words, end.consequence, true, &[]))
}

/// Does what the form says; a refusal shows the form again with what was typed.
pub(super) async fn perform(
    State(app): State<App>,
    who: SignedIn,
    Path((id, path)): Path<(String, String)>,
    Form(said): Form<Said>,
) -> Result<Response> {
    let (actor, target, deed) = (who.actor.clone(), id.clone(), path.clone());
    let said = std::sync::Arc::new(said);
    let given = std::sync::Arc::clone(&said);
    match app.store.write(app.now(), move |tx| act(tx, &actor, &target, &deed, &given)).await {
        Ok(()) if path == "delete" => Ok(Redirect::to("/devices").into_response()),
        Ok(()) => Ok(back(&id)),
        Err(error) if matches!(error.kind, crate::error::Kind::BadInput | crate::error::Kind::Conflict) => {
            Ok((axum::http::StatusCode::UNPROCESSABLE_ENTITY, question(&app, &who, &id, &path, &said, Some(&error)).await?).into_response())
        }
        Err(error) => Err(error),
    }
}

fn act(tx: &Tx, actor: &Actor, id: &str, path: &str, said: &Said) -> Result<()> {
    match path {
        "retire" => devices::retire(tx, actor, id).map(drop),
        "delete" => devices::delete(tx, actor, id),
        _ => {
            let channel = devices::channel(tx, actor, id)?;
            let order = order(tx, &channel, path, said)?;
            commands::enqueue(tx, actor, &channel, Wish::new(order)).map(drop)
        }
    }
}

fn order(tx: &Tx, channel: &Enrollment, path: &str, said: &Said) -> Result<Command> {
    let uuid = commands::new_uuid(tx);
    let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let (message, phone) = (text(&said.message), text(&said.phone));
    let is_mac = commands::capabilities(tx, channel)?.platform == Platform::Macos;
    Ok(match path {
        "lock" => command::device_lock(uuid, message.as_deref(), phone.as_deref(), pin(said, is_mac)?.as_ref()),
        "restart" => command::restart_device(uuid, None),
        "shut-down" => command::shut_down_device(uuid),
        "lost" if message.is_none() && phone.is_none() => return Err(Error::field("message", "say something, or give a telephone number")),
        "lost" => command::enable_lost_mode(uuid, LostMode { message, phone_number: phone, footnote: None }),
        "found" => command::disable_lost_mode(uuid),
        "sound" => command::play_lost_mode_sound(uuid),
        "locate" => command::device_location(uuid),
        // The room fills in the token that the device gave.
        "clear-passcode" => Command::new(uuid, "ClearPasscode"),
        "erase" => command::erase_device(uuid, &EraseDevice { pin: pin(said, is_mac)?, ..EraseDevice::default() }),
        _ => return Err(Error::not_found("There is nothing of that name to do with a device.")),
    })
}

/// A Mac's PIN; other devices take none.
fn pin(said: &Said, is_mac: bool) -> Result<Option<Secret<String>>> {
    let pin = said.pin.trim();
    if !is_mac || pin.is_empty() {
        return Ok(None);
    }
    if pin.len() != 6 || !pin.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::field("pin", "six digits"));
    }
    Ok(Some(Secret::new(pin.to_owned())))
}
