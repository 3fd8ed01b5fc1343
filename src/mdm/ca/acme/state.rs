//! How far an order is, and what moves it on (RFC 8555 §7.1.6). Authorization and challenge stand where the order stands.

use crate::clock::Timestamp;
use crate::store::acme::OrderState;

/// What happens to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// It is looked at: its hour may be over.
    Looked,
    /// Its challenge was met.
    Met,
    /// Its challenge was not met, or its certificate was refused.
    Failed,
    /// Its certificate was issued.
    Issued,
}

/// Where an order stands after `event`; what does not fit where it stands changes nothing.
pub(super) fn next(state: OrderState, event: Event, now: Timestamp, expires_at: Timestamp) -> OrderState {
    use OrderState::{Invalid, Pending, Ready, Valid};
    match (state, event) {
        (Pending | Ready, _) if expires_at <= now => Invalid,
        (Pending, Event::Met) => Ready,
        (Pending | Ready, Event::Failed) => Invalid,
        (Ready, Event::Issued) => Valid,
        (Valid | Invalid, _) | (_, Event::Looked) | (Pending, Event::Issued) | (Ready, Event::Met) => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_goes_its_way_once_and_ends_in_its_hour() {
        use OrderState::{Invalid, Pending, Ready, Valid};
        let (now, end) = (Timestamp::from_seconds(10), Timestamp::from_seconds(20));
        let table = [
            (Pending, [Pending, Ready, Invalid, Pending]),
            (Ready, [Ready, Ready, Invalid, Valid]),
            (Valid, [Valid; 4]),
            (Invalid, [Invalid; 4]),
        ];
        for (state, after) in table {
            let events = [Event::Looked, Event::Met, Event::Failed, Event::Issued];
            assert_eq!(events.map(|event| next(state, event, now, end)), after, "{state}");
            let late = if state == Valid { Valid } else { Invalid };
            assert_eq!(events.map(|event| next(state, event, end, end)), [late; 4], "{state}, too late");
        }
    }
}
