//! `rollcall admin`: people who may log in.

use std::io::BufRead as _;

use axum::http::Method;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{self, Api, Beside};
use super::print::{self, moment, text};
use crate::error::{Error, Result};
use crate::http::pages::parts::encode;
use crate::mdm::Role;
use crate::mdm::admins::PASSWORD_MAX_BYTES;

/// People who may log in: adds them, lists them, gives them a new password, switches their second factor off.
///
/// Works while Rollcall runs, through its control socket, and while it does not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall admin add kim --role owner
  rollcall admin list
  rollcall admin reset-password kim
  rollcall admin reset-totp kim
  echo \"$PASSWORD\" | rollcall admin reset-password kim --password-stdin")]
pub(super) struct Admin {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    beside: Beside,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Adds someone; a password is made and printed on the last line, unless one is given
    Add {
        /// The name to log in with
        name: String,
        /// owner, admin, helper, teacher or viewer
        #[arg(long, value_parser = role)]
        role: Role,
        /// Reads the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Lists everybody
    List,
    /// Switches the second factor of someone off who has lost their telephone, and ends their sessions
    ResetTotp {
        /// Their name
        name: String,
    },
    /// Gives someone a new password and ends their sessions; it is printed on the last line, unless one is given
    ResetPassword {
        /// Their name
        name: String,
        /// Reads the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

impl Admin {
    /// Does it and prints what came of it.
    pub(super) fn run(self) -> Result<()> {
        let Self { deed, beside: Beside { data, json } } = self;
        let password = match &deed {
            Deed::Add { password_stdin: true, .. } | Deed::ResetPassword { password_stdin: true, .. } => {
                Some(read_password(std::io::stdin().lock())?)
            }
            _ => None,
        };
        let told = api::with(data, async |api| {
            Ok(match &deed {
                Deed::Add { name, role, .. } => one(add(api, name, *role, password).await?, json),
                Deed::List => everybody(api.list("/api/v1/admins").await?, json),
                Deed::ResetTotp { name } => switched_off(reset_totp(api, name).await?, json),
                Deed::ResetPassword { name, .. } => one(reset_password(api, name, password).await?, json),
            })
        })?;
        print::whole(told.as_bytes())?;
        Ok(())
    }
}

async fn add(api: &mut Api, name: &str, role: Role, password: Option<String>) -> Result<Value> {
    let body = json!({ "name": name, "role": role, "password": password });
    api.ask(Method::POST, "/api/v1/admins", Some(body)).await
}

async fn reset_password(api: &mut Api, name: &str, password: Option<String>) -> Result<Value> {
    let path = format!("/api/v1/admins/{}/password", encode(name));
    api.ask(Method::POST, &path, Some(json!({ "password": password }))).await
}

async fn reset_totp(api: &mut Api, name: &str) -> Result<Value> {
    let path = format!("/api/v1/admins/{}/second-factor", encode(name));
    api.ask(Method::DELETE, &path, None).await
}

fn switched_off(admin: Value, json: bool) -> String {
    if json {
        return print::json(&admin);
    }
    format!("{} ({}) logs in without a second factor now.\n", text(&admin, "name"), text(&admin, "role"))
}

/// What is said about one person; a password that was made stands alone on the last line.
fn one(admin: Value, json: bool) -> String {
    if json {
        return print::json(&admin);
    }
    let (name, role) = (text(&admin, "name"), text(&admin, "role"));
    match admin["password"].as_str() {
        Some(password) => format!("{name} ({role}) logs in with this password, which is shown this once:\n{password}\n"),
        None => format!("{name} ({role}) logs in with the password that was given.\n"),
    }
}

fn everybody(admins: Vec<Value>, json: bool) -> String {
    if json {
        return print::json(&Value::Array(admins));
    }
    let state = |admin: &Value| if admin["disabled_at"].is_null() { "may log in".to_owned() } else { "may not log in".to_owned() };
    let row = |admin: &Value| [text(admin, "name"), text(admin, "role"), state(admin), moment(admin, "created_at", "")];
    print::table(["NAME", "ROLE", "STATE", "ADDED"], &admins.iter().map(row).collect::<Vec<_>>())
}

fn read_password(input: impl std::io::BufRead) -> Result<String> {
    read_line(input, PASSWORD_MAX_BYTES, "password")
}

/// The first line of the input, without its end; no more than two bytes above `most`, which the API then says is too long.
pub(super) fn read_line(input: impl std::io::BufRead, most: usize, what: &str) -> Result<String> {
    let mut line = String::new();
    let read = input.take(most as u64 + 2).read_line(&mut line);
    read.map_err(|error| Error::bad_input(format!("The {what} cannot be read from standard input: {error}.")))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads a role's word.
pub(super) fn role(word: &str) -> Result<Role, String> {
    Role::parse(word).map_err(|error| error.fields.into_iter().next().map(|fault| fault.message).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_comes_as_one_line() {
        assert_eq!(read_password(&b"correct horse \r\nrest"[..]).unwrap(), "correct horse ");
        assert_eq!(read_password(&b""[..]).unwrap(), "");
        assert!(read_password(&b"\xff\xfe\n"[..]).is_err());
        assert_eq!(read_password(vec![b'x'; 5000].as_slice()).unwrap().len(), PASSWORD_MAX_BYTES + 2, "still too long, which the API says");
    }

    #[test]
    fn a_password_that_was_made_stands_alone_on_the_last_line() {
        let made = json!({ "name": "kim", "role": "owner", "password": "ABCD-EFGH" });
        assert_eq!(one(made, false).lines().last(), Some("ABCD-EFGH"));
        assert!(one(json!({ "name": "kim", "role": "owner" }), false).starts_with("kim (owner)"));
    }

    #[test]
    fn everybody_is_listed_with_what_they_may() {
        let admins = vec![json!({ "name": "kim", "role": "owner", "disabled_at": null, "created_at": "2026-11-25T08:00:00Z" })];
        let listed = everybody(admins.clone(), false);
        assert_eq!(listed, "NAME  ROLE   STATE       ADDED\nkim   owner  may log in  2026-11-25 08:00Z\n");
        assert_eq!(serde_json::from_str::<Value>(&everybody(admins.clone(), true)).unwrap(), Value::Array(admins));
    }
}
