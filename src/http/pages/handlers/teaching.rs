//! Teaching: one's classes, a class as it is now, one of its devices, and the focus of a lesson.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::devices::{mark, reason};
use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::clock::Zone;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::State as Mark;
use crate::http::pages::teaching::{
    ClassRow, ClassView, DeviceView, FocusForm, FocusRow, LearnerRow, PreviewView, class as class_page, classes, device as device_page,
    form, preview,
};
use crate::mdm::focus::{self, DeviceNow, DeviceSeen, FocusNow, LearnerNow, Outlook, Wish};
use crate::mdm::reconcile::State as Stands;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right};
use crate::store::Tx;
use crate::store::focuses::FocusKind;

/// Where one's classes are.
pub(super) const ADDRESS: &str = "/teaching";

/// What the form proposes.
const MINUTES: &str = "45";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(ADDRESS, get(own))
        .route("/teaching/{class}", get(show))
        .route("/teaching/{class}/focus", get(ask).post(start))
        .route("/teaching/{class}/devices/{device}", get(show_device))
        .route("/teaching/focus/{id}", get(to_class))
        .route("/teaching/focus/{id}/end", post(end))
}

fn row(now: FocusNow, zone: &Zone) -> FocusRow {
    let FocusNow { focus, words, there, devices } = now;
    let href = format!("{ADDRESS}/{}", focus.class_id);
    FocusRow { id: focus.id, class: focus.class_name, href, words, until: zone.time(focus.ends_at), by: focus.started_by, there, devices }
}

/// What goes on in what somebody sees, for Today.
pub(super) fn running(tx: &Tx, actor: &Actor) -> Result<Vec<FocusRow>> {
    let zone = zone(tx)?;
    Ok(focus::now_running(tx, actor)?.into_iter().map(|now| row(now, &zone)).collect())
}

async fn own(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    let actor = who.actor.clone();
    let look = move |tx: &Tx| {
        let zone = zone(tx)?;
        let rows = focus::own_classes(tx, &actor)?.into_iter().map(|(class, running)| ClassRow {
            id: class.id,
            name: class.name,
            people: class.people_count,
            running: running.into_iter().map(|now| row(now, &zone)).collect(),
        });
        Ok(rows.collect::<Vec<_>>())
    };
    let rows = app.store.read_slow(app.now(), look).await?;
    Ok(classes(&shell(&app, &who, flash).await?, &rows).into_response())
}

fn focus_words(now: &DeviceNow, zone: &Zone) -> (Mark, String) {
    let what = &now.words;
    match now.state {
        Some(Stands::There) => (Mark::Ok, t!("{what} until {time}", what, time = zone.time(now.focus.ends_at))),
        Some(Stands::Failed) => (Mark::Problem, now.because.clone()),
        None => (Mark::Problem, t!("cannot have it: {because}", because = now.because)),
        Some(_) => (Mark::Waiting, now.because.clone()),
    }
}

fn learner_row(class_id: &str, learner: &LearnerNow, zone: &Zone) -> LearnerRow {
    let focus = learner.focus.as_ref().map(|now| focus_words(now, zone));
    let (name_of, absent) = (learner.name.clone(), learner.absent);
    match &learner.device {
        None => LearnerRow {
            name: name_of,
            href: None,
            device: String::new(),
            state: Mark::Silent,
            reason: String::new(),
            seen: None,
            focus,
            absent,
        },
        Some(listed) => LearnerRow {
            name: name_of,
            href: Some(format!("{ADDRESS}/{class_id}/devices/{}", listed.device.id)),
            // Without a name of its own a device is known by its serial number, which teachers do not see.
            device: if listed.device.name.is_empty() { String::from(t!("Device")) } else { listed.device.name.clone() },
            state: mark(listed.standing),
            reason: reason(listed),
            seen: listed.last_seen_at,
            focus,
            absent,
        },
    }
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<SaidQuery>,
) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    let actor = who.actor.clone();
    let look = move |tx: &Tx| {
        let (now, zone) = (focus::class(tx, &actor, &id)?, zone(tx)?);
        let sees_all = actor.may(Right::View);
        Ok(ClassView {
            learners: now.learners.iter().map(|learner| learner_row(&now.class.id, learner, &zone)).collect(),
            running: now.running.into_iter().map(|now| row(now, &zone)).collect(),
            may_teach: actor.may(Right::Teach),
            back: sees_all.then(|| (format!("/classes/{}", now.class.id), String::from(t!("People of the class")))),
            id: now.class.id,
            name: now.class.name,
        })
    };
    let view = app.store.read_slow(app.now(), look).await?;
    Ok(class_page(&shell(&app, &who, flash).await?, &view).into_response())
}

async fn show_device(State(app): State<App>, who: SignedIn, Path((class, device)): Path<(String, String)>) -> Result<Response> {
    let actor = who.actor.clone();
    let look = move |tx: &Tx| {
        let DeviceSeen { class, learner, apps } = focus::device(tx, &actor, &class, &device)?;
        let row = learner_row(&class.id, &learner, &zone(tx)?);
        let listed = learner.device.as_ref();
        let about = listed.map(|listed| format!("{} {}", listed.device.model_name, listed.device.os_version)).unwrap_or_default();
        let waiting = listed.map_or(0, |listed| listed.waiting.unsigned_abs());
        Ok(DeviceView { class: (class.id, class.name), learner: row, about: about.trim().to_owned(), waiting, apps })
    };
    let view = app.store.read_slow(app.now(), look).await?;
    Ok(device_page(&shell(&app, &who, None).await?, &view).into_response())
}

async fn to_class(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    let focus = app.store.read(app.now(), move |tx| focus::find(tx, &actor, &id)).await?;
    Ok(Redirect::to(&format!("{ADDRESS}/{}", focus.class_id)).into_response())
}

async fn end(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    let focus = app.store.write(app.now(), move |tx| focus::end(tx, &actor, &id)).await?;
    let words = t!("The focus of {class_name} is ended. Each device is free as soon as it is reached.", class_name = focus.class_name);
    Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{}", focus.class_id), &words))
}

/// What was sent, by the names of the form.
struct Sent(Vec<(String, String)>);

impl Sent {
    fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    fn kind(&self) -> FocusKind {
        self.text("kind").parse().unwrap_or(FocusKind::Apps)
    }

    /// A button with a length counts more than the field.
    fn minutes(&self) -> &str {
        Some(self.text("lesson")).filter(|lesson| !lesson.is_empty()).unwrap_or_else(|| self.text("minutes"))
    }

    fn wish(&self) -> Result<Wish> {
        let lines = |name: &str| self.text(name).lines().map(str::to_owned).collect::<Vec<_>>();
        let kind = self.kind();
        let items = match kind {
            FocusKind::App if !self.text("one").is_empty() => self.all("one"),
            // A tick of one app counts for the one app, too; more are refused where it is looked at.
            FocusKind::Apps | FocusKind::App => self.all("app").into_iter().chain(lines("others")).collect(),
            FocusKind::Sites => lines("sites"),
        };
        let minutes = self.minutes().trim().parse().map_err(|_| Error::field("minutes", t!("a whole number of minutes")))?;
        let devices = Some(self.all("device")).filter(|devices| !devices.is_empty());
        Ok(Wish { kind, items, minutes, devices, replace: self.has("replace") })
    }

    /// What a page carries to be sent again.
    fn pairs(&self) -> Vec<(String, String)> {
        let own = ["kind", "app", "others", "one", "sites", "device"];
        let mut pairs: Vec<_> = self.0.iter().filter(|(key, _)| own.contains(&key.as_str())).cloned().collect();
        pairs.push(("minutes".to_owned(), self.minutes().to_owned()));
        pairs
    }
}

async fn form_of(app: &App, who: &SignedIn, class: &str, sent: &Sent, errors: Vec<(String, String)>) -> Result<FocusForm> {
    let (actor, class) = (who.actor.clone(), class.to_owned());
    let looked = app.store.read_slow(app.now(), move |tx| {
        actor.require(Right::Teach)?;
        Ok((focus::class(tx, &actor, &class)?, focus::choices(tx, &actor, &class)?))
    });
    let (now, choices) = looked.await?;
    let device = |learner: &LearnerNow| learner.device.as_ref().map(|listed| (listed.device.id.clone(), learner.name.clone()));
    Ok(FocusForm {
        class: (now.class.id, now.class.name),
        kind: sent.kind(),
        choices,
        apps: sent.all("app"),
        others: sent.text("others").to_owned(),
        one: sent.text("one").to_owned(),
        sites: sent.text("sites").to_owned(),
        minutes: Some(sent.minutes()).filter(|typed| !typed.is_empty()).unwrap_or(MINUTES).to_owned(),
        devices: now.learners.iter().filter_map(device).collect(),
        chosen: sent.all("device"),
        errors,
    })
}

async fn ask(State(app): State<App>, who: SignedIn, Path(class): Path<String>) -> Result<Response> {
    let view = form_of(&app, &who, &class, &Sent(Vec::new()), Vec::new()).await?;
    Ok(form(&shell(&app, &who, None).await?, &view).into_response())
}

async fn start(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(class): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    who.actor.require(Right::Teach)?;
    let sent = Sent(pairs);
    if sent.has("change") {
        let view = form_of(&app, &who, &class, &sent, Vec::new()).await?;
        return Ok(form(&shell(&app, &who, None).await?, &view).into_response());
    }
    let wish = match sent.wish() {
        Ok(wish) => wish,
        Err(error) => return again(&app, &who, &class, &sent, error).await,
    };
    let mut refused = None;
    if sent.has("confirmed") {
        let (actor, id, wish) = (who.actor.clone(), class.clone(), wish.clone());
        let begin = move |tx: &Tx| {
            let focus = focus::start(tx, &actor, &id, &wish)?;
            focus::words(tx, &focus.class_id, focus.kind, &focus.items)
        };
        match app.store.write(app.now(), begin).await {
            Ok(what) => {
                let words = t!("Started: {what}. Devices that are on show it in a moment.", what);
                return Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{class}"), &words));
            }
            Err(error) if error.kind == Kind::Conflict => refused = Some(error.message.into_owned()),
            Err(error) => return again(&app, &who, &class, &sent, error).await,
        }
    }
    let (actor, id) = (who.actor.clone(), class.clone());
    let look = move |tx: &Tx| {
        let (outlook, zone) = (focus::foresee(tx, &actor, &id, &wish)?, zone(tx)?);
        let words = focus::words(tx, &outlook.class.id, outlook.wish.kind, &outlook.wish.items)?;
        let busy = busy(tx, &outlook, &zone)?;
        Ok((outlook, zone, words, busy))
    };
    match app.store.read_slow(app.now(), look).await {
        Ok((outlook, zone, words, busy)) => {
            let code = if refused.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
            let view = PreviewView { words, busy, ..preview_of(outlook, &zone, &sent, refused) };
            Ok((code, preview(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => again(&app, &who, &class, &sent, error).await,
    }
}

/// The form again, with what was wrong.
async fn again(app: &App, who: &SignedIn, class: &str, sent: &Sent, error: Error) -> Result<Response> {
    if error.kind != Kind::BadInput {
        return Err(error);
    }
    let view = form_of(app, who, class, sent, errors(&error)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, form(&shell(app, who, None).await?, &view)).into_response())
}

/// Who has something going on already, and what.
fn busy(tx: &Tx, outlook: &Outlook, zone: &Zone) -> Result<Vec<(String, String)>> {
    let told = outlook.busy().map(|(foreseen, focus)| {
        let what = focus::words(tx, &focus.class_id, focus.kind, &focus.items)?;
        Ok((
            foreseen.person.clone(),
            t!("{what}, until {time}, by {started_by}", what, time = zone.time(focus.ends_at), started_by = focus.started_by),
        ))
    });
    told.collect()
}

fn preview_of(outlook: Outlook, zone: &Zone, sent: &Sent, error: Option<String>) -> PreviewView {
    let (mut able, mut unable) = (Vec::new(), Vec::new());
    for foreseen in outlook.devices {
        match foreseen.outcome {
            Ok(found) => able.push((foreseen.person, found.note)),
            Err(because) => unable.push((foreseen.person, because)),
        }
    }
    PreviewView {
        words: String::new(),
        until: zone.time(outlook.ends_at),
        class: (outlook.class.id, outlook.class.name),
        able,
        unable,
        busy: Vec::new(),
        sent: sent.pairs(),
        error,
    }
}
