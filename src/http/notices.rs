//! What page and API do alike with notices: a letter for trial; and the calendar, whose address itself proves that one may read it.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::error::Audience;
use crate::http::limits::group;
use crate::mdm::notices::settings::{self, NewServer};
use crate::mdm::notices::{Out, feed, note_test, test_letter};
use crate::mdm::{Actor, Right};
use crate::protocol::calendar;
use crate::protocol::mail::{self, is_address};
use crate::store::Tx;

/// Where letters and calendars lead.
pub(in crate::http) fn out(app: &App) -> Out {
    Out { public_url: app.public_url.clone() }
}

/// Sends a real letter to an address, by the mail server of a form or by the one that is kept; gives the server's last words.
///
/// Fails with the server's own words when it refuses, with fields when the form is wrong, and with conflict where there is no mail server.
pub(in crate::http) async fn send_test(app: &App, actor: &Actor, address: &str, new: Option<NewServer>) -> Result<String> {
    actor.require(Right::Configure)?;
    let address = address.trim().to_owned();
    if !is_address(&address) {
        return Err(Error::field("address", t!("write one e-mail address, like kim@example.school")));
    }
    let (asking, to, out) = (actor.clone(), address.clone(), out(app));
    let prepare = move |tx: &Tx| {
        let (server, password) = if let Some(new) = &new {
            settings::check(tx, &asking, new)?
        } else {
            let none = || Error::conflict(t!("There is no mail server yet: say first which one takes the mail."));
            (settings::server(tx)?.ok_or_else(none)?, settings::password(tx)?)
        };
        Ok((server, password, test_letter(tx, &to, &out)?))
    };
    let (server, password, letter) = app.store.read(app.now(), prepare).await?;
    let envelope = mail::Letter {
        id: &letter.id,
        to: &letter.address,
        subject: &letter.subject,
        plain: &letter.plain,
        html: &letter.html,
        at: letter.created_at,
    };
    let message = mail::compose(&server, &envelope)?;
    let outcome = app.mailer.send(&server, password.as_ref(), app.public_host(), &address, &message).await;
    let (actor, told) = (actor.clone(), outcome.as_ref().cloned().map_err(ToString::to_string));
    let note = move |tx: &Tx| note_test(tx, &actor, &letter, told.as_deref().map_err(String::as_str));
    app.store.write(app.now(), note).await?;
    outcome
}

/// The calendar's address.
pub(super) fn routes() -> Router<App> {
    group(Audience::Person, 0, Router::new().route("/calendar/{token}", get(calendar)))
}

async fn calendar(State(app): State<App>, Path(token): Path<String>) -> Result<Response> {
    let (own_tls, out) = (app.config.tls.is_none(), out(&app));
    let read = move |tx: &Tx| {
        let same = |a: &[u8], b: &[u8]| aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok();
        feed::read(tx, &token, own_tls, &out, same)
    };
    let Some(text) = app.store.read_slow(app.now(), read).await? else {
        return Err(Error::not_found(t!("There is no calendar at this address, or not any more. Ask for the new one.")));
    };
    let headers =
        [(CONTENT_TYPE, calendar::CONTENT_TYPE), (CACHE_CONTROL, "no-store"), (CONTENT_DISPOSITION, "inline; filename=\"rollcall.ics\"")];
    Ok((headers, text).into_response())
}
