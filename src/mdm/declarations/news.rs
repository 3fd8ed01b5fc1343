//! Asking a device for news: the questions of the inventory, and what it thinks of its declarations.

use crate::error::Result;
use crate::mdm::{Actor, Right, inventory};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::{Tx, declared, deployments};

/// Asks everything that the inventory shows, and has the device and its users say anew what became of their declarations.
///
/// A device whose set is as it knows it says nothing: one whose report was lost would be silent until its daily one. So what it tells of itself gets
/// another ServerToken; it fetches that one declaration, and reports on all of them.
pub fn ask_for_news(tx: &Tx, actor: &Actor, channel: &Enrollment) -> Result<()> {
    actor.require(Right::Command)?;
    inventory::ask_all(tx, actor, channel)?;
    let users = enrollments::user_channels(tx, &channel.id)?;
    for enrollment in users.iter().chain([channel]).filter(|enrollment| enrollment.state == EnrollmentState::Enrolled) {
        let plan = deployments::plan(tx, &enrollment.id)?;
        if plan.is_some_and(|plan| plan.generation == enrollment.generation && !plan.declarations_token.is_empty()) {
            declared::set_news_asked(tx, &enrollment.id)?;
            deployments::look_again_at(tx, &enrollment.id)?;
        }
    }
    Ok(())
}
