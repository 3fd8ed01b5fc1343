//! `/api/v1/invitations`: how devices get in.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::Query;
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::enroll;
use crate::mdm::attestation::Claim;
use crate::mdm::enroll::invitations::{self, NewInvitation};
use crate::mdm::enroll::profile;
use crate::mdm::{Actor, Right};
use crate::protocol::mobileconfig::CONTENT_TYPE as PROFILE;
use crate::store::invitations::Invitation;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list, create)).routes(routes!(show, revoke)).routes(routes!(download))
}

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
struct InvitationView {
    /// UUIDv7.
    id: String,
    /// What a person types; null for those who may not invite, since it lets devices in.
    code: Option<String>,
    /// The link that a person opens on the device; null likewise.
    url: Option<String>,
    /// What it is for.
    note: String,
    /// The group that devices come into.
    group: String,
    /// The person that the device is for.
    person: String,
    /// Certificates issued by it so far.
    uses: i64,
    /// How many it is good for; null for any number.
    max_uses: Option<i64>,
    /// Whether it can be used now.
    usable: bool,
    /// For simulated devices.
    practice: bool,
    /// Whether a device has to say who it is before it gets its profile.
    asks_device: bool,
    /// When it ends.
    expires_at: Option<Timestamp>,
    /// When it was withdrawn.
    revoked_at: Option<Timestamp>,
    /// Who made it.
    created_by: String,
    /// When it was made.
    created_at: Timestamp,
}

fn view(app: &App, actor: &Actor, invitation: Invitation) -> InvitationView {
    let may_invite = actor.may(Right::Invite);
    InvitationView {
        url: may_invite.then(|| format!("{}/enroll/{}", app.public_url, invitation.code)),
        usable: invitations::usable(&invitation, app.now()).is_ok(),
        id: invitation.id,
        code: Some(invitation.code).filter(|_| may_invite),
        note: invitation.note,
        group: invitation.group_label,
        person: invitation.person_label,
        uses: invitation.uses,
        max_uses: invitation.max_uses,
        practice: invitation.practice,
        asks_device: invitation.asks_device,
        expires_at: invitation.expires_at,
        revoked_at: invitation.revoked_at,
        created_by: invitation.created_by,
        created_at: invitation.created_at,
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct InvitationsQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Invitations, newest first.
#[utoipa::path(get, path = "/api/v1/invitations", tag = "invitations", params(InvitationsQuery),
    responses((status = 200, description = "Newest first", body = List<InvitationView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<InvitationsQuery>,
) -> Result<JsonBody<List<InvitationView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let (before, fetch) = (page.after.clone(), page.fetch());
    let asker = actor.clone();
    let (rows, total) = app.store.read_slow(app.now(), move |tx| invitations::list(tx, &asker, before.as_deref(), fetch)).await?;
    Ok(JsonBody(page.answer(rows, total.unsigned_abs(), |row| row.id.clone(), |row| view(&app, &actor, row))))
}

/// An invitation that is to be made.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct InvitationInput {
    /// What it is for.
    #[schema(max_length = 200)]
    note: String,
    /// The group that devices come into.
    #[schema(max_length = 200)]
    group: String,
    /// The person that the device is for.
    #[schema(max_length = 200)]
    person: String,
    /// How many devices it is good for; null for any number.
    #[schema(minimum = 1, maximum = 10_000)]
    max_uses: Option<i64>,
    /// When it ends; null for never.
    expires_at: Option<Timestamp>,
    /// For simulated devices.
    practice: bool,
    /// Whether a device has to say who it is, signed by the identity that Apple built into it, before it gets its profile.
    asks_device: bool,
}

/// Make an invitation.
#[utoipa::path(post, path = "/api/v1/invitations", tag = "invitations", request_body = InvitationInput,
    responses((status = 201, description = "Made", body = InvitationView)))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<InvitationInput>) -> Result<Answer> {
    let Post { body, once } = post;
    let handle = app.clone();
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let InvitationInput { note, group, person, max_uses, expires_at, practice, asks_device } = body;
                let new = NewInvitation { note, group_label: group, person_label: person, max_uses, expires_at, practice, asks_device };
                Answer::new(StatusCode::CREATED, &view(&handle, &actor, invitations::create(tx, &actor, new)?))
            })
        })
        .await
}

/// One invitation.
#[utoipa::path(get, path = "/api/v1/invitations/{id}", tag = "invitations", params(("id" = String, Path, description = "Its id or code")),
    responses((status = 200, description = "The invitation", body = InvitationView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<InvitationView>> {
    let invitation = app.store.read(app.now(), |tx| invitations::find(tx, &actor, &id)).await?;
    Ok(JsonBody(view(&app, &actor, invitation)))
}

/// Withdraw an invitation.
#[utoipa::path(delete, path = "/api/v1/invitations/{id}", tag = "invitations", params(("id" = String, Path, description = "Its id or code")),
    responses((status = 200, description = "As it is now", body = InvitationView)))]
async fn revoke(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<InvitationView>> {
    let asker = actor.clone();
    let invitation = app
        .store
        .write(app.now(), move |tx| {
            let invitation = invitations::find(tx, &asker, &id)?;
            invitations::revoke(tx, &asker, &invitation.id)
        })
        .await?;
    Ok(JsonBody(view(&app, &actor, invitation)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ProfileQuery {
    /// 1 for plain XML, for tools that read no signed profiles.
    #[param(minimum = 0, maximum = 1)]
    unsigned: Option<u8>,
    /// ProductName of the device that it is for, `iPad13,18`: one that can prove that it is genuine is asked to, as the policy has it.
    product_name: Option<String>,
    /// OS version of that device.
    os_version: Option<String>,
}

/// The enrollment profile of an invitation, or the one that asks a device who it is where the invitation does that first; each download carries a challenge of its own, good once and for an hour.
#[utoipa::path(get, path = "/api/v1/invitations/{code}/profile", tag = "invitations",
    params(("code" = String, Path, description = "The invitation's code"), ProfileQuery),
    responses((status = 200, description = "A configuration profile", content_type = "application/x-apple-aspen-config")))]
async fn download(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(code): Path<String>,
    Query(query): Query<ProfileQuery>,
) -> Result<Response> {
    actor.require(Right::Invite)?;
    if let Some(body) = enroll::first_phase(&app, &code).await? {
        return Ok(([(CONTENT_TYPE, PROFILE)], body).into_response());
    }
    let claim = Claim::of_device(query.product_name.unwrap_or_default(), query.os_version.unwrap_or_default());
    let grant = enroll::grant(&app, &code, claim).await?.map_err(Error::from)?;
    let body = if query.unsigned == Some(1) {
        profile::unsigned(&grant, &app.random)?
    } else {
        profile::signed(&grant, &app.random, &app.authority().issuer, app.now())?
    };
    app.store.write(app.now(), move |tx| profile::record(tx, &grant)).await?;
    Ok(([(CONTENT_TYPE, PROFILE)], body).into_response())
}
