//! Lists of the stand-in, in pages that may change while they are read.

use serde_json::{Value, json};

use super::book::{Assignment, Book, Location};
use super::people;
use super::wire::{Asked, Said, refusal, said};
use crate::protocol::apps_and_books::UNLIMITED;

/// Answers one page of a list; then somebody else may do something.
pub(super) fn read(book: &mut Book, token: &str, asked: &Asked) -> Said {
    let parameter = |name: &str| asked.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let index: usize = parameter("pageIndex").and_then(|index| index.parse().ok()).unwrap_or_default();
    let since: Option<u64> = parameter("sinceVersionId").and_then(|version| version.parse().ok());
    let most = book.page_lines.max(1);
    let Some(location) = book.location(token) else { return refusal(200, 9622) };
    let (name, lines) = match asked.path.rsplit('/').next() {
        Some("assets") => ("assets", assets(location)),
        Some("users") => ("users", users(location)),
        _ => ("assignments", assignments(location, since)),
    };
    let pages = lines.len().div_ceil(most).max(1);
    let part: Vec<_> = lines.into_iter().skip(index * most).take(most).collect();
    let mut body = json!({
        "currentPageIndex": index, "size": part.len(), "totalPages": pages, "versionId": location.version.to_string(),
        "uId": location.uid, "mdmInfo": location.mdm_info, name: part,
    });
    if index + 1 < pages {
        body["nextPageIndex"] = json!(index + 1);
    }
    book.churn(token);
    said(&body)
}

fn assets(location: &Location) -> Vec<Value> {
    let line = |(key, owned): (&(String, String), &super::Owned)| {
        let used = location.assigned.iter().filter(|held| held.adam_id == key.0 && held.pricing_param == key.1).count() as u32;
        let available = if owned.total == UNLIMITED { UNLIMITED - used } else { owned.total.saturating_sub(used) };
        json!({
            "adamId": key.0, "pricingParam": key.1, "productType": owned.product_type, "deviceAssignable": owned.device_assignable,
            "revocable": owned.device_assignable, "supportedPlatforms": ["iOS", "macOS"], "assignedCount": used, "availableCount": available,
            "retiredCount": 0, "totalCount": owned.total,
        })
    };
    location.owned.iter().map(line).collect()
}

fn assignments(location: &Location, since: Option<u64>) -> Vec<Value> {
    match since {
        None => location.assigned.iter().map(Assignment::line).collect(),
        Some(since) => location
            .changes
            .iter()
            .filter(|(version, held)| *version > since && location.assigned.contains(held))
            .map(|(_, held)| held.line())
            .collect(),
    }
}

fn users(location: &Location) -> Vec<Value> {
    location.users.iter().map(|(id, user)| people::line(id, user)).collect()
}
