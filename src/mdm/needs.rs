//! What needs a person now: the alerts that were raised, and what keeps the appliance from its work as it stands.

use crate::error::Result;
use crate::store::alerts::{self, Alert};
use crate::store::{Tx, push_certificates};

/// Without a push certificate nothing is broken yet, so it stands below what is.
const NO_PUSH_CERTIFICATE_HARM: i64 = 50;

/// Everything that needs somebody, the most harmful first.
pub fn all(tx: &Tx) -> Result<Vec<Alert>> {
    let mut needs = alerts::all(tx)?;
    if push_certificates::current(tx)?.is_none() {
        needs.push(Alert {
            key: String::from("push.none"),
            harm: NO_PUSH_CERTIFICATE_HARM,
            message: String::from("There is no push certificate yet."),
            remedy: String::from("Until Apple has given you one, no real device can enroll or be woken; practice devices need none."),
            count: 1,
            since_at: tx.now,
            last_at: tx.now,
        });
        needs.sort_by_key(|need| std::cmp::Reverse(need.harm));
    }
    Ok(needs)
}
