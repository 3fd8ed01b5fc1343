//! One's own log-in: password, second factor, codes on paper, and where one is logged in.

use maud::{Markup, html};

use super::parts::{
    Button, Column, Frame, Row, Section, Shell, State, Table, badge, copy_field, field, frame, moment, post, qr, section, table, time_ago,
};
use super::system::notices::{ADDRESS as NOTICES, kind_boxes};
use crate::clock::Timestamp;
use crate::language::way;
use crate::mdm::admins::PASSWORD_MIN;
use crate::mdm::admins::second_factor::Standing;
use crate::store::notices::NoticeKind;

/// A log-in that is in force.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// For ending it.
    pub id: String,
    /// The browser and the machine, in words.
    pub browser: String,
    /// Where it began.
    pub address: String,
    /// When it began.
    pub since: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
    /// Whether it is the one that looks.
    pub is_this: bool,
}

/// What the page shows.
#[derive(Debug, Clone)]
pub struct AccountView {
    /// What the role lets one do, in words.
    pub may: Vec<&'static str>,
    /// How the second factor stands.
    pub factor: Standing,
    /// Where one is logged in.
    pub sessions: Vec<SessionRow>,
    /// What one hears of by e-mail; none for whom that is not.
    pub notices: Option<OwnNotices>,
    /// Field and message of what was wrong with the password, or with the address.
    pub errors: Vec<(String, String)>,
}

/// What one hears of by e-mail.
#[derive(Debug, Clone)]
pub struct OwnNotices {
    /// One's address; empty where nothing is sent.
    pub address: String,
    /// What one ticked.
    pub kinds: Vec<NoticeKind>,
    /// Whether there is a mail server that takes it.
    pub has_server: bool,
}

/// What begins the names of one's own boxes.
pub const OWN: &str = "own";

const BACK: (&str, &str) = ("/account", msg!("Your account"));

fn error<'a>(errors: &'a [(String, String)], name: &str) -> Option<&'a str> {
    errors.iter().find(|(field, _)| field == name).map(|(_, message)| message.as_str())
}

/// The page.
pub fn page(shell: &Shell, view: &AccountView) -> Markup {
    let help = t!("At least {PASSWORD_MIN} characters. A few words are easier to keep than signs. Your other log-ins end.", PASSWORD_MIN);
    let content = html! {
        (section(t!("What you may do"), html! {
            p { (t!("As ")) (shell.viewer.role) (t!(" you may ")) (listed(&view.may)) "." }
        }))
        (section(t!("Second factor"), factor(shell, view)))
        (section(t!("Where you are logged in"), html! {
            div.stack {
                (sessions(&view.sessions, shell.now, |row| format!("/account/sessions/{}/end", row.id)))
                @if view.sessions.len() > 1 {
                    (post("/account/sessions/end-others", html! { (Button::submit(t!("End all others"))) }))
                }
            }
        }))
        @if let Some(own) = &view.notices { div #notices { (section(t!("Notices by e-mail"), notices(own, error(&view.errors, "address")))) } }
        (section(t!("Password"), post("/account/password", html! {
            div.form {
                (field("old", t!("Password so far")).kind("password").autocomplete("current-password").error(error(&view.errors, "old")))
                (field("new", t!("New password")).kind("password").autocomplete("new-password").error(error(&view.errors, "password")).help(&help))
                div.form-foot { (Button::submit(t!("Change the password")).main()) }
            }
        })))
    };
    frame(shell, &Frame::new(Section::Account, t!("Your account")), content)
}

fn notices(own: &OwnNotices, error: Option<&str>) -> Markup {
    html! {
        div.stack {
            p { (t!("What needs somebody, told away from this page: each thing once, several in one letter.")) }
            @if !own.has_server { p.quiet { (t!("Nothing is sent before a mail server is named at ")) a href=(NOTICES) { (t!("System, Notices")) } "." } }
            (post("/account/notices", html! {
                div.form {
                    (field("address", t!("Your address")).optional().kind("email").value(&own.address).error(error).autocomplete("email").help(t!("Empty to hear of nothing.")))
                    (kind_boxes(OWN, &own.kinds))
                    div.form-foot { (Button::submit(t!("Save")).main()) }
                }
            }))
        }
    }
}

/// `a, b and c`.
pub fn listed(words: &[&str]) -> String {
    match words {
        [] => String::from(t!("do nothing")),
        [one] => (*one).to_owned(),
        [first @ .., last] => t!("{list} and {last}", list = first.join(", "), last),
    }
}

fn factor(shell: &Shell, view: &AccountView) -> Markup {
    html! {
        div.stack {
            @match view.factor.on_since {
                Some(at) => {
                    p { (badge(State::Ok, t!("on"))) (t!(" since ")) (time_ago(at, shell.now)) (t!(". After your password you are asked for the code of your telephone.")) }
                    @if view.factor.codes_left == 0 { p { (badge(State::Problem, t!("no codes on paper left"))) (t!(" Make new ones.")) } }
                },
                None => {
                    p { (badge(State::Waiting, t!("off"))) }
                    p.quiet { (t!("With it, whoever has learned your password still cannot log in without your telephone.")) }
                },
            }
            div.row { (Button::link("/account/second-factor", if view.factor.on_since.is_some() { t!("Change") } else { t!("Switch it on") }).main()) }
        }
    }
}

/// Log-ins as a table; `end` is the address that ends one.
pub fn sessions(rows: &[SessionRow], now: Timestamp, end: impl Fn(&SessionRow) -> String) -> Markup {
    let row = |row: &SessionRow| Row {
        id: String::new(),
        href: None,
        name: row.browser.clone(),
        cells: vec![
            html! { strong { (row.browser) } @if row.is_this { " " (badge(State::Ok, t!("this one"))) } },
            html! { (row.address) },
            html! { (moment(row.since)) },
            html! { (time_ago(row.seen, now)) },
            html! { @if !row.is_this { (post(&end(row), html! { (Button::submit(t!("End")).small()) })) } },
        ],
    };
    table(&Table {
        caption: t!("Log-ins"),
        columns: vec![
            Column::main(t!("Browser")),
            Column::text(t!("Address")).labelled(),
            Column::text(t!("Since")).labelled().minor(),
            Column::text(t!("Last seen")).labelled(),
            Column::deed(),
        ],
        rows: rows.iter().map(row).collect(),
        pager: None,
        empty: html! { p.quiet { (t!("Nowhere.")) } },
        selection: None,
        compact: false,
    })
}

/// What the page of the second factor shows.
#[derive(Debug, Clone)]
pub struct FactorView {
    /// How it stands.
    pub standing: Standing,
    /// What waits for its first code: the address in the square of dots, and the secret to be typed.
    pub prepared: Option<(String, String)>,
    /// What was wrong with the password or a code.
    pub error: Option<String>,
}

/// The page of the second factor.
pub fn second_factor(shell: &Shell, view: &FactorView) -> Markup {
    let content = html! {
        div.stack.loose {
            @if view.standing.required && view.standing.on_since.is_none() {
                div.banner.waiting role="note" { p.words { (t!("Your role needs a second factor. Everything else opens once it is on.")) } }
            }
            @match (&view.prepared, view.standing.on_since) {
                (_, Some(_)) => (is_on(view)),
                (Some((address, secret)), None) => (confirm(address, secret, view.error.as_deref())),
                (None, None) => (begin(view.error.as_deref())),
            }
        }
    };
    frame(shell, &Frame { back: Some(way(BACK)), ..Frame::new(Section::Account, t!("Second factor")) }, content)
}

fn begin(error: Option<&str>) -> Markup {
    html! {
        p { (t!("You need an app on your telephone that shows codes: the Passwords app of an iPhone or iPad, Google Authenticator, or any other.")) }
        (post("/account/second-factor/begin", html! {
            div.form {
                (field("password", t!("Your password")).kind("password").autocomplete("current-password").error(error)
                    .help(t!("So that nobody else switches it on who finds you logged in.")))
                div.form-foot { (Button::submit(t!("Begin")).main()) }
            }
        }))
    }
}

fn confirm(address: &str, secret: &str, error: Option<&str>) -> Markup {
    let spaced = secret.as_bytes().chunks(4).map(|chunk| String::from_utf8_lossy(chunk).into_owned()).collect::<Vec<_>>().join(" ");
    html! {
        p { (t!("1. Read the square with that app, or type the key into it.")) }
        div.with-qr { (qr(address, t!("A code that holds the key of your second factor"))) div.stack { (copy_field("secret", t!("Key"), &spaced)) } }
        p { (t!("2. Type the code that it shows now. Until then nothing is switched on.")) }
        (post("/account/second-factor/confirm", html! {
            div.form {
                (field("code", t!("Code")).mono().autocomplete("one-time-code").error(error).first())
                div.form-foot { (Button::submit(t!("Switch it on")).main()) }
            }
        }))
    }
}

fn is_on(view: &FactorView) -> Markup {
    let left = view.standing.codes_left;
    html! {
        p { (badge(State::Ok, t!("on"))) " " (left) (t!(" of your codes on paper are left.")) }
        (section(t!("Make new codes on paper"), html! {
            p.quiet { (t!("The old ones are good for nothing any more then.")) }
            (with_code("/account/second-factor/codes", t!("Make new codes"), view.error.as_deref(), false))
        }))
        (section(t!("Switch it off"), html! {
            @if view.standing.required { p.quiet { (t!("Your role needs one: you will be asked to set up another at once.")) } }
            (with_code("/account/second-factor/off", t!("Switch it off"), None, true))
        }))
    }
}

fn with_code(action: &str, words: &str, error: Option<&str>, destructive: bool) -> Markup {
    let button = Button::submit(words);
    let name = if destructive { "off_code" } else { "code" };
    post(
        action,
        html! {
            div.form {
                (field(name, t!("Code that your telephone shows now")).mono().autocomplete("one-time-code").error(error))
                div.form-foot { (if destructive { button.destructive() } else { button }) }
            }
        },
    )
}

/// The page that shows the codes on paper, once.
pub fn recovery_codes(shell: &Shell, codes: &[&str]) -> Markup {
    let content = html! {
        div.stack {
            p { (t!("Print these, or write them down, and keep them apart from the telephone. Each logs you in once in place of its code. They are not shown again.")) }
            ol.names { @for code in codes { li.mono { (code) } } }
            div.row { (Button::link("/account", t!("I have them")).main()) }
        }
    };
    frame(shell, &Frame { back: Some(way(BACK)), ..Frame::new(Section::Account, t!("Your codes on paper")) }, content)
}

/// The page of the codes once they were shown.
pub fn codes_were_shown(shell: &Shell) -> Markup {
    let content = html! {
        p { (t!("The codes were shown once and are not shown again. If you do not have them, make new ones.")) }
        div.row { (Button::link("/account/second-factor", t!("Second factor")).main()) }
    };
    frame(shell, &Frame { back: Some(way(BACK)), ..Frame::new(Section::Account, t!("Your codes on paper")) }, content)
}

/// A browser and its machine in words, from how it names itself: `Safari on an iPad`.
pub fn browser_words(user_agent: &str) -> String {
    let has = |word: &str| user_agent.contains(word);
    // Each pretends to be others: the order decides.
    let browser = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let machine = [
        ("iPad", t!("an iPad")),
        ("iPhone", t!("an iPhone")),
        ("CrOS", t!("a Chromebook")),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Macintosh", t!("a Mac")),
        ("Linux", "Linux"),
    ];
    let find = |table: &[(&str, &'static str)]| table.iter().find(|(word, _)| has(word)).map(|(_, words)| *words);
    match (find(&browser), find(&machine)) {
        (Some(browser), Some(machine)) => t!("{browser} on {machine}", browser, machine),
        (Some(words), None) => words.to_owned(),
        (None, Some(machine)) => t!("A program on {machine}", machine),
        (None, None) => user_agent
            .split(['/', ' '])
            .next()
            .filter(|word| !word.is_empty())
            .map_or_else(|| String::from(t!("A program")), |word| t!("A program: {word}", word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_told_in_words() {
        for (agent, words) in [
            (
                "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                "Safari on an iPad",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
                "Chrome on a Mac",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36 Edg/129.0.0.0",
                "Edge on Windows",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox on Linux"),
            ("curl/8.5.0", "A program: curl"),
            ("", "A program"),
        ] {
            assert_eq!(browser_words(agent), words, "{agent}");
        }
    }

    #[test]
    fn what_one_may_is_a_sentence() {
        assert_eq!((listed(&["a"]), listed(&["a", "b", "c"]), listed(&[])), ("a".into(), "a, b and c".into(), "do nothing".into()));
    }

    #[test]
    fn it_begins_with_the_password() {
        let shell = Shell::for_tests(Section::Account, Timestamp::from_seconds(0));
        let standing = Standing { on_since: None, codes_left: 0, required: false };
        let html = second_factor(&shell, &FactorView { standing, prepared: None, error: Some("<wrong>".into()) }).into_string();
        assert!(html.contains("name=\"password\"") && html.contains("&lt;wrong&gt;"), "{html}");
    }

    #[test]
    fn the_secret_is_shown_to_be_typed_and_the_state_stands_beside_it() {
        let shell = Shell::for_tests(Section::Account, Timestamp::from_seconds(0));
        let standing = Standing { on_since: None, codes_left: 0, required: true };
        let prepared = Some(("otpauth://totp/x".to_owned(), "ABCDEFGHIJ".to_owned()));
        let html = second_factor(&shell, &FactorView { standing, prepared, error: Some("<wrong>".into()) }).into_string();
        assert!(
            html.contains("ABCD EFGH IJ") && html.contains("&lt;wrong&gt;") && html.contains("Your role needs a second factor"),
            "{html}"
        );
    }
}
