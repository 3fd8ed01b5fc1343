//! How an app is managed, and what the app itself is to know: forms in, settings out.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json, json};

use super::super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::apps::ask::ask_lacks;
use crate::http::pages::apps::manage::{ManageView, manage};
use crate::language::say;
use crate::mdm::apps::settings::ATTRIBUTES;
use crate::mdm::apps::{self, Edit, LicenceBy, Proposal, Settings, Updates, configuration, schema};
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right};
use crate::protocol::plist::{Dictionary, Value};
use crate::store::Tx;
use crate::store::apps::AppKind;

/// What is said when the app itself is to know something else.
const SAVED: &str = msg!("The configuration is saved. Devices that have the app are sent it anew.");

/// What is said where not every device can have it so.
const SAVED_FOR_SOME: &str =
    msg!("Saved. Devices that lack something for it stay as they are; the others that have the app are sent it anew.");

/// What became of something about an app that devices may lack something for.
pub(super) enum Outcome {
    /// It is saved; whether devices lack something for it.
    Saved(bool),
    /// Nothing is saved before a person has seen what devices would lack: the app's name, and that in sentences.
    Asked(String, Vec<String>),
}

/// Saves something about an app, unless devices would lack something for it and nobody has said that it is to be so.
pub(super) fn save_unless_lacking(
    tx: &Tx,
    actor: &Actor,
    id: &str,
    proposal: impl FnOnce(Proposal) -> Proposal,
    is_confirmed: bool,
    save: impl FnOnce() -> Result<()>,
) -> Result<Outcome> {
    actor.require(Right::Configure)?;
    let app = apps::find(tx, actor, id)?.app;
    let proposal = proposal(Proposal::of(tx, &app)?);
    let lacks = apps::lacks(tx, actor, id, Some(proposal), None)?;
    let before = apps::lacks(tx, actor, id, None, None)?;
    // What they lack already was seen before.
    let is_news = lacks != before;
    if is_news && !is_confirmed && !lacks.is_empty() {
        return Ok(Outcome::Asked(app.name, lacks.into_iter().map(|lack| lack.words).collect()));
    }
    save().map(|()| Outcome::Saved(!lacks.is_empty()))
}

/// The page after it.
pub(super) async fn told(
    (app, gate, who): (&App, &Gate, &SignedIn),
    (id, action): (&str, &str),
    outcome: Outcome,
    form: Pairs,
) -> Result<Response> {
    let page = format!("/apps/{id}");
    match outcome {
        Outcome::Saved(lacks) => Ok(said(app, gate, who, &page, if lacks { say(SAVED_FOR_SOME) } else { say(SAVED) })),
        Outcome::Asked(name, lacks) => {
            let sent: Pairs = form.into_iter().filter(|(field, _)| field != "confirmed").collect();
            let asked = ask_lacks(&shell(app, who, None).await?, (action, (&page, &name)), &lacks, &sent);
            Ok((StatusCode::CONFLICT, asked).into_response())
        }
    }
}

/// A form as it was sent.
pub(super) type Pairs = Vec<(String, String)>;

pub(super) async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<SaidQuery>,
) -> Result<Response> {
    let view = filled(&app, &who, &id).await?;
    Ok(manage(&shell(&app, &who, query.flash(&gate, &who)).await?, &view).into_response())
}

/// The form again with what was wrong.
pub(super) async fn again(app: &App, who: &SignedIn, view: &ManageView) -> Result<Response> {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, manage(&shell(app, who, None).await?, view)).into_response())
}

/// The form as the app stands.
pub(super) async fn filled(app: &App, who: &SignedIn, id: &str) -> Result<ManageView> {
    who.actor.require(Right::Configure)?;
    let (actor, id) = (who.actor.clone(), id.to_owned());
    let work = move |tx: &Tx| {
        let keys = apps::configuration_of(tx, &actor, &id)?;
        Ok((apps::find(tx, &actor, &id)?, keys, schema::find(tx, &actor, &id)?, zone(tx)?))
    };
    let (found, keys, brought, zone) = app.store.read_slow(app.now(), work).await?;
    let settings = found.settings;
    let (updates, from, to) = match &settings.updates {
        Updates::Off => ("off", "", ""),
        Updates::WhenAvailable => ("when_available", "", ""),
        Updates::QuietHours { from, to } => ("quiet_hours", from.as_str(), to.as_str()),
    };
    let attribute = |id: &str| match settings.attributes.value(id) {
        Some(Json::Bool(yes)) => String::from(if yes { "yes" } else { "no" }),
        Some(Json::String(text)) => text,
        Some(Json::Array(list)) => list.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    };
    Ok(ManageView {
        is_store: found.app.kind == AppKind::Store,
        remove_with_management: settings.remove_with_management,
        exclude_from_backup: settings.exclude_from_backup,
        take_over: settings.take_over,
        licence: match settings.licence {
            LicenceBy::Device => "device",
            LicenceBy::User => "user",
            LicenceBy::None => "none",
        }
        .to_owned(),
        updates: updates.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        zone,
        ios_app: settings.ios_app,
        attributes: ATTRIBUTES.iter().map(|known| (known.id.to_owned(), attribute(known.id))).collect(),
        configuration: keys.as_ref().map(apps::orders::shown).unwrap_or_default(),
        one_key: Default::default(),
        unchecked: false,
        is_text_wrong: false,
        form: brought.map(|brought| super::form::view(brought, keys.as_ref())),
        id: found.app.id,
        name: found.app.name,
        errors: Vec::new(),
    })
}

pub(super) fn value<'a>(form: &'a Pairs, name: &str) -> &'a str {
    form.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).unwrap_or_default()
}

fn is_ticked(form: &Pairs, name: &str) -> bool {
    form.iter().any(|(key, _)| key == name)
}

/// The settings that a form says.
fn settings(form: &Pairs) -> Result<Settings> {
    let mut attributes = Map::new();
    for known in &ATTRIBUTES {
        let text = value(form, &format!("attributes.{}", known.id));
        let said = match text {
            "" => continue,
            "yes" if known.is_flag => json!(true),
            "no" if known.is_flag => json!(false),
            list if known.id == "associated_domains" => {
                json!(list.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>())
            }
            text => json!(text),
        };
        attributes.insert(known.id.to_owned(), said);
    }
    let unread = |error: serde_json::Error| Error::bad_input(t!("This form cannot be read: {error}.", error));
    Ok(Settings {
        remove_with_management: is_ticked(form, "remove_with_management"),
        exclude_from_backup: is_ticked(form, "exclude_from_backup"),
        take_over: is_ticked(form, "take_over"),
        licence: match value(form, "licence") {
            "user" => LicenceBy::User,
            "none" => LicenceBy::None,
            _ => LicenceBy::Device,
        },
        updates: match value(form, "updates") {
            "off" => Updates::Off,
            "quiet_hours" => Updates::QuietHours { from: value(form, "from").to_owned(), to: value(form, "to").to_owned() },
            _ => Updates::WhenAvailable,
        },
        attributes: serde_json::from_value(Json::Object(attributes)).map_err(unread)?,
        ios_app: is_ticked(form, "ios_app"),
    })
}

pub(super) async fn save(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response> {
    let outcome = match settings(&form) {
        Ok(settings) => {
            let (actor, target, is_confirmed) = (who.actor.clone(), id.clone(), is_ticked(&form, "confirmed"));
            let edit = Edit { settings: Some(settings.clone()), ..Edit::default() };
            let work = move |tx: &Tx| {
                let proposal = |now: Proposal| Proposal { settings, ..now };
                save_unless_lacking(tx, &actor, &target, proposal, is_confirmed, || apps::edit(tx, &actor, &target, edit).map(drop))
            };
            app.store.write(app.now(), work).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(Outcome::Saved(false)) => {
            Ok(said(&app, &gate, &who, &format!("/apps/{id}"), t!("Saved. Devices that have it are sent this anew.")))
        }
        Ok(outcome) => told((&app, &gate, &who), (&id, &format!("/apps/{id}/manage")), outcome, form).await,
        Err(error) if error.kind == Kind::BadInput => {
            let kept = filled(&app, &who, &id).await?;
            let text = |name: &str| value(&form, name).to_owned();
            let view = ManageView {
                remove_with_management: is_ticked(&form, "remove_with_management"),
                exclude_from_backup: is_ticked(&form, "exclude_from_backup"),
                take_over: is_ticked(&form, "take_over"),
                ios_app: is_ticked(&form, "ios_app"),
                licence: text("licence"),
                updates: text("updates"),
                from: text("from"),
                to: text("to"),
                attributes: ATTRIBUTES.iter().map(|known| (known.id.to_owned(), text(&format!("attributes.{}", known.id)))).collect(),
                errors: errors(&error),
                ..kept
            };
            again(&app, &who, &view).await
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn configure(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let outcome = match keys(&form) {
        Ok(keys) => {
            let (actor, target, is_confirmed) = (who.actor.clone(), id.clone(), is_ticked(&form, "confirmed"));
            let set = if is_ticked(&form, "unchecked") { apps::set_configuration_unchecked } else { apps::set_configuration };
            let work = move |tx: &Tx| {
                let proposal = |now: Proposal| Proposal { keys: keys.clone(), ..now };
                save_unless_lacking(tx, &actor, &target, proposal, is_confirmed, || set(tx, &actor, &target, keys.as_ref()).map(drop))
            };
            app.store.write(app.now(), work).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(outcome) => told((&app, &gate, &who), (&id, &format!("/apps/{id}/configuration")), outcome, form).await,
        Err(error) if error.kind == Kind::BadInput => {
            let view = ManageView {
                configuration: value(&form, "configuration").to_owned(),
                one_key: (value(&form, "key").to_owned(), value(&form, "value").to_owned()),
                unchecked: is_ticked(&form, "unchecked"),
                is_text_wrong: true,
                errors: errors(&error),
                ..filled(&app, &who, &id).await?
            };
            again(&app, &who, &view).await
        }
        Err(error) => Err(error),
    }
}

/// The configuration that a form says: the text, and one key besides.
fn keys(form: &Pairs) -> Result<Option<Dictionary>> {
    let mut keys = configuration::read(value(form, "configuration"))?.unwrap_or_default();
    let (key, said) = (value(form, "key"), value(form, "value"));
    if key.is_empty() {
        if !said.is_empty() {
            return Err(Error::field("key", t!("the name of the key that this value belongs to")));
        }
    } else {
        let one = match (said, said.parse::<i64>()) {
            ("yes" | "true", _) => Value::Boolean(true),
            ("no" | "false", _) => Value::Boolean(false),
            (_, Ok(number)) if number.to_string() == said => Value::Integer(number.into()),
            _ => Value::String(said.to_owned()),
        };
        keys.insert(key.to_owned(), one);
    }
    // The whole is checked again, since the key may hold a variable, and make it too large.
    configuration::checked(keys)
}
