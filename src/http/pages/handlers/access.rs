//! App access by page: the policy of an app, its copies, people's passwords, and how an app asks.

mod copies;
mod passwords;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use maud::Markup;
use serde::Deserialize;

use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::access::{AccessForm, AccessPage, HolderRow, access as page, ask, docs};
use crate::http::pages::parts::encode;
use crate::mdm::access::{self, Affected, Policy, copies as kept};
use crate::mdm::enroll::profile::ORGANISATION;
use crate::mdm::{Actor, Right};
use crate::protocol::grant::Code;
use crate::store::access::Holder;
use crate::store::{Tx, classes, settings};

/// Rows on one page.
const PAGE: u32 = 50;

/// The fields of numbers.
const NUMBERS: [&str; 5] = ["offline_hours", "launches", "ask_every_minutes", "clock_tolerance_minutes", "keep_copies_days"];

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/apps/{id}/access", get(show).post(set))
        .route("/apps/{id}/access/remove", get(ask_remove).post(remove))
        .route("/docs/access", get(how))
        .merge(copies::routes())
        .merge(passwords::routes())
}

async fn how(State(app): State<App>) -> Result<Markup> {
    let organisation = app.store.read(app.now(), |tx| settings::value(tx, &ORGANISATION)).await?.unwrap_or_default();
    Ok(docs::access(&organisation))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AccessQuery {
    after: String,
    said: String,
}

fn form_of(tx: &Tx, policy: &Policy) -> Result<AccessForm> {
    let number = |value: u32| value.to_string();
    Ok(AccessForm {
        who: policy.who.as_str().to_owned(),
        roles: policy.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        classes: class_choices(tx, &policy.classes)?,
        proofs: policy.proofs.iter().map(|proof| proof.as_str().to_owned()).collect(),
        numbers: vec![
            ("offline_hours", number(policy.offline_hours)),
            ("launches", policy.launches.map(number).unwrap_or_default()),
            ("ask_every_minutes", number(policy.ask_every_minutes)),
            ("clock_tolerance_minutes", number(policy.clock_tolerance_minutes)),
            ("keep_copies_days", number(policy.keep_copies_days)),
        ],
        erase: policy.erase_when_refused,
        copies: policy.takes_copies,
        errors: Vec::new(),
    })
}

fn class_choices(tx: &Tx, ticked: &[String]) -> Result<Vec<(String, String, bool)>> {
    let all = classes::all(tx)?.into_iter();
    Ok(all.map(|class| (class.id.clone(), class.name, ticked.contains(&class.id))).collect())
}

fn view(tx: &Tx, actor: &Actor, id: &str, after: Option<&str>) -> Result<AccessPage> {
    let found = access::show(tx, actor, id)?;
    let (mut holders, (holders_total, devices, people)) = access::holders(tx, actor, id, after, PAGE + 1)?;
    let more = holders.len() > PAGE as usize;
    holders.truncate(PAGE as usize);
    let next = holders.last().filter(|_| more).map(|last| format!("/apps/{id}/access?after={}", encode(&last.standing.holder)));
    Ok(AccessPage {
        app_id: found.app.id,
        app: found.app.name,
        bundle_id: found.app.bundle_id,
        is_on: found.policy.is_some(),
        form: form_of(tx, &found.policy.unwrap_or_default())?,
        holders: holders.into_iter().map(holder).collect(),
        holders_total,
        devices,
        people,
        next,
        copies: kept::list(tx, actor, id, None, 1)?.1,
        may_change: actor.may(Right::Configure),
    })
}

fn holder(holder: Holder) -> HolderRow {
    let code = Code::parse(&holder.standing.code);
    HolderRow {
        id: holder.standing.holder,
        device: holder.device,
        person: holder.person,
        allowed: code == Some(Code::Granted),
        words: code
            .map_or_else(String::new, |code| if code == Code::Granted { String::from(t!("allowed")) } else { code.words().to_owned() }),
        granted_at: holder.standing.granted_at,
    }
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<AccessQuery>,
) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    let actor = who.actor.clone();
    let after = Some(query.after).filter(|after| !after.is_empty());
    let view = app.store.read_slow(app.now(), move |tx| view(tx, &actor, &id, after.as_deref())).await?;
    Ok(page(&shell(&app, &who, flash).await?, &view).into_response())
}

/// What was typed, and the policy that it makes if it makes one.
fn typed(pairs: &[(String, String)]) -> (AccessForm, Result<Policy>) {
    let all = |name: &str| pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect::<Vec<_>>();
    let one = |name: &str| all(name).pop().unwrap_or_default().trim().to_owned();
    let form = AccessForm {
        who: one("who"),
        roles: all("roles"),
        classes: all("classes").into_iter().map(|id| (id, String::new(), true)).collect(),
        proofs: all("proofs"),
        numbers: NUMBERS.iter().map(|name| (*name, one(name))).collect(),
        erase: !one("erase_when_refused").is_empty(),
        copies: !one("takes_copies").is_empty(),
        errors: Vec::new(),
    };
    let policy = read(&form);
    (form, policy)
}

fn read(form: &AccessForm) -> Result<Policy> {
    let mut said = serde_json::json!({
        "who": form.who, "roles": form.roles, "proofs": form.proofs, "erase_when_refused": form.erase, "takes_copies": form.copies,
        "classes": form.classes.iter().map(|(id, _, _)| id).collect::<Vec<_>>(),
    });
    let mut faults: Vec<(String, String)> = Vec::new();
    for (name, typed) in &form.numbers {
        if *name == "launches" && typed.is_empty() {
            said[*name] = serde_json::Value::Null;
        } else if let Ok(number) = typed.parse::<u32>() {
            said[*name] = number.into();
        } else {
            faults.push(((*name).to_owned(), String::from(t!("write a whole number"))));
        }
    }
    let policy: Policy = serde_json::from_value(said)
        .map_err(|error| Error::bad_input(t!("Choose who may use the app, and what proves it.")).caused_by(error))?;
    // All that is wrong is said at once.
    match policy.checked() {
        Ok(policy) => Error::fields(faults).map(|()| policy),
        Err(error) => {
            faults.extend(error.fields.into_iter().map(|fault| (fault.field, fault.message)));
            Err(Error::fields(faults).err().unwrap_or_else(|| Error::bad_input(error.message)))
        }
    }
}

/// What became of a form.
enum Outcome {
    Saved,
    /// The app's name, and who would be told to erase.
    Asked(String, Vec<Affected>),
}

fn field<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim())
}

/// Whether a question was answered that is about so many.
fn is_answered(total: usize, pairs: &[(String, String)]) -> bool {
    let is_typed = total <= 1 || field(pairs, "typed").is_some_and(|typed| typed == total.to_string());
    total == 0 || field(pairs, "confirmed").is_some() && is_typed
}

/// What was typed where a question was answered wrongly.
fn given(pairs: &[(String, String)]) -> ask::Given<'_> {
    field(pairs, "confirmed").map(|_| field(pairs, "typed").unwrap_or_default())
}

async fn set(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let (mut form, policy) = typed(&pairs);
    let outcome = match policy {
        Ok(policy) => {
            let (actor, id, sent) = (who.actor.clone(), id.clone(), pairs.clone());
            let work = move |tx: &Tx| {
                let erased = access::erased_by(tx, &actor, &id, &policy)?;
                if !is_answered(erased.len(), &sent) {
                    return Ok(Outcome::Asked(access::show(tx, &actor, &id)?.app.name, erased));
                }
                access::set(tx, &actor, &id, policy, None).map(|_| Outcome::Saved)
            };
            app.store.write(app.now(), work).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(Outcome::Saved) => Ok(said(&app, &gate, &who, &format!("/apps/{id}/access"), t!("Saved. It holds from the next ask on."))),
        Ok(Outcome::Asked(name, erased)) => {
            let sent: Vec<_> = pairs.iter().filter(|(key, _)| !matches!(key.as_str(), "confirmed" | "typed")).cloned().collect();
            let asked = ask::erase(&shell(&app, &who, None).await?, (&id, &name), &erased, given(&pairs), &sent);
            Ok((StatusCode::CONFLICT, asked).into_response())
        }
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => {
            form.errors = errors(&error);
            let actor = who.actor.clone();
            let looked = app.store.read_slow(app.now(), move |tx| {
                let ticked: Vec<String> = form.classes.iter().map(|(id, _, _)| id.clone()).collect();
                form.classes = class_choices(tx, &ticked)?;
                Ok(AccessPage { form, ..view(tx, &actor, &id, None)? })
            });
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(&app, &who, None).await?, &looked.await?)).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn ask_remove(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let work = move |tx: &Tx| Ok((access::show(tx, &actor, &target)?.app.name, access::closed_by_removal(tx, &actor, &target)?));
    let (name, closed) = app.store.read_slow(app.now(), work).await?;
    Ok(ask::remove(&shell(&app, &who, None).await?, (&id, &name), &closed, None).into_response())
}

async fn remove(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let (actor, target, sent) = (who.actor.clone(), id.clone(), pairs.clone());
    let work = move |tx: &Tx| {
        let closed = access::closed_by_removal(tx, &actor, &target)?;
        if !is_answered(closed.len(), &sent) {
            return Ok(Outcome::Asked(access::show(tx, &actor, &target)?.app.name, closed));
        }
        access::remove(tx, &actor, &target).map(|()| Outcome::Saved)
    };
    match app.store.write(app.now(), work).await? {
        Outcome::Saved => Ok(said(&app, &gate, &who, &format!("/apps/{id}/access"), t!("Nobody has to ask for this app any more."))),
        Outcome::Asked(name, closed) => {
            let asked = ask::remove(&shell(&app, &who, None).await?, (&id, &name), &closed, given(&pairs));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, asked).into_response())
        }
    }
}
