//! OS releases: how old Apple's list is, how it comes here, and what Apple's service is known by.

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Fact, Frame, Icon, Live, Row, Section, Shell, State, badge, checkbox, day, facts, field, frame, live, post, section,
    thousands, time_ago, upload, upload_up_to, what_was_said,
};
use super::listing;
use crate::clock::{Day, Timestamp};
use crate::language;

/// Where the page is.
pub const ADDRESS: &str = "/system/releases";

/// What the page shows.
#[derive(Debug, Clone)]
pub struct ReleasesView {
    /// How the list is.
    pub state: State,
    /// That in words.
    pub words: String,
    /// How many releases are listed.
    pub listed: u64,
    /// Where the list came from, in words.
    pub source: String,
    /// When it was last known to be the newest one.
    pub fetched_at: Option<Timestamp>,
    /// Whether somebody brought it as a file.
    pub brought: bool,
    /// The day on which the newest release in it was posted.
    pub newest_posted: Option<Day>,
    /// Whether the file that was refused is older, so that it may still be meant.
    pub asks_for_older: bool,
    /// Whether the file that was refused lacks most of the list, so that it may still be meant.
    pub asks_for_fewer: bool,
    /// When Apple is asked next.
    pub next_at: Option<Timestamp>,
    /// What went wrong last; empty where nothing did.
    pub problem: String,
    /// What was said that this is about, as it came; may be empty.
    pub said: String,
    /// What was passed over in the list.
    pub passed_over: Vec<String>,
    /// Apple's own roots.
    pub roots: Vec<RootRow>,
    /// Whether Apple's service is known by its root alone, and not by trust anchors of the settings.
    pub needs_root: bool,
    /// What is wrong with the list that was brought.
    pub list_error: Option<String>,
    /// What is wrong with the root that was brought.
    pub root_error: Option<String>,
    /// The largest file with a list, in bytes.
    pub max_bytes: usize,
    /// Whether the viewer may change anything here.
    pub may_change: bool,
}

/// A root of Apple's.
#[derive(Debug, Clone)]
pub struct RootRow {
    /// Its name.
    pub name: String,
    /// Its fingerprint in pairs.
    pub fingerprint: String,
    /// What it is for.
    pub used_for: String,
    /// Whether something here needs it now.
    pub needed: bool,
    /// How and when it came; none where it is not here.
    pub came: Option<(String, Timestamp)>,
}

/// The page.
pub fn page(shell: &Shell, view: &ReleasesView) -> Markup {
    let under = html! { (t!("Which versions of iOS, iPadOS, macOS, tvOS and visionOS there are, for which models, and until when Apple signs them.")) };
    let content = html! {
        (live(Live { id: "releases", topics: "release apple_root job", of: None, src: None }, how_it_is(view, shell.now)))
        @if view.may_change {
            div.row { (post(&format!("{ADDRESS}/look"), html! { (Button::submit(t!("Look now"))) })) }
            (section(t!("Bring the list as a file"), import(view)))
        }
        (section(t!("Apple's own root"), roots(view)))
    };
    frame(shell, &Frame { back: Some(("/system", t!("System"))), under, ..Frame::new(Section::System, t!("OS releases")) }, content)
}

fn how_it_is(view: &ReleasesView, now: Timestamp) -> Markup {
    let about = [
        Fact::new(t!("How it is"), badge(view.state, &view.words)),
        Fact::new(t!("Releases listed"), html! { (thousands(view.listed)) }),
        Fact::text(t!("It came from"), &view.source),
        Fact::new(
            if view.brought { t!("As of") } else { t!("Known to be the newest") },
            html! { @match view.fetched_at { Some(at) => (time_ago(at, now)), None => (t!("not yet")) } },
        ),
        Fact::text(t!("Its newest release was posted"), &view.newest_posted.map(|day| language::date(day.words())).unwrap_or_default()),
        Fact::new(
            t!("Apple is asked next"),
            html! { @match view.next_at { Some(at) if at > now => (time_ago(at, now)), _ => (t!("now")) } },
        ),
    ];
    html! {
        (facts(&about))
        @if !view.problem.is_empty() { p { (view.problem) @if view.listed > 0 { (t!(" The last list holds until a newer one comes.")) } } }
        (what_was_said(&view.said))
        @if !view.passed_over.is_empty() {
            details {
                summary { (t!("What was passed over in it")) }
                ul { @for words in &view.passed_over { li { (words) } } }
            }
        }
    }
}

fn import(view: &ReleasesView) -> Markup {
    let help = t!(
        "For a server without a way to Apple: open https://gdmf.apple.com/v2/pmv on a Mac, save what comes as it is, and bring it here. It takes the place of the list that is here."
    );
    upload_up_to(
        &format!("{ADDRESS}/import"),
        view.max_bytes,
        html! {
            @if view.asks_for_older { (checkbox("older", t!("Take the older list"), false, t!("What was posted since is not offered any more until a newer list comes."))) }
            @if view.asks_for_fewer { (checkbox("fewer", t!("Take the shorter list"), false, t!("What it lacks is not offered any more, and plans cannot bring it, until a whole list comes."))) }
            (field("file", t!("Apple's list")).kind("file").accept(".json,.txt,application/json").help(help).error(view.list_error.as_deref()))
            div.form-foot { (Button::submit(t!("Bring the list")).icon(Icon::Upload)) }
        },
    )
}

fn roots(view: &ReleasesView) -> Markup {
    let row = |root: &RootRow| Row {
        id: String::new(),
        href: None,
        name: root.name.clone(),
        cells: vec![
            html! { strong { (root.name) } " " span.meta.mono { (root.fingerprint) } },
            html! { (root.used_for) },
            html! {
                @match &root.came {
                    Some((how, at)) => { (badge(State::Ok, how)) " " (day(*at)) },
                    None if root.needed => (badge(State::Waiting, t!("not here yet"))),
                    None => (badge(State::Silent, t!("not needed here"))),
                }
            },
        ],
    };
    let columns = vec![Column::main(t!("Root")).wraps(), Column::text(t!("Trusted for")).wraps(), Column::text(t!("How it came")).wraps()];
    let is_missing = view.roots.iter().any(|root| root.needed && root.came.is_none());
    html! {
        p.quiet {
            (t!("Apple's service is known by a root that browsers do not trust. "))
            @if view.needs_root { (t!("It is fetched from Apple when it is first needed, and counts only with this fingerprint.")) }
            @else { (t!("The settings of this server name others that count there too.")) }
        }
        (listing(t!("Apple's own roots"), columns, view.roots.iter().map(row).collect(), t!("None is needed.")))
        @if view.may_change && (is_missing || view.root_error.is_some()) {
            (upload(&format!("{ADDRESS}/root"), html! {
                (field("root", t!("Root certificate")).kind("file").accept(".cer,.crt,.pem,.der")
                    .help(t!("AppleIncRootCertificate.cer or Apple_Enterprise_Attestation_Root_CA.pem, from www.apple.com/certificateauthority.")).error(view.root_error.as_deref()))
                div.form-foot { (Button::submit(t!("Bring the root")).icon(Icon::Upload)) }
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn view(may_change: bool) -> ReleasesView {
        ReleasesView {
            state: State::Waiting,
            words: "9 days old".into(),
            listed: 1_204,
            source: "Apple".into(),
            fetched_at: Some(NOW),
            brought: false,
            newest_posted: Day::parse("2026-11-20"),
            asks_for_older: false,
            asks_for_fewer: false,
            next_at: None,
            problem: "gdmf.apple.com did not <answer>.".into(),
            said: String::new(),
            passed_over: vec!["AssetSets, iOS: “x” is no version".into()],
            roots: vec![RootRow {
                name: "Apple Root CA".into(),
                fingerprint: "B0 B1".into(),
                used_for: "x".into(),
                needed: true,
                came: None,
            }],
            needs_root: true,
            list_error: Some("This is a web page.".into()),
            root_error: None,
            max_bytes: 8 << 20,
            may_change,
        }
    }

    #[test]
    fn the_page_says_how_old_the_list_is_and_offers_changes_to_those_who_may() {
        let shell = Shell::for_tests(Section::System, NOW);
        let html = page(&shell, &view(true)).into_string();
        for part in [
            "9 days old",
            "1,204",
            "did not &lt;answer&gt;.",
            "The last list holds",
            "not here yet",
            "This is a web page.",
            "Look now",
            "Bring the root",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let looked = page(&shell, &view(false)).into_string();
        assert!(!looked.contains("<form method=\"post\" action=\"/system/releases") && !looked.contains("Bring the"), "{looked}");
        let root = RootRow { came: Some(("brought as a file".into(), NOW)), ..view(true).roots.remove(0) };
        let there = page(&shell, &ReleasesView { roots: vec![root], ..view(true) }).into_string();
        assert!(there.contains("brought as a file") && !there.contains("Bring the root"), "{there}");
        let root = RootRow { needed: false, ..view(true).roots.remove(0) };
        let anchored = page(&shell, &ReleasesView { needs_root: false, roots: vec![root], ..view(true) }).into_string();
        assert!(anchored.contains("not needed here") && !anchored.contains("Bring the root"), "{anchored}");
    }
}
