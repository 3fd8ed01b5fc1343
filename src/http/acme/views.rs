//! ACME's resources as they are shown, with their addresses.

use crate::app::App;
use crate::protocol::acme::{Account as AccountView, Authorization, CHALLENGE, Challenge, Directory, Identifier, Order as OrderView};
use crate::store::acme::{Account, Order, OrderState};

/// Where accounts get another key.
pub(super) const KEY_CHANGE: &str = "/acme/key-change";

/// The addresses, under the public one that profiles name.
pub(super) struct Addresses<'a>(&'a str);

impl<'a> Addresses<'a> {
    pub(super) fn of(app: &'a App) -> Self {
        Self(&app.public_url)
    }

    /// The whole address of a path here.
    pub(super) fn of_path(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    pub(super) fn directory(&self) -> String {
        self.of_path("/acme/directory")
    }

    pub(super) fn all(&self) -> Directory {
        Directory {
            new_nonce: self.of_path("/acme/new-nonce"),
            new_account: self.of_path("/acme/new-account"),
            new_order: self.of_path("/acme/new-order"),
            revoke_cert: self.of_path("/acme/revoke-cert"),
            key_change: self.of_path(KEY_CHANGE),
        }
    }

    pub(super) fn account(&self, id: &str) -> String {
        self.of_path(&format!("/acme/account/{id}"))
    }

    /// The id in the address of an account.
    pub(super) fn id_of_account<'b>(&self, address: &'b str) -> Option<&'b str> {
        address.strip_prefix(self.0)?.strip_prefix("/acme/account/").filter(|id| !id.contains('/'))
    }

    pub(super) fn order(&self, id: &str) -> String {
        self.of_path(&format!("/acme/order/{id}"))
    }

    pub(super) fn authorization(&self, id: &str) -> String {
        self.of_path(&format!("/acme/authz/{id}"))
    }

    pub(super) fn view_account(&self, account: &Account) -> AccountView {
        AccountView { status: "valid", orders: self.of_path(&format!("/acme/account/{}/orders", account.id)) }
    }

    pub(super) fn view_order(&self, order: &Order, identifier: Identifier) -> OrderView {
        let is_done = order.state == OrderState::Valid;
        OrderView {
            status: order.state.as_str(),
            expires: order.expires_at,
            identifiers: [identifier],
            authorizations: [self.authorization(&order.id)],
            finalize: self.of_path(&format!("/acme/order/{}/finalize", order.id)),
            certificate: is_done.then(|| self.of_path(&format!("/acme/certificate/{}", order.id))),
            error: order.problem.clone(),
        }
    }

    pub(super) fn view_authorization(&self, order: &Order, identifier: Identifier) -> Authorization {
        Authorization { status: met(order.state), expires: order.expires_at, identifier, challenges: [self.view_challenge(order)] }
    }

    pub(super) fn view_challenge(&self, order: &Order) -> Challenge {
        Challenge {
            kind: CHALLENGE,
            url: self.of_path(&format!("/acme/challenge/{}", order.id)),
            status: met(order.state),
            token: order.token.clone(),
            validated: order.validated_at,
            error: order.problem.clone(),
        }
    }
}

/// Where authorization and challenge stand while their order stands so.
const fn met(state: OrderState) -> &'static str {
    match state {
        OrderState::Pending => "pending",
        OrderState::Ready | OrderState::Valid => "valid",
        OrderState::Invalid => "invalid",
    }
}
