//! The devices of a plan as a sheet for other programs.

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::clock::Wall;
use crate::error::{Error, Result};
use crate::http::auth::SignedIn;
use crate::language::say;
use crate::mdm::Actor;
use crate::mdm::updates::progress::{self, Laggard, PAGE_MAX};
use crate::mdm::updates::{plans, words};
use crate::store::Tx;
use crate::store::update_progress::Narrowed;

/// Rows of one sheet; those that need somebody stand first.
const ROWS_MAX: usize = 20_000;

const HEAD: [&str; 10] = [
    msg!("Device"),
    msg!("Serial number"),
    msg!("Ring"),
    msg!("Runs"),
    msg!("To get"),
    msg!("State"),
    msg!("Why"),
    msg!("What to do"),
    msg!("Installs by"),
    msg!("Last seen"),
];

pub(super) async fn save(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    let sheet = app.store.read_slow(app.now(), move |tx| sheet(tx, &actor, &id)).await?;
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"update-plan.csv\"")];
    Ok((headers, sheet).into_response())
}

fn sheet(tx: &Tx, actor: &Actor, id: &str) -> Result<Vec<u8>> {
    let broken = |error: csv::Error| Error::internal("a sheet can be written to memory", error);
    let read = plans::find(tx, actor, id)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEAD.map(say)).map_err(broken)?;
    let (mut after, mut rows): (Option<String>, usize) = (None, 0);
    while rows < ROWS_MAX {
        let page = progress::members_of(tx, actor, id, &Narrowed::default(), after.as_deref(), PAGE_MAX)?;
        let Some(last) = page.last() else { break };
        after = Some(last.member.cursor.clone());
        rows += page.len();
        for laggard in &page {
            let ring = read.rules.rings.get(laggard.member.state.ring).map(|ring| ring.name.as_str()).unwrap_or_default();
            writer.write_record(cells(tx, laggard, ring).map(harmless)).map_err(broken)?;
        }
    }
    writer.into_inner().map_err(|error| Error::internal("a sheet can be written to memory", error.into_error()))
}

fn cells(tx: &Tx, laggard: &Laggard, ring: &str) -> [String; 10] {
    let Laggard { member, because, remedy } = laggard;
    [
        member.name.clone(),
        member.serial_number.clone(),
        ring.to_owned(),
        member.os_version.clone(),
        member.state.version.clone(),
        words::stage(&member.state, tx.now),
        because.clone(),
        remedy.clone(),
        Wall::parse(&member.state.deadline).map(|deadline| deadline.to_string().replace('T', " ")).unwrap_or_default(),
        member.last_seen_at.map(|at| at.to_string()).unwrap_or_default(),
    ]
}

/// What a spreadsheet would reckon with instead of showing it gets a mark before it.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for wicked in ["=HYPERLINK(\"https://example.com\")", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert!(harmless(wicked.to_owned()).starts_with('\''), "{wicked:?}");
        }
        assert_eq!(harmless(String::from("iPad = 1")), "iPad = 1");
    }
}
