//! What a device in Setup Assistant is to have before it goes on: its profiles and declarations, and the apps that are required on it.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::language;
use crate::mdm::commands;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::app_states::{self, AppState, Stage};
use crate::store::assignments::AssignedMode;
use crate::store::commands::{self as queue, CommandState};
use crate::store::deployments::{self, DECLARATIONS, Deployment, Mechanism};
use crate::store::enrollments::Enrollment;
use crate::store::holds::Hold;

/// How long a profile, or what is declared, is waited for in Setup Assistant. Apps have as long as the device is held at all.
pub const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// What is kept of a device that had its time.
const TIME_OVER: &str = "time_over";
/// The same as versions before kept it.
const TIME_OVER_BEFORE: &str = "Its time was over.";

/// What begins what is kept of a device that somebody let go; who it was follows after a space.
const LET_GO: &str = "let_go ";
/// The same as versions before kept it, behind who it was.
const LET_GO_BEFORE: &str = " let it go on.";

/// Why a device was let go, as far as something hangs on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because<'a> {
    /// It had its time.
    TimeOver,
    /// This one let it go.
    LetGo(&'a str),
    /// All was there or did not come; a sentence.
    Settled(&'a str),
}

impl<'a> Because<'a> {
    /// Reads what is kept; that of versions before too.
    pub fn read(kept: &'a str) -> Self {
        if kept == TIME_OVER || kept == TIME_OVER_BEFORE {
            return Self::TimeOver;
        }
        kept.strip_prefix(LET_GO).or_else(|| kept.strip_suffix(LET_GO_BEFORE)).map_or(Self::Settled(kept), Self::LetGo)
    }

    /// What is kept of it, whatever language is spoken.
    pub fn kept(self) -> String {
        match self {
            Self::TimeOver => TIME_OVER.to_owned(),
            Self::LetGo(who) => format!("{LET_GO}{who}"),
            Self::Settled(sentence) => sentence.to_owned(),
        }
    }

    /// The same in a sentence.
    pub fn words(self) -> String {
        match self {
            Self::TimeOver => String::from(t!("Its time was over.")),
            Self::LetGo(who) => t!("{who} let it go on.", who),
            Self::Settled(sentence) => language::kept(sentence),
        }
    }
}

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

/// What a device is to have that is held, or was; none while that is not planned.
pub fn setting_up(tx: &Tx, enrollment: &Enrollment, hold: &Hold) -> Result<Option<Vec<Thing>>> {
    let plan = deployments::plan(tx, &enrollment.id)?.filter(|plan| plan.generation == enrollment.generation);
    let Some(plan) = plan.filter(|plan| plan.planned_at.is_some()) else { return Ok(None) };
    let mut things = Vec::new();
    for row in deployments::of_enrollment(tx, &enrollment.id)?.into_iter().filter(|row| !row.wanted.is_empty()) {
        let asked_at = plan.token_changed_at.filter(|_| row.key == DECLARATIONS).unwrap_or(row.changed_at);
        let standing = of_row(&row, hold, asked_at, tx.now);
        let name = if row.key == DECLARATIONS { String::from(t!("its declarations")) } else { row.name };
        things.push(Thing { kind: Kind::Profile, name, standing });
    }
    let capabilities = commands::capabilities(tx, enrollment)?;
    let is_early =
        matches!(capabilities.platform, Platform::Ios | Platform::Tvos) && capabilities.os_version.is_older_than(OsVersion::new(16, 0, 0));
    for row in app_states::of_enrollment(tx, &enrollment.id)? {
        if row.mode == AssignedMode::Required && !row.wanted.is_empty() {
            let standing = of_app(tx, enrollment, &row, (hold, is_early))?;
            things.push(Thing { kind: Kind::App, name: row.name, standing });
        }
    }
    Ok(Some(things))
}

fn of_row(row: &Deployment, hold: &Hold, asked_at: Timestamp, now: Timestamp) -> Standing {
    if row.seen == row.wanted {
        return Standing::There;
    }
    if !row.problem.is_empty() {
        return Standing::GivenUp(language::kept(&row.problem).trim_end_matches('.').to_owned());
    }
    let (since, until) = match hold.held_at {
        // What was asked for only afterwards has a time of its own.
        Some(held_at) if !is_after(hold, asked_at) => {
            // What is declared is not asked for one by one: their time begins with the device's.
            let since = if row.mechanism == Mechanism::Declaration { held_at } else { asked_at.max(held_at) };
            (since, hold.released_at.unwrap_or(now))
        }
        _ => (asked_at, now),
    };
    if since.plus(PATIENCE) <= until {
        return Standing::GivenUp(t!("it did not come within {seconds} minutes", seconds = PATIENCE.as_secs() / 60));
    }
    on_its_way(hold, asked_at)
}

/// Who or what let a device go before all was there, half a sentence; nothing while it is held, and where nothing was to come any more.
fn cut_short(hold: &Hold) -> Option<String> {
    hold.released_at?;
    match Because::read(&hold.because) {
        Because::TimeOver => Some(String::from(t!("its time was over"))),
        Because::LetGo(who) => Some(t!("{who} let it go on", who)),
        Because::Settled(_) => None,
    }
}

/// Whether something changed only after a device was let go.
fn is_after(hold: &Hold, changed_at: Timestamp) -> bool {
    hold.released_at.is_some_and(|released| changed_at > released)
}

/// How a thing stands that can still come and has not changed since: where the device was let go before it was there, that is why it lacks it.
fn on_its_way(hold: &Hold, changed_at: Timestamp) -> Standing {
    let cut_short = cut_short(hold).filter(|_| !is_after(hold, changed_at));
    cut_short.map_or(Standing::Awaited, |because| Standing::GivenUp(t!("{because} before it was there", because)))
}

fn of_app(tx: &Tx, enrollment: &Enrollment, row: &AppState, (hold, is_early): (&Hold, bool)) -> Result<Standing> {
    let given_up = |because: &str| {
        let problem = language::kept(&row.problem);
        let problem = problem.trim_end_matches('.');
        Standing::GivenUp(if problem.is_empty() { because.to_owned() } else { problem.to_owned() })
    };
    let is_put_off = || -> Result<bool> {
        let Some(uuid) = &row.command_uuid else { return Ok(false) };
        Ok(queue::by_uuid(tx, &enrollment.id, uuid)?.is_some_and(|command| command.state == CommandState::NotNow))
    };
    Ok(match row.stage {
        Stage::Installed | Stage::Outdated | Stage::Updating => Standing::There,
        Stage::Failed | Stage::Stuck => given_up(t!("the device could not install it")),
        Stage::NoLicence => given_up(t!("there is no licence for it")),
        Stage::NeedsCode => given_up(t!("there is no redemption code for it")),
        Stage::Lacking => given_up(t!("something that it needs is missing")),
        Stage::Declined | Stage::Deleted | Stage::Unmanaged | Stage::Removing | Stage::Offered => {
            given_up(t!("the person decides about it"))
        }
        Stage::Absent | Stage::Licence | Stage::Sent | Stage::Prompting | Stage::Installing => {
            if enrollment.awaiting_configuration && (is_early || is_put_off()?) {
                Standing::GivenUp(String::from(t!("the device takes apps only once it is set up")))
            } else {
                on_its_way(hold, row.stage_at)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_device_was_let_go_is_known_in_every_language_and_from_versions_before() {
        for because in [Because::TimeOver, Because::LetGo("kim"), Because::Settled("Alles ist da.")] {
            assert_eq!(Because::read(&because.kept()), because);
        }
        assert_eq!(Because::read("Its time was over."), Because::TimeOver);
        assert_eq!(Because::read("kim let it go on."), Because::LetGo("kim"));
        let hold = |because: &str| Hold { released_at: Some(Timestamp::from_seconds(1)), because: because.to_owned(), ..Hold::default() };
        assert_eq!(cut_short(&hold("let_go kim")).as_deref(), Some("kim let it go on"));
        assert_eq!(cut_short(&hold("time_over")).as_deref(), Some("its time was over"));
        assert_eq!(cut_short(&hold("All is there.")), None);
        assert_eq!(cut_short(&Hold { released_at: None, ..hold("time_over") }), None);
    }
}
