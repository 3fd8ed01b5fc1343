//! `/api/v1/settings/language`: the language that pages are spoken in, and the file of English texts to translate.

use axum::Json as JsonBody;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LANGUAGE;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::{Query, read};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::language::{bring, speak_english, texts};
use crate::http::limits::LANGUAGE_MAX_BYTES;
use crate::language::Catalogue;
use crate::mdm::language::{self, Kept};
use crate::mdm::{Actor, Right};
use crate::store::Tx;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(show, put, remove)).routes(routes!(to_translate))
}

/// The language that pages are spoken in.
#[derive(Debug, Serialize, ToSchema)]
struct LanguageView {
    /// Its tag (BCP 47); `en` where no other was chosen.
    #[schema(example = "de")]
    tag: String,
    /// How many texts are translated; the others are said in English.
    translated: u64,
    /// How many texts there are.
    of: u64,
    /// The first 20 English texts whose translations are not used, because they do not have the same holes.
    left_out: Vec<String>,
    /// How many those are in all.
    left_out_total: u64,
    /// Why what was brought cannot be used any more, so that English is spoken; null where it can.
    problem: Option<String>,
    /// When it was brought; null for English.
    since: Option<Timestamp>,
    /// Who brought it; null for English.
    by: Option<String>,
}

impl LanguageView {
    fn of(kept: Option<Kept>) -> Self {
        let Some(kept) = kept else {
            let of = Catalogue::all() as u64;
            let (left_out, left_out_total) = (Vec::new(), 0);
            return Self { tag: String::from("en"), translated: of, of, left_out, left_out_total, problem: None, since: None, by: None };
        };
        Self {
            tag: kept.tag,
            translated: kept.translated as u64,
            of: kept.of as u64,
            left_out: kept.left_out,
            left_out_total: kept.left_out_total as u64,
            problem: kept.problem,
            since: Some(kept.since),
            by: Some(kept.by),
        }
    }
}

async fn view(app: &App, actor: Actor) -> Result<JsonBody<LanguageView>> {
    let kept = app.store.read_slow(app.now(), move |tx: &Tx| language::current(tx, &actor)).await?;
    Ok(JsonBody(LanguageView::of(kept)))
}

/// The language that pages are spoken in, and how much of it is translated.
#[utoipa::path(get, path = "/api/v1/settings/language", tag = "settings",
    responses((status = 200, description = "As it is", body = LanguageView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<LanguageView>> {
    view(&app, actor).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LanguageQuery {
    /// The tag of the language (BCP 47), for example `de` or `pt-BR`; it comes before the header.
    tag: Option<String>,
}

/// Bring the file of a language, as gettext's tools, Poedit and Weblate write it. Pages, answers and notices speak it at once, and English where the file
/// has no translation. Its tag is that of the query, else of the header, else the `Language` in the head of the file.
#[utoipa::path(put, path = "/api/v1/settings/language", tag = "settings",
    params(LanguageQuery, ("Content-Language" = Option<String>, Header, description = "The tag of the language")),
    request_body(content = Vec<u8>, content_type = "text/x-gettext-translation", description = "The .po file in UTF-8, up to 4 MiB"),
    responses((status = 200, description = "It is spoken from now on", body = LanguageView),
        (status = 400, description = "It is no such file, says nothing of here, or its language is not known; what was spoken is spoken still")))]
async fn put(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<LanguageQuery>,
    request: Request,
) -> Result<JsonBody<LanguageView>> {
    actor.require(Right::Configure)?;
    let header = request.headers().get(CONTENT_LANGUAGE).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let file = read(request, LANGUAGE_MAX_BYTES).await?;
    bring(&app, &actor, query.tag.or(header), file).await?;
    view(&app, actor).await
}

/// Speak English again.
#[utoipa::path(delete, path = "/api/v1/settings/language", tag = "settings",
    responses((status = 204, description = "English is spoken from now on")))]
async fn remove(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<StatusCode> {
    speak_english(&app, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All texts in English, as a file to translate.
#[utoipa::path(get, path = "/api/v1/settings/language/template", tag = "settings",
    responses((status = 200, description = "A template of gettext's (.pot)", body = Vec<u8>, content_type = "text/x-gettext-translation")))]
async fn to_translate(Authenticated(actor): Authenticated) -> Result<Response> {
    actor.require(Right::View)?;
    Ok(texts().into_response())
}
