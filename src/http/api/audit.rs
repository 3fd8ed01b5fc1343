//! `/api/v1/events/export`: the audit log as a file, written while it is read.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};

use super::input::Query;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::Actor;
use crate::mdm::admins::audit::{self, Asked};
use crate::store::events::{Event, PAGE_LIMIT};
use crate::store::{Tx, devices};

/// Lines of one file; what is older is had by another with an earlier `until`.
pub(in crate::http) const LINES_MAX: usize = 1_000_000;

/// Pieces that wait for a slow reader; meanwhile nothing further is read for it.
const PIECES_WAITING: usize = 4;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(save))
}

/// What the file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum Format {
    /// A table for spreadsheets.
    #[default]
    Csv,
    /// One JSON object a line, for programs.
    JsonLines,
}

impl Format {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "json_lines",
        }
    }

    const fn head(self) -> (&'static str, &'static str) {
        match self {
            Self::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit-log.csv\""),
            Self::JsonLines => ("application/x-ndjson", "attachment; filename=\"audit-log.jsonl\""),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// `csv` or `json_lines`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
    /// Only those with this topic, or of a noun when it ends in a dot: `command.`
    topic: Option<String>,
    /// Only those about this device.
    device_id: Option<String>,
    /// Only those by a person or token of this name.
    by: Option<String>,
    /// Only those from this moment on.
    from: Option<Timestamp>,
    /// Only those before this moment.
    until: Option<Timestamp>,
}

/// The audit log as a file, newest first, of up to 1,000,000 lines; the table names devices beside their ids. That it was taken is noted in it.
#[utoipa::path(get, path = "/api/v1/events/export", tag = "events", params(ExportQuery),
    responses((status = 200, description = "The file", content((String = "text/csv"), (String = "application/x-ndjson")))))]
async fn save(State(app): State<App>, Authenticated(actor): Authenticated, Query(query): Query<ExportQuery>) -> Result<Response> {
    let asked = Asked {
        by: query.by.unwrap_or_default(),
        kind: query.topic.unwrap_or_default(),
        device_id: query.device_id.unwrap_or_default(),
        from: query.from,
        until: query.until,
        actor_kinds: &[],
    };
    export(app, actor, asked, query.format).await
}

/// Writes what was asked for, page by page, as fast as it is taken.
pub(in crate::http) async fn export(app: App, actor: Actor, asked: Asked, format: Format) -> Result<Response> {
    let (noting, of) = (actor.clone(), asked.clone());
    app.store.write(app.now(), move |tx| audit::exported(tx, &noting, &of, format.as_str())).await?;
    let (sender, pieces) = mpsc::channel::<Result<Bytes, Infallible>>(PIECES_WAITING);
    tokio::spawn(async move {
        // Whoever does not get all of it sees that by the connection's end, not by a file that looks whole.
        let _ = write(&app, &actor, &asked, format, &sender).await;
    });
    let (kind, disposition) = format.head();
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, disposition)], Body::from_stream(ReceiverStream::new(pieces))).into_response())
}

async fn write(app: &App, actor: &Actor, asked: &Asked, format: Format, sender: &mpsc::Sender<Result<Bytes, Infallible>>) -> Result<()> {
    let (mut before, mut lines) = (None, 0);
    let mut piece = if format == Format::Csv { table(&[HEAD.map(str::to_owned)])? } else { Vec::new() };
    while lines < LINES_MAX {
        let (actor, asked) = (actor.clone(), asked.clone());
        let limit = PAGE_LIMIT.min(LINES_MAX - lines) as u32;
        let (page, named) = app
            .store
            .read_slow(app.now(), move |tx| {
                let actors = asked.actors();
                let page = audit::page(tx, &actor, asked.filter(&actors), before, limit)?;
                let named = if format == Format::Csv { names(tx, &page)? } else { Names::new() };
                Ok((page, named))
            })
            .await?;
        let Some(last) = page.last() else { break };
        (before, lines) = (Some(last.seq), lines + page.len());
        piece.extend(match format {
            Format::Csv => table(&page.iter().map(|event| cells(event, &named)).collect::<Vec<_>>())?,
            Format::JsonLines => page.iter().flat_map(|event| format!("{}\n", object(event)).into_bytes()).collect(),
        });
        if sender.send(Ok(std::mem::take(&mut piece).into())).await.is_err() {
            return Ok(());
        }
    }
    if !piece.is_empty() {
        // A reader that is gone needs nothing more.
        let _ = sender.send(Ok(piece.into())).await;
    }
    Ok(())
}

const HEAD: [&str; 11] = [
    msg!("Number"),
    msg!("When"),
    msg!("What"),
    msg!("Kind of who"),
    msg!("Who"),
    msg!("Device"),
    msg!("Device name"),
    msg!("Serial number"),
    msg!("Enrollment"),
    msg!("Command"),
    msg!("More"),
];

/// Names and serial numbers of devices, by their ids.
type Names = BTreeMap<String, (String, String)>;

/// The devices that these events are about, as they are called now; deleted ones too.
fn names(tx: &Tx, events: &[Event]) -> Result<Names> {
    let mut named = Names::new();
    for id in events.iter().filter_map(|event| event.device_id.as_ref()) {
        if named.contains_key(id) {
            continue;
        }
        if let Some(device) = devices::by_id(tx, id)? {
            named.insert(id.clone(), (device.name, device.serial_number.unwrap_or_default()));
        }
    }
    Ok(named)
}

fn cells(event: &Event, named: &Names) -> [String; 11] {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
    let (name, serial) = event.device_id.as_ref().and_then(|id| named.get(id)).cloned().unwrap_or_default();
    [
        event.seq.to_string(),
        event.at.to_string(),
        event.kind.clone(),
        event.actor_kind.clone(),
        event.actor.clone(),
        or_none(&event.device_id),
        name,
        serial,
        or_none(&event.enrollment_id),
        or_none(&event.command_uuid),
        event.data.to_string(),
    ]
}

fn object(event: &Event) -> serde_json::Value {
    json!({ "id": event.seq, "at": event.at, "topic": event.kind, "actor": { "kind": event.actor_kind, "name": event.actor }, "device_id": event.device_id,
        "enrollment_id": event.enrollment_id, "command_uuid": event.command_uuid, "data": event.data })
}

fn table(rows: &[[String; 11]]) -> Result<Vec<u8>> {
    let broken = |error: csv::Error| Error::internal("a table can be written to memory", error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|cell| harmless(cell))).map_err(broken)?;
    }
    writer.into_inner().map_err(|error| Error::internal("a table can be written to memory", error.into_error()))
}

/// What a spreadsheet would reckon with instead of showing it gets a mark before it.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let event = Event {
            seq: 7,
            at: Timestamp::from_seconds(0),
            kind: "admin.added".into(),
            actor_kind: "person".into(),
            actor: "=HYPERLINK(\"https://example.com\") (owner)".into(),
            device_id: Some("@SUM(A1)".into()),
            enrollment_id: Some("-1".into()),
            command_uuid: None,
            data: json!({ "name": "a,b\n\"c\"" }),
        };
        let named = Names::from([(String::from("@SUM(A1)"), (String::from("=1+1"), String::from("TESTSN0001")))]);
        let text = String::from_utf8(table(&[cells(&event, &named)]).unwrap()).unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!((&row[4], &row[5], &row[8]), ("'=HYPERLINK(\"https://example.com\") (owner)", "'@SUM(A1)", "'-1"));
        assert_eq!((&row[6], &row[7]), ("'=1+1", "TESTSN0001"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&row[10]).unwrap(), event.data);
    }
}
