//! How an app is managed: what happens to it at the end, licences, updates, attributes, and what the app itself is to know.

use maud::{Markup, html};

use super::super::parts::{Button, Fact, Frame, Section, Shell, checkbox, facts, field, frame, post, radio, section, select};
use super::form::{self, FormView, PREFIX};
use crate::clock::Zone;
use crate::language::say;
use crate::mdm::apps::settings::ATTRIBUTES;
use crate::protocol::mobileconfig::variables::VARIABLES;

/// The settings as they stand in the form.
#[derive(Debug, Clone, Default)]
pub struct ManageView {
    /// The app's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it needs licences at all.
    pub is_store: bool,
    /// Whether app and data go when the management ends.
    pub remove_with_management: bool,
    /// Whether its data stay out of backups.
    pub exclude_from_backup: bool,
    /// Whether one that the person installed is taken over.
    pub take_over: bool,
    /// `device`, `user` or `none`.
    pub licence: String,
    /// `off`, `when_available` or `quiet_hours`.
    pub updates: String,
    /// Beginning of the quiet hours.
    pub from: String,
    /// Their end.
    pub to: String,
    /// The zone of both.
    pub zone: Zone,
    /// Whether Macs install the app for iPad.
    pub ios_app: bool,
    /// Attributes by their names: text, or `yes`, `no` and nothing.
    pub attributes: Vec<(String, String)>,
    /// What the app itself is to know, as a property list.
    pub configuration: String,
    /// One key besides, and its value, as they were typed.
    pub one_key: (String, String),
    /// Whether that is to be saved also where it does not fit what the maker says.
    pub unchecked: bool,
    /// Whether that is what was sent and refused.
    pub is_text_wrong: bool,
    /// The form that the app's maker gives, if somebody brought it.
    pub form: Option<FormView>,
    /// Field and message of what is wrong.
    pub errors: Vec<(String, String)>,
}

impl ManageView {
    fn error(&self, of: &str) -> Option<&str> {
        self.errors.iter().find(|(name, _)| name == of).map(|(_, words)| words.as_str())
    }

    fn attribute(&self, of: &str) -> &str {
        self.attributes.iter().find(|(name, _)| name == of).map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// The page.
pub fn manage(shell: &Shell, view: &ManageView) -> Markup {
    let address = format!("/apps/{}", view.id);
    let page = Frame { back: Some((&address, &view.name)), ..Frame::new(Section::Apps, t!("How it is managed")) };
    let form = post(
        &format!("/apps/{}/manage", view.id),
        html! {
            div.form {
                (ending(view))
                @if view.is_store { (licence(view)) }
                (updates(view))
                (attributes(view))
                div.form-foot { (Button::submit(t!("Save how it is managed")).main()) (Button::link(&address, t!("Cancel"))) }
            }
        },
    );
    let content = html! {
        @if let Some(error) = view.error("") { p.error role="alert" { (error) } }
        (form)
        (section(t!("What the app itself is to know"), configuration(view)))
        (section(t!("The form of the app's maker"), html! {
            @match &view.form {
                Some(asked) => (form::about(&view.id, asked, &view.errors)),
                None => (form::bring(&view.id, t!("Make the form"), &view.errors)),
            }
        }))
    };
    frame(shell, &page, content)
}

fn ending(view: &ManageView) -> Markup {
    html! {
        (checkbox("remove_with_management", t!("It goes, with its data, when the management ends"), view.remove_with_management,
            t!("When the person removes the profile, or the device is retired. Without this it stays as the person's own.")))
        (checkbox("exclude_from_backup", t!("Its data stay out of backups"), view.exclude_from_backup,
            t!("So that nothing of the organisation lies in somebody's iCloud or on a computer at home. Macs do not have this.")))
        (checkbox("take_over", t!("Take it over where the person has it already"), view.take_over,
            t!("Their data stay, and the app becomes managed. Unsupervised devices ask the person. Without this you decide device by device.")))
        (checkbox("ios_app", t!("On Macs with Apple silicon, install the app for iPad"), view.ios_app, t!("Where there is no version for Macs.")))
    }
}

fn licence(view: &ManageView) -> Markup {
    let one = |value: &str, label: &str, help: &str| radio("licence", value, label, view.licence == value, help);
    html! {
        fieldset.stack {
            legend { (t!("Who holds the licence")) }
            (one("device", t!("The device"), t!("Nobody needs an Apple Account, and the licence comes back when the app is taken away.")))
            (one("user", t!("The person"), t!("It works where they are signed in with their account. Personally owned devices have no other way.")))
            (one("none", t!("Nobody"), t!("The person gets the app with an Apple Account of their own, or with a code. It is theirs for good.")))
        }
    }
}

fn updates(view: &ManageView) -> Markup {
    let one = |value: &str, label: &str, help: &str| radio("updates", value, label, view.updates == value, help);
    html! {
        fieldset.stack {
            legend { (t!("Newer versions")) }
            (one("when_available", t!("As soon as there is one"), t!("An app that is open closes for a moment. Devices that are kept in one app are left alone.")))
            (one("quiet_hours", t!("Only between these hours"), t!("On devices that keep their apps current by themselves, the device chooses the moment.")))
            (field("from", &t!("From ({name})", name = view.zone.name())).kind("time").optional().value(&view.from).error(view.error("updates.from")))
            (field("to", &t!("To ({name})", name = view.zone.name())).kind("time").optional().value(&view.to).error(view.error("updates.to")))
            (one("off", t!("Never by themselves"), t!("You send them yourself, with “Update now” at a device.")))
        }
    }
}

fn attributes(view: &ManageView) -> Markup {
    let choices =
        [("", t!("As the system has it")), ("yes", t!("Yes")), ("no", t!("No"))].map(|(value, words)| (value.to_owned(), words.to_owned()));
    html! {
        details open[view.attributes.iter().any(|(_, value)| !value.is_empty())] {
            summary { (t!("More, for iPhone and iPad")) }
            div.stack {
                @for known in &ATTRIBUTES {
                    @let name = format!("attributes.{}", known.id);
                    @let help = t!("From iOS {ios}{detail}.", ios = known.ios, detail = known.tvos.map(|tvos| t!(" and tvOS {tvos}", tvos)).unwrap_or_default());
                    @if known.is_flag {
                        (select(&name, say(known.words), &choices, view.attribute(known.id), &help, view.error(&name)))
                    } @else if known.id == "associated_domains" {
                        (field(&name, say(known.words)).optional().mono().lines(3).value(view.attribute(known.id)).error(view.error(&name))
                            .help(&t!("One a line, with the service: applinks:example.school. {help}", help)))
                    } @else {
                        (field(&name, say(known.words)).optional().mono().value(view.attribute(known.id)).error(view.error(&name)).help(&help))
                    }
                }
            }
        }
    }
}

/// As the maker's form asks, where there is one; as a text always.
fn configuration(view: &ManageView) -> Markup {
    let known: Vec<Fact> = VARIABLES.iter().map(|(name, means)| Fact::text(format!("${name}"), say(means))).collect();
    html! {
        @if let Some(asked) = &view.form {
            (form::form(&view.id, asked, if view.is_text_wrong { &[] } else { &view.errors }))
            details open[view.is_text_wrong] {
                summary { (t!("As a property list, or key by key")) }
                (text(view))
            }
        } @else {
            (text(view))
        }
        details { summary { (t!("Words that stand for something of each device")) } (facts(&known)) }
    }
}

/// The configuration as a text, and one key besides.
fn text(view: &ManageView) -> Markup {
    // What does not fit is said of its key, and stands here where all of it was typed.
    let unfit = view.errors.iter().filter_map(|(name, words)| Some(format!("{}: {words}", name.strip_prefix(PREFIX)?)));
    let unfit: Vec<_> = unfit.filter(|_| view.is_text_wrong).collect();
    let whole = view.error("configuration").filter(|_| view.is_text_wrong || view.form.is_none());
    let error = whole.map(str::to_owned).or_else(|| (!unfit.is_empty()).then(|| unfit.join(" ")));
    post(
        &format!("/apps/{}/configuration", view.id),
        html! {
            div.form {
                (field("configuration", t!("Configuration")).optional().mono().lines(12).value(&view.configuration).error(error.as_deref())
                    .help(t!("As the app's maker describes it: a property list, a <dict>, or JSON. Empty takes it back. No passwords: the app's person can read it.")))
                fieldset.stack {
                    legend { (t!("Or add one key")) }
                    (field("key", t!("Key")).optional().mono().value(&view.one_key.0).error(view.error("key")))
                    (field("value", t!("Value")).optional().mono().value(&view.one_key.1).help(t!("Text as it stands; yes, no and whole numbers are sent as such.")).error(view.error("value")))
                }
                @if view.form.is_some() { (form::unchecked(view.unchecked)) }
                div.form-foot { (Button::submit(t!("Save the configuration"))) }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn every_attribute_is_there_with_the_system_that_has_it() {
        let shell = Shell::for_tests(Section::Apps, Timestamp::from_seconds(1_795_577_349));
        let view = ManageView {
            id: "a1".into(),
            name: "Atlas".into(),
            is_store: true,
            licence: "device".into(),
            attributes: vec![("removable".into(), "no".into())],
            configuration: "<dict>".into(),
            errors: vec![("configuration".into(), "This is no property list.".into())],
            ..ManageView::default()
        };
        let html = manage(&shell, &view).into_string();
        for known in &ATTRIBUTES {
            assert!(html.contains(&format!("name=\"attributes.{}\"", known.id)) && html.contains(known.words), "{}", known.id);
        }
        for part in ["From iOS 14.0 and tvOS 14.0.", "value=\"no\" selected", "&lt;dict&gt;", "This is no property list.", "$PERSON_EMAIL"]
        {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
