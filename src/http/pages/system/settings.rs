//! The appliance's own settings: its name and its time zone.

use maud::{Markup, html};

use super::super::parts::{Button, Fact, Frame, Section, Shell, facts, field, frame, post, select};

/// Where the page is.
pub const ADDRESS: &str = "/system/settings";

/// The settings as they stand in the form.
#[derive(Debug, Clone)]
pub struct SettingsForm {
    /// Name of the organisation.
    pub organisation: String,
    /// The chosen time zone; empty for the machine's own.
    pub zone: String,
    /// The zone that holds now.
    pub zone_now: String,
    /// What the clock shows there now.
    pub shown: String,
    /// Every zone that can be chosen.
    pub zones: Vec<String>,
    /// Field and message of what is wrong.
    pub errors: Vec<(String, String)>,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// The page.
pub fn page(shell: &Shell, view: &SettingsForm) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let content = html! {
        @if view.may_change {
            (post(ADDRESS, html! {
                div.form {
                    @if let Some(words) = error("") { p.error role="alert" { (words) } }
                    (field("organisation", t!("Name of the organisation")).optional().value(&view.organisation).error(error("organisation"))
                        .help(t!("Profiles and pages show it.")))
                    (select("time_zone", t!("Time zone"), &zones(view), &view.zone, &help(view), error("time_zone")))
                    div.form-foot { (Button::submit(t!("Save")).main()) (Button::link("/system", t!("Cancel"))) }
                }
            }))
        } @else {
            (facts(&[Fact::text(t!("Organisation"), &view.organisation), Fact::text(t!("Time zone"), &view.zone_now)]))
            p.quiet { (t!("Only admins change this.")) }
        }
    };
    frame(shell, &Frame { back: Some(("/system", t!("System"))), ..Frame::new(Section::System, t!("Name and time zone")) }, content)
}

fn zones(view: &SettingsForm) -> Vec<(String, String)> {
    let mut zones = vec![(String::new(), String::from(t!("As this machine has it")))];
    // One that has another name now stays what it is.
    let own = Some(&view.zone).filter(|zone| !zone.is_empty() && !view.zones.contains(zone));
    zones.extend(own.into_iter().chain(&view.zones).map(|zone| (zone.clone(), zone.replace('_', " "))));
    zones
}

fn help(view: &SettingsForm) -> String {
    t!(
        "Quiet hours and the ends that you type go by it, and pages without script show times in it. Now it is {view} ({address}).",
        view = view.shown,
        address = view.zone_now.replace('_', " ")
    )
}
