//! What the makers of apps say of their configurations: brought as a file, asked for as a form, held against what is set.

use serde_json::json;

use super::configuration::{self, FIELD};
use super::library::{configuration_of, known, set_configuration_unchecked};
use crate::clock::Timestamp;
use crate::error::{Error, FieldError, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right};
use crate::protocol::app_config::{self, Field, Schema};
use crate::protocol::plist::{Dictionary, Value};
use crate::store::Tx;
use crate::store::app_schemas::{self, AppSchema};
use crate::store::apps::App;

/// A file that was read, with its bytes.
#[derive(Debug, Clone)]
pub struct Recognised {
    /// What it says.
    pub schema: Schema,
    /// As the maker wrote it.
    pub content: Vec<u8>,
}

/// What an app's maker says, and where it comes from.
#[derive(Debug, Clone)]
pub struct Brought {
    /// What it says.
    pub schema: Schema,
    /// Who brought it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// What was typed into the form: keys, each with one text, or with one for each item of a list.
pub type TypedKeys = [(String, Vec<String>)];

/// Reads a file that somebody brought.
pub fn recognise(content: Vec<u8>) -> Result<Recognised> {
    Ok(Recognised { schema: app_config::read(&content)?, content })
}

/// What the maker of an app says of its configuration, if somebody brought it.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Option<Brought>> {
    actor.require(Right::View)?;
    known(tx, id)?;
    let Some(row) = app_schemas::of_app(tx, id)? else { return Ok(None) };
    Ok(Some(Brought { schema: stored(&row)?, created_by: row.created_by, created_at: row.created_at }))
}

/// The file of an app, byte for byte.
///
/// # Errors
/// Not found where there is none.
pub fn content(tx: &Tx, actor: &Actor, id: &str) -> Result<Vec<u8>> {
    actor.require(Right::View)?;
    known(tx, id)?;
    app_schemas::of_app(tx, id)?.map(|row| row.content).ok_or_else(none)
}

fn stored(row: &AppSchema) -> Result<Schema> {
    app_config::read(&row.content).map_err(|error| Error::internal("a file that was kept can be read", error))
}

/// What is said where nobody has brought one.
pub fn none() -> Error {
    Error::not_found(t!("Nobody has brought the specification file of this app."))
}

/// Keeps the file of an app, in the place of one before. What is set now stays as it is, also where it does not fit.
///
/// # Errors
/// Names `file` where it is another app's; conflict where it is not known yet which app this is.
pub fn bring(tx: &Tx, actor: &Actor, id: &str, brought: &Recognised) -> Result<Brought> {
    actor.require(Right::Configure)?;
    let app = known(tx, id)?;
    let schema = &brought.schema;
    if app.bundle_id.is_empty() {
        let words = t!(
            "The identifier of this app is not known yet, so it cannot be seen whether the file is for it. The App Store is asked by itself: bring the file again when the identifier stands on the app's page."
        );
        return Err(Error::conflict(words));
    }
    if !schema.is_for(&app.bundle_id) {
        let words = t!(
            "This file is for the app {bundle_id}, and {name} is {bundle_id_2}. Take the file of this app from its maker.",
            bundle_id = schema.bundle_id,
            name = app.name,
            bundle_id_2 = app.bundle_id
        );
        return Err(Error::field("file", words));
    }
    let row = AppSchema { content: brought.content.clone(), created_by: actor.to_string(), created_at: tx.now };
    if app_schemas::of_app(tx, id)?.is_none_or(|before| before.content != row.content) {
        app_schemas::put(tx, id, &row)?;
        journal::note(tx, actor, "app.schema_brought", Subject::default(), said(&app, &schema.version))?;
    }
    find(tx, actor, id)?.ok_or_else(none)
}

/// Takes the file of an app away; what is set stays.
///
/// # Errors
/// Not found where there is none.
pub fn take_away(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let app = known(tx, id)?;
    let row = app_schemas::of_app(tx, id)?.ok_or_else(none)?;
    app_schemas::delete(tx, id)?;
    let version = stored(&row).map(|schema| schema.version).unwrap_or_default();
    journal::note(tx, actor, "app.schema_removed", Subject::default(), said(&app, &version))
}

fn said(app: &App, version: &str) -> serde_json::Value {
    json!({ "id": app.id, "name": app.name, "version": version })
}

/// Holds a configuration against what the app's maker says, if that is known.
pub(super) fn check(tx: &Tx, id: &str, keys: &Dictionary) -> Result<()> {
    match app_schemas::of_app(tx, id)? {
        Some(row) => refuse(stored(&row)?.faults(keys)),
        None => Ok(()),
    }
}

/// Names each key that does not fit, as `configuration.key`.
fn refuse(faults: Vec<(String, String)>) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    let fields: Vec<_> = faults.into_iter().map(|(key, message)| FieldError { field: format!("{FIELD}.{key}"), message }).collect();
    let words: Vec<_> = fields.iter().map(|fault| format!("{}: {}", fault.field, fault.message)).collect();
    let mut error = Error::bad_input(words.join("; "));
    error.fields = fields;
    Err(error)
}

/// Sets what was typed into the form; keys that the form does not show stay as they are.
///
/// # Errors
/// Names each key that does not fit; then nothing changes. Conflict where there is no form any more.
pub fn fill_in(tx: &Tx, actor: &Actor, id: &str, typed: &TypedKeys) -> Result<App> {
    let keys = filled_in(tx, actor, id, typed)?;
    set_configuration_unchecked(tx, actor, id, keys.as_ref())
}

/// What [`fill_in`] would set.
pub fn filled_in(tx: &Tx, actor: &Actor, id: &str, typed: &TypedKeys) -> Result<Option<Dictionary>> {
    let mut keys = configuration_of(tx, actor, id)?.unwrap_or_default();
    let Some(row) = app_schemas::of_app(tx, id)? else {
        return Err(Error::conflict(t!("The form of this app was taken away meanwhile. Open the page again.")));
    };
    let schema = stored(&row)?;
    let mut unread = Vec::new();
    for field in schema.fields() {
        let Some((key, texts)) = typed.iter().find(|(key, _)| *key == field.key) else { continue };
        match meant(field, texts, keys.get(key)) {
            Ok(Some(value)) => drop(keys.insert(key.clone(), value)),
            Ok(None) => drop(keys.remove(key)),
            Err(why) => unread.push((key.clone(), why)),
        }
    }
    let faults = schema.faults(&keys).into_iter().filter(|(key, _)| unread.iter().all(|(other, _)| other != key));
    refuse(unread.clone().into_iter().chain(faults).collect())?;
    configuration::checked(keys)
}

/// What is meant by a field of the form: where it stands as it was shown, the value that it was shown for, down to its spaces.
fn meant(field: &Field, texts: &[String], now: Option<&Value>) -> Result<Option<Value>, String> {
    let whole = |texts: &[String]| {
        let mut texts: Vec<_> = texts.iter().filter(|text| !text.is_empty()).map(|text| text.replace("\r\n", "\n")).collect();
        if !field.choices.is_empty() {
            texts.sort_unstable();
        }
        texts.join("\n")
    };
    let Some(now) = now else { return field.value(texts) };
    match app_config::texts_of(now) {
        Some(shown) if whole(texts) == whole(&shown) && field.check(now).is_ok() => Ok(Some(now.clone())),
        None if whole(texts).is_empty() => {
            Err(String::from(t!("it has a value of another kind, which can be changed as a property list only")))
        }
        _ => field.value(texts),
    }
}
