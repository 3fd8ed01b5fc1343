//! Backups: how they stand, setting them up, the recovery key, and one to take away.

use std::path::Path;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Form, SaidQuery, errors, said, said_at, shell};
use crate::app::App;
use crate::apple::backup_folder;
use crate::error::{Error, Kind, Result};
use crate::http::api::backups::{look_at_places, set_up};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::backup::{self, Wish};
use crate::http::pages::parts::State as Mark;
use crate::http::pages::system::backups::{ADDRESS, BackupsForm, BackupsView, LISTED, ask_for_key, key, page};
use crate::language;
use crate::mdm::backups::plan::{self, NewPlan};
use crate::mdm::backups::retention::Keep;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right, backups};
use crate::protocol::s3::S3Place;
use crate::secret::Secret;
use crate::store::Tx;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(ADDRESS, get(show).post(change))
        .route("/system/backups/try", post(try_places))
        .route("/system/backups/run", post(run))
        .route("/system/backups/self-test", post(self_test))
        .route("/system/backups/recovery-key", post(make_key))
        .route("/system/backups/file", post(take))
}

/// How backups stand, for the overview.
pub(super) fn part(tx: &Tx, actor: &Actor) -> Result<(Mark, String)> {
    let standing = backups::standing(tx, actor)?;
    let last = standing.last.as_ref().map(|last| zone(tx).map(|zone| language::date(zone.words(last.made_at)))).transpose()?;
    Ok(match (&standing.failure, last) {
        (Some(_), Some(last)) => (Mark::Problem, t!("the last try failed; the last one is of {last}", last)),
        (Some(_), None) => (Mark::Problem, String::from(t!("none could be made yet"))),
        (None, Some(last)) if standing.plan.daily => (Mark::Ok, t!("each day; the last one is of {last}", last)),
        (None, Some(last)) => (Mark::Ok, t!("not made by themselves; the last one is of {last}", last)),
        (None, None) if standing.plan.daily => (Mark::Waiting, String::from(t!("each day; none was made yet"))),
        (None, None) => (Mark::Waiting, String::from(t!("none: a lost disk means enrolling every device again"))),
    })
}

async fn view(app: &App, who: &SignedIn) -> Result<BackupsView> {
    let actor = who.actor.clone();
    let look = move |tx: &Tx| {
        let standing = backups::standing(tx, &actor)?;
        let mut list = backups::list(tx, &actor)?;
        let total = list.len();
        list.truncate(LISTED);
        Ok(BackupsView {
            form: BackupsForm::from(&standing),
            under_way: standing.is_wished && standing.failure.is_none(),
            standing,
            list,
            total,
            errors: Vec::new(),
            zone: zone(tx)?.name().to_owned(),
            may_configure: actor.may(Right::Configure),
            may_govern: actor.may(Right::Govern),
        })
    };
    app.store.read_slow(app.now(), look).await
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    Ok(page(&shell(&app, &who, flash).await?, &view(&app, &who).await?).into_response())
}

#[derive(Clone, Deserialize)]
struct Typed {
    daily: Option<String>,
    #[serde(default)]
    at: String,
    with_packages: Option<String>,
    #[serde(default)]
    folder: String,
    #[serde(default, rename = "s3.endpoint")]
    endpoint: String,
    #[serde(default, rename = "s3.bucket")]
    bucket: String,
    #[serde(default, rename = "s3.prefix")]
    prefix: String,
    #[serde(default, rename = "s3.region")]
    region: String,
    #[serde(default, rename = "s3.key_id")]
    key_id: String,
    #[serde(default, rename = "s3.secret_key")]
    secret_key: String,
    #[serde(rename = "s3.path_style")]
    path_style: Option<String>,
    #[serde(default, rename = "s3.trust_anchors")]
    trust_anchors: String,
    #[serde(default, rename = "keep.daily")]
    keep_daily: String,
    #[serde(default, rename = "keep.weekly")]
    keep_weekly: String,
    #[serde(default, rename = "keep.monthly")]
    keep_monthly: String,
}

impl Typed {
    fn plan(&self) -> Result<NewPlan> {
        let number =
            |field: &str, text: &str| text.trim().parse::<u16>().map_err(|_| Error::field(field, t!("write a number from 0 to 366")));
        let keep = Keep {
            daily: number("keep.daily", &self.keep_daily)?,
            weekly: number("keep.weekly", &self.keep_weekly)?,
            monthly: number("keep.monthly", &self.keep_monthly)?,
        };
        let place = S3Place {
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            key_id: self.key_id.clone(),
            path_style: self.path_style.is_some(),
            trust_anchors: self.trust_anchors.clone(),
        };
        Ok(NewPlan {
            daily: self.daily.is_some(),
            at: self.at.clone(),
            with_packages: self.with_packages.is_some(),
            keep,
            folder: Some(self.folder.clone()),
            s3: Some(place).filter(|place| !place.endpoint.trim().is_empty()),
            s3_secret: Some(Secret::new(self.secret_key.clone())),
        })
    }

    fn form(self) -> BackupsForm {
        BackupsForm {
            daily: self.daily.is_some(),
            at: self.at,
            with_packages: self.with_packages.is_some(),
            keep: [self.keep_daily, self.keep_weekly, self.keep_monthly],
            folder: self.folder,
            endpoint: self.endpoint,
            region: self.region,
            bucket: self.bucket,
            prefix: self.prefix,
            key_id: self.key_id,
            path_style: self.path_style.is_some(),
            trust_anchors: self.trust_anchors,
        }
    }
}

async fn change(State(app): State<App>, gate: Gate, who: SignedIn, Form(typed): Form<Typed>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let outcome = match typed.plan() {
        Ok(new) => set_up(&app, &who.actor, new).await,
        Err(error) => Err(error),
    };
    let is_same_disk = backup_folder::same_disk(Path::new(typed.folder.trim()), &app.config.data) == Some(true);
    match outcome {
        Ok(()) if is_same_disk => {
            let words = t!("Saved. The folder is on the same disk as the data: when that breaks, the backups in it are gone too.");
            Ok(said_at(&app, &gate, &who, ADDRESS, Mark::Waiting, words))
        }
        Ok(()) => Ok(said(&app, &gate, &who, ADDRESS, t!("Saved."))),
        Err(error) => refused(&app, &who, Some(typed), &error).await.ok_or(error)?,
    }
}

/// Tries what stands in the form, and shows it again as it was typed.
async fn try_places(State(app): State<App>, who: SignedIn, Form(typed): Form<Typed>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let tried = async {
        let new = typed.plan()?;
        let (plan, secret) = app.store.read(app.now(), move |tx| plan::check(tx, &actor, &new)).await?;
        look_at_places(&app, &plan, secret.as_ref()).await
    };
    match tried.await {
        Ok(()) => {
            let view = BackupsView { form: typed.form(), ..view(&app, &who).await? };
            let words = String::from(t!("Files can be put there, fetched and removed. Save to go on; a secret key has to be typed again."));
            let flash = crate::http::pages::parts::Flash { state: Mark::Ok, words, way: None };
            Ok(page(&shell(&app, &who, Some(flash)).await?, &view).into_response())
        }
        Err(error) => refused(&app, &who, Some(typed), &error).await.ok_or(error)?,
    }
}

/// The page again with what is wrong; none for failures that are nobody's input.
async fn refused(app: &App, who: &SignedIn, typed: Option<Typed>, error: &Error) -> Option<Result<Response>> {
    if !matches!(error.kind, Kind::BadInput | Kind::Conflict | Kind::Upstream | Kind::Busy) {
        return None;
    }
    let answer = async {
        let mut view = view(app, who).await?;
        if let Some(typed) = typed {
            view.form = typed.form();
        }
        view.errors = errors(error);
        Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(app, who, None).await?, &view)).into_response())
    };
    Some(answer.await)
}

async fn run(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    match app.store.write(app.now(), move |tx| backups::run_now(tx, &actor)).await {
        Ok(()) => Ok(said(&app, &gate, &who, ADDRESS, t!("A backup is being made. This page says what became of it."))),
        Err(error) => refused(&app, &who, None, &error).await.ok_or(error)?,
    }
}

async fn self_test(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    match app.store.write(app.now(), move |tx| backups::test_now(tx, &actor)).await {
        Ok(()) => Ok(said(
            &app,
            &gate,
            &who,
            ADDRESS,
            t!("The newest backup is being restored into a temporary folder. This page says what became of it."),
        )),
        Err(error) => refused(&app, &who, None, &error).await.ok_or(error)?,
    }
}

#[derive(Deserialize)]
struct Sure {
    confirmed: Option<String>,
}

/// Makes a recovery key and shows it, this once; where there is one, it asks first.
async fn make_key(State(app): State<App>, who: SignedIn, Form(sure): Form<Sure>) -> Result<Response> {
    who.actor.require(Right::Govern)?;
    let actor = who.actor.clone();
    if sure.confirmed.is_none() {
        let viewer = actor.clone();
        let standing = app.store.read(app.now(), move |tx| backups::standing(tx, &viewer)).await?;
        if standing.recovery.is_some() {
            return Ok(ask_for_key(&shell(&app, &who, None).await?).into_response());
        }
    }
    let (_, made) = app.store.write(app.now(), move |tx| backups::make_recovery_key(tx, &actor)).await?;
    Ok(key(&shell(&app, &who, None).await?, made.expose()).into_response())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Take {
    passphrase: String,
    packages_too: Option<String>,
}

async fn take(State(app): State<App>, who: SignedIn, Form(take): Form<Take>) -> Result<Response> {
    who.actor.require(Right::Govern)?;
    let wish = Wish { passphrase: Some(Secret::new(take.passphrase)), with_packages: take.packages_too.is_some(), spare: None };
    match backup::answer(&app, &who.actor, wish).await {
        Ok(answer) => Ok(answer),
        Err(error) => refused(&app, &who, None, &error).await.ok_or(error)?,
    }
}
