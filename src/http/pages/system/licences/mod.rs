//! Apps and Books: locations and their content tokens, what they own, who has it, and redemption codes.

mod holders;
mod location;

use maud::{Markup, html};

use super::super::parts::{
    Button, Column, Frame, Icon, Live, Pager, Row, Section, Shell, State, Table, badge, checkbox, day, empty, field, frame, live, named,
    post, practice, section, table, thousands, time_ago, upload,
};
use crate::clock::Timestamp;
use crate::language::way;

pub use holders::{HolderRow, HoldersView, holders};
pub use location::{LocationView, PersonRow, ask_remove, location};

const BACK: (&str, &str) = ("/system", msg!("System"));
const BACK_TO_ALL: (&str, &str) = ("/system/apps-and-books", msg!("Apps and Books"));

/// What the page of all locations shows.
#[derive(Debug, Clone, Default)]
pub struct AllView {
    /// Locations, oldest first.
    pub locations: Vec<LocationRow>,
    /// What they own, by name.
    pub owned: Vec<OwnedRow>,
    /// Redemption codes by app.
    pub codes: Vec<CodesRow>,
    /// What is wrong with the token that was brought.
    pub token_error: Option<String>,
    /// Whether an older token may be what is meant.
    pub asks_older: bool,
    /// What is wrong with the sheet that was brought: the field and the words.
    pub sheet_error: Option<(String, String)>,
    /// Whether the viewer may change anything here.
    pub may_change: bool,
}

/// A location in the list.
#[derive(Debug, Clone)]
pub struct LocationRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: State,
    /// That in words.
    pub words: String,
    /// The token's end.
    pub expires_at: Timestamp,
    /// Licences in use, of how many.
    pub in_use: u64,
    /// How many it owns.
    pub owned: u64,
    /// When Apple's book was last read.
    pub synced_at: Option<Timestamp>,
    /// Whether it is the practice classroom's.
    pub practice: bool,
}

/// An app or a book that is owned.
#[derive(Debug, Clone)]
pub struct OwnedRow {
    /// The App Store's number.
    pub adam_id: String,
    /// Its name; the number where the store told none.
    pub name: String,
    /// What it runs on, in words; empty where the store told nothing.
    pub platforms: String,
    /// Its id among the apps that are known here.
    pub app_id: Option<String>,
    /// How many; nothing for as many as anybody wants.
    pub owned: Option<u32>,
    /// In use.
    pub in_use: u32,
    /// On their way.
    pub reserved: u32,
    /// Left.
    pub free: Option<u32>,
    /// How many more are wanted.
    pub short: u32,
    /// Whether it is the practice classroom's.
    pub practice: bool,
}

/// The redemption codes of an app.
#[derive(Debug, Clone)]
pub struct CodesRow {
    /// The App Store's number.
    pub adam_id: String,
    /// Its name; the number where none is known.
    pub name: String,
    /// How many are left.
    pub left: u32,
    /// Of how many.
    pub imported: u32,
}

/// The page of all locations.
pub fn all(shell: &Shell, view: &AllView) -> Markup {
    let under = html! { (t!("Licences that your school got in Apple School Manager or Apple Business: they let apps be installed without anybody's account.")) };
    let content = html! {
        (live(Live { id: "licences", topics: "content_token licence job", of: None, src: None }, html! {
            div.stack.loose {
                (section(t!("Locations"), locations(view, shell.now)))
                @if !view.locations.is_empty() { (section(t!("What they own"), owned(&view.owned, view.may_change))) }
            }
        }))
        @if view.may_change { (section(t!("Bring a content token"), bring(view))) }
        (section(t!("Redemption codes"), codes(view)))
    };
    frame(shell, &Frame { back: Some(way(BACK)), under, ..Frame::new(Section::System, t!("Apps and Books")) }, content)
}

fn list(caption: &str, columns: Vec<Column>, rows: Vec<Row>, empty: Markup, pager: Option<Pager>) -> Markup {
    table(&Table { caption, columns, rows, pager, empty, selection: None, compact: false })
}

fn locations(view: &AllView, now: Timestamp) -> Markup {
    let row = |location: &LocationRow| Row {
        id: location.id.clone(),
        href: Some(format!("/system/apps-and-books/{}", location.id)),
        name: location.name.clone(),
        cells: vec![
            html! { (named(&location.name)) @if location.practice { " " (practice()) } },
            badge(location.state, &location.words),
            html! { (thousands(location.in_use)) (t!(" of ")) (thousands(location.owned)) },
            day(location.expires_at),
            html! { @match location.synced_at { Some(at) => (time_ago(at, now)), None => span.quiet { (t!("not yet")) } } },
        ],
    };
    list(
        t!("Locations"),
        vec![
            Column::main(t!("Location")),
            Column::text(t!("How it is")).wraps(),
            Column::text(t!("In use")).labelled(),
            Column::text(t!("Token ends")).labelled(),
            Column::text(t!("Read")).labelled().minor(),
        ],
        view.locations.iter().map(row).collect(),
        empty(
            t!("No location yet"),
            t!(
                "In Apple School Manager or Apple Business, open Preferences, then Payments and Billing (Apps and Books), and download the content token \
             of your location. Bring it here; then apps can be given to devices and people without anybody typing a code."
            ),
            Markup::default(),
        ),
        None,
    )
}

fn owned(rows: &[OwnedRow], may_change: bool) -> Markup {
    let row = |asset: &OwnedRow| Row {
        id: asset.adam_id.clone(),
        href: Some(format!("/system/apps-and-books/apps/{}", asset.adam_id)),
        name: asset.name.clone(),
        cells: vec![
            html! { (named(&asset.name)) @if asset.practice { " " (practice()) } @if !asset.platforms.is_empty() { p.why { (asset.platforms) } } },
            html! { @match asset.owned { Some(owned) => (thousands(owned.into())), None => (t!("as many as you want")) } },
            html! { (thousands(asset.in_use.into())) @if asset.reserved > 0 { ", " (thousands(asset.reserved.into())) (t!(" on their way")) } },
            html! {
                @if asset.short > 0 { (badge(State::Problem, &t!("{short} more needed", short = thousands(asset.short.into())))) }
                @else { @match asset.free { Some(free) => (thousands(free.into())), None => span.quiet { (t!("always some")) } } }
            },
            html! {
                @match &asset.app_id {
                    Some(id) => a.quiet-link href=(format!("/apps/{id}")) { (t!("Assign")) },
                    None => @if may_change {
                        (post("/apps/new", html! {
                            input type="hidden" name="adam_id" value=(asset.adam_id);
                            (Button::submit(t!("Add to apps")).small())
                        }))
                    },
                }
            },
        ],
    };
    list(
        t!("What the locations own"),
        vec![
            Column::main(t!("App")),
            Column::text(t!("Owned")).labelled(),
            Column::text(t!("In use")).labelled(),
            Column::text(t!("Left")).labelled(),
            Column::text("").labelled(),
        ],
        rows.iter().map(row).collect(),
        html! { p.quiet { (t!("Nothing yet. What you get in Apple's portal is here within a quarter of an hour; free apps are got there too.")) } },
        None,
    )
}

fn bring(view: &AllView) -> Markup {
    let help = t!("The file ends in .vpptoken. Everything that is assigned stays when a token is renewed.");
    upload(
        "/system/apps-and-books",
        html! {
            (field("file", t!("Content token")).kind("file").accept(".vpptoken,.txt").help(help).error(view.token_error.as_deref()))
            @if view.asks_older { (checkbox("older", t!("The older token is meant"), false, t!("It takes the place of the one that is here, which ends later."))) }
            div.form-foot { (Button::submit(t!("Bring the token")).main().icon(Icon::Upload)) }
        },
    )
}

fn codes(view: &AllView) -> Markup {
    let row = |codes: &CodesRow| Row {
        id: codes.adam_id.clone(),
        href: None,
        name: codes.name.clone(),
        cells: vec![
            html! { (named(&codes.name)) },
            html! { (thousands(codes.left.into())) (t!(" of ")) (thousands(codes.imported.into())) },
        ],
    };
    let at = |name: &str| {
        view.sheet_error
            .as_ref()
            .filter(|(field, _)| field == name || name == "sheet" && field != "adam_id")
            .map(|(_, words)| words.as_str())
    };
    html! {
        (list(t!("Redemption codes"), vec![Column::main(t!("App")), Column::text(t!("Left")).labelled()], view.codes.iter().map(row).collect(),
            html! { p.quiet { (t!("None. Codes are the old way, for devices that know no licences: each is used up for good by the account that takes it.")) } }, None))
        @if view.may_change {
            details open[view.sheet_error.is_some()] {
                summary { (t!("Import codes")) }
                (upload("/system/apps-and-books/codes", html! {
                    (field("adam_id", t!("The app's number in the App Store")).example("409203825").help(t!("It stands in the app's address, after “id”.")).error(at("adam_id")))
                    (field("sheet", t!("Sheet")).kind("file").accept(".csv,.tsv,.txt").help(t!("Apple's spreadsheet, saved as CSV.")).error(at("sheet")))
                    div.form-foot { (Button::submit(t!("Import")).main().icon(Icon::Upload)) }
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    pub(super) fn shell() -> Shell {
        Shell::for_tests(Section::System, NOW)
    }

    pub(super) fn app() -> OwnedRow {
        OwnedRow {
            adam_id: "5".into(),
            name: "Atlas <x>".into(),
            platforms: "iPhone and iPad".into(),
            app_id: None,
            owned: Some(5),
            in_use: 3,
            reserved: 2,
            free: Some(0),
            short: 4,
            practice: false,
        }
    }

    #[test]
    fn the_page_says_what_is_short_and_offers_changes_to_those_who_may() {
        let view = AllView { owned: vec![app()], locations: vec![location_row()], ..AllView::default() };
        let html = all(&shell(), &view).into_string();
        for part in ["Atlas &lt;x&gt;", "4 more needed", "3, 2 on their way", "North building", "3 of 5"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("Bring the token") && !html.contains("Import codes"));
        let none = all(&shell(), &AllView { may_change: true, token_error: Some("This is a ZIP archive.".into()), ..AllView::default() })
            .into_string();
        assert!(none.contains("No location yet") && none.contains("This is a ZIP archive.") && none.contains("Import codes"), "{none}");
    }

    pub(super) fn location_row() -> LocationRow {
        LocationRow {
            id: "l".into(),
            name: "North building".into(),
            state: State::Problem,
            words: "taken".into(),
            expires_at: NOW,
            in_use: 3,
            owned: 5,
            synced_at: None,
            practice: false,
        }
    }
}
