//! Names that people, files and devices give: each in one piece, whichever way it is read, and without marks that would turn it round.

use maud::{Markup, html};

use crate::language::{harmless, is_against};

/// A name, or a title that may be one. What is read the other way than the page is told apart from what stands beside it.
pub fn named(name: &str) -> Markup {
    html! { @if is_against(name) { bdi { (harmless(name)) } } @else { (harmless(name)) } }
}

/// Names one after another, commas between.
pub fn all_named(names: &[impl AsRef<str>]) -> Markup {
    html! { @for (at, name) in names.iter().enumerate() { @if at > 0 { ", " } (named(name.as_ref())) } }
}

/// The `dir` of an element that holds a name and nothing else, such as an option: `auto` where it is read the other way than the page.
pub fn direction(name: &str) -> Option<&'static str> {
    is_against(name).then_some("auto")
}

#[cfg(test)]
mod tests {
    use super::super::{Cell, Column, Confirm, Row, Table, confirm, field, select, table};
    use super::*;
    use maud::Render as _;

    /// A class as schools write them, with a part that is read the other way.
    const SCHOOL: &str = "مدرسة النور للبنات الصف السابع (ب) 7b";

    #[test]
    fn a_name_that_is_read_the_other_way_stands_by_itself_and_others_as_they_are() {
        assert_eq!(named(SCHOOL).into_string(), format!("<bdi>{SCHOOL}</bdi>"));
        assert_eq!((named("Cart <A>").into_string(), direction("Cart A")), (String::from("Cart &lt;A&gt;"), None));
    }

    #[test]
    fn a_device_cannot_turn_its_name_round() {
        assert_eq!(named("\u{202e}gnp.exe").into_string(), "gnp.exe");
        assert_eq!(named("a\u{2067}b\u{2069}c").into_string(), "abc");
    }

    #[test]
    fn rows_questions_choices_and_fields_keep_such_names_whole() {
        let cell: Cell = named(SCHOOL);
        let row = Row { id: "1".into(), href: Some("/groups/1".into()), name: SCHOOL.into(), cells: vec![cell] };
        let list = Table {
            caption: "Groups",
            columns: vec![Column::main("Group")],
            rows: vec![row],
            pager: None,
            empty: Markup::default(),
            selection: None,
            compact: false,
        };
        let html = table(&list).into_string();
        assert!(html.contains(&format!("<a class=\"row-link\" href=\"/groups/1\"><bdi>{SCHOOL}</bdi></a>")), "{html}");
        let names = [SCHOOL.to_owned(), String::from("\u{202e}gnp.exe")];
        let title = t!("Delete {name}", name = SCHOOL);
        assert_eq!(title, format!("Delete \u{2068}{SCHOOL}\u{2069}"), "it does not turn the words beside it");
        let html = confirm(&Confirm { title: &title, names: &names, total: 2, ..Confirm::default() }).into_string();
        assert!(html.contains(&format!("<li><bdi>{SCHOOL}</bdi></li>")) && html.contains("<li>gnp.exe</li>"), "{html}");
        assert!(html.contains(&format!("<bdi>Delete \u{2068}{SCHOOL}\u{2069}</bdi>")), "{html}");
        let html = select("group", "Group", &[("a".into(), SCHOOL.into()), ("b".into(), "Cart A".into())], "b", "", None).into_string();
        assert!(html.contains("<option value=\"a\" dir=\"auto\">") && html.contains("<option value=\"b\" selected>Cart A"), "{html}");
        assert!(field("name", "Name").value(SCHOOL).render().into_string().contains("dir=\"auto\""));
    }
}
