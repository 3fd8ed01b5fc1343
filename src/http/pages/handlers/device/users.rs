//! The people who share a device: shown, logged out, deleted; and how a Shared iPad divides itself.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde::Deserialize;

use super::super::devices::name;
use super::super::{Form, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::device::people::{AccountRow, DeleteView, PeopleTab, SharingForm, delete as ask_to_delete};
use crate::mdm::device_users::{self, LIST, Sharing};
use crate::mdm::{Actor, Right, devices};
use crate::protocol::platform::Platform;
use crate::protocol::report::device::DeviceUser;
use crate::store::devices::Device;
use crate::store::{Tx, enrollments, inventory};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/devices/{id}/people/log-out", post(log_out))
        .route("/devices/{id}/people/delete", post(delete).get(ask))
        .route("/devices/{id}/people/sharing", post(share))
}

/// Whether several people share a device: it is a Mac that said who has an account, or a Shared iPad.
pub(super) fn is_shared(tx: &Tx, actor: &Actor, device: &Device) -> Result<bool> {
    if device.platform == Platform::Macos {
        let channel = enrollments::device_channel(tx, &device.id)?;
        return Ok(channel.map(|channel| inventory::read_at(tx, &channel.id, LIST)).transpose()?.flatten().is_some());
    }
    Ok(device_users::sharing(tx, actor, &device.id)?.is_some())
}

/// What the tab shows.
pub(super) fn tab(tx: &Tx, actor: &Actor, device: &Device) -> Result<PeopleTab> {
    let (users, at) = device_users::list(tx, actor, &device.id)?;
    let row = |user: DeviceUser| AccountRow {
        name: user.full_name.filter(|name| *name != user.user_name).unwrap_or_default(),
        account: user.user_name,
        is_here: user.is_logged_in == Some(true),
        is_unsynced: user.has_data_to_sync == Some(true),
        storage_mb: user.data_used_bytes.map(|used| (megabytes(used), user.data_quota_bytes.filter(|granted| *granted > 0).map(megabytes))),
    };
    Ok(PeopleTab {
        accounts: users.into_iter().map(row).collect(),
        at,
        sharing: device_users::sharing(tx, actor, &device.id)?.map(written),
        may_command: actor.may(Right::Command),
        may_share: actor.may(Right::Configure),
        may_delete: actor.may(Right::Destroy),
    })
}

fn megabytes(bytes: i64) -> u64 {
    bytes.unsigned_abs() / 1_000_000
}

/// A form that says how it is.
fn written(now: Sharing) -> SharingForm {
    let number = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
    SharingForm {
        // The device tells how many are there and how much each has; what it was told to divide by it does not.
        residents: String::new(),
        quota_mb: String::new(),
        session_minutes: number(now.session_timeout_s.map(|seconds| seconds / 60)),
        guest_minutes: number(now.guest_timeout_s.map(|seconds| seconds / 60)),
        offline_days: number(now.offline_days),
        grace_minutes: number(now.passcode_grace_s.map(|seconds| seconds / 60)),
        domains: now.domains.unwrap_or_default().join("\n"),
        guests_only: now.guests_only.unwrap_or_default().then(|| String::from("1")),
        errors: Vec::new(),
    }
}

/// What a form wants that is other than it is.
fn read(form: &SharingForm, now: &Sharing) -> Result<Sharing> {
    let number = |field: &str, text: &str, factor: i64| match text.trim() {
        "" => Ok(None),
        text => text
            .parse::<i64>()
            .ok()
            .and_then(|number| number.checked_mul(factor))
            .map(Some)
            .ok_or_else(|| Error::field(field.to_owned(), t!("a whole number, or nothing"))),
    };
    let domains: Vec<String> = form.domains.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
    let typed = Sharing {
        residents: number("residents", &form.residents, 1)?,
        quota_mb: number("quota_mb", &form.quota_mb, 1)?,
        session_timeout_s: number("session_minutes", &form.session_minutes, 60)?,
        guest_timeout_s: number("guest_minutes", &form.guest_minutes, 60)?,
        guests_only: Some(form.guests_only.is_some()),
        offline_days: number("offline_days", &form.offline_days, 1)?,
        passcode_grace_s: number("grace_minutes", &form.grace_minutes, 60)?,
        domains: Some(domains),
    };
    // What it says already is not sent: an older system may not have it.
    let other = |typed: Option<i64>, now: Option<i64>| typed.filter(|typed| now != Some(*typed));
    Ok(Sharing {
        session_timeout_s: other(typed.session_timeout_s, now.session_timeout_s),
        guest_timeout_s: other(typed.guest_timeout_s, now.guest_timeout_s),
        guests_only: typed.guests_only.filter(|only| *only != now.guests_only.unwrap_or_default()),
        offline_days: other(typed.offline_days, now.offline_days),
        passcode_grace_s: other(typed.passcode_grace_s, now.passcode_grace_s),
        domains: typed.domains.filter(|domains| *domains != now.domains.clone().unwrap_or_default()),
        ..typed
    })
}

async fn log_out(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| device_users::log_out(tx, &actor, &target)).await?;
    Ok(said(&app, &gate, &who, &format!("/devices/{id}/people"), t!("It logs out whoever uses it.")))
}

/// Whose account is to be deleted: everybody's where it is empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Whose {
    account: String,
    force: Option<String>,
}

async fn ask(State(app): State<App>, who: SignedIn, Path(id): Path<String>, Query(whose): Query<Whose>) -> Result<Response> {
    who.actor.require(Right::Destroy)?;
    question(&app, &who, &id, &whose, None).await
}

async fn question(app: &App, who: &SignedIn, id: &str, whose: &Whose, error: Option<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.to_owned());
    let work = move |tx: &Tx| {
        let device = devices::find(tx, &actor, &target)?;
        let (users, _) = device_users::list(tx, &actor, &device.id)?;
        Ok((name(&device), users.len() as u64, device_users::sharing(tx, &actor, &device.id)?.is_some()))
    };
    let (name, total, may_force) = app.store.read(app.now(), work).await?;
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = DeleteView {
        device: (format!("/devices/{id}/people"), name),
        action: format!("/devices/{id}/people/delete"),
        account: whose.account.clone(),
        total,
        may_force,
        error,
    };
    Ok((status, ask_to_delete(&shell(app, who, None).await?, &view)).into_response())
}

async fn delete(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(whose): Form<Whose>) -> Result<Response> {
    let (actor, target, asked) = (who.actor.clone(), id.clone(), whose.clone());
    let work = move |tx: &Tx| match asked.account.as_str() {
        "" => device_users::delete_all(tx, &actor, &target, asked.force.is_some()),
        account => device_users::delete(tx, &actor, &target, account, asked.force.is_some()),
    };
    match app.store.write(app.now(), work).await {
        Ok(_) => Ok(said(&app, &gate, &who, &format!("/devices/{id}/people"), t!("The device is asked to delete it."))),
        Err(error) if matches!(error.kind, Kind::Conflict | Kind::BadInput) => {
            question(&app, &who, &id, &whose, Some(error.message.into_owned())).await
        }
        Err(error) => Err(error),
    }
}

async fn share(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<SharingForm>,
) -> Result<Response> {
    let (actor, target, typed) = (who.actor.clone(), id.clone(), form.clone());
    let work = move |tx: &Tx| {
        let now =
            device_users::sharing(tx, &actor, &target)?.ok_or_else(|| Error::conflict(t!("This is no Shared iPad, as far as it said.")))?;
        device_users::share(tx, &actor, &target, &read(&typed, &now)?)
    };
    match app.store.write(app.now(), work).await {
        Ok(_) => Ok(said(&app, &gate, &who, &format!("/devices/{id}/people"), t!("It is told so, and asked how it is then."))),
        Err(error) if matches!(error.kind, Kind::Conflict | Kind::BadInput) => {
            let wrong = errors(&error).into_iter().map(|(field, message)| (on_the_form(field), message)).collect();
            let (actor, target) = (who.actor.clone(), id.clone());
            let mut view = app.store.read_slow(app.now(), move |tx| super::view(tx, &actor, &target, "people", None)).await?;
            if let crate::http::pages::device::DeviceContent::People(PeopleTab { sharing: Some(shown), .. }) = &mut view.content {
                *shown = SharingForm { errors: wrong, ..form };
            }
            let page = crate::http::pages::device::page(&shell(&app, &who, None).await?, &view);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error),
    }
}

/// The field of the form in which a field of the room stands.
fn on_the_form(field: String) -> String {
    match field.as_str() {
        "session_timeout_s" => String::from("session_minutes"),
        "passcode_grace_s" => String::from("grace_minutes"),
        "guest_timeout_s" => String::from("guest_minutes"),
        _ => field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_other_than_it_is_is_sent() {
        let now = Sharing {
            session_timeout_s: Some(600),
            guests_only: Some(false),
            domains: Some(vec!["example.school".into()]),
            ..Sharing::default()
        };
        let same = written(now.clone());
        assert_eq!(read(&same, &now).unwrap(), Sharing::default());
        let other = SharingForm { session_minutes: "5".into(), quota_mb: "2048".into(), guests_only: Some("1".into()), ..same };
        let wanted = Sharing { session_timeout_s: Some(300), quota_mb: Some(2_048), guests_only: Some(true), ..Sharing::default() };
        assert_eq!(read(&other, &now).unwrap(), wanted);
        let wrong = read(&SharingForm { offline_days: "a week".into(), ..SharingForm::default() }, &now).unwrap_err();
        assert_eq!(wrong.fields[0].field, "offline_days");
    }
}
