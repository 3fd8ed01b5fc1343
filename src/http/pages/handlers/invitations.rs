//! Invitations: made, shown with their code, withdrawn.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;

use super::devices::name;
use super::{Form, errors, shell};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::SignedIn;
use crate::http::pages::invitations::{Arrival, InvitationForm, InvitationRow, InvitationView, InvitationsView, form, list, one, withdraw};
use crate::http::pages::parts::State as Mark;
use crate::mdm::enroll::invitations::{self, NewInvitation, Unusable};
use crate::mdm::{Actor, Right};
use crate::store::enrollments::EnrollmentState;
use crate::store::invitations::Invitation;
use crate::store::{Tx, devices, enrollments, groups, push_certificates};

/// Invitations on one page.
const PAGE: u32 = 50;

/// The longest that the form lets an invitation last, in days.
const DAYS_MAX: u64 = 365;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/invitations", get(all).post(create))
        .route("/invitations/new", get(new))
        .route("/invitations/{code}", get(show))
        .route("/invitations/{code}/withdraw", get(ask).post(revoke))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    after: String,
}

async fn all(State(app): State<App>, who: SignedIn, Query(query): Query<ListQuery>) -> Result<Response> {
    let (actor, after) = (who.actor.clone(), Some(query.after).filter(|after| !after.is_empty()));
    let now = app.now();
    let (mut rows, total, push_ready) = app
        .store
        .read_slow(now, move |tx| {
            let (rows, total) = invitations::list(tx, &actor, after.as_deref(), PAGE + 1)?;
            Ok((rows, total, push_certificates::current(tx)?.is_some()))
        })
        .await?;
    let next = (rows.len() > PAGE as usize).then(|| {
        rows.truncate(PAGE as usize);
        format!("/invitations?after={}", rows.last().map(|row| row.id.clone()).unwrap_or_default())
    });
    let view = InvitationsView {
        rows: rows.into_iter().map(|invitation| row(&who.actor, invitation, now)).collect(),
        total: total.unsigned_abs(),
        next,
        may_invite: who.actor.may(Right::Invite),
        push_ready,
    };
    Ok(list(&shell(&app, &who, None).await?, &view).into_response())
}

fn row(actor: &Actor, invitation: Invitation, now: Timestamp) -> InvitationRow {
    let (state, words) = match invitations::usable(&invitation, now) {
        Ok(()) if invitation.uses > 0 => (Mark::Ok, t!("in use")),
        Ok(()) => (Mark::Waiting, t!("not used yet")),
        Err(Unusable::UsedUp) => (Mark::Ok, t!("used up")),
        Err(Unusable::Expired) => (Mark::Silent, t!("over")),
        Err(Unusable::Unknown) => (Mark::Silent, t!("withdrawn")),
    };
    let code = Some(invitation.code).filter(|_| actor.may(Right::Invite));
    InvitationRow {
        name: match (&code, invitation.note.is_empty()) {
            (_, false) => invitation.note,
            (Some(code), true) => code.clone(),
            (None, true) => String::from(t!("An invitation")),
        },
        id: invitation.id,
        code,
        state,
        words: words.to_owned(),
        used: invitation.uses.unsigned_abs(),
        uses: invitation.max_uses.map(i64::unsigned_abs),
        group: invitation.group_label,
        person: invitation.person_label,
        expires_at: invitation.expires_at,
    }
}

async fn new(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Invite)?;
    Ok(form(&shell(&app, &who, None).await?, &suggestions(&app).await?).into_response())
}

/// An empty form that offers the groups by hand while one types.
async fn suggestions(app: &App) -> Result<InvitationForm> {
    let groups = app.store.read(app.now(), groups::all).await?;
    let groups = groups.into_iter().filter(|group| !group.is_by_rule).map(|group| group.name).collect();
    Ok(InvitationForm { groups, ..InvitationForm::default() })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    name: String,
    group: String,
    person: String,
    uses: String,
    days: String,
    asks_device: String,
}

async fn create(State(app): State<App>, who: SignedIn, Form(said): Form<Said>) -> Result<Response> {
    let made = match wanted(&said, app.now()) {
        Ok(new) => {
            let actor = who.actor.clone();
            app.store.write(app.now(), move |tx| invitations::create(tx, &actor, new)).await
        }
        Err(error) => Err(error),
    };
    match made {
        Ok(invitation) => Ok(Redirect::to(&format!("/invitations/{}", invitation.code)).into_response()),
        Err(error) if error.kind == Kind::BadInput => {
            let Said { name, group, person, uses, days, asks_device } = said;
            let asks_device = !asks_device.is_empty();
            let errors = errors(&error).into_iter().map(|(field, words)| (typed_in(&field).to_owned(), words)).collect();
            let view = InvitationForm { name, group, person, uses, days, asks_device, errors, ..suggestions(&app).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, form(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// The field of the form behind a field of the room.
fn typed_in(field: &str) -> &str {
    match field {
        "note" => "name",
        "max_uses" => "uses",
        "expires_at" => "days",
        other => other,
    }
}

fn wanted(said: &Said, now: Timestamp) -> Result<NewInvitation> {
    let number = |field: &str, text: &str, most: u64| match text.trim() {
        "" => Ok(None),
        text => match text.parse::<u64>() {
            Ok(number) if (1..=most).contains(&number) => Ok(Some(number)),
            _ => Err(Error::field(field, t!("a number from 1 to {most}", most))),
        },
    };
    let days = number("days", &said.days, DAYS_MAX)?.unwrap_or(14);
    let max_uses = number("uses", &said.uses, invitations::MAX_USES.unsigned_abs())?;
    Ok(NewInvitation {
        note: said.name.trim().to_owned(),
        group_label: said.group.trim().to_owned(),
        person_label: said.person.trim().to_owned(),
        max_uses: max_uses.map(|uses| uses as i64),
        expires_at: Some(now.plus(Duration::from_secs(days * 24 * 3600))),
        practice: false,
        asks_device: !said.asks_device.is_empty(),
    })
}

async fn show(State(app): State<App>, who: SignedIn, Path(code): Path<String>) -> Result<Response> {
    let (actor, now) = (who.actor.clone(), app.now());
    let (invitation, arrivals, push_ready) = app
        .store
        .read_slow(now, move |tx| {
            let invitation = invitations::find(tx, &actor, &code)?;
            let arrivals = arrivals(tx, &invitation.id)?;
            let ready = invitation.practice || push_certificates::current(tx)?.is_some();
            Ok((invitation, arrivals, ready))
        })
        .await?;
    let view = InvitationView {
        url: who.actor.may(Right::Invite).then(|| format!("{}/enroll/{}", app.public_url, invitation.code)),
        made_by: invitation.created_by.clone(),
        made_at: invitation.created_at,
        devices: arrivals,
        may_withdraw: who.actor.may(Right::Invite) && invitation.revoked_at.is_none(),
        push_ready,
        row: row(&who.actor, invitation, now),
    };
    Ok(one(&shell(&app, &who, None).await?, &view).into_response())
}

/// The devices that came by an invitation, newest first.
pub(super) fn arrivals(tx: &Tx, invitation_id: &str) -> Result<Vec<Arrival>> {
    let mut arrivals = Vec::new();
    for enrollment in enrollments::of_invitation(tx, invitation_id, PAGE)? {
        let Some(device) = devices::by_id(tx, &enrollment.device_id)? else { continue };
        let (state, words) = match enrollment.state {
            EnrollmentState::Authenticated => (Mark::Waiting, t!("has its certificate")),
            EnrollmentState::Enrolled => (Mark::Ok, t!("enrolled")),
            EnrollmentState::Left | EnrollmentState::Retired | EnrollmentState::Erased => (Mark::Problem, t!("not enrolled any more")),
        };
        arrivals.push(Arrival {
            name: name(&device),
            href: device.deleted_at.is_none().then(|| format!("/devices/{}", device.id)),
            state,
            words: words.to_owned(),
            at: enrollment.enrolled_at.or(enrollment.authenticated_at).unwrap_or(enrollment.created_at),
        });
    }
    Ok(arrivals)
}

async fn ask(State(app): State<App>, who: SignedIn, Path(code): Path<String>) -> Result<Response> {
    let (actor, now) = (who.actor.clone(), app.now());
    who.actor.require(Right::Invite)?;
    let invitation = app.store.read(now, |tx| invitations::find(tx, &actor, &code)).await?;
    Ok(withdraw(&shell(&app, &who, None).await?, &row(&who.actor, invitation, now)).into_response())
}

async fn revoke(State(app): State<App>, who: SignedIn, Path(code): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    app.store
        .write(app.now(), move |tx| {
            let invitation = invitations::find(tx, &actor, &code)?;
            invitations::revoke(tx, &actor, &invitation.id)
        })
        .await?;
    Ok(Redirect::to("/invitations").into_response())
}
