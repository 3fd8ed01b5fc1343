//! `rollcall token`: API tokens for scripts.

use axum::http::Method;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::admin::role;
use super::api::{self, Api, Beside};
use super::print::{self, moment, text};
use crate::error::Result;
use crate::http::pages::parts::encode;
use crate::mdm::Role;

/// API tokens for scripts: makes, lists and revokes them.
///
/// Works while Rollcall runs, through its control socket, and while it does not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall token create --role viewer --name \"nightly report\" --days 90
  TOKEN=$(rollcall token create --role admin | tail -n 1)
  rollcall token list
  rollcall token revoke 019d2c5e-7a3b-7c11-9d52-0f8e6b1c4a77")]
pub(super) struct Token {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    beside: Beside,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Makes a token and prints it alone on the last line
    Create {
        /// viewer, helper, admin or owner
        #[arg(long, value_parser = role)]
        role: Role,
        /// After how many days it stops; never by default
        #[arg(long, value_name = "N")]
        days: Option<u32>,
        /// What it is for
        #[arg(long, default_value = "made on the command line")]
        name: String,
    },
    /// Lists tokens, those included that were revoked or expired lately
    List,
    /// Revokes a token: its next request is refused
    Revoke {
        /// Its id, from the list
        id: String,
    },
}

impl Token {
    /// Does it and prints what came of it.
    pub(super) fn run(self) -> Result<()> {
        let Self { deed, beside: Beside { data, json } } = self;
        let told = api::with(data, async |api| {
            Ok(match &deed {
                Deed::Create { role, days, name } => made(create(api, name, *role, *days).await?, json),
                Deed::List => all(api.list("/api/v1/tokens").await?, json),
                Deed::Revoke { id } => {
                    api.ask(Method::DELETE, &format!("/api/v1/tokens/{}", encode(id)), None).await?;
                    if json { String::new() } else { "The token is revoked.\n".to_owned() }
                }
            })
        })?;
        print::whole(told.as_bytes())?;
        Ok(())
    }
}

async fn create(api: &mut Api, name: &str, role: Role, days: Option<u32>) -> Result<Value> {
    let body = json!({ "name": name, "role": role, "days": days });
    api.ask(Method::POST, "/api/v1/tokens", Some(body)).await
}

/// What is said about a token that was just made; it stands alone on the last line.
fn made(token: Value, json: bool) -> String {
    if json {
        return print::json(&token);
    }
    let ends = if token["expires_at"].is_null() { "has no end".to_owned() } else { format!("ends {}", moment(&token, "expires_at", "")) };
    format!("Token “{}” ({}) {ends}. It is shown this once:\n{}\n", text(&token, "name"), text(&token, "role"), text(&token, "token"))
}

fn all(tokens: Vec<Value>, json: bool) -> String {
    if json {
        return print::json(&Value::Array(tokens));
    }
    let ends = |token: &Value| {
        if token["revoked_at"].is_null() {
            moment(token, "expires_at", "no end")
        } else {
            format!("revoked {}", moment(token, "revoked_at", ""))
        }
    };
    let row =
        |token: &Value| [text(token, "id"), text(token, "name"), text(token, "role"), moment(token, "last_used_at", "never"), ends(token)];
    print::table(["ID", "NAME", "ROLE", "LAST USED", "ENDS"], &tokens.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_alone_on_the_last_line() {
        let token = json!({ "name": "report", "role": "viewer", "expires_at": "2026-11-28T08:00:00Z", "token": "rc_x" });
        let told = made(token.clone(), false);
        assert_eq!(told, "Token “report” (viewer) ends 2026-11-28 08:00Z. It is shown this once:\nrc_x\n");
        assert_eq!(serde_json::from_str::<Value>(&made(token.clone(), true)).unwrap(), token);
    }

    #[test]
    fn a_revoked_token_is_listed_as_such() {
        let token = json!({ "id": "1", "name": "x", "role": "viewer", "revoked_at": "2026-11-28T08:00:00Z", "expires_at": null, "last_used_at": null });
        assert!(all(vec![token], false).ends_with("viewer  never      revoked 2026-11-28 08:00Z\n"));
    }
}
