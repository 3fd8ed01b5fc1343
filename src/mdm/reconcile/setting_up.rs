//! What a device in Setup Assistant is to have before it goes on: its profiles and declarations, and the apps that are required on it.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::commands;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::app_states::{self, AppState, Stage};
use crate::store::assignments::AssignedMode;
use crate::store::commands::{self as queue, CommandState};
use crate::store::deployments::{self, DECLARATIONS, Deployment, Mechanism};
use crate::store::enrollments::Enrollment;

/// How long a profile, or what is declared, is waited for in Setup Assistant. Apps have as long as the device is held at all.
pub const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// What kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A profile, or the declarations as such.
    Profile,
    /// An app.
    App,
    /// The accounts of a Mac.
    Accounts,
}

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The device has it.
    There,
    /// It is waited for.
    Awaited,
    /// It does not come while the device is in Setup Assistant: why, a sentence without a full stop.
    GivenUp(String),
}

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// What kind it is.
    pub kind: Kind,
    /// What people call it.
    pub name: String,
    /// How it stands.
    pub standing: Standing,
}

/// What a device is to have that has been held since `held_at`; none while that is not planned.
pub fn setting_up(tx: &Tx, enrollment: &Enrollment, held_at: Timestamp) -> Result<Option<Vec<Thing>>> {
    let plan = deployments::plan(tx, &enrollment.id)?.filter(|plan| plan.generation == enrollment.generation);
    if plan.is_none_or(|plan| plan.planned_at.is_none()) {
        return Ok(None);
    }
    let mut things = Vec::new();
    for row in deployments::of_enrollment(tx, &enrollment.id)?.into_iter().filter(|row| !row.wanted.is_empty()) {
        let standing = of_row(&row, held_at, tx.now);
        let name = if row.key == DECLARATIONS { String::from("its declarations") } else { row.name };
        things.push(Thing { kind: Kind::Profile, name, standing });
    }
    let capabilities = commands::capabilities(tx, enrollment)?;
    let is_early =
        matches!(capabilities.platform, Platform::Ios | Platform::Tvos) && capabilities.os_version.is_older_than(OsVersion::new(16, 0, 0));
    for row in app_states::of_enrollment(tx, &enrollment.id)? {
        if row.mode == AssignedMode::Required && !row.wanted.is_empty() {
            let standing = of_app(tx, enrollment, &row, is_early)?;
            things.push(Thing { kind: Kind::App, name: row.name, standing });
        }
    }
    Ok(Some(things))
}

fn of_row(row: &Deployment, held_at: Timestamp, now: Timestamp) -> Standing {
    if row.seen == row.wanted {
        return Standing::There;
    }
    if !row.problem.is_empty() {
        return Standing::GivenUp(row.problem.trim_end_matches('.').to_owned());
    }
    // What is declared is not asked for one by one: their time begins with the device's.
    let since = if row.mechanism == Mechanism::Declaration { held_at } else { row.changed_at.max(held_at) };
    if since.plus(PATIENCE) <= now {
        return Standing::GivenUp(format!("it did not come within {} minutes", PATIENCE.as_secs() / 60));
    }
    Standing::Awaited
}

fn of_app(tx: &Tx, enrollment: &Enrollment, row: &AppState, is_early: bool) -> Result<Standing> {
    let given_up = |because: &str| {
        let problem = row.problem.trim_end_matches('.');
        Standing::GivenUp(if problem.is_empty() { because.to_owned() } else { problem.to_owned() })
    };
    let is_put_off = || -> Result<bool> {
        let Some(uuid) = &row.command_uuid else { return Ok(false) };
        Ok(queue::by_uuid(tx, &enrollment.id, uuid)?.is_some_and(|command| command.state == CommandState::NotNow))
    };
    Ok(match row.stage {
        Stage::Installed | Stage::Outdated | Stage::Updating => Standing::There,
        Stage::Failed | Stage::Stuck => given_up("the device could not install it"),
        Stage::NoLicence => given_up("there is no licence for it"),
        Stage::NeedsCode => given_up("there is no redemption code for it"),
        Stage::Lacking => given_up("something that it needs is missing"),
        Stage::Declined | Stage::Deleted | Stage::Unmanaged | Stage::Removing | Stage::Offered => given_up("the person decides about it"),
        Stage::Absent | Stage::Licence | Stage::Sent | Stage::Prompting | Stage::Installing => {
            if is_early || is_put_off()? {
                Standing::GivenUp(String::from("the device takes apps only once it is set up"))
            } else {
                Standing::Awaited
            }
        }
    })
}
