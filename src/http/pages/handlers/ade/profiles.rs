//! How new devices greet people: made by a guided choice, changed, given to groups, deleted.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::super::form::sentence;
use super::super::{Form, SaidQuery, errors, said};
use super::{shell, suiting, typed};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::ade::profiles::{ADDRESS, AllView, FIRST_USERS, FormView, GroupRow, ProfileRow, VERSION, all, ask_delete, form};
use crate::language::say;
use crate::mdm::ade::presets::{PRESETS, Preset, preset};
use crate::mdm::ade::profiles::{self, Standing, Wish};
use crate::mdm::{Actor, Right, betas};
use crate::protocol::ade::{MacAccounts, ProfileKeys, skip_keys};
use crate::protocol::platform::Platform;
use crate::store::{Tx, ade_profiles, groups};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/new-devices/profiles", get(list))
        .route("/new-devices/profiles/new", get(begin).post(create))
        .route("/new-devices/profiles/groups", post(for_groups))
        .route("/new-devices/profiles/{id}", get(show).post(change))
        .route("/new-devices/profiles/{id}/delete", get(ask).post(delete))
}

fn row(standing: Standing) -> ProfileRow {
    let kind = preset(&standing.profile.kind).map_or("", |preset| say(preset.name));
    ProfileRow {
        id: standing.profile.id,
        name: standing.profile.name,
        kind: kind.to_owned(),
        devices: standing.devices,
        problem: standing.defined.into_iter().map(|defined| defined.problem).find(|problem| !problem.is_empty()).unwrap_or_default(),
    }
}

fn all_view(tx: &Tx, actor: &Actor) -> Result<AllView> {
    let chosen = ade_profiles::of_groups(tx)?;
    let of = |group: &str| chosen.iter().find(|(id, _, _)| id == group).map(|(_, _, profile)| profile.clone()).unwrap_or_default();
    let (all, families) = (profiles::list(tx, actor)?, profiles::families_of_groups(tx)?);
    let group = |group: groups::Group| {
        let chosen = of(&group.id);
        let families = families.get(&group.id).into_iter().flatten().map(|(family, _)| family.as_str());
        GroupRow { profiles: suiting(&all, families, &chosen), id: group.id, name: group.name, chosen }
    };
    Ok(AllView {
        groups: groups::all(tx)?.into_iter().map(group).collect(),
        profiles: all.into_iter().map(row).collect(),
        choices: PRESETS.iter().map(|preset| (preset.kind, say(preset.name), say(preset.words))).collect(),
        may_change: actor.may(Right::Configure),
    })
}

async fn list(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let actor = who.actor.clone();
    let view = app.store.read_slow(app.now(), move |tx| all_view(tx, &actor)).await?;
    let flash = query.flash(&gate, &who);
    Ok(all(&shell(&app, &who, flash).await?, &view).into_response())
}

#[derive(Deserialize)]
struct Kinds {
    #[serde(default)]
    kind: String,
}

fn chosen(kind: &str) -> Result<&'static Preset> {
    preset(kind).ok_or_else(|| Error::not_found(t!("There is no such choice; take one of the list.")))
}

fn form_view(preset: &Preset, name: String, keys: ProfileKeys, actor: &Actor) -> FormView {
    let panes = skip_keys().iter().filter(|key| preset.has(key) || keys.skip_setup_items.iter().any(|skipped| skipped == key.key));
    FormView {
        id: None,
        name,
        kind: (preset.kind.to_owned(), say(preset.name).to_owned(), say(preset.words).to_owned()),
        panes: panes.map(|key| (key.key, say(key.words), key.versions())).collect(),
        keys,
        is_mac: preset.family == "Mac",
        programs: Vec::new(),
        can: (preset.family == "iPad", matches!(preset.family, "AppleTV" | "Mac")),
        errors: Vec::new(),
        may_change: actor.may(Right::Configure),
    }
}

async fn begin(State(app): State<App>, who: SignedIn, Query(query): Query<Kinds>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let preset = chosen(&query.kind)?;
    let view = with_programs(&app, &who, form_view(preset, say(preset.name).to_owned(), preset.keys(), &who.actor)).await?;
    Ok(form(&shell(&app, &who, None).await?, &view).into_response())
}

/// Adds the beta programmes of its system, and the one that it names, whatever became of that.
async fn with_programs(app: &App, who: &SignedIn, view: FormView) -> Result<FormView> {
    let platform = Platform::of_product(preset(&view.kind.0).map_or("", |preset| preset.family));
    let actor = who.actor.clone();
    let all = app.store.read(app.now(), move |tx| betas::list(tx, &actor)).await?;
    let named = view.keys.beta_program.as_str();
    let is_shown = |program: &betas::Program| program.id == named || (program.gone_at.is_none() && program.platform == platform);
    let mut programs: Vec<_> = all.into_iter().filter(is_shown).map(|program| (program.id, program.title)).collect();
    if !named.is_empty() && programs.iter().all(|(id, _)| id != named) {
        programs.push((named.to_owned(), String::from(t!("A programme that is not known any more"))));
    }
    Ok(FormView { programs, ..view })
}

/// What the form says.
fn keys(pairs: &[(String, String)]) -> ProfileKeys {
    let on = |name: &str| typed(pairs, name) == "1";
    let skipped = pairs.iter().filter(|(_, value)| value == "1").filter_map(|(name, _)| name.strip_prefix("skip-"));
    ProfileKeys {
        is_supervised: on("is_supervised"),
        is_mandatory: on("is_mandatory"),
        is_mdm_removable: on("is_mdm_removable"),
        await_device_configured: on("await_device_configured"),
        allow_pairing: on("allow_pairing"),
        is_multi_user: on("is_multi_user"),
        auto_advance_setup: on("auto_advance_setup"),
        is_return_to_service: on("is_return_to_service"),
        minimum_os: match typed(pairs, "minimum_os").as_str() {
            // Without a version it is none, which is said at the field.
            VERSION => {
                Some(typed(pairs, "minimum_version")).filter(|version| !version.trim().is_empty()).unwrap_or_else(|| VERSION.to_owned())
            }
            word => word.to_owned(),
        },
        beta_program: typed(pairs, "beta_program"),
        mac_accounts: MacAccounts {
            first_user: FIRST_USERS
                .iter()
                .find(|(_, word, _)| *word == typed(pairs, "first_user"))
                .map_or_else(Default::default, |(choice, ..)| *choice),
            named_after_person: on("named_after_person"),
            name_locked: on("name_locked"),
            admin_name: typed(pairs, "admin_name"),
            admin_full_name: typed(pairs, "admin_full_name"),
            admin_hidden: on("admin_hidden"),
        },
        language: typed(pairs, "language"),
        region: typed(pairs, "region"),
        department: typed(pairs, "department"),
        support_phone_number: typed(pairs, "support_phone_number"),
        support_email_address: typed(pairs, "support_email_address"),
        skip_setup_items: skipped.map(str::to_owned).collect(),
    }
}

async fn refused(app: &App, who: &SignedIn, view: FormView, error: Error) -> Result<Response> {
    if !matches!(error.kind, Kind::BadInput | Kind::Conflict) {
        return Err(error);
    }
    let view = with_programs(app, who, FormView { errors: errors(&error), ..view }).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, form(&shell(app, who, None).await?, &view)).into_response())
}

async fn create(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Query(query): Query<Kinds>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let (preset, actor) = (chosen(&query.kind)?, who.actor.clone());
    let view = form_view(preset, typed(&pairs, "name"), keys(&pairs), &actor);
    let wish = Wish { name: view.name.clone(), kind: query.kind, keys: Some(view.keys.clone()) };
    match app.store.write(app.now(), move |tx| profiles::create(tx, &actor, wish)).await {
        Ok(_) => Ok(said(&app, &gate, &who, ADDRESS, t!("The profile is made. Choose at the server token which devices get it."))),
        Err(error) => refused(&app, &who, view, error).await,
    }
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<SaidQuery>,
) -> Result<Response> {
    let actor = who.actor.clone();
    let standing = app.store.read_slow(app.now(), move |tx| profiles::find(tx, &actor, &id)).await?;
    let profile = standing.profile;
    let view = FormView { id: Some(profile.id), ..form_view(chosen(&profile.kind)?, profile.name, standing.keys, &who.actor) };
    let view = with_programs(&app, &who, view).await?;
    let flash = query.flash(&gate, &who);
    Ok(form(&shell(&app, &who, flash).await?, &view).into_response())
}

async fn change(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let (actor, wanted) = (who.actor.clone(), id.clone());
    let before = app.store.read_slow(app.now(), move |tx| profiles::find(tx, &actor, &wanted)).await?.profile;
    let view = form_view(chosen(&before.kind)?, typed(&pairs, "name"), keys(&pairs), &who.actor);
    let view = FormView { id: Some(id.clone()), ..view };
    let wish = Wish { name: view.name.clone(), kind: before.kind, keys: Some(view.keys.clone()) };
    let (actor, wanted) = (who.actor.clone(), id.clone());
    match app.store.write(app.now(), move |tx| profiles::change(tx, &actor, &wanted, wish)).await {
        Ok(_) => Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{id}"), t!("Saved. Devices that have it are assigned the changed one."))),
        Err(error) => refused(&app, &who, view, error).await,
    }
}

async fn for_groups(State(app): State<App>, gate: Gate, who: SignedIn, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let save = move |tx: &Tx| {
        let before = ade_profiles::of_groups(tx)?;
        for (name, profile) in &pairs {
            let Some(group) = name.strip_prefix("group-") else { continue };
            let chosen = Some(profile).filter(|id| !id.is_empty());
            if before.iter().find(|(id, _, _)| id == group).map(|(_, _, profile)| profile) != chosen {
                profiles::set_of_group(tx, &actor, group, chosen.map(String::as_str))?;
            }
        }
        Ok(())
    };
    let words = match app.store.write(app.now(), save).await {
        Ok(()) => String::from(t!("Saved. Apple is told which device gets which.")),
        Err(error) if error.kind == Kind::BadInput => {
            sentence(error.fields.first().map_or(&*error.message, |fault| fault.message.as_str()))
        }
        Err(error) => return Err(error),
    };
    Ok(said(&app, &gate, &who, ADDRESS, &words))
}

async fn ask(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let standing = app.store.read_slow(app.now(), move |tx| profiles::find(tx, &actor, &id)).await?;
    let page = ask_delete(&shell(&app, &who, None).await?, &standing.profile.id, &standing.profile.name, standing.devices);
    Ok(page.into_response())
}

async fn delete(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    app.store.write(app.now(), move |tx| profiles::delete(tx, &who.actor, &id)).await?;
    Ok(Redirect::to(ADDRESS).into_response())
}
