//! People in the stand-in's book: made known, invited, associated with an account, retired.

use serde_json::{Value, json};

use super::book::{Book, Location, User};
use super::notices;
use crate::protocol::apps_and_books::UserInput;

impl Book {
    /// The person accepts their invitation, with an account of their own.
    pub fn accept_invitation(&mut self, token: &str, client_user_id: &str) -> bool {
        let Some(location) = self.location(token) else { return false };
        let account = location.users.get(client_user_id).map(|user| user.email.clone()).unwrap_or_default();
        associate(location, client_user_id, &account).map(|told| self.tell(token, &told)).is_some()
    }

    /// Somebody accepts the invitation with this code, with the account that they are signed in with; false where there is no such invitation.
    pub(super) fn accept(&mut self, code: &str, account: &str) -> bool {
        for token in self.tokens() {
            let Some(location) = self.location(&token) else { continue };
            let invited = location.users.iter().find(|(_, user)| user.status == "Registered" && user.invite_code == code);
            let Some(id) = invited.map(|(id, _)| id.clone()) else { continue };
            return associate(location, &id, account).map(|told| self.tell(&token, &told)).is_some();
        }
        false
    }
}

/// The account counts as the person's from now on, if they were invited; gives what is told of it.
fn associate(location: &mut Location, id: &str, account: &str) -> Option<notices::Content> {
    let user = location.users.get_mut(id).filter(|user| user.status == "Registered")?;
    (user.status, user.account) = ("Associated", account.to_owned());
    location.version += 1;
    Some(notices::associated(line(id, location.users.get(id)?)))
}

/// A person as lists and notifications show them.
pub(super) fn line(id: &str, user: &User) -> Value {
    let mut line = json!({ "clientUserId": id, "email": user.email, "status": user.status });
    match user.status {
        "Registered" => line["inviteCode"] = json!(user.invite_code),
        "Associated" => line["idHash"] = json!(crate::sim::model::account_hash(&user.account)),
        _ => {}
    }
    line
}

/// Somebody becomes known, or what changed of them does.
pub(super) fn make(book: &mut Book, location: &mut Location, user: &UserInput) {
    let code = book.random.code(20);
    let known = location.users.entry(user.client_user_id.clone()).or_insert_with(|| User {
        email: String::new(),
        managed_apple_id: String::new(),
        account: String::new(),
        status: "Registered",
        invite_code: code,
    });
    (known.email, known.managed_apple_id) = (user.email.clone(), user.managed_apple_id.clone());
    if known.status == "Retired" {
        known.status = "Registered";
    }
    if !known.managed_apple_id.is_empty() {
        (known.status, known.account) = ("Associated", known.managed_apple_id.clone());
    }
}

/// Somebody is retired; what was theirs is free.
pub(super) fn retire(location: &mut Location, client_user_id: &str) {
    if let Some(user) = location.users.get_mut(client_user_id) {
        user.status = "Retired";
    }
    let held: Vec<_> = location.assigned.iter().filter(|held| !held.is_device && held.holder == client_user_id).cloned().collect();
    for held in held {
        location.withdraw(&held);
    }
}
