//! What devices ask of the practice store: whether a licence is there for them or for the account that is signed in; and what people accept there.

use serde_json::{Value, json};

use super::book::{Assignment, Book, Location};
use super::wire::{Asked, Said, refusal, said};
use crate::clock::Timestamp;

/// Where devices find the store, below the address of the stand-in.
pub(super) const SHOP: &str = "/store";

/// Where an invitation is accepted.
pub(super) const REGISTER: &str = "/register";

/// The prices that a licence may have had.
const PRICES: [&str; 2] = ["STDQ", "PLUS"];

/// Whether anybody assigned the app to the device or to the account.
pub(super) fn licences(book: &mut Book, body: &Value, now: Timestamp) -> Said {
    book.catch_up_all(now);
    let text = |key: &str| body[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let Some(adam_id) = text("adamId") else { return refusal(400, 9700) };
    if book.store_lags > 0 {
        book.store_lags -= 1;
        return said(&json!({ "licensed": false }));
    }
    let (serial, account) = (text("serialNumber").map(|serial| serial.to_ascii_uppercase()), text("account"));
    let holds = |location: &mut Location| {
        let has = |is_device: bool, holder: &str| {
            PRICES.iter().any(|price| {
                let (adam_id, pricing_param, holder) = (adam_id.clone(), (*price).to_owned(), holder.to_owned());
                location.assigned.contains(&Assignment { adam_id, pricing_param, is_device, holder })
            })
        };
        let theirs = |account: &String| {
            let mut known = location.users.iter().filter(|(_, user)| user.status == "Associated" && user.account == *account);
            known.any(|(id, _)| has(false, id))
        };
        serial.as_ref().is_some_and(|serial| has(true, serial)) || account.as_ref().is_some_and(theirs)
    };
    let licensed = book.tokens().iter().any(|token| book.location(token).is_some_and(holds));
    said(&json!({ "licensed": licensed }))
}

/// Accepts an invitation with the account that the body names.
pub(super) fn register(book: &mut Book, asked: &Asked, body: &Value) -> Said {
    let code = asked.query.iter().find(|(name, _)| name == "inviteCode").map(|(_, code)| code.as_str()).unwrap_or_default();
    match body["account"].as_str().filter(|account| !account.is_empty()) {
        Some(account) if book.accept(code, account) => said(&json!({})),
        _ => refusal(404, 9609),
    }
}
