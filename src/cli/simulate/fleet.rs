//! Devices that live until their time is over, with a line on how they are doing whenever that changes.

use std::time::Duration;

use super::Simulate;
use crate::error::{Error, Kind, Result};
use crate::sim::fleet::{Fleet, PhaseName, Summary, View};

/// How often the line is printed at the most.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// How long nobody enrolls before a run without an end is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many devices that failed are named.
const NAMED: usize = 5;

/// Lets devices live until Ctrl-C, or for as long as was asked.
pub(super) async fn live(simulate: &Simulate) -> Result<()> {
    let fleet = Fleet::start(simulate.plan()?, simulate.trust()?, Simulate::clock())?;
    let over = async {
        match simulate.lasts {
            Some(lasts) => tokio::time::sleep(lasts).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = over => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(|error| Error::internal("Ctrl-C cannot be heard", error))?,
        () = tell(&fleet, simulate.json) => {}
        _ = fleet.until(|summary| summary.failed == summary.devices) => {}
        () = given_up(PATIENCE + simulate.ramp, || fleet.views().iter().all(never_enrolled)) => {}
    }
    let views = fleet.views();
    let summary = fleet.stop().await;
    if simulate.json {
        println!("{}", serde_json::json!({ "summary": summary, "devices": views }));
    } else {
        println!("{}", line(&summary));
        for remark in &summary.remarks {
            println!("  remarked by {} of {}: {}", remark.1, summary.devices, remark.0);
        }
        for view in views.iter().filter(|view| view.phase == PhaseName::Failed).take(NAMED) {
            println!("  {} {} ({}): {}", view.serial_number, view.name, view.product_name, view.reason.as_deref().unwrap_or_default());
        }
    }
    if views.iter().all(never_enrolled) {
        if !simulate.json {
            for (what, count) in &summary.errors {
                println!("  met by {count} of {}: {what}", summary.devices);
            }
        }
        return Err(nobody(&summary));
    }
    if summary.failed > 0 {
        return Err(Error::new(Kind::Upstream, format!("{} of {} devices could not enroll", summary.failed, summary.devices)));
    }
    Ok(())
}

fn never_enrolled(view: &View) -> bool {
    view.journal.enrollments == 0
}

/// What is said where no device could enroll: what most of them met.
fn nobody(summary: &Summary) -> Error {
    let most = summary.errors.iter().max_by_key(|(_, count)| **count);
    let why = most.map_or_else(|| String::from("they had no time to; give them more with --for"), |(what, _)| what.clone());
    let of = if summary.devices == 1 {
        String::from("The device could not enroll")
    } else {
        format!("None of {} devices could enroll", summary.devices)
    };
    Error::new(Kind::Upstream, format!("{of}: {why}."))
}

/// Completes when nobody has enrolled for so long; never if somebody has.
async fn given_up(patience: Duration, nobody: impl Fn() -> bool) {
    tokio::time::sleep(patience).await;
    if !nobody() {
        std::future::pending::<()>().await;
    }
}

/// Prints a line whenever something has changed; never ends.
async fn tell(fleet: &Fleet, quiet: bool) {
    let mut last = String::new();
    loop {
        let now = line(&fleet.summary());
        if now != last && !quiet {
            println!("{now}");
        }
        last = now;
        tokio::time::sleep(TELL_EVERY).await;
    }
}

fn line(summary: &Summary) -> String {
    let mut parts = vec![format!("{} of {} enrolled", summary.enrolled, summary.devices)];
    let mut say = |count: usize, what: &str| {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    };
    say(summary.enrolling, "enrolling");
    say(summary.failed, "failed");
    say(summary.left, "left");
    say(summary.commands as usize, "commands");
    say(summary.refused as usize, "refused");
    say(summary.not_now as usize, "put off");
    say(summary.renewals as usize, "renewed");
    say(summary.repeats as usize, "requests repeated");
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_there_is_to_say() {
        let summary = Summary { devices: 25, enrolled: 24, failed: 1, commands: 7, ..Summary::default() };
        assert_eq!(line(&summary), "24 of 25 enrolled, 1 failed, 7 commands");
    }

    #[test]
    fn where_nobody_could_enroll_the_cause_that_most_met_is_said() {
        let errors = [("refused".to_owned(), 1), ("not trusted: give its root with --ca FILE".to_owned(), 2)];
        let summary = Summary { devices: 3, enrolling: 3, errors: errors.into(), ..Summary::default() };
        assert_eq!(nobody(&summary).message, "None of 3 devices could enroll: not trusted: give its root with --ca FILE.");
        assert!(nobody(&Summary { devices: 1, ..Summary::default() }).message.contains("--for"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_without_an_end_is_given_up_only_while_nobody_enrolls() {
        let early = tokio::time::timeout(PATIENCE / 2, given_up(PATIENCE, || true)).await;
        assert!(early.is_err(), "its time is not over");
        given_up(PATIENCE, || true).await;
        let still = tokio::time::timeout(PATIENCE * 10, given_up(PATIENCE, || false)).await;
        assert!(still.is_err(), "somebody has enrolled: it goes on");
    }
}
