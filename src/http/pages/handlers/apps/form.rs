//! The form that an app's maker gives for its configuration: brought as a file, filled in, taken away.

use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::form::sentence;
use super::super::{Form, errors, said, shell};
use super::manage::{Pairs, again, filled, save_unless_lacking, told, value};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::auth::{Gate, SignedIn};
use crate::http::error::TOO_LARGE_FOR_A_FORM;
use crate::http::pages::apps::form::{FormView, name_of};
use crate::http::pages::apps::manage::{ManageView, manage};
use crate::mdm::Right;
use crate::mdm::apps::schema::{self, Brought, Recognised};
use crate::mdm::apps::{self, Proposal};
use crate::protocol::app_config::{Schema, texts_of};
use crate::protocol::plist::{Dictionary, to_json};
use crate::store::Tx;

/// Characters of a value that the form does not ask for.
const SHOWN_CHARS: usize = 200;

/// The form with what is set now.
pub(super) fn view(brought: Brought, keys: Option<&Dictionary>) -> FormView {
    let Brought { schema, created_by, created_at } = brought;
    let keys = || keys.into_iter().flatten();
    let typed = schema.fields().filter_map(|field| {
        let (key, value) = keys().find(|(key, _)| **key == field.key)?;
        Some((key.clone(), texts_of(value).unwrap_or_default()))
    });
    let typed = typed.collect();
    let also = keys().filter(|(key, _)| schema.fields().all(|field| field.key != **key)).map(|(key, value)| {
        let words = value.as_string().map_or_else(|| to_json(value).to_string(), str::to_owned);
        (key.clone(), words.chars().take(SHOWN_CHARS).collect())
    });
    let also = also.collect();
    FormView { typed, also, schema, brought_by: created_by, brought_at: created_at }
}

/// What was typed, by key; keys that were not asked for are left out.
fn typed(schema: &Schema, form: &Pairs) -> Vec<(String, Vec<String>)> {
    let texts = |name: &str| form.iter().filter(|(known, _)| known == name).map(|(_, text)| text.clone()).collect::<Vec<_>>();
    let typed = schema.fields().map(|field| (field.key.clone(), texts(&name_of(&field.key))));
    typed.filter(|(_, texts)| !texts.is_empty()).collect()
}

pub(super) async fn save(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response> {
    let mut kept = filled(&app, &who, &id).await?;
    let typed = kept.form.as_ref().map(|asked| typed(&asked.schema, &form)).unwrap_or_default();
    let (actor, target, texts) = (who.actor.clone(), id.clone(), typed.clone());
    if !value(&form, "suggest").is_empty() {
        if let Some(asked) = &mut kept.form {
            asked.typed = typed;
            asked.suggest();
        }
        return Ok(manage(&shell(&app, &who, None).await?, &kept).into_response());
    }
    let is_confirmed = !value(&form, "confirmed").is_empty();
    let work = move |tx: &Tx| {
        let keys = schema::filled_in(tx, &actor, &target, &texts)?;
        let proposal = |now: Proposal| Proposal { keys: keys.clone(), ..now };
        let save = || apps::set_configuration_unchecked(tx, &actor, &target, keys.as_ref()).map(drop);
        save_unless_lacking(tx, &actor, &target, proposal, is_confirmed, save)
    };
    match app.store.write(app.now(), work).await {
        Ok(outcome) => told((&app, &gate, &who), (&id, &format!("/apps/{id}/form")), outcome, form).await,
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => {
            if let Some(asked) = &mut kept.form {
                asked.typed = typed;
            }
            again(&app, &who, &ManageView { errors: errors(&error), ..kept }).await
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn bring(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, sent: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let outcome = match brought(sent).await {
        Ok(brought) => {
            let (actor, target) = (who.actor.clone(), id.clone());
            app.store.write(app.now(), move |tx| schema::bring(tx, &actor, &target, &brought)).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(_) => {
            let words = t!("The form is made. Nothing is set by it yet: fill it in, and save the configuration.");
            Ok(said(&app, &gate, &who, &format!("/apps/{id}/manage"), words))
        }
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict | Kind::TooLarge) => {
            let words = sentence(error.fields.first().map_or(&*error.message, |fault| fault.message.as_str()));
            let view = ManageView { errors: vec![(String::from("file"), words)], ..filled(&app, &who, &id).await? };
            let mut page = again(&app, &who, &view).await?;
            if error.kind == Kind::TooLarge {
                *page.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            }
            Ok(page)
        }
        Err(error) => Err(error),
    }
}

async fn brought(mut sent: Multipart) -> Result<Recognised> {
    let broken = |error: MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::TooLarge, TOO_LARGE_FOR_A_FORM),
        _ => Error::bad_input(error.body_text()),
    };
    let mut content = Vec::new();
    while let Some(field) = sent.next_field().await.map_err(broken)? {
        if field.name() == Some("file") {
            content = field.bytes().await.map_err(broken)?.to_vec();
        }
    }
    schema::recognise(content)
}

pub(super) async fn take_away(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| schema::take_away(tx, &actor, &target)).await?;
    Ok(said(&app, &gate, &who, &format!("/apps/{id}/manage"), t!("The form is taken away. What is set stays.")))
}
