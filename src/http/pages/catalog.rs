//! The catalogue: as the person at a device sees it, and its settings.

use maud::{Markup, Render as _, html};

use super::parts::{
    Button, Confirm, Frame, Section, Shell, State, badge, confirm, copy_field, day, field, frame, named, person, post, qr, radio, select,
};
use crate::clock::Timestamp;
use crate::language::way;
use crate::mdm::catalog::{Audience, Catalog, Colour, Offered};
use crate::store::app_states::Stage;

/// What the person at a device sees.
#[derive(Debug, Clone)]
pub struct AtDevice {
    /// Whose catalogue it is.
    pub organisation: String,
    /// How it looks.
    pub looks: Catalog,
    /// The page's own address.
    pub base: String,
    /// The apps.
    pub apps: Vec<Offered>,
    /// The request's moment.
    pub now: Timestamp,
}

/// The page at a device. Plain enough for the Safari of an old iPad: text and buttons one below the other, nothing that needs a script.
pub fn at_device(view: &AtDevice) -> Markup {
    let content = html! {
        div class=(tint(view.looks.colour)) {
            h1 { (view.looks.title) }
            @if !view.looks.note.is_empty() { p.lead { (view.looks.note) } }
            @if view.apps.is_empty() {
                p.lead { (t!("There are no apps to choose from on this device at the moment.")) }
            } @else {
                ul.catalog {
                    @for app in &view.apps { li { (entry(view, app)) } }
                }
                p.quiet { (t!("An app comes when the device is on and connected to the Internet. It may ask you before it installs. "))
                    a href=(view.base) { (t!("Look again")) } }
            }
        }
    };
    person(&view.looks.title, &view.organisation, content)
}

fn entry(view: &AtDevice, app: &Offered) -> Markup {
    let words = app.words(view.now);
    let action = format!("{}/apps/{}", view.base, app.app_id);
    let ask = if app.is_asked_again() { t!("Ask again for {name}", name = app.name) } else { t!("Install {name}", name = app.name) };
    html! {
        h2 { (named(&app.name)) }
        @if !app.note.is_empty() { p { (app.note) } }
        @if !words.is_empty() { p { (badge(state(app), &words)) } }
        @if app.may_ask() {
            (post(&action, html! {
                input type="hidden" name="choice" value="install";
                (Button::submit(ask).main().render())
            }))
        }
        @if app.may_withdraw() {
            (post(&action, html! {
                input type="hidden" name="choice" value="remove";
                (Button::submit(t!("Remove {name}", name = app.name)).render())
            }))
        }
    }
}

fn state(app: &Offered) -> State {
    match app.stage {
        _ if !app.unable.is_empty() => State::Silent,
        Stage::Installed | Stage::Unmanaged => State::Ok,
        Stage::NoLicence | Stage::Declined | Stage::Stuck => State::Problem,
        Stage::Failed if !app.is_retried => State::Problem,
        Stage::Deleted => State::Silent,
        _ => State::Waiting,
    }
}

/// The class that gives a page this colour.
fn tint(colour: Colour) -> String {
    format!("tint-{}", colour.as_str())
}

/// What stands at an address that is over.
pub fn over(organisation: &str, looks: &Catalog) -> Markup {
    let content = html! {
        div class=(tint(looks.colour)) {
            h1 { (t!("This link is over")) }
            p.lead { (t!("Open ")) (looks.title) (t!(" by its icon on the Home Screen. If there is none, ask whoever looks after the devices for a new link.")) }
        }
    };
    person(t!("This link is over"), organisation, content)
}

/// What stands in the place of the apps when something was not done; `base` is the way back to them.
pub fn refused(organisation: &str, looks: &Catalog, base: &str, because: &str) -> Markup {
    let content = html! {
        div class=(tint(looks.colour)) {
            h1 { (t!("Nothing was changed")) }
            p.lead { (because) }
            p { a href=(base) { (t!("Look at ")) (looks.title) (t!(" again")) } }
        }
    };
    person(t!("Nothing was changed"), organisation, content)
}

/// The settings page.
#[derive(Debug, Clone)]
pub struct CatalogForm {
    /// What was typed or is set.
    pub catalog: Catalog,
    /// Groups: id, name, ticked.
    pub groups: Vec<(String, String, bool)>,
    /// Field and message of what was wrong.
    pub errors: Vec<(String, String)>,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

const BACK: (&str, &str) = ("/system", msg!("System"));

fn audience_words(audience: Audience) -> (&'static str, &'static str) {
    match audience {
        Audience::Nobody => (t!("On no device"), t!("The catalogue opens by a link that you give by hand.")),
        Audience::Everybody => (t!("On every iPhone and iPad"), ""),
        Audience::Groups => (t!("On the devices of these groups"), ""),
    }
}

/// The page of the settings.
pub fn settings(shell: &Shell, view: &CatalogForm) -> Markup {
    let error = |name: &str| view.errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let colours: Vec<_> = Colour::ALL.iter().map(|colour| (colour.as_str().to_owned(), colour_words(*colour).to_owned())).collect();
    let under = html! { (t!("Here the person at a device chooses apps that are assigned to it as optional. What they choose is installed as a managed app.")) };
    let content = html! {
        @if view.may_change {
            (post("/system/catalog", html! {
                div.form {
                    @if let Some(words) = error("") { p.error role="alert" { (words) } }
                    (field("title", t!("Title")).value(&view.catalog.title).error(error("title")).help(t!("Stands over the page and under its icon.")))
                    (field("note", t!("Note")).lines(3).optional().value(&view.catalog.note).error(error("note")))
                    (select("colour", t!("Colour"), &colours, view.catalog.colour.as_str(), "", error("colour")))
                    fieldset.choices {
                        legend { (t!("Icon on the Home Screen")) }
                        @for audience in Audience::ALL {
                            @let (label, help) = audience_words(audience);
                            (radio("audience", audience.as_str(), label, audience == view.catalog.audience, help))
                        }
                        @for (id, name, ticked) in &view.groups { label.choice { input type="checkbox" name="groups" value=(id) checked[*ticked]; span { (named(name)) } } }
                        @if let Some(words) = error("groups") { p.error { (words) } }
                    }
                    div.form-foot { (Button::submit(t!("Save")).main()) }
                }
            }))
            div.row { (Button::link("/system/catalog/links", t!("End all links…")).destructive().asks()) }
        } @else {
            p { (view.catalog.title) }
            p.quiet { (view.catalog.note) }
            p.quiet { (t!("Only admins change this.")) }
        }
    };
    frame(shell, &Frame { back: Some(way(BACK)), under, ..Frame::new(Section::System, t!("Catalogue for people at devices")) }, content)
}

fn colour_words(colour: Colour) -> &'static str {
    match colour {
        Colour::Green => t!("Green"),
        Colour::Blue => t!("Blue"),
        Colour::Purple => t!("Purple"),
        Colour::Red => t!("Red"),
        Colour::Brown => t!("Brown"),
    }
}

/// The page that asks before all links end.
pub fn end_links(shell: &Shell) -> Markup {
    let ask = Confirm {
        action: "/system/catalog/links",
        title: t!("End all links"),
        consequence: html! { (t!("Icons on Home Screens are made anew by themselves. Links that were given by hand open nothing any more.")) },
        verb: t!("End all links"),
        destructive: true,
        cancel: "/system/catalog",
        ..Confirm::default()
    };
    frame(
        shell,
        &Frame { back: Some(("/system/catalog", t!("Catalogue"))), ..Frame::new(Section::System, t!("End all links")) },
        confirm(&ask),
    )
}

/// The page with the link of one device: id, name, and the address with its end.
pub fn link_of_device(shell: &Shell, id: &str, name: &str, link: Option<(&str, Timestamp)>) -> Markup {
    let back = format!("/devices/{id}");
    let content = html! {
        @match link {
            Some((url, end)) => {
                (qr(url, t!("Code with the link")))
                (copy_field("catalog-link", t!("Link"), url))
                p.quiet { (t!("Whoever has it can choose apps for this device until ")) (day(end)) (t!(". Open it on the device itself, or on any other.")) }
            }
            None => { p { (t!("This device is not enrolled, so it has no catalogue.")) } }
        }
    };
    let under = html! { (t!("What the person at ")) (name) (t!(" may choose. ")) @if let Some((url, _)) = link { a href=(url) { (t!("Look at it")) } } };
    frame(shell, &Frame { back: Some((&back, name)), under, ..Frame::new(Section::Devices, t!("Catalogue of this device")) }, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_says_how_far_it_is_and_offers_what_can_be_done() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let app = |stage, asked_at: Option<Timestamp>| Offered {
            app_id: "a1".into(),
            name: "Field notes".into(),
            note: String::new(),
            optional: true,
            stage,
            version: "2.1".into(),
            asked_at,
            is_retried: false,
            is_there: false,
            unable: String::new(),
        };
        let view = |app: Offered| {
            let looks = Catalog { title: "Our apps".into(), colour: Colour::Blue, ..Catalog::default() };
            let view = AtDevice { organisation: "Example School".into(), looks, base: "/catalog/x".into(), apps: vec![app], now };
            at_device(&view).into_string()
        };
        let free = view(app(Stage::Offered, None));
        assert!(
            free.contains("Install Field notes") && free.contains("action=\"/catalog/x/apps/a1\"") && free.contains("tint-blue"),
            "{free}"
        );
        let asked = view(app(Stage::Sent, Some(now)));
        assert!(asked.contains("Asked for just now") && asked.contains("Remove Field notes"), "{asked}");
        let there = view(Offered { optional: false, ..app(Stage::Installed, None) });
        assert!(there.contains("Installed, version 2.1") && !there.contains("<form"), "{there}");
        let not_for_it = view(Offered { unable: "it needs version 15.0 of the system.".into(), ..app(Stage::Offered, None) });
        assert!(
            not_for_it.contains("cannot have it: it needs version 15.0 of the system.") && !not_for_it.contains("<form"),
            "{not_for_it}"
        );
        for page in [free, asked, there, not_for_it] {
            assert!(!page.contains("/packages/") && !page.contains("itms-services"), "{page}");
        }
    }
}
