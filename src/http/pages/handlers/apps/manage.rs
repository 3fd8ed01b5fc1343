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
use crate::http::pages::apps::manage::{ManageView, manage};
use crate::mdm::Right;
use crate::mdm::apps::settings::ATTRIBUTES;
use crate::mdm::apps::{self, Edit, LicenceBy, Settings, Updates, configuration, schema};
use crate::mdm::settings::zone;
use crate::protocol::plist::{Dictionary, Value};
use crate::store::Tx;
use crate::store::apps::AppKind;

/// What is said when the app itself is to know something else.
pub(super) const SAVED: &str = "The configuration is saved. Devices that have the app are sent it anew.";

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
    let unread = |error: serde_json::Error| Error::bad_input(format!("This form cannot be read: {error}."));
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
            let (actor, target) = (who.actor.clone(), id.clone());
            let edit = Edit { settings: Some(settings), ..Edit::default() };
            app.store.write(app.now(), move |tx| apps::edit(tx, &actor, &target, edit)).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(_) => Ok(said(&app, &gate, &who, &format!("/apps/{id}"), "Saved. Devices that have it are sent this anew.")),
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
            let (actor, target) = (who.actor.clone(), id.clone());
            let set = if is_ticked(&form, "unchecked") { apps::set_configuration_unchecked } else { apps::set_configuration };
            app.store.write(app.now(), move |tx| set(tx, &actor, &target, keys.as_ref())).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(_) => Ok(said(&app, &gate, &who, &format!("/apps/{id}"), SAVED)),
        Err(error) if error.kind == Kind::BadInput => {
            let view = ManageView {
                configuration: value(&form, "configuration").to_owned(),
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
            return Err(Error::field("key", "the name of the key that this value belongs to"));
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
    if keys.is_empty() {
        return Ok(None);
    }
    // The whole is checked again, since the key may hold a variable, and make it too large.
    configuration::read(&String::from_utf8_lossy(&configuration::to_xml(&keys)?))
}
