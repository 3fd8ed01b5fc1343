//! The form of an update plan: every field as it was typed, and how it is shown; nothing typed is lost to an error.

use maud::{Markup, html};

use super::super::parts::{Button, Frame, ScopeGroup, Section, Shell, checkbox, field, frame, group_boxes, post, radio, section, select};
use crate::clock::weekday_words;
use crate::language;
use crate::mdm::updates::rules::{AGE_MAX_DAYS, AT_ONCE_MAX, HOLIDAYS_MAX, LISTED, QUIET_MAX, RINGS_MAX};

/// The value of the choice that a release is typed.
pub const TYPED: &str = "typed";

/// A ring as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RingForm {
    /// Its name.
    pub name: String,
    /// How long after the first it begins.
    pub after: String,
    /// In which unit: `minutes`, `hours`, `days`.
    pub unit: String,
    /// Ids of its groups.
    pub groups: Vec<String>,
}

/// A time of the week as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuietForm {
    /// Monday 0 to Sunday 6.
    pub days: Vec<u8>,
    /// From.
    pub from: String,
    /// To.
    pub to: String,
}

/// A holiday as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HolidayForm {
    /// Its name.
    pub name: String,
    /// Its first day.
    pub from: String,
    /// Its last day.
    pub to: String,
}

/// The form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanForm {
    /// The plan that it changes.
    pub id: Option<String>,
    /// What that is called.
    pub title: String,
    /// The revision that the change is made from.
    pub revision: i64,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// The kind of target: `newest`, `newest_of_own`, `newest_minus_days`, `newest_of_major`, `minimum`, `release`.
    pub target: String,
    /// The release: platform, version and build with bars between, or [`TYPED`].
    pub release: String,
    /// A release that is typed: platform, version, build.
    pub typed: [String; 3],
    /// The generation.
    pub major: String,
    /// For how long a release has been out.
    pub days: String,
    /// The least versions, in the order of [`LISTED`].
    pub least: [String; 3],
    /// When the first ring begins.
    pub starts: String,
    /// The rings.
    pub rings: Vec<RingForm>,
    /// The kind of deadline: `at`, `after`.
    pub deadline: String,
    /// The moment.
    pub deadline_at: String,
    /// So long after the ring's start.
    pub deadline_after: String,
    /// In which unit.
    pub deadline_unit: String,
    /// At that time of the day.
    pub deadline_time: String,
    /// Quiet times.
    pub quiet: Vec<QuietForm>,
    /// Holidays.
    pub holidays: Vec<HolidayForm>,
    /// The most at once.
    pub at_once: String,
    /// When it stops: percent, devices at least.
    pub stop: [String; 2],
    /// Whether improvements are brought.
    pub improvements: bool,
    /// Whether older Macs restart whatever is open.
    pub force_restart: bool,
    /// A page that tells people about it.
    pub details_url: String,
    /// Field and message of what is wrong.
    pub errors: Vec<(String, String)>,
}

/// What there is to choose from.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// The groups.
    pub groups: Vec<ScopeGroup>,
    /// The listed releases: value and words, newest first.
    pub releases: Vec<(String, String)>,
    /// Whose clock days and times are meant on, in a sentence.
    pub clocks: String,
}

impl PlanForm {
    fn error(&self, of: &str) -> Option<&str> {
        self.errors.iter().find(|(name, _)| name == of).map(|(_, words)| words.as_str())
    }

    /// Every message about a part of the form.
    fn complaint(&self, of: &str) -> Markup {
        html! { @for (_, words) in self.errors.iter().filter(|(name, _)| name == of) { p.error role="alert" { (words) } } }
    }

    fn address(&self) -> String {
        self.id.as_ref().map_or_else(|| String::from("/updates/plans/new"), |id| format!("/updates/plans/{id}/edit"))
    }
}

/// The page.
pub fn form(shell: &Shell, form: &PlanForm, choices: &Choices) -> Markup {
    let back = form.id.as_ref().map(|id| format!("/updates/plans/{id}"));
    let (back, title) = match &back {
        Some(path) => ((path.as_str(), form.title.as_str()), t!("Change “{title}”", title = form.title)),
        None => (("/updates/plans", t!("Update plans")), String::from(t!("Make an update plan"))),
    };
    let fields = html! {
        // Enter in a field does what the main button does, not what the first one of a row does.
        button.hear-only type="submit" name="do" value="preview" tabindex="-1" aria-hidden="true" formnovalidate {}
        input type="hidden" name="revision" value=(form.revision);
        div.form.wide {
            @if !form.errors.is_empty() { p.error role="alert" { (t!("Something below is not right yet; nothing was saved.")) } }
            (form.complaint(""))
            (field("name", t!("Name")).value(&form.name).error(form.error("name")).example(t!("Winter term")))
            (field("note", t!("What it is for")).optional().lines(3).value(&form.note).error(form.error("note")))
            (section(t!("Which release"), target(form, choices)))
            (section(t!("Who first"), rings(form, choices)))
            (section(t!("By when"), deadline(form)))
            (section(t!("When not"), quiet(form)))
            (section(t!("With care"), care(form)))
            div.form-foot {
                (Button::submit(t!("Preview")).main().sends("do", "preview").unchecked())
                (Button::link(back.0, t!("Cancel")))
            }
            p.quiet { (t!("The preview shows what would happen on which device. Nothing is saved before.")) }
        }
    };
    frame(shell, &Frame { back: Some(back), ..Frame::new(Section::Updates, &title) }, post(&form.address(), fields))
}

/// One answer with its own fields; they are hidden while another answer is chosen, where the browser can.
fn option(name: &str, value: &str, label: &str, chosen: &str, help: &str, more: Markup) -> Markup {
    html! {
        div.option {
            (radio(name, value, label, value == chosen, help))
            @if !more.0.is_empty() { div.more { (more) } }
        }
    }
}

fn target(form: &PlanForm, choices: &Choices) -> Markup {
    let kind = |value: &str, label: &str, help: &str, more: Markup| option("target", value, label, &form.target, help, more);
    let days = field("days", t!("Days that it has been out")).kind("number").value(&form.days).error(form.error("days"));
    let major = field("major", t!("Generation")).kind("number").value(&form.major).error(form.error("major")).example("18");
    let help = t!("1 to {AGE_MAX_DAYS}. A release is meant from that day on.", AGE_MAX_DAYS);
    html! {
        fieldset.stack {
            legend.hear-only { (t!("Which release")) }
            (form.complaint("target"))
            (kind("newest", t!("The newest that each device can have"), t!("New releases of Apple are taken up by themselves."), Markup::default()))
            (kind("newest_of_own", t!("The newest of the generation that each device has"), t!("Repairs only: no device is taken to another generation."), Markup::default()))
            (kind("newest_minus_days", t!("The newest that has been out for a while"), t!("So that others find the faults first."), html! { (days.help(&help)) }))
            (kind("newest_of_major", t!("The newest of one generation"), t!("Devices beyond it are left alone; none is taken to the next generation."), html! { (major) }))
            (kind("minimum", t!("At least a version"), t!("Devices that have it are left alone; others get the newest of its generation."), html! {
                @for (at, (platform, words)) in LISTED.iter().enumerate() {
                    @let name = format!("least_{platform}");
                    (field(&name, language::say(words)).optional().value(&form.least[at]).error(form.error(&name)).example("26.1"))
                }
            }))
            (kind("release", t!("One release"), t!("For one platform; newer ones change nothing."), html! { (release(form, choices)) }))
            (checkbox("improvements", t!("Bring background security improvements too"), form.improvements, t!("Small repairs between releases; they restart the device too.")))
        }
    }
}

fn release(form: &PlanForm, choices: &Choices) -> Markup {
    let mut options = choices.releases.clone();
    options.push((TYPED.to_owned(), String::from(t!("Another one, typed below"))));
    let platforms: Vec<_> = LISTED.iter().map(|(value, words)| ((*value).to_owned(), language::say(words).to_owned())).collect();
    let help = if choices.releases.is_empty() { t!("Apple’s list is not here yet; until then a release can only be typed.") } else { "" };
    html! {
        (select("release", t!("Release"), &options, &form.release, help, form.error("release")))
        details open[form.release == TYPED || choices.releases.is_empty()] {
            summary { (t!("Type a release")) }
            div.stack {
                p.quiet { (t!("Choose “Another one” above for it. A release that Apple does not list is brought to nobody; the preview warns of that.")) }
                (select("typed_platform", t!("Platform"), &platforms, &form.typed[0], "", None))
                div.pair {
                    (field("typed_version", t!("Version")).value(&form.typed[1]).error(form.error("typed_version")).example("26.1"))
                    (field("typed_build", t!("Build")).optional().mono().value(&form.typed[2]).example("23B85"))
                }
            }
        }
    }
}

fn units(name: &str, chosen: &str) -> Markup {
    let units =
        [("minutes", t!("minutes")), ("hours", t!("hours")), ("days", t!("days"))].map(|(unit, words)| (unit.to_owned(), words.to_owned()));
    select(name, t!("Unit"), &units, if chosen.is_empty() { "days" } else { chosen }, "", None)
}

fn rings(form: &PlanForm, choices: &Choices) -> Markup {
    html! {
        (form.complaint("rings"))
        (field("starts", t!("The first ring begins")).kind("datetime-local").value(&form.starts).error(form.error("starts"))
            .help(t!("A release that appears later begins on the day on which Apple posts it.")))
        p.quiet { (choices.clocks) }
        p.quiet { (t!("A device in several rings belongs to the first of them. A ring without a name and groups is left out.")) }
        @for (at, ring) in form.rings.iter().enumerate() { (self::ring(form, at, ring, choices)) }
        div.row {
            @if form.rings.len() < RINGS_MAX { (Button::submit(t!("Add a ring")).small().unchecked().sends("do", "add_ring")) }
            @else { span.quiet { (t!("There is room for ")) (RINGS_MAX) (t!(" rings.")) } }
        }
    }
}

fn ring(form: &PlanForm, at: usize, ring: &RingForm, choices: &Choices) -> Markup {
    let name = |part: &str| format!("ring_{part}_{at}");
    let number = at + 1;
    html! {
        fieldset.part {
            legend { (t!("Ring ")) (number) }
            (field(&name("name"), t!("Name")).value(&ring.name).error(form.error(&name("name"))).example(t!("Pilot")))
            @if at == 0 { input type="hidden" name=(name("after")) value=(ring.after); input type="hidden" name=(name("unit")) value=(ring.unit); }
            @else {
                div.pair {
                    (field(&name("after"), t!("Begins after")).kind("number").optional().value(&ring.after).error(form.error(&name("after"))))
                    (units(&name("unit"), &ring.unit))
                }
            }
            @if choices.groups.is_empty() { p.quiet { (t!("There is no group yet. ")) a href="/groups/new" { (t!("Make a group")) } (t!(" of the devices that are in it.")) } }
            @else { p.meta { (t!("Devices of these groups:")) } (group_boxes(&name("group"), &choices.groups, &ring.groups)) }
            @if form.rings.len() > 1 { div.row { (Button::submit(t!("Remove ring {number}", number)).small().unchecked().sends("do", format!("remove_ring_{at}"))) } }
        }
    }
}

fn deadline(form: &PlanForm) -> Markup {
    let after = html! {
        div.pair {
            (field("deadline_after", t!("How long")).kind("number").value(&form.deadline_after).error(form.error("deadline_after")))
            (units("deadline_unit", &form.deadline_unit))
        }
        (field("deadline_time", t!("At this time of that day")).kind("time").optional().value(&form.deadline_time).error(form.error("deadline_time"))
            .help(t!("On the next day, where the time has passed by then.")))
    };
    let at = html! {
        (field("deadline_at", t!("Day and time")).kind("datetime-local").value(&form.deadline_at).error(form.error("deadline_at"))
            .help(t!("On the clock of each device, the same for every ring.")))
    };
    html! {
        fieldset.stack {
            legend.hear-only { (t!("By when")) }
            (form.complaint("deadline"))
            (option("deadline", "after", t!("A while after each ring begins"), &form.deadline, "", after))
            (option("deadline", "at", t!("By one day and time"), &form.deadline, "", at))
            p.quiet { (t!("Until then the device asks its user, more often towards the end; then it installs by itself and restarts. On a Mac, unsaved work may be lost at that moment.")) }
        }
    }
}

fn quiet(form: &PlanForm) -> Markup {
    html! {
        p.quiet { (t!("Lessons, opening hours, exams. Nothing begins in these times, and a deadline that falls into them moves to their end.")) }
        (form.complaint("quiet"))
        @for (at, row) in form.quiet.iter().enumerate() { (week(form, at, row)) }
        div.row {
            @if form.quiet.len() < QUIET_MAX { (Button::submit(t!("Add quiet hours")).small().unchecked().sends("do", "add_quiet")) }
        }
        (form.complaint("holidays"))
        @for (at, row) in form.holidays.iter().enumerate() { (holiday(form, at, row)) }
        div.row {
            @if form.holidays.len() < HOLIDAYS_MAX { (Button::submit(t!("Add holidays")).small().unchecked().sends("do", "add_holiday")) }
        }
    }
}

fn week(form: &PlanForm, at: usize, row: &QuietForm) -> Markup {
    let name = |part: &str| format!("quiet_{part}_{at}");
    html! {
        fieldset.part {
            legend { (t!("Quiet hours ")) (at + 1) }
            input type="hidden" name=(name("row")) value="1";
            div.weekdays {
                @for day in 0..7_u8 {
                    @let id = format!("f-{}-{day}", name("day"));
                    div.choice {
                        input type="checkbox" id=(id) name=(name("day")) value=(day) checked[row.days.contains(&day)];
                        label for=(id) { (language::weekday(weekday_words(day as i8))) }
                    }
                }
            }
            div.pair {
                (field(&name("from"), t!("From")).kind("time").value(&row.from).error(form.error(&name("from"))))
                (field(&name("to"), t!("To")).kind("time").value(&row.to).error(form.error(&name("to"))).help(t!("Over midnight, where it is not after the beginning.")))
            }
            div.row { (Button::submit(t!("Remove quiet hours {at}", at = at + 1)).small().unchecked().sends("do", format!("remove_quiet_{at}"))) }
        }
    }
}

fn holiday(form: &PlanForm, at: usize, row: &HolidayForm) -> Markup {
    let name = |part: &str| format!("holiday_{part}_{at}");
    html! {
        fieldset.part {
            legend { (t!("Holidays ")) (at + 1) }
            (field(&name("name"), t!("Name")).optional().value(&row.name).example(t!("Christmas")))
            div.pair {
                (field(&name("from"), t!("First day")).kind("date").value(&row.from).error(form.error(&name("from"))))
                (field(&name("to"), t!("Last day")).kind("date").optional().value(&row.to).error(form.error(&name("to"))))
            }
            div.row { (Button::submit(t!("Remove holidays {at}", at = at + 1)).small().unchecked().sends("do", format!("remove_holiday_{at}"))) }
        }
    }
}

fn care(form: &PlanForm) -> Markup {
    let at_once = t!("1 to {AT_ONCE_MAX}; empty for no limit. Spares the network where many devices share it.", AT_ONCE_MAX);
    html! {
        (field("at_once", t!("Most devices at once")).kind("number").optional().value(&form.at_once).error(form.error("at_once")).help(&at_once))
        div.pair {
            (field("stop_percent", t!("Stop when so many percent fail")).kind("number").optional().value(&form.stop[0]).error(form.error("stop_percent").or(form.error("stop"))))
            (field("stop_devices", t!("And at least so many devices")).kind("number").optional().value(&form.stop[1]).error(form.error("stop_devices")))
        }
        p.quiet { (t!("Empty: it never stops by itself.")) }
        (checkbox("force_restart", t!("Macs of macOS 13 and earlier restart at the deadline whatever is open"), form.force_restart, t!("Unsaved work on them is lost then. Without it, such a Mac waits for its user.")))
        (field("details_url", t!("Address of a page about the update")).kind("url").optional().value(&form.details_url).error(form.error("details_url"))
            .example("https://www.example.school/updates").help(t!("Devices show it to people who want to know more.")))
    }
}
