//! Setup Assistant: its rules, the devices on their way through it, and Apple Configurator.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::configurator::{self as doors, PKCS12};
use crate::http::pages::parts::{Flash, State as Mark};
use crate::http::pages::setting_up::{self, SettingUpRow, SettingUpView};
use crate::http::pages::system::setup_assistant::{
    ADDRESS, CONFIGURATOR, ConfiguratorView, FamilyPrograms, RETURNS, ReturnsForm, RulesForm, configurator as configurator_page, page,
};
use crate::language::say;
use crate::mdm::enroll::automated::rules::{self, Change, HOLD_MINUTES, Rules};
use crate::mdm::enroll::configurator::{self, HOURS};
use crate::mdm::return_to_service::network;
use crate::mdm::setup_assistant::{self, ARRIVALS_MAX, Arriving, Step};
use crate::mdm::{Actor, Right, betas, return_to_service, settings};
use crate::protocol::platform::Platform;
use crate::secret::Secret;
use crate::store::{Tx, roster};

/// The families whose devices say what they run, with what people call them.
const FAMILIES: [(Platform, &str); 5] = [
    (Platform::Ios, msg!("iPhone and iPad")),
    (Platform::Macos, msg!("Mac")),
    (Platform::Tvos, msg!("Apple TV")),
    (Platform::Visionos, msg!("Vision Pro")),
    (Platform::Watchos, msg!("Apple Watch")),
];

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(ADDRESS, get(show).post(change))
        .route(RETURNS, post(set_returns))
        .route(setting_up::ADDRESS, get(arriving))
        .route("/devices/{id}/go-on", post(go_on))
        .route(CONFIGURATOR, get(show_configurator))
        .route("/system/configurator/open", post(open))
        .route("/system/configurator/close", post(close))
        .route("/system/configurator/identity", post(make_identity))
        .route("/system/configurator/identity/file", post(identity_file))
}

/// The beta programmes that devices of each family may be told to join, and the one that is chosen.
fn programs(tx: &Tx, actor: &Actor, rules: &Rules) -> Result<Vec<FamilyPrograms>> {
    let all = betas::list(tx, actor)?;
    let family = |platform: &Platform| {
        let chosen = rules.beta_programs.get(platform).cloned().unwrap_or_default();
        let is_shown = |program: &&betas::Program| program.id == chosen || (program.gone_at.is_none() && program.platform == *platform);
        let mut shown: Vec<_> = all.iter().filter(is_shown).map(|program| (program.id.clone(), program.title.clone())).collect();
        if !chosen.is_empty() && shown.iter().all(|(id, _)| *id != chosen) {
            shown.push((chosen.clone(), String::from(t!("A programme that is not known any more"))));
        }
        (platform.to_string(), chosen, shown)
    };
    Ok(betas::MANAGED.iter().map(family).filter(|(_, _, shown)| !shown.is_empty()).collect())
}

fn form(rules: Rules, programs: Vec<FamilyPrograms>, returns: ReturnsForm, may_change: bool) -> RulesForm {
    let least = |platform: Platform| rules.minimum.get(&platform).cloned().unwrap_or_default();
    RulesForm {
        take_unlisted: rules.take_unlisted,
        hold_minutes: rules.hold_minutes.to_string(),
        sign_in: rules.sign_in,
        minimum: FAMILIES.iter().map(|(platform, name)| (platform.to_string(), say(name).to_owned(), least(*platform))).collect(),
        programs,
        limits: (*HOLD_MINUTES.start(), *HOLD_MINUTES.end()),
        errors: Vec::new(),
        may_change,
        returns,
    }
}

fn returns(tx: &Tx) -> Result<ReturnsForm> {
    let rules = return_to_service::rules::rules(tx)?;
    let networks = network::choices(tx)?.into_iter().map(|choice| (choice.id, choice.name)).collect();
    Ok(ReturnsForm { on: rules.on, wifi_profile: rules.wifi_profile_id.unwrap_or_default(), networks })
}

#[derive(Deserialize)]
struct ReturnsTyped {
    #[serde(default)]
    on: String,
    #[serde(default)]
    wifi_profile: String,
}

async fn set_returns(State(app): State<App>, gate: Gate, who: SignedIn, Form(typed): Form<ReturnsTyped>) -> Result<Response> {
    let wifi_profile_id = Some(typed.wifi_profile).filter(|id| !id.is_empty());
    let (actor, wanted) = (who.actor.clone(), return_to_service::rules::Rules { on: !typed.on.is_empty(), wifi_profile_id });
    let words = match app.store.write(app.now(), move |tx| return_to_service::rules::set(tx, &actor, &wanted)).await {
        Ok(()) => String::from(t!("Saved.")),
        Err(error) if error.kind == Kind::BadInput => {
            String::from(t!("This Wi-Fi profile is not in the library any more. Choose another."))
        }
        Err(error) => return Err(error),
    };
    Ok(said(&app, &gate, &who, ADDRESS, &words))
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let (flash, actor) = (query.flash(&gate, &who), who.actor.clone());
    let look = move |tx: &Tx| {
        let rules = rules::show(tx, &actor)?;
        let programs = programs(tx, &actor, &rules)?;
        Ok((rules, programs, returns(tx)?))
    };
    let (rules, programs, returns) = app.store.read(app.now(), look).await?;
    Ok(page(&shell(&app, &who, flash).await?, &form(rules, programs, returns, who.actor.may(Right::Configure))).into_response())
}

/// What the form says: boxes that are not ticked say nothing.
fn typed(pairs: &[(String, String)]) -> Result<Change> {
    let of = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim().to_owned());
    let minutes = of("hold_minutes").unwrap_or_default();
    let words = || t!("a number from {start} to {end}", start = HOLD_MINUTES.start(), end = HOLD_MINUTES.end());
    Ok(Change {
        take_unlisted: Some(of("take_unlisted").is_some()),
        hold_minutes: Some(minutes.parse().map_err(|_| Error::field("hold_minutes", words()))?),
        sign_in: Some(of("sign_in").is_some()),
        minimum: FAMILIES.iter().filter_map(|(platform, _)| Some((*platform, of(&format!("minimum.{platform}"))?))).collect(),
        beta_programs: betas::MANAGED.iter().filter_map(|platform| Some((*platform, of(&format!("beta_programs.{platform}"))?))).collect(),
    })
}

async fn change(State(app): State<App>, gate: Gate, who: SignedIn, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let outcome = match typed(&pairs) {
        Ok(change) => {
            let actor = who.actor.clone();
            app.store.write(app.now(), move |tx| rules::change(tx, &actor, change)).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(_) => Ok(said(&app, &gate, &who, ADDRESS, t!("Saved. Devices that wait already keep their time."))),
        Err(error) if error.kind == Kind::BadInput => {
            let of = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            let actor = who.actor.clone();
            let look = move |tx: &Tx| Ok((programs(tx, &actor, &rules::rules(tx)?)?, returns(tx)?));
            let (programs, returns) = app.store.read(app.now(), look).await?;
            let mut view = form(Rules::default(), programs, returns, true);
            for (word, chosen, _) in &mut view.programs {
                *chosen = of(&format!("beta_programs.{word}")).unwrap_or_default();
            }
            view.hold_minutes = of("hold_minutes").unwrap_or_default();
            (view.take_unlisted, view.sign_in) = (of("take_unlisted").is_some(), of("sign_in").is_some());
            for (word, _, typed) in &mut view.minimum {
                *typed = of(&format!("minimum.{word}")).unwrap_or_default();
            }
            view.errors = errors(&error);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn arriving(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let (flash, actor) = (query.flash(&gate, &who), who.actor.clone());
    let view = app.store.read_slow(app.now(), move |tx| setting_up_view(tx, &actor)).await?;
    Ok(setting_up::page(&shell(&app, &who, flash).await?, &view).into_response())
}

fn setting_up_view(tx: &Tx, actor: &Actor) -> Result<SettingUpView> {
    let (rows, zone) = (setup_assistant::arriving(tx, actor)?, settings::zone(tx)?);
    let is_cut = rows.len() >= ARRIVALS_MAX as usize;
    let row = |row: Arriving| SettingUpRow {
        state: match row.step {
            Step::Ready => Mark::Ok,
            step if step.is_trouble() => Mark::Problem,
            _ => Mark::Waiting,
        },
        lacks: row.step.lacks(),
        what: [row.arrival.product_name, row.arrival.os_version].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", "),
        serial: row.arrival.serial_number,
        name: row.name,
        href: row.device_id.map(|id| format!("/devices/{id}")),
        words: row.words,
        until: row.until.map(|at| zone.time(at)),
        troubles: row.troubles,
        at: row.at,
        practice: row.arrival.practice,
    };
    Ok(SettingUpView { rows: rows.into_iter().map(row).collect(), is_cut })
}

/// Lets a device go on that waits in Setup Assistant.
async fn go_on(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| setup_assistant::let_go(tx, &actor, &target)).await?;
    Ok(said(&app, &gate, &who, &format!("/devices/{id}"), t!("It is told to go on in Setup Assistant.")))
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Opening {
    hours: String,
    group: String,
}

async fn configurator_view(app: &App, who: &SignedIn) -> Result<ConfiguratorView> {
    let actor = who.actor.clone();
    let (standing, groups) = app.store.read(app.now(), move |tx| Ok((configurator::standing(tx, &actor)?, roster::groups(tx)?))).await?;
    let (base, may_change) = (&app.public_url, who.actor.may(Right::Configure));
    let invitation = standing.invitation.as_ref();
    Ok(ConfiguratorView {
        server: base.clone(),
        trust: app.shows_own_tls().then(|| format!("{base}/MDMServiceConfig/trust")),
        open: invitation.map(|open| (may_change.then(|| format!("{base}/ade/{}", open.code)), open.expires_at)),
        group: invitation.map(|open| open.group_label.clone()).unwrap_or_default(),
        identity: standing.certificate.map(|certificate| (certificate.fingerprint().in_pairs(), certificate.not_after())),
        hours: String::from("8"),
        limits: (*HOURS.start(), *HOURS.end()),
        groups,
        errors: Vec::new(),
        may_change,
        may_reveal: who.actor.may(Right::Reveal),
    })
}

async fn sheet(app: &App, who: &SignedIn, flash: Option<Flash>, view: &ConfiguratorView) -> Result<Response> {
    let status = if view.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, configurator_page(&shell(app, who, flash).await?, view)).into_response())
}

async fn show_configurator(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    sheet(&app, &who, flash, &configurator_view(&app, &who).await?).await
}

async fn open(State(app): State<App>, gate: Gate, who: SignedIn, Form(typed): Form<Opening>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let hours = typed.hours.trim().parse::<u32>();
    let outcome = match hours {
        Ok(hours) => {
            let (actor, group) = (who.actor.clone(), typed.group.clone());
            app.store.write(app.now(), move |tx| configurator::open(tx, &actor, hours, &group)).await.map(drop)
        }
        Err(_) => Err(Error::field("hours", t!("a number from {start} to {end}", start = HOURS.start(), end = HOURS.end()))),
    };
    match outcome {
        Ok(()) => Ok(said(&app, &gate, &who, CONFIGURATOR, t!("Devices that are prepared for this server are let in now."))),
        Err(error) if error.kind == Kind::BadInput => {
            let Opening { hours, group } = typed;
            let view = ConfiguratorView { hours, group, errors: errors(&error), ..configurator_view(&app, &who).await? };
            sheet(&app, &who, None, &view).await
        }
        Err(error) => Err(error),
    }
}

async fn close(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| configurator::close(tx, &actor)).await?;
    Ok(said(&app, &gate, &who, CONFIGURATOR, t!("Only devices that Apple’s list names are let in now.")))
}

async fn make_identity(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    doors::make_identity(&app, &who.actor).await?;
    Ok(said(&app, &gate, &who, CONFIGURATOR, t!("The identity is made. An Owner downloads its file for Configurator.")))
}

#[derive(Deserialize)]
struct Passphrase {
    passphrase: String,
}

async fn identity_file(State(app): State<App>, who: SignedIn, Form(typed): Form<Passphrase>) -> Result<Response> {
    match doors::file(&app, &who.actor, Secret::new(typed.passphrase)).await {
        Ok(file) => {
            let headers =
                [(CONTENT_TYPE, PKCS12), (CONTENT_DISPOSITION, "attachment; filename=\"supervision.p12\""), (CACHE_CONTROL, "no-store")];
            Ok((headers, file.expose().clone()).into_response())
        }
        Err(error) if error.kind == Kind::BadInput => {
            let view = ConfiguratorView { errors: errors(&error), ..configurator_view(&app, &who).await? };
            sheet(&app, &who, None, &view).await
        }
        Err(error) => Err(error),
    }
}
