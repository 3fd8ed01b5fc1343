//! Tables: sticky head, sort by link, rows to choose with a bar of actions, "showing 50 of 1,240", and a reason when empty.

use maud::{Markup, Render as _, html};

use super::address::Address;
use super::forms::{Button, hidden};
use super::named::named;
use super::text::{count, thousands};

/// How a column is set and where it may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Main,
    Text,
    Number,
    Code,
    Deed,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    title: String,
    kind: Kind,
    minor: bool,
    lesser: bool,
    labelled: bool,
    whole: bool,
    roomy: bool,
    wraps: bool,
    sort: Option<(String, Option<bool>)>,
}

impl Column {
    /// The column that names the row and leads to it; one a table.
    pub fn main(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            kind: Kind::Main,
            minor: false,
            lesser: false,
            labelled: false,
            whole: false,
            roomy: false,
            wraps: false,
            sort: None,
        }
    }

    /// A column of text.
    pub fn text(title: impl Into<String>) -> Self {
        Self { kind: Kind::Text, ..Self::main(title) }
    }

    /// A column of numbers, set to the right.
    pub fn number(title: impl Into<String>) -> Self {
        Self { kind: Kind::Number, ..Self::main(title) }
    }

    /// A column of identifiers, in the fixed-width face.
    pub fn code(title: impl Into<String>) -> Self {
        Self { kind: Kind::Code, ..Self::main(title) }
    }

    /// A last column of buttons; its head is only heard.
    pub fn deed() -> Self {
        Self { kind: Kind::Deed, ..Self::main(t!("What to do")) }
    }

    /// The first to be left out where the window is not wide.
    #[must_use]
    pub fn minor(mut self) -> Self {
        self.minor = true;
        self
    }

    /// Left out where the window is narrow, after the [`Column::minor`] ones.
    #[must_use]
    pub fn lesser(mut self) -> Self {
        self.lesser = true;
        self
    }

    /// Says its title before the value at phone width, where columns have no heads.
    #[must_use]
    pub fn labelled(mut self) -> Self {
        self.labelled = true;
        self
    }

    /// Never breaks a line: versions, times.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// Keeps room for a dozen letters more than the browser would give it.
    #[must_use]
    pub fn roomy(mut self) -> Self {
        self.roomy = true;
        self
    }

    /// Breaks a line anywhere rather than widen the table: what devices say.
    #[must_use]
    pub fn wraps(mut self) -> Self {
        self.wraps = true;
        self
    }

    /// Sorts by `key` when its head is followed.
    #[must_use]
    pub fn sort(mut self, key: &str, sort: &Sort) -> Self {
        let now = (sort.key == key).then_some(sort.descending);
        let wanted = if now == Some(false) { format!("-{key}") } else { key.to_owned() };
        self.sort = Some((sort.address.clone().without("after").with("sort", &wanted).to_string(), now));
        self
    }

    fn class(&self) -> String {
        let kind = match self.kind {
            Kind::Main => "main",
            Kind::Text => "",
            Kind::Number => "number",
            Kind::Code => "code",
            Kind::Deed => "deed",
        };
        let classes = [
            kind,
            if self.minor { "minor" } else { "" },
            if self.lesser { "lesser" } else { "" },
            if self.whole { "nowrap" } else { "" },
            if self.roomy { "roomy" } else { "" },
            if self.wraps { "wraps" } else { "" },
        ];
        classes.into_iter().filter(|class| !class.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// What a table is sorted by, read from `?sort=name` or `?sort=-name`.
#[derive(Debug, Clone)]
pub struct Sort {
    /// The column's key.
    pub key: String,
    /// Greatest first.
    pub descending: bool,
    /// The page's address with its filters.
    pub address: Address,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// What its box sends when chosen.
    pub id: String,
    /// Where it leads.
    pub href: Option<String>,
    /// Its name, for the box's label.
    pub name: String,
    /// One a column.
    pub cells: Vec<Cell>,
}

/// One cell: what stands in it.
pub type Cell = Markup;

/// Something to do with the chosen rows.
#[derive(Debug, Clone)]
pub struct Action {
    /// What the button says.
    pub words: String,
    /// Where the form goes; it answers with a confirmation.
    pub to: String,
    /// Whether something is lost by it.
    pub destructive: bool,
}

/// Rows can be chosen, and these are the actions for them, the destructive ones last.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The name under which chosen ids are sent: `device`.
    pub name: &'static str,
    /// The actions.
    pub actions: Vec<Action>,
    /// The filters in force, for "all that match".
    pub filter: Vec<(String, String)>,
    /// For how many rows at once the actions are; absent where they are for any number.
    pub at_most: Option<u64>,
}

/// How much of a list is shown and where the rest is.
#[derive(Debug, Clone)]
pub struct Pager {
    /// Rows on this page.
    pub shown: u64,
    /// Rows in all, under the filters in force.
    pub total: u64,
    /// What the rows are: one, many.
    pub noun: (&'static str, &'static str),
    /// The address of the first page, when this is not it.
    pub first: Option<String>,
    /// The address of the next page, when there is one.
    pub next: Option<String>,
}

/// A table with all that stands round it.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// What it lists, for a screen reader.
    pub caption: &'a str,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// How much of the list this is; absent for lists that are always whole.
    pub pager: Option<Pager>,
    /// What stands in place of the table when it has no rows.
    pub empty: Markup,
    /// The actions for chosen rows.
    pub selection: Option<Selection>,
    /// Rows of 28 pixels instead of 36.
    pub compact: bool,
}

/// The table, or why it is empty.
pub fn table(table: &Table<'_>) -> Markup {
    if table.rows.is_empty() {
        return table.empty.clone();
    }
    let whole = html! {
        table.table.compact[table.compact].pickable[table.selection.is_some()] {
            caption.hear-only { (table.caption) }
            thead { tr {
                @if table.selection.is_some() {
                    th.pick scope="col" {
                        span.hear-only { (t!("Choose")) }
                        input.script-only type="checkbox" data-choose-all aria-label=(t!("Choose all rows on this page"));
                    }
                }
                @for column in &table.columns { (column_head(column)) }
            } }
            tbody { @for row in &table.rows { (self::row(row, &table.columns, table.selection.as_ref())) } }
        }
    };
    html! {
        @match &table.selection {
            Some(selection) => form.selectable method="post" action=(selection.actions.first().map_or("", |action| &action.to)) {
                (whole)
                @if let Some(pager) = &table.pager { (self::pager(pager)) }
                (selection_bar(selection, table.pager.as_ref()))
            },
            None => {
                (whole)
                @if let Some(pager) = &table.pager { (self::pager(pager)) }
            },
        }
    }
}

fn column_head(column: &Column) -> Markup {
    let sorted = column.sort.as_ref().and_then(|(_, now)| *now).map(|descending| if descending { "descending" } else { "ascending" });
    let sorts = column.sort.is_some();
    html! {
        th class=[some(format!("{}{}", column.class(), if sorts { " sortable" } else { "" }).trim().to_owned())] scope="col" aria-sort=[sorted] {
            @match &column.sort {
                Some((href, _)) => a href=(href) { (column.title) },
                None if column.title.is_empty() || column.kind == Kind::Deed => span.hear-only { (if column.title.is_empty() { t!("More") } else { &column.title }) },
                None => (column.title),
            }
        }
    }
}

fn row(row: &Row, columns: &[Column], selection: Option<&Selection>) -> Markup {
    html! {
        tr {
            @if let Some(selection) = selection {
                td.pick { label { input type="checkbox" name=(selection.name) value=(row.id); span.hear-only { (t!("Choose ")) (named(&row.name)) } } }
            }
            @for (cell, column) in row.cells.iter().zip(columns) {
                @let label = column.labelled.then_some(&column.title);
                td class=[some(column.class())] data-label=[label] {
                    @match &row.href {
                        Some(href) if column.kind == Kind::Main => a.row-link href=(href) { (cell) },
                        _ => (cell),
                    }
                }
            }
        }
    }
}

fn selection_bar(selection: &Selection, pager: Option<&Pager>) -> Markup {
    let more = pager.filter(|pager| pager.total > pager.shown);
    html! {
        (hidden(&selection.filter))
        div.selection role="group" aria-label=(t!("Actions for the chosen rows")) {
            span.how-many data-chosen="# chosen" aria-live="polite" { (t!("Chosen rows")) }
            @if let Some(pager) = more {
                @match selection.at_most.filter(|most| pager.total > *most) {
                    Some(most) => span.meta { (t!("At most ")) (thousands(most)) (t!(" at once: narrow the list")) },
                    None => label.row { input type="checkbox" name="all" value="1"; (t!("All ")) (thousands(pager.total)) (t!(" that match")) },
                }
            }
            @for action in &selection.actions {
                @let button = Button::submit(&action.words).small().asks().to(&action.to);
                @if action.destructive { (button.destructive().render()) } @else { (button.render()) }
            }
        }
    }
}

/// "Showing 50 of 1,240 devices", with the way to the rest.
pub fn pager(pager: &Pager) -> Markup {
    let (one, many) = pager.noun;
    html! {
        div.table-foot {
            span {
                @if pager.shown < pager.total { (t!("Showing ")) (thousands(pager.shown)) (t!(" of ")) (count(pager.total, one, many)) }
                @else { (count(pager.total, one, many)) }
            }
            @if pager.first.is_some() || pager.next.is_some() {
                nav aria-label=(t!("Pages")) {
                    @if let Some(first) = &pager.first { a href=(first) { (t!("First page")) } }
                    @if let Some(next) = &pager.next { a href=(next) rel="next" { (t!("Next page")) } }
                }
            }
        }
    }
}

fn some(class: String) -> Option<String> {
    (!class.is_empty()).then_some(class)
}

#[cfg(test)]
mod tests;
