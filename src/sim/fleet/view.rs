//! What the outside sees of a fleet: one line for each device, and all of them together.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::sim::device::{Device, Journal, Phase};

/// How many different remarks and errors a summary lists.
const MAX_LISTED: usize = 20;

/// How far a device is, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PhaseName {
    /// It has not begun.
    New,
    /// It is on its way.
    Enrolling,
    /// It is enrolled.
    Enrolled,
    /// It could not enroll.
    Failed,
    /// It was enrolled and is not any more.
    Left,
}

/// How one device is doing.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// Its number, from 1.
    pub number: u32,
    /// Serial number.
    pub serial_number: String,
    /// UDID.
    pub udid: String,
    /// Its name.
    pub name: String,
    /// For example `iPad13,18`.
    pub product_name: &'static str,
    /// For example `18.2.1`.
    pub os_version: &'static str,
    /// How far it is.
    pub phase: PhaseName,
    /// Why it failed or left.
    pub reason: Option<String>,
    /// What happened so far.
    #[serde(flatten)]
    pub journal: Journal,
}

impl View {
    /// How `device` is doing.
    pub(super) fn of(device: &Device) -> Self {
        let (facts, journal) = (device.facts(), device.journal());
        let (phase, reason) = match device.phase() {
            Phase::New => (PhaseName::New, None),
            Phase::Enrolling => (PhaseName::Enrolling, None),
            Phase::Enrolled => (PhaseName::Enrolled, None),
            Phase::Failed(why) => (PhaseName::Failed, Some(why.clone())),
            Phase::Left(why) => (PhaseName::Left, Some(why.clone())),
        };
        Self {
            number: facts.number,
            serial_number: facts.serial_number.clone(),
            udid: facts.udid.clone(),
            name: facts.name.clone(),
            product_name: facts.model.product_name,
            os_version: facts.release.text,
            phase,
            reason,
            journal: journal.clone(),
        }
    }
}

/// How a fleet is doing.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// All devices.
    pub devices: usize,
    /// Those that have not begun.
    pub new: usize,
    /// Those on their way.
    pub enrolling: usize,
    /// Those enrolled.
    pub enrolled: usize,
    /// Those that could not enroll.
    pub failed: usize,
    /// Those that left.
    pub left: usize,
    /// Requests sent, repeats included.
    pub requests: u64,
    /// Requests that had to be repeated.
    pub repeats: u64,
    /// Commands received.
    pub commands: u64,
    /// Reports that the server took.
    pub reports: u64,
    /// Reports that said NotNow.
    pub not_now: u64,
    /// Reports that said Error or CommandFormatError.
    pub refused: u64,
    /// Renewed identities.
    pub renewals: u64,
    /// What went wrong last on devices, with how many of them.
    pub errors: BTreeMap<String, usize>,
    /// What devices remarked, with how many of them.
    pub remarks: BTreeMap<String, usize>,
}

impl Summary {
    pub(super) fn of(views: &[View]) -> Self {
        let mut summary = Self { devices: views.len(), ..Self::default() };
        for view in views {
            match view.phase {
                PhaseName::New => summary.new += 1,
                PhaseName::Enrolling => summary.enrolling += 1,
                PhaseName::Enrolled => summary.enrolled += 1,
                PhaseName::Failed => summary.failed += 1,
                PhaseName::Left => summary.left += 1,
            }
            let journal = &view.journal;
            summary.requests += journal.requests;
            summary.repeats += journal.repeats;
            summary.commands += journal.commands;
            summary.reports += journal.reports;
            summary.not_now += journal.not_now;
            summary.refused += journal.refused;
            summary.renewals += journal.renewals;
            journal.last_error.iter().for_each(|error| count(&mut summary.errors, error));
            journal.remarks.iter().for_each(|remark| count(&mut summary.remarks, remark));
        }
        summary
    }
}

fn count(list: &mut BTreeMap<String, usize>, what: &str) {
    if list.len() < MAX_LISTED || list.contains_key(what) {
        *list.entry(what.to_owned()).or_default() += 1;
    }
}
