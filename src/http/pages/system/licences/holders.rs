//! Who has an owned app, and what can be done about each.

use maud::{Markup, html};

use super::super::super::parts::{
    Button, Column, Frame, Live, Pager, Row, Section, Shell, State, badge, frame, hidden, live, named, post, section,
};
use super::{BACK_TO_ALL, OwnedRow, list, owned};
use crate::language::way;

/// What the page of an owned app shows.
#[derive(Debug, Clone)]
pub struct HoldersView {
    /// The app.
    pub app: OwnedRow,
    /// Who made it; empty where that is not known.
    pub maker: String,
    /// The version in the store; empty where that is not known.
    pub version: String,
    /// Whether its icon is here.
    pub has_icon: bool,
    /// Who has a licence, or is to have one; one page.
    pub holders: Vec<HolderRow>,
    /// How many there are.
    pub total: u64,
    /// The address of the next page.
    pub next: Option<String>,
    /// Whether the viewer may change anything here.
    pub may_change: bool,
}

/// Somebody with a licence.
#[derive(Debug, Clone)]
pub struct HolderRow {
    /// The name of the device or person; the serial number or id where there is none.
    pub name: String,
    /// Where they are shown.
    pub href: Option<String>,
    /// What names them to Apple: the field's name and the value.
    pub holder: (String, String),
    /// How they stand.
    pub state: State,
    /// That in words.
    pub words: String,
    /// Whether this server wants it.
    pub ours: bool,
    /// Whether it can be asked for once more.
    pub may_ask: bool,
}

/// The page of an owned app.
pub fn holders(shell: &Shell, view: &HoldersView) -> Markup {
    let app = &view.app;
    let under = html! {
        @if view.has_icon { img src=(format!("/system/apps-and-books/icons/{}", app.adam_id)) width="32" height="32" alt=""; " " }
        @if !view.maker.is_empty() { (view.maker) ", " }
        @if !view.version.is_empty() { (t!("version ")) (view.version) ", " }
        (t!("number ")) (app.adam_id)
    };
    let row = |holder: &HolderRow| Row {
        id: holder.holder.1.clone(),
        href: holder.href.clone(),
        name: holder.name.clone(),
        cells: vec![
            html! { (named(&holder.name)) },
            badge(holder.state, &holder.words),
            html! { @if !holder.ours { (t!("elsewhere")) } @else if holder.state == State::Ok { (t!("by this server")) } @else { (t!("not yet; this server wants it")) } },
            html! { @if view.may_change { (deed(app, holder)) } },
        ],
    };
    let rows = list(
        t!("Who has it"),
        vec![
            Column::main(t!("Device or person")),
            Column::text(t!("How it is")).wraps(),
            Column::text(t!("Assigned")).labelled(),
            Column::deed(),
        ],
        view.holders.iter().map(row).collect(),
        html! { p.quiet { (t!("Nobody has it, and nobody is to have it. Assign the app to a group; its devices get licences by themselves.")) } },
        Some(Pager {
            shown: view.holders.len() as u64,
            total: view.total,
            noun: (t!("licence"), t!("licences")),
            first: None,
            next: view.next.clone(),
        }),
    );
    let content = live(
        Live { id: "holders", topics: "licence", of: None, src: None },
        html! {
            div.stack.loose {
                (owned(std::slice::from_ref(app), view.may_change))
                (section(t!("Who has it"), rows))
            }
        },
    );
    frame(shell, &Frame { back: Some(way(BACK_TO_ALL)), under, ..Frame::new(Section::System, &app.name) }, content)
}

fn deed(app: &OwnedRow, holder: &HolderRow) -> Markup {
    let pairs = [(String::from("adam_id"), app.adam_id.clone()), holder.holder.clone()];
    html! {
        @if holder.may_ask {
            (post("/system/apps-and-books/ask-again", html! { (hidden(&pairs)) (Button::submit(t!("Ask again")).small()) }))
        } @else if !holder.ours && holder.state == State::Ok {
            (post("/system/apps-and-books/take-back", html! { (hidden(&pairs)) (Button::submit(t!("Take back")).small().destructive()) }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{app, shell};
    use super::*;

    #[test]
    fn what_was_assigned_elsewhere_can_be_taken_back_and_ours_cannot() {
        let holder = |ours| HolderRow {
            name: "Cart 1".into(),
            href: None,
            holder: ("serial_number".into(), "A1".into()),
            state: State::Ok,
            words: "held".into(),
            ours,
            may_ask: false,
        };
        let view = |ours| HoldersView {
            app: app(),
            maker: String::new(),
            version: "2.1".into(),
            has_icon: true,
            holders: vec![holder(ours)],
            total: 1,
            next: None,
            may_change: true,
        };
        assert!(holders(&shell(), &view(false)).into_string().contains("/take-back"));
        assert!(!holders(&shell(), &view(true)).into_string().contains("/take-back"));
    }
}
