//! The guided editor: switches by group, each with what a person will notice, what it does not cover, and what it needs.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::parts::{Button, Frame, Section, Shell, State, box_of, checkbox_with, field, frame, post, select, state_square, wrong};
use super::requires;
use crate::language::say;
use crate::mdm::betas::{MANAGED, Program};
use crate::mdm::policies::catalogue::{self, Group, Switch, ValueKind};

/// The editor's form, as it was stored or typed.
#[derive(Debug, Clone, Default)]
pub struct PolicyForm {
    /// The policy that is changed; none for a new one.
    pub id: Option<String>,
    /// Its name before.
    pub title: String,
    /// The revision that the form was made from.
    pub revision: i64,
    /// What was typed for the name.
    pub name: String,
    /// What was typed for the note.
    pub note: String,
    /// What stands at each switch: `1` for on, a number, or a list with one entry a line.
    pub values: BTreeMap<String, String>,
    /// Field and message of what was wrong; without a field for the form as a whole.
    pub errors: Vec<(String, String)>,
    /// The beta programmes that can be chosen.
    pub programs: Vec<Program>,
}

impl PolicyForm {
    fn error(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|(field, _)| field == name).map(|(_, message)| message.as_str())
    }

    fn value(&self, switch: &Switch) -> &str {
        self.values.get(switch.id).map_or("", String::as_str)
    }
}

/// The page of the editor.
pub fn editor(shell: &Shell, view: &PolicyForm) -> Markup {
    let address = view.id.as_ref().map_or_else(|| String::from("/policies"), |id| format!("/policies/{id}"));
    let (title, verb) =
        if view.id.is_some() { (view.title.as_str(), t!("Save the switches")) } else { (t!("New policy"), t!("Make the policy")) };
    let back = if view.id.is_some() { (address.as_str(), view.title.as_str()) } else { ("/policies", t!("Policies")) };
    let page = Frame { back: Some(back), ..Frame::new(Section::Profiles, title) };
    let whole: Vec<_> = view.errors.iter().filter(|(field, _)| field.is_empty() || field == "settings").collect();
    let content = html! {
        div.form.wide {
            @for (_, message) in whole { p.error role="alert" { (state_square(State::Problem, 10)) span { (message) } } }
            (field("name", t!("Name")).value(&view.name).error(view.error("name")).example(t!("Exam, or Phones of staff")))
            (field("note", t!("What it is for")).optional().lines(2).value(&view.note).error(view.error("note")))
            input type="hidden" name="revision" value=(view.revision);
            @for group in Group::ALL { (group_of_switches(view, group)) }
            div.form-foot { (Button::submit(verb).main()) (Button::link(back.0, t!("Cancel"))) }
        }
    };
    frame(shell, &page, post(&address, content))
}

/// One group, folded unless something in it is on, wrong, or it is the first.
fn group_of_switches(view: &PolicyForm, group: Group) -> Markup {
    let switches: Vec<_> = catalogue::all().filter(|switch| switch.group == group).collect();
    let on = switches.iter().filter(|switch| !view.value(switch).is_empty()).count();
    let wrong = switches.iter().any(|switch| view.error(switch.id).is_some());
    html! {
        details.switches open[on > 0 || wrong || group == Group::OpenIn] {
            summary { h2 { (group.title()) } span { @if on > 0 { (on) (t!(" on")) } @else { (t!("none on")) } ", " (switches.len()) (t!(" in all")) } }
            p.quiet { (group.about()) }
            @for switch in switches { (one_switch(view, switch)) }
        }
    }
}

fn one_switch(view: &PolicyForm, switch: &Switch) -> Markup {
    let (value, error) = (view.value(switch), view.error(switch.id));
    let input = match switch.kind {
        ValueKind::OnOff => checkbox_with(switch.id, say(switch.label), !value.is_empty(), say(switch.notice), error),
        ValueKind::Number(least, most, unit) => {
            let label = format!("{} ({})", say(switch.label), say(unit));
            let help = t!("{notice} From {least} to {most}; empty for no rule.", notice = say(switch.notice), least, most);
            html! { (field(switch.id, &label).kind("number").optional().value(value).error(error).help(&help)) }
        }
        ValueKind::Choice(options) => {
            let mut all = vec![(String::new(), String::from(t!("no rule")))];
            all.extend(options.iter().map(|(value, words)| (value.to_string(), say(words).to_owned())));
            select(switch.id, say(switch.label), &all, value, say(switch.notice), error)
        }
        ValueKind::Word(options) => {
            let mut all = vec![(String::new(), String::from(t!("no rule")))];
            all.extend(options.iter().map(|(value, words)| ((*value).to_owned(), say(words).to_owned())));
            select(switch.id, say(switch.label), &all, value, say(switch.notice), error)
        }
        ValueKind::Apps => list(switch, value, error, "com.example.app", t!("Bundle ids, one a line.")),
        ValueKind::WebDomains => {
            list(switch, value, error, "example.org", t!("Domains, one a line; *.example.org stands for every sub-domain."))
        }
        ValueKind::MailDomains => list(switch, value, error, "example.school", t!("Domains, one a line.")),
        ValueKind::BetaPrograms => programs(view, switch, value, error),
    };
    html! {
        div.switch {
            (input)
            p.meta { (t!("Limits: ")) (say(switch.limits)) }
            (requires(switch))
        }
    }
}

/// A box for each beta programme; those that Apple lists no more only where they are chosen.
fn programs(view: &PolicyForm, switch: &Switch, value: &str, error: Option<&str>) -> Markup {
    let chosen: Vec<_> = value.split_whitespace().collect();
    let is_shown =
        |program: &&Program| chosen.contains(&program.id.as_str()) || (program.gone_at.is_none() && MANAGED.contains(&program.platform));
    let shown: Vec<_> = view.programs.iter().filter(is_shown).collect();
    let unknown: Vec<_> = chosen.iter().filter(|id| view.programs.iter().all(|program| program.id != **id)).collect();
    let label = |program: &Program| match (program.gone_at, program.practice) {
        (Some(_), _) => t!("{title} (Apple lists it no more)", title = program.title),
        (None, true) => t!("{title} (practice)", title = program.title),
        (None, false) => program.title.clone(),
    };
    html! {
        fieldset.choices id=(format!("f-{}", switch.id)) tabindex="-1" {
            legend { (say(switch.label)) }
            p.meta { (say(switch.notice)) }
            @for program in &shown {
                (box_of(switch.id, &program.id, &label(program), chosen.contains(&program.id.as_str())))
            }
            @for id in unknown { (box_of(switch.id, id, t!("A programme that is not known any more"), true)) }
            @if shown.is_empty() {
                p.meta { (t!("Apple lists none. ")) a href="/system/device-list" { (t!("Bring a server token")) } (t!(" of an organisation that has joined AppleSeed for IT.")) }
            }
            (wrong(switch.id, error))
        }
    }
}

fn list(switch: &Switch, value: &str, error: Option<&str>, example: &str, what: &str) -> Markup {
    let help = t!("{notice} {what} Empty for no rule.", notice = say(switch.notice), what);
    html! { (field(switch.id, say(switch.label)).lines(3).mono().optional().value(value).error(error).example(example).help(&help)) }
}
