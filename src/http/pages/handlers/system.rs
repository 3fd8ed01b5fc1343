//! System: how the appliance itself is, its jobs, and the audit log.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::account;
use super::ade;
use super::backups;
use super::connections;
use super::devices::name;
use super::doctor;
use super::genuine;
use super::language;
use super::licences;
use super::move_in;
use super::notices;
use super::people::{admin_rows, token_rows};
use super::releases;
use super::shell;
use super::tls;
use super::webhooks;
use super::words::entry;
use crate::app::App;
use crate::clock::{Day, Timestamp, Zone};
use crate::error::Result;
use crate::http::api::{self, Format, input::Query};
use crate::http::auth::SignedIn;
use crate::http::pages::parts::{Entry, State as Mark, count};
use crate::http::pages::system::audit::{AuditFilter, AuditView, Whose, audit};
use crate::http::pages::system::{self, settings, setup_assistant};
use crate::http::pages::system::{JobRow, SystemPart, SystemView, page};
use crate::language::date;
use crate::mdm::admins::audit::{self as log, Asked};
use crate::mdm::ca::roots;
use crate::mdm::connections::{self as ways, Connection};
use crate::mdm::ends::SOON;
use crate::mdm::enroll::automated::rules;
use crate::mdm::enroll::configurator;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right, catalog, devices as devices_room, first_steps, jobs, practice, push_certificates};
use crate::protocol::unreached;
use crate::store::authorities::AuthorityState;
use crate::store::events::Event;
use crate::store::{Tx, devices};

/// Lines of the audit log on one page.
const LINES: u32 = 100;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/system", get(system))
        .route("/system/jobs/{name}/run", post(run))
        .route("/system/audit", get(audit_log))
        .route("/system/audit/export", get(export))
}

async fn system(State(app): State<App>, who: SignedIn) -> Result<Response> {
    let (actor, shows) = (who.actor.clone(), tls::Shows::of(&app));
    let look = move |tx: &Tx| Ok((view(tx, &actor, shows)?, roots::list(tx, &actor)?));
    let (mut view, roots) = app.store.read_slow(app.now(), look).await?;
    let fingerprints =
        roots.iter().map(|root| (t!("{state}, SHA-256", state = root_words(root.authority.state)), root.fingerprint.in_pairs()));
    view.about = vec![
        (String::from(t!("Version")), env!("CARGO_PKG_VERSION").to_owned()),
        (String::from(t!("Address")), app.public_url.clone()),
        (String::from(t!("Data folder")), app.config.data.display().to_string()),
    ];
    view.about.extend(fingerprints);
    Ok(page(&shell(&app, &who, None).await?, &view).into_response())
}

fn view(tx: &Tx, actor: &Actor, shows: tls::Shows) -> Result<SystemView> {
    let may_govern = actor.may(Right::Govern);
    Ok(SystemView {
        parts: parts(tx, actor, shows)?,
        about: Vec::new(),
        jobs: {
            let failing = ways::failing(tx, actor)?;
            let way = |job: &jobs::Standing| failing.iter().find(|way| way.service.job() == job.name);
            jobs::list(tx, actor)?.into_iter().map(|standing| job(way(&standing), standing)).collect()
        },
        admins: if may_govern { admin_rows(tx, actor)? } else { Vec::new() },
        tokens: if may_govern { token_rows(tx, actor)? } else { Vec::new() },
        may_configure: actor.may(Right::Configure),
        may_govern,
    })
}

/// A job with what came of it; `way` is the connection to Apple by which it did not get through, though it ended well and tries again by itself.
fn job(way: Option<&Connection>, standing: jobs::Standing) -> JobRow {
    let turn = standing.turn;
    let of_way = way.and_then(|way| way.failure.clone()).filter(|_| turn.failures == 0);
    let told = of_way.or_else(|| unreached::told(jobs::asked(standing.name), &turn.result).filter(|_| turn.failures > 0));
    let (state, result, said) = match (told, turn.failures, turn.finished_at) {
        (Some(told), ..) => (Mark::Problem, told.what, told.said),
        (None, 0, None) => (Mark::Waiting, String::from(t!("has not run yet")), String::new()),
        (None, 0, Some(_)) => (Mark::Ok, crate::language::kept(&turn.result), String::new()),
        (None, ..) => (Mark::Problem, crate::language::kept(&turn.result), String::new()),
    };
    let mut words = standing.words.to_owned();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    JobRow { name: standing.name.to_owned(), words, state, result, said, ran_at: turn.finished_at, due_at: turn.due_at }
}

fn part(name: &str, state: Mark, words: String, href: &str) -> SystemPart {
    SystemPart { name: name.to_owned(), state, words, href: href.to_owned() }
}

fn parts(tx: &Tx, actor: &Actor, shows: tls::Shows) -> Result<Vec<SystemPart>> {
    let zone = zone(tx)?;
    let ends = |at: Timestamp| match at.since(tx.now) {
        left if left.is_zero() => (Mark::Problem, t!("ended on {day}", day = date(zone.day(at)))),
        left if left < SOON => (Mark::Waiting, t!("ends on {day}", day = date(zone.day(at)))),
        _ => (Mark::Ok, t!("good until {day}", day = date(zone.day(at)))),
    };
    let current = push_certificates::list(tx, actor)?.into_iter().find(|standing| standing.certificate.current);
    let (state, words) = current.map_or((Mark::Waiting, String::from(t!("none yet: real devices cannot enroll"))), |standing| {
        ends(standing.certificate.not_after_at)
    });
    let mut parts = vec![part(t!("Push certificate"), state, words, "/system/push")];
    let (state, words) = connections::part(tx, actor)?;
    parts.push(part(t!("Connections to Apple"), state, words, system::connections::ADDRESS));
    let (state, words) = licences::part(tx, actor)?;
    parts.push(part(t!("Apps and Books"), state, words, licences::ADDRESS));
    let (state, words) = ade::part(tx, actor)?;
    parts.push(part(t!("Apple's device list"), state, words, ade::ADDRESS));
    let (state, words) = releases::part(tx, actor)?;
    parts.push(part(t!("OS releases"), state, words, releases::ADDRESS));
    let (state, words) = genuine::part(tx, actor)?;
    parts.push(part(t!("Genuine devices"), state, words, system::genuine::ADDRESS));
    let (state, words) = backups::part(tx, actor)?;
    parts.push(part(t!("Backups"), state, words, system::backups::ADDRESS));
    if actor.may(Right::Configure) {
        let (state, words) = notices::part(tx, actor)?;
        parts.push(part(t!("Notices"), state, words, system::notices::ADDRESS));
        let (state, words) = webhooks::part(tx, actor)?;
        parts.push(part(t!("Webhooks"), state, words, system::webhooks::ADDRESS));
    }
    let (state, words) = move_in::part(tx, actor)?;
    parts.push(part(t!("Move in"), state, words, system::move_in::ADDRESS));
    let (state, words) = doctor::part(tx, actor)?;
    parts.push(part(t!("Doctor"), state, words, system::doctor::ADDRESS));
    if !first_steps::standing(tx, actor)?.is_done() {
        parts.insert(0, part(t!("Set-up"), Mark::Waiting, String::from(t!("not finished yet")), "/setup"));
    }
    let (state, words) = tls::part(tx, actor, shows, &ends)?;
    parts.push(part(t!("TLS certificate"), state, words, system::tls::ADDRESS));
    for root in roots::list(tx, actor)? {
        let (state, words) = root_state(&root, ends(root.authority.not_after_at), &zone);
        parts.push(part(
            &t!("Certificate authority ({state})", state = root_words(root.authority.state)),
            state,
            words,
            root_page(root.authority.state),
        ));
    }
    parts.extend(parts_of_devices(tx, actor)?);
    parts.push(part(t!("Name and time zone"), Mark::Ok, zone.name().replace('_', " "), settings::ADDRESS));
    let (state, words) = language::part();
    parts.push(part(t!("Language"), state, words, system::language::ADDRESS));
    Ok(parts)
}

/// The parts by which devices come in and what they meet there.
fn parts_of_devices(tx: &Tx, actor: &Actor) -> Result<Vec<SystemPart>> {
    let mut parts = Vec::new();
    let wanted = practice::wanted(tx)?.devices;
    let words = if wanted == 0 { String::from(t!("none")) } else { count(wanted.into(), t!("device"), t!("devices")) };
    parts.push(part(t!("Practice devices"), Mark::Ok, words, "/system/practice"));
    let words = match catalog::appearance(tx)?.audience {
        catalog::Audience::Nobody => t!("no icon on Home Screens; links are given by hand"),
        catalog::Audience::Everybody => t!("an icon on every iPhone and iPad"),
        catalog::Audience::Groups => t!("an icon on the devices of some groups"),
    };
    parts.push(part(t!("Catalogue"), Mark::Ok, words.to_owned(), "/system/catalog"));
    let (state, words) = account::part(tx)?;
    parts.push(part(t!("Enrollment by account"), state, words, system::account::ADDRESS));
    let rules = rules::rules(tx)?;
    let words = t!("devices wait there {hold_minutes} minutes at the most", hold_minutes = rules.hold_minutes);
    parts.push(part(t!("Setup Assistant"), Mark::Ok, words, setup_assistant::ADDRESS));
    let invitation = configurator::standing(tx, actor)?.invitation;
    let words = if invitation.is_some() {
        t!("brings devices in that Apple’s list does not name")
    } else {
        t!("only for devices that Apple’s list names")
    };
    parts.push(part(t!("Apple Configurator"), Mark::Ok, words.to_owned(), setup_assistant::CONFIGURATOR));
    Ok(parts)
}

/// Which of the authorities it is.
fn root_words(state: AuthorityState) -> &'static str {
    match state {
        AuthorityState::Current => t!("own root"),
        AuthorityState::Next => t!("next root"),
        AuthorityState::Retired => t!("former root"),
        AuthorityState::Imported => t!("another server's root"),
    }
}

/// Where it is looked after.
fn root_page(state: AuthorityState) -> &'static str {
    if state == AuthorityState::Imported { system::move_in::ADDRESS } else { "/trust" }
}

/// How an authority is, beside its end: who knows it, and from when it is used.
fn root_state(root: &roots::Standing, (mark, ends): (Mark, String), zone: &Zone) -> (Mark, String) {
    let known = root.progress.map(|progress| {
        let devices = count(progress.devices.unsigned_abs(), t!("device knows it"), t!("devices know it"));
        (progress.missing() > 0, t!("{known} of {devices}", known = progress.known, devices))
    });
    let (lacking, known) = known.unwrap_or_default();
    let used = root.used_at_latest.map(|latest| t!("used from {day} at the latest", day = date(zone.day(latest))));
    let mark = match root.authority.state {
        // That an authority which issues no more comes to its end concerns nobody.
        AuthorityState::Retired | AuthorityState::Imported => Mark::Ok,
        _ if lacking => Mark::Waiting,
        _ => mark,
    };
    let words = [used.unwrap_or_default(), known, ends].into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>();
    (mark, words.join("; "))
}

async fn run(State(app): State<App>, who: SignedIn, Path(name): Path<String>) -> Result<Response> {
    app.store.write(app.now(), move |tx| jobs::run_now(tx, &who.actor, &name)).await?;
    Ok(Redirect::to("/system").into_response())
}

/// A line of the log with the device that it is about; one that is deleted has a name and no address.
fn line(tx: &Tx, event: Event) -> Result<Entry> {
    let device = event.device_id.as_deref().map(|id| devices::by_id(tx, id)).transpose()?.flatten();
    let about = device.map(|device| {
        let href = device.deleted_at.is_none().then(|| format!("/devices/{}", device.id));
        (href, name(&device))
    });
    Ok(Entry { about, ..entry(event, false) })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AuditQuery {
    before: Option<i64>,
    who: String,
    by: String,
    kind: String,
    device: String,
    from: String,
    // What the page calls the field.
    #[serde(alias = "to")]
    until: String,
    format: Format,
}

/// What is looked for, and what of it could not be read.
fn asked(tx: &Tx, actor: &Actor, query: &AuditQuery) -> Result<(Asked, AuditFilter)> {
    let whose = Whose::from_word(&query.who).unwrap_or(Whose::Deeds);
    let (by, kind, device) = (query.by.trim().to_owned(), query.kind.clone(), query.device.trim().to_owned());
    let mut errors = Vec::new();
    let device_id = match devices_room::find(tx, actor, &device) {
        _ if device.is_empty() => String::new(),
        Ok(found) => found.id,
        Err(_) => {
            errors.push((String::from("device"), String::from(t!("there is no device with this serial number or id"))));
            device.clone()
        }
    };
    let zone = zone(tx)?;
    let mut day = |field: &str, typed: &str, days: i32| {
        let read = Day::parse(typed.trim()).map(|day| zone.moment(day.plus(days).at(0)));
        if read.is_none() && !typed.trim().is_empty() {
            errors.push((field.to_owned(), String::from(t!("a day, such as 2026-11-25"))));
        }
        read
    };
    let (from, until) = (day("from", &query.from, 0), day("until", &query.until, 1));
    let asked = Asked { by: by.clone(), kind: kind.clone(), device_id, from, until, actor_kinds: whose.actor_kinds() };
    let filter = AuditFilter { whose: Some(whose), by, kind, device, from: query.from.clone(), until: query.until.clone(), errors };
    Ok((asked, filter))
}

async fn export(State(app): State<App>, who: SignedIn, Query(query): Query<AuditQuery>) -> Result<Response> {
    who.actor.require(Right::Log)?;
    let (actor, format) = (who.actor.clone(), query.format);
    let (asked, filter) = app.store.read(app.now(), move |tx| asked(tx, &actor, &query)).await?;
    if !filter.errors.is_empty() {
        return wrong(&app, &who, filter).await;
    }
    api::export(app, who.actor, asked, format).await
}

/// The form with what was wrong in it, and no line: one that does not narrow what it says would mislead.
async fn wrong(app: &App, who: &SignedIn, filter: AuditFilter) -> Result<Response> {
    let view = AuditView { entries: Vec::new(), filter, more: None };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, audit(&shell(app, who, None).await?, &view)).into_response())
}

async fn audit_log(State(app): State<App>, who: SignedIn, Query(query): Query<AuditQuery>) -> Result<Response> {
    who.actor.require(Right::Log)?;
    let actor = who.actor.clone();
    let looked = app.store.read_slow(app.now(), move |tx| {
        let (asked, filter) = asked(tx, &actor, &query)?;
        if !filter.errors.is_empty() {
            return Ok((Vec::new(), filter));
        }
        let actors = asked.actors();
        let events = log::page(tx, &actor, asked.filter(&actors), query.before, LINES + 1)?;
        let lines = events.into_iter().map(|event| Ok((event.seq, line(tx, event)?))).collect::<Result<Vec<_>>>()?;
        Ok((lines, filter))
    });
    let (mut lines, filter) = looked.await?;
    if !filter.errors.is_empty() {
        return wrong(&app, &who, filter).await;
    }
    let more = (lines.len() > LINES as usize).then(|| {
        lines.truncate(LINES as usize);
        let before = lines.last().map(|(seq, _)| *seq).unwrap_or_default();
        filter.address("/system/audit").with("before", &before.to_string()).to_string()
    });
    let view = AuditView { entries: lines.into_iter().map(|(_, line)| line).collect(), filter, more };
    Ok(audit(&shell(&app, &who, None).await?, &view).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::certificate::Fingerprint;
    use crate::store::authorities::Authority;
    use crate::store::known_roots::Progress;

    #[test]
    fn an_authority_says_who_knows_it_and_from_when_it_is_used() {
        let at = Timestamp::parse("2044-08-15T08:00:00Z").unwrap();
        let standing = |state, progress, used_at_latest| roots::Standing {
            authority: Authority {
                id: String::new(),
                state,
                certificate: Vec::new(),
                not_after_at: at,
                created_at: at,
                bridge: None,
                used_from_at: None,
                taken_until_at: None,
            },
            name: String::new(),
            fingerprint: Fingerprint::of_der(b""),
            progress,
            used_at_latest,
        };
        let good = || (Mark::Ok, String::from("good until then"));
        let soon = || (Mark::Waiting, String::from("ends soon"));
        let some = Some(Progress { known: 3, devices: 14 });
        let (mark, words) = root_state(&standing(AuthorityState::Next, some, Some(at)), good(), &Zone::default());
        assert_eq!(mark, Mark::Waiting);
        assert!(words.starts_with("used from ") && words.ends_with(" at the latest; 3 of 14 devices know it; good until then"), "{words}");
        let all = Some(Progress { known: 1, devices: 1 });
        let used = root_state(&standing(AuthorityState::Current, all, None), good(), &Zone::default());
        assert_eq!(used, (Mark::Ok, String::from("1 of 1 device knows it; good until then")));
        assert_eq!(root_state(&standing(AuthorityState::Current, None, None), soon(), &Zone::default()), soon());
        assert_eq!(
            root_state(&standing(AuthorityState::Retired, None, None), soon(), &Zone::default()),
            (Mark::Ok, String::from("ends soon"))
        );
    }
}
