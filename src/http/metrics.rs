//! `/metrics`: what is counted and how it stands, for Prometheus and those who read its text.

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::auth::Authenticated;
use crate::mdm::ends::End;
use crate::mdm::figures::{self, Figures};
use crate::metrics::{self, Sheet};

/// The states of commands that are in the queue, told also where no command has them.
const OPEN_STATES: [&str; 3] = ["queued", "sent", "not_now"];

pub(super) fn routes() -> Router<App> {
    Router::new().route("/metrics", get(scrape))
}

/// Answers whoever may look at everything: a token with the role of a Viewer will do.
async fn scrape(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<impl IntoResponse> {
    let own_tls = app.config.tls.is_none();
    let figures = app.store.read_slow(app.now(), move |tx| figures::read(tx, &actor, own_tls)).await?;
    let sheet = Sheet::default();
    appliance(&sheet, &app, &figures)?;
    fleet(&sheet, &figures)?;
    ends(&sheet, figures.ends)?;
    by_itself(&sheet, &figures.jobs)?;
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], app.metrics.text(&sheet)?))
}

fn seconds(at: Timestamp) -> f64 {
    at.millis() as f64 / 1000.0
}

/// What the program, its database and its disk are.
fn appliance(sheet: &Sheet, app: &App, figures: &Figures) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    sheet.gauges("rollcall_build_info", t!("Always 1; the version that runs."), ["version"], [([version], 1.0)])?;
    sheet.gauge("rollcall_write_queue_length", t!("Writes that wait for the writer."), app.store.waiting() as f64)?;
    let (all, free) = figures.database_bytes;
    sheet.gauge("rollcall_database_size_bytes", t!("Bytes of the database, its log left out."), all as f64)?;
    sheet.gauge("rollcall_database_unused_bytes", t!("Bytes of the database that are free for what comes."), free as f64)?;
    if let Ok(free) = app.packages.disk_free() {
        sheet.gauge("rollcall_disk_free_bytes", t!("Bytes that are free on the disk of the data folder."), free as f64)?;
    }
    let (problems, others) = figures.alerts;
    let alerts = [([String::from("problem")], problems as f64), ([String::from("notice")], others as f64)];
    sheet.gauges(
        "rollcall_alerts",
        t!("What needs somebody now, as Today lists it, without what single apps and plans need."),
        ["severity"],
        alerts,
    )?;
    if let Some((at, bytes)) = figures.backup {
        sheet.gauge(
            "rollcall_backup_last_success_timestamp_seconds",
            t!("The moment of the last backup: that is in all its places, or that somebody took away and kept."),
            seconds(at),
        )?;
        sheet.gauge("rollcall_backup_size_bytes", t!("The size of that backup."), bytes as f64)?;
    }
    if let Some((at, is_sound)) = figures.backup_tested {
        sheet.gauge("rollcall_backup_last_test_timestamp_seconds", t!("When a backup was last restored for trial."), seconds(at))?;
        sheet.gauge("rollcall_backup_last_test_success", t!("Whether that backup could be restored."), f64::from(u8::from(is_sound)))?;
    }
    Ok(())
}

/// How devices and their queues are.
fn fleet(sheet: &Sheet, figures: &Figures) -> Result<()> {
    let enrolled = figures.enrolled.iter().map(|(platform, count)| ([platform.clone()], *count as f64));
    sheet.gauges("rollcall_enrolled_devices", t!("Enrolled devices, practice ones left out."), ["platform"], enrolled)?;
    let count = |state: &str| figures.open_commands.iter().find(|(known, _)| known == state).map_or(0, |(_, count)| *count);
    let open = OPEN_STATES.map(|state| ([state.to_owned()], count(state) as f64));
    sheet.gauges("rollcall_commands_open", t!("Commands in the queue, by state."), ["state"], open)?;
    sheet.gauge("rollcall_pushes_pending", t!("Devices that are to be pushed, now or at the next try."), figures.pushes_due as f64)
}

/// Ends of certificates and tokens, by what begins their key: `push.certificate`, `tls.certificate`, `authority`, `ade.token`, `licences.token`.
fn ends(sheet: &Sheet, ends: Vec<End>) -> Result<()> {
    let ends = ends.into_iter().map(|end| {
        // Of push certificates the topic tells which one it is.
        let (kind, topic) = end.key.split_once(':').unwrap_or((&end.key, ""));
        let name = if kind == "push.certificate" { topic } else { &end.name };
        ([kind.to_owned(), name.to_owned(), if end.by_itself { "itself" } else { "by_hand" }.to_owned()], seconds(end.at))
    });
    sheet.gauges(
        "rollcall_expiry_timestamp_seconds",
        t!("When a certificate or token ends: subtract time() and divide by 86400 for the days that are left."),
        ["kind", "name", "renewed"],
        ends,
    )
}

/// What runs by itself.
fn by_itself(sheet: &Sheet, jobs: &[crate::mdm::jobs::Standing]) -> Result<()> {
    let label = |name: &str| [name.to_owned()];
    let finished = jobs.iter().filter_map(|job| Some((label(job.name), seconds(job.turn.finished_at?))));
    sheet.gauges("rollcall_job_last_finished_timestamp_seconds", t!("When a job last ended, well or not."), ["name"], finished)?;
    let failures = jobs.iter().map(|job| (label(job.name), job.turn.failures as f64));
    sheet.gauges(
        "rollcall_job_failures_in_a_row",
        t!("Turns in a row in which a job failed; 0 where the last one went well."),
        ["name"],
        failures,
    )?;
    let good = jobs.iter().filter(|job| job.turn.failures == 0).filter_map(|job| Some((label(job.name), seconds(job.turn.finished_at?))));
    sheet.gauges("rollcall_job_last_success_timestamp_seconds", t!("When a job last went well; left out while it fails."), ["name"], good)
}
