//! Devices that live until their time is over, with a line on how they are doing whenever that changes.

use std::time::Duration;

use super::Simulate;
use crate::error::{Error, Kind, Result};
use crate::sim::fleet::{Fleet, PhaseName, Summary};

/// How often the line is printed at the most.
const TELL_EVERY: Duration = Duration::from_secs(2);

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
    if summary.failed > 0 {
        return Err(Error::new(Kind::Upstream, format!("{} of {} devices could not enroll", summary.failed, summary.devices)));
    }
    Ok(())
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
}
