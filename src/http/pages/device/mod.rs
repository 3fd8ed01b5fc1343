//! One device: why it waits, what happened, what is on it, what can be done with it.

mod about;
mod apps;
mod by_account;
pub mod deeds;
pub mod lost;
pub mod people;
pub mod secrets;
mod tabs;
mod updates;
mod wanted;

use maud::{Markup, Render as _, html};

use super::parts::{
    Button, Entry, Frame, Live, Section, Shell, State, Tab, Wait, facts, frame, live, post, practice, section, tabs, timeline, waits,
};
use crate::clock::Timestamp;
use crate::language::say;
use crate::store::account_tokens::{Ownership, Shown};

use about::about;
use people::PeopleTab;

pub use apps::{AppStateRow, AppsTab, FeedbackRow};
pub use updates::{CandidateRow, DeedRow, FoundRow, Loss, UpdateRow, UpdatesTab, ask_update};
pub use wanted::{UnableRow, WantedRow};

pub use tabs::{AppRow, CertificateRow, ProfileRow, QueueRow, ReportBody, ReportRow, SecretRow, SecurityRow};

/// What the page of a device shows.
#[derive(Debug, Clone)]
pub struct DeviceView {
    /// Its id.
    pub id: String,
    /// Its name as the device says it.
    pub name: String,
    /// How it is.
    pub state: State,
    /// How it is in words.
    pub state_words: String,
    /// Whether it is simulated here.
    pub practice: bool,
    /// What is known about it.
    pub facts: DeviceFacts,
    /// What can be done with it by this viewer and on its OS, in order; destructive ones last.
    pub actions: Vec<DeviceAction>,
    /// Whether the viewer may ask it for news.
    pub may_ask: bool,
    /// Whether the viewer may say who uses it.
    pub may_give: bool,
    /// How many apps, profiles, certificates, reports are known, for the tabs.
    pub counts: [u64; 4],
    /// Whether several people share it, so that it has a tab for them.
    pub is_shared: bool,
    /// How it stands while it is lost.
    pub lost: Option<lost::LostView>,
    /// Who enrolled it by their account, where somebody did.
    pub account: Option<ByAccount>,
    /// The view that is open.
    pub content: DeviceContent,
}

/// How a device stands to the account by which it was enrolled.
#[derive(Debug, Clone)]
pub struct ByAccount {
    /// Whose it is.
    pub ownership: Ownership,
    /// Who signed in.
    pub person: String,
    /// Their Managed Apple Account.
    pub managed_account: String,
    /// What it shows with each request.
    pub shown: Shown,
    /// Since when.
    pub shown_at: Option<Timestamp>,
}

/// What is known about a device; what is not known is empty or absent.
#[derive(Debug, Clone, Default)]
pub struct DeviceFacts {
    /// For example "iPad (9th generation)".
    pub model: String,
    /// For example `iPad12,1`.
    pub product_name: String,
    /// For example "iPadOS 17.6.1".
    pub os: String,
    /// For example `21G93`.
    pub build: String,
    /// Its serial number.
    pub serial: String,
    /// Whether Apple says that it is the organisation's.
    pub on_apples_list: bool,
    /// Its UDID.
    pub udid: String,
    /// Whether it is supervised.
    pub supervised: Option<bool>,
    /// How it is enrolled: "by invitation", "automated", "by account", "user enrollment".
    pub enrollment: String,
    /// Since when.
    pub enrolled_at: Option<Timestamp>,
    /// When it last spoke.
    pub last_seen_at: Option<Timestamp>,
    /// When its identity certificate ends.
    pub identity_ends_at: Option<Timestamp>,
    /// How that came and how the next one will, in words.
    pub identity_came: &'static str,
    /// Its groups: address and name.
    pub groups: Vec<(String, String)>,
    /// Who uses it: address and name.
    pub person: Option<(String, String)>,
    /// Free and whole storage, in bytes.
    pub storage: Option<(u64, u64)>,
    /// Charge of the battery, in percent.
    pub battery: Option<u8>,
    /// Whether it is genuine, as far as it has shown it; none where it cannot.
    pub genuine: Option<Genuine>,
    /// More of what it reported: name and value.
    pub more: Vec<(String, String)>,
}

/// Whether a device is genuine.
#[derive(Debug, Clone)]
pub struct Genuine {
    /// How it is.
    pub state: State,
    /// How it is in words.
    pub words: String,
    /// When Apple said so.
    pub at: Option<Timestamp>,
    /// Why, where it did not come out well.
    pub because: String,
    /// Whether the viewer may have it asked now.
    pub may_ask: bool,
}

/// Something that can be done with the device.
#[derive(Debug, Clone)]
pub struct DeviceAction {
    /// What the button says: "Lock", "Erase".
    pub words: String,
    /// Its address below the device's: `lock`, `erase`.
    pub path: String,
    /// Whether it asks first (a message, a PIN, a confirmation) or is done at once.
    pub asks: bool,
    /// Whether something is lost by it.
    pub destructive: bool,
}

/// The view that is open, one of the tabs.
#[derive(Debug, Clone)]
pub enum DeviceContent {
    /// Why it waits, what waits, what happened.
    Timeline {
        /// Sentences for the top.
        waits: Vec<Wait>,
        /// Commands that are not answered yet.
        queue: Vec<QueueRow>,
        /// What happened, newest first.
        entries: Vec<Entry>,
        /// The address of what is older.
        more: Option<String>,
        /// Where it is let go on that waits in Setup Assistant, for who may do that.
        go_on: Option<String>,
    },
    /// What it is to have and cannot have, and when that was last looked at.
    Wanted(Vec<WantedRow>, Vec<UnableRow>, Vec<String>, Option<Timestamp>),
    /// Apps: those that it is to have, and those on it.
    Apps(AppsTab),
    /// Updates: what it runs, can have, and is at.
    Updates(UpdatesTab),
    /// The people who share it.
    People(PeopleTab),
    /// Profiles on it; the moment of the report.
    Profiles(Vec<ProfileRow>, Option<Timestamp>),
    /// Certificates on it; the moment of the report.
    Certificates(Vec<CertificateRow>, Option<Timestamp>),
    /// What it reported about its security, and secrets kept for it.
    Security {
        /// What it reported.
        rows: Vec<SecurityRow>,
        /// What is kept.
        secrets: Vec<SecretRow>,
        /// Where the administrator's password is changed, where there is one and the viewer may.
        renew: Option<String>,
        /// When it reported.
        at: Option<Timestamp>,
    },
    /// Its raw reports, newest first, and the address of what is older.
    Reports(Vec<ReportRow>, Option<String>),
}

/// The tab of the people who share a device; others have none.
const PEOPLE: &str = "/people";

/// The tabs, in order: address below the device's, word, and where its count is.
const TABS: [(&str, &str, Option<usize>); 9] = [
    ("", msg!("Timeline"), None),
    ("/wanted", msg!("Wanted"), None),
    ("/apps", msg!("Apps"), Some(0)),
    ("/updates", msg!("Updates"), None),
    (PEOPLE, msg!("People"), None),
    ("/profiles", msg!("Profiles"), Some(1)),
    ("/certificates", msg!("Certificates"), Some(2)),
    ("/security", msg!("Security"), None),
    ("/reports", msg!("Reports"), Some(3)),
];

impl DeviceContent {
    const fn tab(&self) -> usize {
        match self {
            Self::Timeline { .. } => 0,
            Self::Wanted(..) => 1,
            Self::Apps(..) => 2,
            Self::Updates(..) => 3,
            Self::People(..) => 4,
            Self::Profiles(..) => 5,
            Self::Certificates(..) => 6,
            Self::Security { .. } => 7,
            Self::Reports(..) => 8,
        }
    }

    /// Nouns of the events that change this view.
    fn topics(&self) -> &'static str {
        match self {
            Self::Timeline { .. } => t!("device enrollment command push declaration app update profile deployment setup"),
            Self::Wanted(..) => t!("device enrollment command assignment deployment"),
            Self::Apps(..) => t!("device app command"),
            Self::Updates(..) => t!("device update command deployment enrollment"),
            Self::People(..) => t!("device command"),
            Self::Profiles(..) => t!("device profile"),
            Self::Certificates(..) | Self::Security { .. } => t!("device"),
            Self::Reports(..) => t!("command"),
        }
    }
}

/// The page.
pub fn page(shell: &Shell, view: &DeviceView) -> Markup {
    let under = html! {
        (view.facts.model) " · " (view.facts.os) @if !view.facts.serial.is_empty() { " · " span.mono { (view.facts.serial) } }
        @if view.practice { " " (practice()) }
    };
    let action = html! {
        @if view.may_ask {
            form method="post" action=(format!("/devices/{}/refresh", view.id)) { (Button::submit(t!("Ask it for news")).main()) }
        }
        @if !view.actions.is_empty() { a.button.to-actions href="#actions" { (t!("Actions")) } }
    };
    let head = Frame {
        back: Some(("/devices", t!("Devices"))),
        state: Some(view.state),
        under,
        action,
        ..Frame::new(Section::Devices, &view.name)
    };
    let list: Vec<Tab> = TABS
        .iter()
        .enumerate()
        .filter(|(at, (path, ..))| *path != PEOPLE || view.is_shared || *at == view.content.tab())
        .map(|(at, (path, title, count))| Tab {
            title: say(title).to_owned(),
            href: format!("/devices/{}{path}", view.id),
            current: at == view.content.tab(),
            count: count.map(|at| view.counts[at]),
        })
        .collect();
    let content = html! {
        div.split {
            div.stack.loose {
                (tabs(&view.name, &list))
                (body(shell, view))
            }
            aside { (beside(shell.now, view)) }
        }
    };
    frame(shell, &head, content)
}

/// The open view: the fragment `device`.
pub fn body(shell: &Shell, view: &DeviceView) -> Markup {
    let now = shell.now;
    let content = match &view.content {
        DeviceContent::Timeline { waits: reasons, queue, entries, more, go_on } => html! {
            div.stack.loose {
                (waits(reasons, now))
                @if let Some(address) = go_on { (post(address, html! { (Button::submit(t!("Let it go on now"))) })) }
                @if !queue.is_empty() { (section(t!("Not answered yet"), tabs::queue(queue, &view.id, now))) }
                (section(t!("What happened"), timeline(entries, now, more.as_deref())))
            }
        },
        DeviceContent::Wanted(rows, unable, clashes, at) => wanted::wanted(&view.id, (rows, unable, clashes), *at, now),
        DeviceContent::Apps(tab) => apps::apps(&view.id, tab, now),
        DeviceContent::Updates(tab) => updates::updates(&view.id, tab, now),
        DeviceContent::People(tab) => people::people(&view.id, tab, now),
        DeviceContent::Profiles(rows, at) => tabs::profiles(rows, *at, now),
        DeviceContent::Certificates(rows, at) => tabs::certificates(rows, *at, now),
        DeviceContent::Security { rows, secrets, renew, at } => tabs::security(rows, (secrets, renew.as_deref()), *at, now),
        DeviceContent::Reports(rows, more) => tabs::reports(rows, more.as_deref(), now),
    };
    let content = match &view.lost {
        Some(lost) => html! { div.stack.loose { (lost::banner(lost, now)) (content) } },
        None => content,
    };
    live(Live { id: "device", topics: view.content.topics(), of: Some(&view.id), src: None }, content)
}

fn beside(now: Timestamp, view: &DeviceView) -> Markup {
    html! {
        @if !view.actions.is_empty() {
            section.stack aria-labelledby="actions" { h2 #actions { (t!("Actions")) } (menu(view)) }
        }
        (live(
            Live { id: "facts", topics: "device enrollment", of: Some(&view.id), src: None },
            html! { section.stack aria-labelledby="about" { h2 #about { (t!("About")) } (facts(&about(view, now))) } },
        ))
        @if let Some(account) = &view.account { (by_account::by_account(account, &view.facts, now)) }
    }
}

fn menu(view: &DeviceView) -> Markup {
    let (lossy, plain): (Vec<&DeviceAction>, Vec<&DeviceAction>) = view.actions.iter().partition(|action| action.destructive);
    html! {
        div.menu {
            @for action in plain { (deed(view, action)) }
            @if !lossy.is_empty() { div.apart { @for action in lossy { (deed(view, action)) } } }
        }
    }
}

/// What asks first leads to its own page; what does not is a form of one button.
fn deed(view: &DeviceView, action: &DeviceAction) -> Markup {
    let address = format!("/devices/{}/actions/{}", view.id, action.path);
    let look = |button: Button| if action.destructive { button.destructive() } else { button };
    if action.asks {
        return look(Button::link(address, format!("{}…", action.words)).asks()).render();
    }
    html! { form method="post" action=(address) { input type="hidden" name="confirmed" value="1"; (look(Button::submit(&action.words))) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn action(words: &str, path: &str, asks: bool, destructive: bool) -> DeviceAction {
        DeviceAction { words: words.into(), path: path.into(), asks, destructive }
    }

    fn view() -> DeviceView {
        DeviceView {
            id: "0192".into(),
            name: "iPad <1>".into(),
            state: State::Waiting,
            state_words: "waiting to be unlocked".into(),
            practice: false,
            facts: DeviceFacts { serial: "TESTSN0001".into(), storage: Some((9_400_000_000, 64_000_000_000)), ..DeviceFacts::default() },
            actions: vec![
                action("Erase", "erase", true, true),
                action("Restart", "restart", false, false),
                action("Lock", "lock", true, false),
            ],
            may_ask: true,
            may_give: false,
            counts: [1, 2, 3, 4],
            is_shared: false,
            lost: None,
            account: None,
            content: DeviceContent::Apps(AppsTab::default()),
        }
    }

    #[test]
    fn what_destroys_stands_last_and_asks() {
        let html = menu(&view()).into_string();
        let at = |words: &str| html.find(words).unwrap();
        assert!(at("Restart") < at("Lock…") && at("Lock…") < at("Erase…"), "{html}");
        assert!(html.contains("href=\"/devices/0192/actions/erase\" data-dialog"), "{html}");
        assert!(html.contains("action=\"/devices/0192/actions/restart\""), "{html}");
    }

    #[test]
    fn facts_that_are_not_known_show_a_dash_or_nothing() {
        let html = facts(&about(&view(), NOW)).into_string();
        assert!(html.contains("<dt>UDID</dt><dd><span class=\"quiet\">–</span></dd>") && html.contains("9.4 GB of 64 GB free"), "{html}");
        assert!(!html.contains("Battery") && html.contains("never"), "{html}");
    }

    #[test]
    fn every_tab_has_its_address_and_one_is_open() {
        for (at, (path, title, _)) in TABS.iter().enumerate() {
            assert!(at == 0 || path.strip_prefix('/').is_some_and(|path| path.eq_ignore_ascii_case(title)));
        }
        assert_eq!(view().content.tab(), 2);
    }
}
