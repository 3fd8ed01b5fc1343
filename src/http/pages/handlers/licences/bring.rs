//! Files that people bring to Apps and Books: content tokens, and sheets of redemption codes.

use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::form::sentence;
use super::super::{said, shell};
use super::{ADDRESS, view};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::auth::{Gate, SignedIn};
use crate::http::content_tokens::{Meant, bring};
use crate::http::error::TOO_LARGE_FOR_A_FORM;
use crate::http::pages::system::licences::{AllView, all};
use crate::mdm::Right;
use crate::mdm::licences::codes::{self, Imported};
use crate::store::content_tokens::TokenState;

/// The parts of a form with a file.
async fn parts(mut sent: Multipart) -> Result<Vec<(String, Vec<u8>)>> {
    let broken = |error: MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::TooLarge, TOO_LARGE_FOR_A_FORM),
        _ => Error::bad_input(error.body_text()),
    };
    let mut parts = Vec::new();
    while let Some(field) = sent.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        parts.push((name, field.bytes().await.map_err(broken)?.to_vec()));
    }
    Ok(parts)
}

fn part(parts: &[(String, Vec<u8>)], name: &str) -> Vec<u8> {
    parts.iter().find(|(known, _)| known == name).map(|(_, content)| content.clone()).unwrap_or_default()
}

/// A content token, new or renewed.
pub(super) async fn token(State(app): State<App>, gate: Gate, who: SignedIn, sent: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let outcome = match parts(sent).await {
        Ok(parts) => {
            let meant = Meant { older: part(&parts, "older") == b"1", ..Meant::default() };
            bring(&app, &who.actor, &part(&parts, "file"), false, meant).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(token) => {
            let words = match token.state {
                TokenState::Taken => {
                    t!(
                        "The token is kept. “{other_server}” manages this location now, so nothing is assigned from it until you take it over.",
                        other_server = token.other_server
                    )
                }
                _ => String::from(t!("The token is kept. Apple's book is being read; what the location owns is here in a moment.")),
            };
            Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{}", token.id), &words))
        }
        Err(error) => {
            let is_older = error.kind == Kind::Conflict;
            let words = words(error)?;
            refused(&app, &who, |view| (view.token_error, view.asks_older) = (Some(words), is_older)).await
        }
    }
}

/// A sheet of redemption codes.
pub(super) async fn sheet(State(app): State<App>, gate: Gate, who: SignedIn, sent: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let parts = parts(sent).await?;
    let adam_id = String::from_utf8_lossy(&part(&parts, "adam_id")).trim().to_owned();
    let (actor, content) = (who.actor.clone(), part(&parts, "sheet"));
    match app.store.write(app.now(), move |tx| codes::import(tx, &actor, &adam_id, &content)).await {
        Ok(imported) => Ok(said(&app, &gate, &who, ADDRESS, &outcome(&imported))),
        Err(error) => {
            let field = error.fields.first().map(|fault| fault.field.clone()).unwrap_or_default();
            let words = words(error)?;
            refused(&app, &who, |view| view.sheet_error = Some((field, words))).await
        }
    }
}

/// What became of a sheet of codes, in sentences.
fn outcome(imported: &Imported) -> String {
    let Imported { added, known, redeemed, used_elsewhere, moved, elsewhere, passed_over } = imported;
    let mut words = vec![t!("New codes: {added}. Here already: {known}. Redeemed and left out: {redeemed}.", added, known, redeemed)];
    if *used_elsewhere > 0 {
        words.push(t!("Here and given to nobody, but redeemed elsewhere, so not given any more: {used_elsewhere}.", used_elsewhere));
    }
    if *moved > 0 {
        words.push(t!("Brought for another app before, now this one's: {moved}.", moved));
    }
    if *elsewhere > 0 {
        words.push(t!("Given away for another app, and left there: {elsewhere}.", elsewhere));
    }
    if !passed_over.is_empty() {
        let lines: Vec<_> = passed_over.iter().map(u64::to_string).collect();
        let more = if lines.len() == codes::LINES_NAMED { t!(" and perhaps more") } else { "" };
        words.push(t!("No code, which has 8 to 32 letters and digits, is in line {list}{more}.", list = lines.join(", "), more));
    }
    words.join(" ")
}

/// What is wrong with what was brought; what is nobody's input fails as everywhere.
fn words(error: Error) -> Result<String> {
    match error.kind {
        Kind::BadInput | Kind::Conflict | Kind::TooLarge | Kind::Upstream => {
            Ok(sentence(error.fields.first().map_or(&*error.message, |fault| fault.message.as_str())))
        }
        _ => Err(error),
    }
}

async fn refused(app: &App, who: &SignedIn, fault: impl FnOnce(&mut AllView)) -> Result<Response> {
    let mut view = view(app, who).await?;
    fault(&mut view);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, all(&shell(app, who, None).await?, &view)).into_response())
}
