//! Tables: what stands in them and round them.

use super::*;

fn sort(by: &str, descending: bool) -> Sort {
    Sort { key: by.into(), descending, address: Address::new("/devices").with("search", "a&b").with("after", "cursor") }
}

fn devices(rows: usize) -> Table<'static> {
    let row = |n: usize| Row {
        id: format!("id-{n}"),
        href: Some(format!("/devices/id-{n}")),
        name: format!("iPad <{n}>"),
        cells: vec![html! { (format!("iPad <{n}>")) }, html! { "TESTSN" }],
    };
    Table {
        caption: "Devices",
        columns: vec![
            Column::main("Name").sort("name", &sort("name", false)),
            Column::code("Serial").minor().sort("serial", &sort("name", false)),
        ],
        rows: (0..rows).map(row).collect(),
        pager: Some(Pager {
            shown: rows as u64,
            total: 1_240,
            noun: ("device", "devices"),
            first: None,
            next: Some("/devices?after=x".into()),
        }),
        empty: html! { p { "No devices yet." } },
        selection: Some(Selection {
            name: "device",
            actions: vec![Action { words: "Lock".into(), to: "/devices/actions/lock".into(), destructive: false }],
            filter: vec![("search".into(), "a\"b".into())],
            at_most: None,
        }),
        compact: false,
    }
}

#[test]
fn a_sorted_column_turns_round_and_forgets_the_page() {
    let html = table(&devices(1)).into_string();
    assert!(html.contains("aria-sort=\"ascending\"><a href=\"/devices?search=a%26b&amp;sort=-name\">Name</a>"), "{html}");
    assert!(html.contains("<a href=\"/devices?search=a%26b&amp;sort=serial\">Serial</a>"), "{html}");
    let column = Column::main("Name").sort("name", &sort("name", true));
    assert!(column_head(&column).into_string().contains("aria-sort=\"descending\"><a href=\"/devices?search=a%26b&amp;sort=name\">"));
}

#[test]
fn rows_are_named_linked_and_escaped() {
    let html = table(&devices(2)).into_string();
    assert!(html.contains("<a class=\"row-link\" href=\"/devices/id-1\">iPad &lt;1&gt;</a>"), "{html}");
    assert!(html.contains("Choose iPad &lt;1&gt;</span>") && html.contains("value=\"a&quot;b\""), "{html}");
    assert!(html.contains("All 1,240 that match") && html.contains("<caption"), "{html}");
}

#[test]
fn more_rows_than_can_be_had_at_once_are_not_offered() {
    let bar = |at_most| {
        let list = devices(1);
        selection_bar(&Selection { at_most, ..list.selection.unwrap() }, list.pager.as_ref()).into_string()
    };
    let most = bar(Some(1_239));
    assert!(most.contains("At most 1,239 at once: narrow the list") && !most.contains("name=\"all\""), "{most}");
    let all = bar(Some(1_240));
    assert!(all.contains("All 1,240 that match") && !all.contains("At most"), "{all}");
}

#[test]
fn an_empty_table_says_why_instead() {
    assert_eq!(table(&devices(0)).into_string(), "<p>No devices yet.</p>");
}

#[test]
fn the_pager_says_how_much_is_shown() {
    let part = Pager { shown: 50, total: 1_240, noun: ("device", "devices"), first: Some("/devices".into()), next: None };
    let html = pager(&part).into_string();
    assert!(html.contains("Showing 50 of 1,240 devices") && html.contains("First page") && !html.contains("Next page"), "{html}");
    let whole = Pager { shown: 1, total: 1, first: None, ..part };
    assert_eq!(pager(&whole).into_string(), "<div class=\"table-foot\"><span>1 device</span></div>");
}
