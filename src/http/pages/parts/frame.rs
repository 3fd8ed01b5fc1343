//! The frame round every page: rail, title with one action, banners, content; and the centred frame without a rail.

use maud::{DOCTYPE, Markup, html};

use super::icon::{Icon, icon};
use super::mistakes::mistakes;
use super::named::named;
use super::said::said;
use super::sections::Section;
use super::state::{State, state_square};
use super::time::in_zone;
use crate::clock::{Timestamp, Zone};
use crate::http::assets;
use crate::language::{Catalogue, spoken};

/// Who looks at the page.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// The name they log in with.
    pub name: String,
    /// Their role in a word: Owner, Admin, Helper, Teacher, Viewer.
    pub role: String,
}

/// How far set-up is, shown in the rail until it is done.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Steps done.
    pub done: u64,
    /// Steps in all, without the optional ones.
    pub of: u64,
}

/// What the last request did, said once.
#[derive(Debug, Clone)]
pub struct Flash {
    /// [`State::Ok`] for done, [`State::Problem`] for not.
    pub state: State,
    /// What happened and, where it did not, what to do.
    pub words: String,
    /// Where one sees how it goes on: address and words.
    pub way: Option<(String, String)>,
}

/// Something that everyone on the page should know.
#[derive(Debug, Clone)]
pub enum Banner {
    /// How many practice devices there are: a hatched ribbon, with the button that removes them.
    Practice(u64),
    /// Something is wrong or will be soon: its state, what and what to do, and where that is done (address and words).
    Notice(State, String, Option<(String, String)>),
}

/// What every page of one request shares; the handlers make it once.
#[derive(Debug, Clone)]
pub struct Shell {
    /// Who looks.
    pub viewer: Viewer,
    /// The request's moment.
    pub now: Timestamp,
    /// The zone that moments are told in.
    pub zone: Zone,
    /// Sections to show; those that are not built or not allowed are left out.
    pub sections: Vec<Section>,
    /// How many things need someone; beside Today.
    pub needs: u64,
    /// How far set-up is, until it is done.
    pub setup: Option<Setup>,
    /// Banners over the page.
    pub banners: Vec<Banner>,
    /// What the last request did.
    pub flash: Option<Flash>,
}

#[cfg(test)]
impl Shell {
    /// What a page looks like to Ada, an Owner, at a moment.
    pub(in crate::http::pages) fn for_tests(section: Section, now: Timestamp) -> Self {
        let viewer = Viewer { name: "Ada".into(), role: "Owner".into() };
        Self { viewer, now, zone: Zone::default(), sections: vec![section], needs: 0, setup: None, banners: Vec::new(), flash: None }
    }
}

/// One page's own part of the frame.
#[derive(Debug, Clone)]
pub struct Frame<'a> {
    /// The page's title, also the browser's.
    pub title: &'a str,
    /// The place of the rail it belongs to.
    pub section: Section,
    /// The page above, its address and title.
    pub back: Option<(&'a str, &'a str)>,
    /// The square before the title, where the page is about one thing that has a state.
    pub state: Option<State>,
    /// A line under the title.
    pub under: Markup,
    /// The one primary action, right of the title.
    pub action: Markup,
}

impl<'a> Frame<'a> {
    /// A page with a title and nothing beside it.
    pub fn new(section: Section, title: &'a str) -> Self {
        Self { title, section, back: None, state: None, under: Markup::default(), action: Markup::default() }
    }
}

/// A whole page for someone who is logged in.
pub fn frame(shell: &Shell, page: &Frame<'_>, content: Markup) -> Markup {
    let body = html! {
        body.framed {
            a.skip href="#content" { (t!("Skip to the content")) }
            (rail(shell, page.section))
            main #content tabindex="-1" {
                div.page {
                    @for banner in &shell.banners { (self::banner(banner)) }
                    @if let Some(flash) = &shell.flash { (self::flash(flash)) }
                    (head(page))
                    (mistakes(&content))
                    (content)
                }
            }
        }
    };
    document(page.title, in_zone(body, &shell.zone))
}

fn head(page: &Frame<'_>) -> Markup {
    html! {
        header.page-head {
            div.titles {
                @if let Some((href, title)) = page.back { a.back href=(href) { (if spoken().is_some_and(Catalogue::is_right_to_left) { "→ " } else { "← " }) (named(title)) } }
                h1 {
                    @if let Some(state) = page.state { (state_square(state, 20)) }
                    span { (named(page.title)) }
                }
                @if !page.under.0.is_empty() { div.under { (page.under) } }
            }
            @if !page.action.0.is_empty() { div.primary { (page.action) } }
        }
    }
}

/// What the bottom bar of a telephone shows beside *More*.
const BAR_MAX: usize = 4;

fn rail(shell: &Shell, current: Section) -> Markup {
    let (mut first, mut rest) = (shown(shell, &Section::FIRST), shown(shell, &Section::REST));
    if first.len() + rest.len() <= BAR_MAX {
        // Nothing hides behind *More* that has room beside it.
        first.append(&mut rest);
    }
    let in_rest = rest.contains(&current);
    html! {
        header.rail {
            (brand("/"))
            nav aria-label=(t!("Sections")) {
                ul.sections { @for section in first { (place(section, current, shell.needs)) } }
                button.more-button.current[in_rest] type="button" popovertarget="more" { (icon(Icon::More)) (t!("More")) }
                ul #more.sections.rest popover {
                    @for section in rest { (place(section, current, shell.needs)) }
                    li.on-phone { a href="/account" { (shell.viewer.name) ", " (shell.viewer.role) } (log_out()) }
                }
            }
            div.rail-foot {
                p.not-live role="status" { (t!("Not live: trying to reach the appliance.")) }
                p.logged-out role="status" {
                    (t!("You were logged out. ")) a href="/login" target="_blank" { (t!("Log in in another tab")) } (t!(", then go on here: nothing is lost."))
                }
                @if let Some(setup) = shell.setup { (rail_setup(setup)) }
                p.who { a href="/account" aria-current=[(current == Section::Account).then_some("page")] { strong { (shell.viewer.name) } } span { (shell.viewer.role) } }
                (log_out())
            }
        }
    }
}

fn log_out() -> Markup {
    super::post("/logout", html! { button.link type="submit" { (t!("Log out")) } })
}

fn shown(shell: &Shell, sections: &[Section]) -> Vec<Section> {
    sections.iter().copied().filter(|section| shell.sections.contains(section)).collect()
}

fn place(section: Section, current: Section, needs: u64) -> Markup {
    let needs = (section == Section::Today && needs > 0).then_some(needs);
    html! {
        li {
            a href=(section.href()) aria-current=[(section == current).then_some("page")] {
                (icon(section.icon()))
                span { (section.words()) }
                @if let Some(needs) = needs { span.count { (super::thousands(needs)) span.hear-only { (t!(" need you")) } } }
            }
        }
    }
}

fn rail_setup(setup: Setup) -> Markup {
    html! {
        a.rail-setup href="/setup" {
            (t!("Set-up: ")) (setup.done) (t!(" of ")) (setup.of)
            progress max=(setup.of) value=(setup.done) aria-hidden="true" {}
        }
    }
}

fn brand(href: &str) -> Markup {
    html! { a.brand href=(href) aria-label=(t!("Rollcall")) { (icon(Icon::Logo)) span { (t!("Rollcall")) } } }
}

fn banner(banner: &Banner) -> Markup {
    match banner {
        Banner::Practice(devices) => html! {
            div.banner.practice role="note" {
                span.hatch aria-hidden="true" {}
                p.words {
                    strong { (t!("Practice.")) } " " (super::count(*devices, t!("simulated device"), t!("simulated devices")))
                    (t!(" and stand-ins for Apple's services, all on this machine. They count nowhere else."))
                }
                a href="/system/practice" { (t!("Add or remove")) }
            }
        },
        Banner::Notice(state, words, action) => html! {
            div.banner.(state.word()) role="note" {
                (state_square(*state, 12))
                p.words { (words) }
                @if let Some((href, action)) = action { a href=(href) { (action) } }
            }
        },
    }
}

fn flash(flash: &Flash) -> Markup {
    let role = if flash.state == State::Problem { "alert" } else { "status" };
    html! {
        div.banner.flash.(flash.state.word()) role=(role) { (state_square(flash.state, 12)) p.words { (flash.words) @if let Some((href, words)) = &flash.way { " " a href=(href) { (words) } } } }
    }
}

/// A page in the middle of the window, without a rail: log-in, first run, problems. `broad` gives steps more room.
pub fn centred(title: &str, broad: bool, content: Markup) -> Markup {
    document(title, middle(false, Some("/"), broad, content, Markup::default()))
}

/// A page for a person at an iPhone, iPad or Mac: large targets, nothing to log in to, the organisation's name at its foot.
pub fn person(title: &str, organisation: &str, content: Markup) -> Markup {
    let foot = html! { @if !organisation.is_empty() { (t!("This page belongs to ")) (organisation) "." } };
    document(title, middle(true, None, true, content, foot))
}

fn middle(at_device: bool, home: Option<&str>, broad: bool, content: Markup, foot: Markup) -> Markup {
    html! {
        body.centred.person[at_device] {
            header {
                @match home {
                    Some(href) => (brand(href)),
                    None => span.brand { (icon(Icon::Logo)) span { (t!("Rollcall")) } },
                }
            }
            main #content { div.sheet.broad[broad] { (content) } }
            footer { (foot) }
        }
    }
}

fn document(title: &str, body: Markup) -> Markup {
    let language = spoken();
    let direction = language.filter(|language| language.is_right_to_left()).map(|_| "rtl");
    html! {
        (DOCTYPE)
        html lang=(language.map_or("en", Catalogue::tag)) dir=[direction] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                meta name="robots" content="noindex";
                title { (title) (t!(" · Rollcall")) }
                link rel="stylesheet" href=(assets::url("app.css"));
                link rel="icon" type="image/svg+xml" href=(assets::url("favicon.svg"));
                script defer src=(assets::url("app.js")) {}
                (said())
            }
            (body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Shell {
        Shell {
            viewer: Viewer { name: "Ada <Admin>".into(), role: "Owner".into() },
            now: Timestamp::from_seconds(0),
            zone: Zone::default(),
            sections: vec![Section::Today, Section::Devices, Section::System],
            needs: 3,
            setup: Some(Setup { done: 3, of: 6 }),
            banners: vec![Banner::Practice(25)],
            flash: Some(Flash { state: State::Problem, words: "The file is <not> a certificate.".into(), way: None }),
        }
    }

    #[test]
    fn the_frame_has_its_landmarks_and_marks_where_you_are() {
        let html = frame(&shell(), &Frame::new(Section::System, "System"), html! { p { "content" } }).into_string();
        assert!(html.starts_with("<!DOCTYPE html><html lang=\"en\">"));
        for part in
            ["href=\"#content\"", "<main id=\"content\"", "<nav aria-label=\"Sections\"", "<h1><span>System</span></h1>", "role=\"alert\""]
        {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert_eq!(html.matches("aria-current=\"page\"").count(), 1);
        assert!(!html.contains("more-button current"), "what has room in the bar is not hidden: {html}");
        let full = Shell { sections: vec![Section::Today, Section::Devices, Section::Apps, Section::Updates, Section::System], ..shell() };
        let full = frame(&full, &Frame::new(Section::System, "System"), Markup::default()).into_string();
        assert!(full.contains("more-button current"), "a section behind More marks More: {full}");
        assert!(!html.contains("href=\"/apps\""), "a section that is not there is not offered");
    }

    #[test]
    fn a_page_says_which_language_it_is_in_and_which_way_that_is_read() {
        use crate::language::speak;

        let file = |tag: &str, text: &str| {
            format!(
                "msgid \"\"\nmsgstr \"\"\n\"Language: {tag}\\n\"\n\nmsgid \"Log out\"\nmsgstr \"{text}\"\n\nmsgid \"Copied\"\nmsgstr \"{text}\"\n"
            )
        };
        let mut pages = Vec::new();
        for (tag, text) in [("pt-BR", "Sair"), ("he", "יציאה")] {
            speak(Some(Catalogue::read(None, file(tag, text).as_bytes()).unwrap()));
            let page = Frame { back: Some(("/system", "System")), ..Frame::new(Section::System, "Backups") };
            pages.push(frame(&shell(), &page, Markup::default()).into_string());
        }
        speak(None);
        assert!(pages[0].contains("<html lang=\"pt-BR\">") && pages[0].contains(">Sair</button>"), "{}", pages[0]);
        assert!(pages[0].contains("data-copied=\"Sair\"") && pages[0].contains("← System"), "{}", pages[0]);
        assert!(pages[1].contains("<html lang=\"he\" dir=\"rtl\">") && pages[1].contains(">יציאה</button>"), "{}", pages[1]);
        assert!(pages[1].contains("→ <bdi>System</bdi>"), "the way back is on the right: {}", pages[1]);
    }

    #[test]
    fn names_and_messages_are_escaped() {
        let html = frame(&shell(), &Frame::new(Section::Today, "<Today>"), Markup::default()).into_string();
        assert!(
            html.contains("Ada &lt;Admin&gt;") && html.contains("&lt;not&gt;") && html.contains("<title>&lt;Today&gt; · Rollcall</title>")
        );
    }

    #[test]
    fn nothing_in_a_frame_needs_an_inline_style_or_script() {
        for html in [
            frame(&shell(), &Frame::new(Section::Today, "Today"), Markup::default()).into_string(),
            centred("Log in", false, Markup::default()).into_string(),
            person("Enroll", "Example School", Markup::default()).into_string(),
        ] {
            assert!(!html.contains(" style=") && !html.contains("<style") && !html.contains(" onclick"), "{html}");
            assert!(!html.contains("http://") && !html.contains("https://"), "no request leaves the house: {html}");
            let twice = html.split('<').find(|tag| tag.split('>').next().is_some_and(|open| open.matches(" class=\"").count() > 1));
            assert_eq!(twice, None, "a browser takes only the first of two classes");
            assert_eq!(html.matches("<script").count(), html.matches("<script defer src=\"/static/").count());
        }
    }
}
