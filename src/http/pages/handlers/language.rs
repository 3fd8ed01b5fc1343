//! The language that pages speak: what was brought, another file, English again, and the texts to translate.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::releases::broken;
use super::words::with_role;
use super::{SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::language::{bring, speak_english, texts};
use crate::http::pages::parts::{State as Mark, thousands};
use crate::http::pages::system::language::{ADDRESS, BroughtView, LanguageView, page};
use crate::language::{Catalogue, spoken};
use crate::mdm::Right;
use crate::mdm::language::{self, Kept};
use crate::store::Tx;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/system/language", get(show))
        .route("/system/language/english", post(english))
        .route("/system/language/template", get(template))
}

/// The page that takes the file of a language, which may be larger than what other forms take.
pub(super) fn uploads() -> Router<App> {
    Router::new().route("/system/language/file", get(async || Redirect::to(ADDRESS)).post(bring_file))
}

/// What is spoken, for the page of the system.
pub(super) fn part() -> (Mark, String) {
    let words = spoken().map_or_else(
        || String::from(t!("English")),
        |language| {
            let (translated, of) = (thousands(language.translated() as u64), thousands(Catalogue::all() as u64));
            t!("{tag}: {translated} of {of} texts", tag = language.tag(), translated, of)
        },
    );
    (Mark::Ok, words)
}

fn brought(kept: Kept) -> BroughtView {
    BroughtView {
        tag: kept.tag,
        translated: kept.translated as u64,
        of: kept.of as u64,
        left_out: kept.left_out,
        left_out_total: kept.left_out_total as u64,
        problem: kept.problem,
        since: kept.since,
        by: if kept.by == "console" { String::from(t!("the server’s command line")) } else { with_role(&kept.by) },
    }
}

async fn view(app: &App, who: &SignedIn) -> Result<LanguageView> {
    let actor = who.actor.clone();
    let may_change = actor.may(Right::Configure);
    let kept = app.store.read_slow(app.now(), move |tx: &Tx| language::current(tx, &actor)).await?;
    Ok(LanguageView { brought: kept.map(brought), may_change, ..LanguageView::default() })
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    let view = view(&app, &who).await?;
    Ok(page(&shell(&app, &who, flash).await?, &view).into_response())
}

/// The tag and the file of a form; the tag stands before the file.
async fn tag_and_file(mut sent: Multipart) -> Result<(String, Bytes)> {
    let (mut tag, mut file) = (String::new(), Bytes::new());
    while let Some(field) = sent.next_field().await.map_err(broken)? {
        match field.name() {
            Some("tag") => tag = field.text().await.map_err(broken)?,
            Some("file") => file = field.bytes().await.map_err(broken)?,
            _ => {}
        }
    }
    Ok((tag, file))
}

async fn bring_file(State(app): State<App>, gate: Gate, who: SignedIn, sent: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let (tag, file) = match tag_and_file(sent).await {
        Ok(sent) => sent,
        Err(error) => return refused(&app, &who, String::new(), error).await,
    };
    match bring(&app, &who.actor, Some(tag.clone()), file).await {
        Ok(()) => Ok(said(&app, &gate, &who, ADDRESS, t!("Pages speak this language from now on."))),
        Err(error) => refused(&app, &who, tag, error).await,
    }
}

async fn refused(app: &App, who: &SignedIn, tag: String, error: Error) -> Result<Response> {
    if !matches!(error.kind, Kind::BadInput | Kind::TooLarge) {
        return Err(error);
    }
    let view = LanguageView { tag, errors: errors(&error), ..view(app, who).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(app, who, None).await?, &view)).into_response())
}

async fn english(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    speak_english(&app, &who.actor).await?;
    Ok(said(&app, &gate, &who, ADDRESS, t!("Pages speak English again.")))
}

async fn template(who: SignedIn) -> Result<Response> {
    who.actor.require(Right::View)?;
    Ok(texts().into_response())
}
