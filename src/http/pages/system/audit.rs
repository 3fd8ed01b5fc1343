//! The audit log: who did what, narrowed down by whom, what, where and when.

use crate::language::say;
use maud::{Markup, html};

use super::super::parts::{Address, Button, Entry, Frame, Section, Shell, field, frame, select, timeline};

/// The audit log.
#[derive(Debug, Clone)]
pub struct AuditView {
    /// What happened, newest first.
    pub entries: Vec<Entry>,
    /// What is looked for.
    pub filter: AuditFilter,
    /// The address of what is older.
    pub more: Option<String>,
}

/// What is looked for in the audit log, as in its address.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Whose deeds.
    pub whose: Option<Whose>,
    /// The name of who did it, as typed.
    pub by: String,
    /// What happened: a noun and a dot.
    pub kind: String,
    /// The device, as typed.
    pub device: String,
    /// The first day.
    pub from: String,
    /// The last day.
    pub until: String,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
}

impl AuditFilter {
    /// What it is narrowed down to, in words.
    fn words(&self) -> String {
        let kind = KINDS.iter().find(|(kind, _)| *kind == self.kind && !kind.is_empty()).map_or("", |(_, words)| say(words));
        let parts =
            [(t!("by "), self.by.as_str()), ("", kind), (t!("device "), &self.device), (t!("from "), &self.from), (t!("to "), &self.until)];
        let told: Vec<_> = parts.iter().filter(|(_, what)| !what.is_empty()).map(|(before, what)| format!("{before}{what}")).collect();
        if told.is_empty() {
            String::from(t!("Narrow it down, or take it as a file"))
        } else {
            t!("Narrowed down: {list}", list = told.join(", "))
        }
    }

    /// The address of the log under this filter.
    pub fn address(&self, path: &str) -> Address {
        let mut address = Address::new(path);
        let whose = self.whose.map_or("", Whose::word);
        for (key, value) in
            [("who", whose), ("by", &self.by), ("kind", &self.kind), ("device", &self.device), ("from", &self.from), ("until", &self.until)]
        {
            if !value.is_empty() {
                address = address.with(key, value);
            }
        }
        address
    }
}

/// What can have happened, by noun, in words.
pub const KINDS: [(&str, &str); 16] = [
    ("", msg!("Anything")),
    ("session.", msg!("Log-ins")),
    ("admin.", msg!("People who log in")),
    ("token.", msg!("Tokens for scripts")),
    ("focus.", msg!("Focuses of classes")),
    ("command.", msg!("Commands to devices")),
    ("device.", msg!("Devices")),
    ("enrollment.", msg!("Enrollments")),
    ("escrow.", msg!("Secrets held for devices")),
    ("app.", msg!("Apps")),
    ("profile.", msg!("Profiles")),
    ("policy.", msg!("Policies")),
    ("assignment.", msg!("Assignments to groups")),
    ("update_plan.", msg!("Update plans")),
    ("person.", msg!("People of the school")),
    ("settings.", msg!("Settings")),
];

/// Whose deeds the audit log shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// What people and scripts did.
    Deeds,
    /// People, at the page or at the machine's own command line.
    People,
    /// Scripts, by their tokens.
    Tokens,
    /// What devices said.
    Devices,
    /// What ran by itself.
    Jobs,
    /// Everything.
    All,
}

impl Whose {
    /// All choices, in the order of the chips.
    pub const ALL: [Self; 6] = [Self::Deeds, Self::People, Self::Tokens, Self::Devices, Self::Jobs, Self::All];

    const fn word(self) -> &'static str {
        match self {
            Self::Deeds => "deeds",
            Self::People => "people",
            Self::Tokens => "tokens",
            Self::Devices => "devices",
            Self::Jobs => "jobs",
            Self::All => "all",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Deeds => t!("People and scripts"),
            Self::People => t!("People"),
            Self::Tokens => t!("Scripts"),
            Self::Devices => t!("Devices"),
            Self::Jobs => t!("Jobs"),
            Self::All => t!("All"),
        }
    }

    /// Reads the word of an address.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|whose| whose.word() == word)
    }

    /// The kinds of actors whose events these are; none means all.
    pub const fn actor_kinds(self) -> &'static [&'static str] {
        match self {
            Self::Deeds => &["person", "token", "console"],
            Self::People => &["person", "console"],
            Self::Tokens => &["token"],
            Self::Devices => &["device"],
            Self::Jobs => &["job"],
            Self::All => &[],
        }
    }
}

/// The page of the audit log.
pub fn audit(shell: &Shell, view: &AuditView) -> Markup {
    let under = html! { (t!("Who did what, for as long as this appliance exists. Secrets never appear in it.")) };
    let page = Frame { back: Some(("/system", t!("System"))), under, ..Frame::new(Section::System, t!("Audit log")) };
    let content = html! {
        nav aria-label=(t!("Whose deeds")) {
            ul.chips {
                @for whose in Whose::ALL {
                    @let href = AuditFilter { whose: Some(whose), ..view.filter.clone() }.address("/system/audit").to_string();
                    li { a href=(href) aria-current=[(Some(whose) == view.filter.whose).then_some("true")] { (whose.title()) } }
                }
            }
        }
        (filters(&view.filter))
        @if !view.filter.errors.is_empty() { p.quiet { (t!("Nothing is shown until what is marked above is right.")) } }
        @else if view.entries.is_empty() { p.quiet { (t!("Nothing in the log fits these filters.")) } }
        @else { (timeline(&view.entries, shell.now, view.more.as_deref())) }
    };
    frame(shell, &page, content)
}

fn filters(filter: &AuditFilter) -> Markup {
    let error = |name: &str| filter.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let kinds = KINDS.map(|(kind, words)| (kind.to_owned(), say(words).to_owned()));
    let file = |format: &str| filter.address("/system/audit/export").with("format", format).to_string();
    html! {
        details open[!filter.errors.is_empty()] {
            summary { (filter.words()) }
            form.form method="get" action="/system/audit" {
                @if let Some(whose) = filter.whose { input type="hidden" name="who" value=(whose.word()); }
                (field("by", t!("Who")).optional().value(&filter.by).help(t!("The whole name with which somebody logs in, or of a token, in capitals and small letters as it is written.")))
                (select("kind", t!("What"), &kinds, &filter.kind, "", None))
                (field("device", t!("Device")).optional().value(&filter.device).error(error("device")).help(t!("Its serial number or id.")))
                (field("from", t!("From")).optional().kind("date").value(&filter.from).error(error("from")))
                (field("until", t!("To")).optional().kind("date").value(&filter.until).error(error("until")).help(t!("The whole day counts.")))
                div.form-foot {
                    (Button::submit(t!("Show")).main())
                    (Button::link("/system/audit", t!("Clear")))
                    (Button::link(file("csv"), t!("Save as a table (CSV)")).download())
                    (Button::link(file("json_lines"), t!("Save as JSON lines")).download())
                }
            }
        }
    }
}
