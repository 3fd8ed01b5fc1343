//! The focus of a lesson: chosen, and looked at before it starts.

use maud::{Markup, html};

use super::super::parts::{
    Button, Frame, Section, Shell, State, checkbox, count, field, frame, hidden, named, post, radio, section, select, state_square,
};
use crate::mdm::focus::{MINUTES_MAX, MINUTES_MIN};
use crate::store::focuses::FocusKind;

/// The form of a focus.
#[derive(Debug, Clone)]
pub struct FocusForm {
    /// The class: id and name.
    pub class: (String, String),
    /// What is chosen.
    pub kind: FocusKind,
    /// Apps that can be chosen: bundle id, name, and on how many devices where they say so.
    pub choices: Vec<(String, String, Option<u64>)>,
    /// Apps that are chosen.
    pub apps: Vec<String>,
    /// Other apps, as typed.
    pub others: String,
    /// The one app that is chosen.
    pub one: String,
    /// Sites, as typed.
    pub sites: String,
    /// The minutes, as typed.
    pub minutes: String,
    /// Devices that can be chosen: id and whose.
    pub devices: Vec<(String, String)>,
    /// Devices that are chosen; none means all.
    pub chosen: Vec<String>,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
}

/// Lengths of lessons that have a button.
pub const LESSONS: [u32; 3] = [45, 60, 90];

/// The page of the form.
pub fn form(shell: &Shell, form: &FocusForm) -> Markup {
    let error = |name: &str| form.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let back = format!("/teaching/{}", form.class.0);
    let kind = |kind: FocusKind, label: &str, help: &str| radio("kind", kind.as_str(), label, form.kind == kind, help);
    // The first choice is none, so that no app is taken that nobody chose.
    let none = (String::new(), String::from(t!("Choose an app")));
    let options: Vec<_> = std::iter::once(none).chain(form.choices.iter().map(|(id, name, _)| (id.clone(), name.clone()))).collect();
    let items_error = |kind: FocusKind| if form.kind == kind { error("items") } else { None };
    let length = t!(
        "From {MINUTES_MIN} minutes to {minutes_max} hours. Each device ends it by its own clock, also when it is off the network.",
        MINUTES_MIN,
        minutes_max = MINUTES_MAX / 60
    );
    let content = post(
        &format!("{back}/focus"),
        html! {
            div.form {
                @if let Some(words) = error("") { div.banner.problem role="alert" { (state_square(State::Problem, 12)) p.words { (words) } } }
                fieldset.choices {
                    legend { (t!("What the devices show")) }
                    (kind(FocusKind::Apps, t!("Only these apps"), t!("All others disappear. Settings, and Phone on an iPhone, stay; web clips, the catalogue among them, are hidden.")))
                    (kind(FocusKind::App, t!("One app"), t!("It opens by itself and cannot be left.")))
                    (kind(FocusKind::Sites, t!("Only these websites"), t!("In every browser. Apps stay as they are.")))
                }
                details open[form.kind == FocusKind::Apps] {
                    summary { (t!("Apps")) }
                    @if let Some(words) = items_error(FocusKind::Apps) { p.error { (state_square(State::Problem, 10)) span { (words) } } }
                    fieldset.choices.many {
                        legend { (t!("Only these apps")) }
                        @for (id, name, devices) in &form.choices { (app_box(id, name, *devices, form.apps.contains(id))) }
                    }
                    (field("others", t!("Other apps")).optional().lines(2).mono().value(&form.others).help(t!("Their bundle ids, one a line, such as com.apple.Pages.")))
                }
                details open[form.kind == FocusKind::App] {
                    summary { (t!("One app")) }
                    (select("one", t!("The app"), &options, &form.one, t!("Or tick that one app under Apps. A device that does not have it is left out, since it would show nothing at all."), items_error(FocusKind::App)))
                }
                details open[form.kind == FocusKind::Sites] {
                    summary { (t!("Websites")) }
                    (field("sites", t!("Websites")).optional().lines(4).mono().value(&form.sites).error(items_error(FocusKind::Sites)).example("en.wikipedia.org").help(t!("One a line.")))
                }
                (field("minutes", t!("For how many minutes")).kind("number").value(&form.minutes).error(error("minutes")).help(&length))
                @if !form.devices.is_empty() { (devices(form, error("devices"))) }
                div.form-foot {
                    (Button::submit(t!("Look at it first")).main())
                    @for minutes in LESSONS { (Button::submit(t!("{minutes} minutes", minutes)).sends("lesson", minutes.to_string())) }
                    (Button::link(&back, t!("Cancel")))
                }
            }
        },
    );
    frame(shell, &Frame { back: Some((&back, &form.class.1)), ..Frame::new(Section::Teaching, t!("Start a focus")) }, content)
}

fn app_box(id: &str, name: &str, devices: Option<u64>, chosen: bool) -> Markup {
    let help = devices.map_or_else(
        || String::from(t!("Apple’s own")),
        |devices| t!("on {devices}", devices = count(devices, t!("device"), t!("devices"))),
    );
    html! {
        div.choice {
            input type="checkbox" id=(format!("app-{id}")) name="app" value=(id) checked[chosen];
            div { label for=(format!("app-{id}")) { (named(name)) } p.meta { (help) } }
        }
    }
}

fn devices(form: &FocusForm, error: Option<&str>) -> Markup {
    html! {
        details open[!form.chosen.is_empty()] {
            summary { (t!("Only some devices")) }
            @if let Some(words) = error { p.error { (state_square(State::Problem, 10)) span { (words) } } }
            fieldset.choices {
                legend { (t!("Whose; nobody chosen means everybody")) }
                @for (id, name) in &form.devices {
                    div.choice {
                        input type="checkbox" id=(format!("device-{id}")) name="device" value=(id) checked[form.chosen.contains(id)];
                        div { label for=(format!("device-{id}")) { (named(name)) } }
                    }
                }
            }
        }
    }
}

/// What a focus would do, before it is done.
#[derive(Debug, Clone)]
pub struct PreviewView {
    /// The class: id and name.
    pub class: (String, String),
    /// What it shows, in words.
    pub words: String,
    /// When it would end.
    pub until: String,
    /// Whose devices have it, with what is to be said beside.
    pub able: Vec<(String, String)>,
    /// Whose devices cannot have it, and why.
    pub unable: Vec<(String, String)>,
    /// Whose devices have another, in words.
    pub busy: Vec<(String, String)>,
    /// Pairs that are sent again.
    pub sent: Vec<(String, String)>,
    /// Why it was not started.
    pub error: Option<String>,
}

/// The page that shows what a focus would do.
pub fn preview(shell: &Shell, view: &PreviewView) -> Markup {
    let back = format!("/teaching/{}", view.class.0);
    let on = view.able.len() as u64;
    let list = |rows: &[(String, String)]| html! { ul.plain { @for (who, words) in rows { li { (who) @if !words.is_empty() { span.quiet { " – " (words) } } } } } };
    let content = html! {
        div.stack.loose {
            @if let Some(words) = &view.error { div.banner.problem role="alert" { (state_square(State::Problem, 12)) p.words { (words) } } }
            p.lead { (count(on, t!("device"), t!("devices"))) (t!(" of ")) (view.class.1) (t!(" will show ")) (view.words) (t!(" until ")) (view.until) (t!(". Then each ends it by itself.")) }
            @if !view.unable.is_empty() { (section(&t!("Cannot have it: {unable}", unable = view.unable.len()), list(&view.unable))) }
            @if !view.busy.is_empty() { (section(&t!("Have another now: {busy}", busy = view.busy.len()), list(&view.busy))) }
            @if on > 0 { (section(t!("Will have it"), list(&view.able))) }
            (post(&format!("{back}/focus"), html! {
                div.form {
                    (hidden(&view.sent))
                    @if on > 0 && !view.busy.is_empty() { (checkbox("replace", t!("Take the place of what they have now"), false, t!("It ends there at once; whoever started it sees that here."))) }
                    div.form-foot {
                        @if on > 0 { (Button::submit(t!("Start on {devices}", devices = count(on, t!("device"), t!("devices")))).main().sends("confirmed", "1")) }
                        (Button::submit(t!("Change it")).sends("change", "1"))
                        (Button::link(&back, t!("Cancel")))
                    }
                }
            }))
        }
    };
    frame(shell, &Frame { back: Some((&back, &view.class.1)), ..Frame::new(Section::Teaching, t!("Before it starts")) }, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn shell() -> Shell {
        Shell::for_tests(Section::Teaching, Timestamp::from_seconds(1_795_577_349))
    }

    #[test]
    fn what_cannot_have_it_is_said_before_it_starts_and_nothing_is_offered_where_nothing_can() {
        let view = PreviewView {
            class: ("c".into(), "7b".into()),
            words: "only 2 apps".into(),
            until: "10:45".into(),
            able: vec![],
            unable: vec![("Ada".into(), "It is not supervised.".into())],
            busy: vec![],
            sent: vec![("kind".into(), "apps".into())],
            error: None,
        };
        let html = preview(&shell(), &view).into_string();
        assert!(html.contains("Cannot have it: 1") && html.contains("It is not supervised.") && !html.contains("Start on"), "{html}");
        let busy = PreviewView { able: vec![("Ada".into(), String::new())], busy: vec![("Ada".into(), "kim until 11:00".into())], ..view };
        let html = preview(&shell(), &busy).into_string();
        assert!(html.contains("Start on 1 device") && html.contains("name=\"replace\"") && html.contains("kim until 11:00"), "{html}");
    }
}
