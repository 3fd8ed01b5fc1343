//! `rollcall webhook`: programs that are told what happens.

use axum::http::Method;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::admin::read_line;
use super::api::{self, Api, Beside};
use super::print::{self, moment, text};
use crate::error::{Error, Result};
use crate::http::pages::parts::encode;
use crate::mdm::webhooks::KEY_LENGTH;

/// Programs that are told what happens: adds webhooks, changes, tries, lists and removes them, and shows what was posted to one.
///
/// Works while Rollcall runs, through its control socket, and while it does not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall webhook list
  rollcall webhook add https://hooks.example.school/mdm --topic mdm.CheckOut --topic rollcall.Notice
  KEY=$(rollcall webhook add https://hooks.example.school/mdm | tail -n 1)
  rollcall webhook test 019d2c5e-7a3b-7c11-9d52-0f8e6b1c4a77
  rollcall webhook change 019d2c5e-7a3b-7c11-9d52-0f8e6b1c4a77 --off
  rollcall webhook deliveries 019d2c5e-7a3b-7c11-9d52-0f8e6b1c4a77")]
pub(super) struct Webhook {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    beside: Beside,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Lists webhooks with how much waits for each
    List,
    /// Adds a webhook; the key that signs its events is made and printed on the last line, unless one is given
    Add {
        /// Where events are posted, https://… or http://…
        url: String,
        /// What it wants to hear, for example mdm.CheckOut (may repeat); all that devices say by default
        #[arg(long = "topic", value_name = "TOPIC")]
        topics: Vec<String>,
        /// Leaves tokens and secrets in raw messages in
        #[arg(long)]
        include_secrets: bool,
        /// Reads the key from standard input, 16 to 256 characters
        #[arg(long)]
        key_stdin: bool,
    },
    /// Changes a webhook, or switches it on or off; what is not named stays
    Change(Box<Change>),
    /// Makes another key for a webhook and prints it on the last line; the next events are signed with it
    RenewKey {
        /// Its id, from the list
        id: String,
    },
    /// Posts an event for trial and shows the answer; the exit code is 1 where it was not taken
    Test {
        /// Its id, from the list
        id: String,
    },
    /// Shows what was posted to a webhook lately and what came of it, newest first
    Deliveries {
        /// Its id, from the list
        id: String,
    },
    /// Delivers an event again
    Redeliver {
        /// The webhook's id, from the list
        id: String,
        /// The event's number, from its deliveries
        number: i64,
    },
    /// Removes a webhook and what waits for it
    Remove {
        /// Its id, from the list
        id: String,
    },
}

#[derive(Debug, Args)]
struct Change {
    /// Its id, from the list
    id: String,
    /// Posts events there instead
    #[arg(long)]
    url: Option<String>,
    /// What it wants to hear from now on (may repeat)
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// It wants to hear all that devices say
    #[arg(long, conflicts_with = "topics")]
    all_topics: bool,
    /// Leaves tokens and secrets in raw messages in
    #[arg(long)]
    include_secrets: bool,
    /// Takes tokens and secrets out of raw messages
    #[arg(long, conflicts_with = "include_secrets")]
    leave_out_secrets: bool,
    /// Switches it on
    #[arg(long)]
    on: bool,
    /// Switches it off: it gets nothing, and what waits for it is dropped
    #[arg(long, conflicts_with = "on")]
    off: bool,
}

impl Change {
    /// What the API is asked for.
    ///
    /// # Errors
    /// Bad input where nothing is to change.
    fn body(&self) -> Result<Value> {
        let mut body = Map::new();
        if let Some(url) = &self.url {
            body.insert("url".into(), url.as_str().into());
        }
        if self.all_topics || !self.topics.is_empty() {
            body.insert("topics".into(), json!(self.topics));
        }
        if self.include_secrets || self.leave_out_secrets {
            body.insert("include_secrets".into(), self.include_secrets.into());
        }
        if self.on || self.off {
            body.insert("enabled".into(), self.on.into());
        }
        if body.is_empty() {
            return Err(Error::bad_input(
                "Say what is to change: --url, --topic, --all-topics, --include-secrets, --leave-out-secrets, --on or --off.",
            ));
        }
        Ok(Value::Object(body))
    }
}

impl Webhook {
    /// Does it and prints what came of it.
    ///
    /// # Errors
    /// Also a conflict, so that the exit code is 1, when an event for trial was not taken.
    pub(super) fn run(self) -> Result<()> {
        let Self { deed, beside: Beside { data, json } } = self;
        let key = match &deed {
            Deed::Add { key_stdin: true, .. } => Some(read_line(std::io::stdin().lock(), *KEY_LENGTH.end(), "key")?),
            _ => None,
        };
        let change = if let Deed::Change(change) = &deed { Some(change.body()?) } else { None };
        let mut failure = None;
        let told = api::with(data, async |api| {
            Ok(match &deed {
                Deed::List => all(api.list("/api/v1/webhooks").await?, json),
                Deed::Add { url, topics, include_secrets, .. } => {
                    let given = key.is_some();
                    let body = json!({ "url": url, "topics": topics, "include_secrets": include_secrets, "hmac_key": key });
                    added(api.ask(Method::POST, "/api/v1/webhooks", Some(body)).await?, given, json)
                }
                Deed::Change(what) => changed(api.ask(Method::PATCH, &address(&what.id), change).await?, json),
                Deed::RenewKey { id } => renewed(below(api, id, "key").await?, json),
                Deed::Test { id } => {
                    let trial = below(api, id, "test").await?;
                    failure = refusal(&trial);
                    tried(trial, json)
                }
                Deed::Deliveries { id } => posted(api.list(&format!("{}/deliveries", address(id))).await?, json),
                Deed::Redeliver { id, number } => {
                    below(api, id, &format!("deliveries/{number}/redeliver")).await?;
                    if json { String::new() } else { "It goes out once more.\n".to_owned() }
                }
                Deed::Remove { id } => {
                    api.ask(Method::DELETE, &address(id), None).await?;
                    if json { String::new() } else { "The webhook is removed.\n".to_owned() }
                }
            })
        })?;
        print::whole(told.as_bytes())?;
        failure.map_or(Ok(()), Err)
    }
}

fn address(id: &str) -> String {
    format!("/api/v1/webhooks/{}", encode(id))
}

async fn below(api: &mut Api, id: &str, what: &str) -> Result<Value> {
    api.ask(Method::POST, &format!("{}/{what}", address(id)), None).await
}

/// What it wants to hear, in words.
fn topics(webhook: &Value) -> String {
    let topics: Vec<_> = webhook["topics"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if topics.is_empty() { "all that devices say".to_owned() } else { topics.join(", ") }
}

fn all(webhooks: Vec<Value>, json: bool) -> String {
    if json {
        return print::json(&Value::Array(webhooks));
    }
    let state = |webhook: &Value| match moment(webhook, "disabled_at", "") {
        since if since.is_empty() => "on".to_owned(),
        since => format!("off since {since}"),
    };
    let row =
        |webhook: &Value| [text(webhook, "id"), text(webhook, "url"), state(webhook), webhook["waiting"].to_string(), topics(webhook)];
    print::table(["ID", "ADDRESS", "STATE", "WAITING", "TOPICS"], &webhooks.iter().map(row).collect::<Vec<_>>())
}

/// What is said about a webhook that was just made; a key that was made stands alone on the last line.
fn added(webhook: Value, given: bool, json: bool) -> String {
    if json {
        return print::json(&webhook);
    }
    let head = format!("Webhook {}: {} is told {}.", text(&webhook, "id"), text(&webhook, "url"), topics(&webhook));
    if given {
        return format!("{head} Events are signed with the key that was given.\n");
    }
    format!("{head} Events are signed with this key, which is shown this once:\n{}\n", text(&webhook, "hmac_key"))
}

fn changed(webhook: Value, json: bool) -> String {
    if json {
        return print::json(&webhook);
    }
    let off = if webhook["disabled_at"].is_null() { "" } else { " It is switched off and gets nothing." };
    format!("{} is told {}.{off}\n", text(&webhook, "url"), topics(&webhook))
}

fn renewed(key: Value, json: bool) -> String {
    if json {
        return print::json(&key);
    }
    format!("The next events are signed with this key, which is shown this once:\n{}\n", text(&key, "hmac_key"))
}

/// Why a trial failed; nothing where the receiver took the event.
fn refusal(trial: &Value) -> Option<Error> {
    let because = text(trial, "error");
    (trial["delivered"] != json!(true)).then(|| Error::conflict(format!("The event for trial was not taken: {because}.")))
}

fn tried(trial: Value, json: bool) -> String {
    if json {
        return print::json(&trial);
    }
    let took = format!("after {} ms", trial["took_ms"]);
    let head = trial["status"].as_u64().map_or_else(|| format!("No answer {took}.\n"), |status| format!("Status {status} {took}.\n"));
    match text(&trial, "answer") {
        answer if answer.is_empty() => head,
        answer => format!("{head}{answer}\n"),
    }
}

fn posted(deliveries: Vec<Value>, json: bool) -> String {
    if json {
        return print::json(&Value::Array(deliveries));
    }
    let outcome = |delivery: &Value| match (text(delivery, "state").as_str(), text(delivery, "error")) {
        ("delivered", _) => String::new(),
        ("waiting", error) => format!("{error}; next try {}", moment(delivery, "next_at", "is not set")),
        (_, error) => error,
    };
    let row = |delivery: &Value| {
        [
            delivery["seq"].to_string(),
            moment(delivery, "tried_at", ""),
            text(delivery, "topic"),
            text(delivery, "state").replace('_', " "),
            delivery["attempts"].to_string(),
            delivery["status"].as_u64().map_or_else(|| "-".to_owned(), |status| status.to_string()),
            outcome(delivery),
        ]
    };
    let titles = ["NUMBER", "TRIED", "TOPIC", "STATE", "TRIES", "STATUS", "WHY"];
    print::table(titles, &deliveries.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(topics: &[&str]) -> Value {
        json!({ "id": "1", "url": "https://hooks.example.school/mdm", "topics": topics, "waiting": 3, "disabled_at": null, "hmac_key": "K" })
    }

    #[test]
    fn a_key_that_was_made_stands_alone_on_the_last_line_and_one_that_was_given_is_not_said() {
        assert_eq!(
            added(webhook(&[]), false, false),
            "Webhook 1: https://hooks.example.school/mdm is told all that devices say. \
             Events are signed with this key, which is shown this once:\nK\n"
        );
        let told = added(webhook(&["mdm.CheckOut", "rollcall.Notice"]), true, false);
        assert!(told.contains("is told mdm.CheckOut, rollcall.Notice.") && told.ends_with("the key that was given.\n"), "{told}");
        assert_eq!(renewed(json!({ "hmac_key": "L" }), false).lines().last(), Some("L"));
    }

    #[test]
    fn webhooks_are_listed_with_what_waits_and_whether_they_are_on() {
        let mut off = webhook(&["mdm.CheckOut"]);
        off["disabled_at"] = json!("2026-11-28T08:00:00Z");
        assert_eq!(
            all(vec![webhook(&[]), off.clone()], false),
            "ID  ADDRESS                           STATE                        WAITING  TOPICS\n\
             1   https://hooks.example.school/mdm  on                           3        all that devices say\n\
             1   https://hooks.example.school/mdm  off since 2026-11-28 08:00Z  3        mdm.CheckOut\n"
        );
        assert!(changed(off, false).ends_with("It is switched off and gets nothing.\n"));
    }

    #[test]
    fn a_trial_that_was_not_taken_fails_and_says_why() {
        let taken = json!({ "delivered": true, "status": 200, "error": null, "answer": "Hello", "took_ms": 4 });
        assert!(refusal(&taken).is_none());
        assert_eq!(tried(taken, false), "Status 200 after 4 ms.\nHello\n");
        let refused = json!({ "delivered": false, "status": null, "error": "nobody answers there", "answer": "", "took_ms": 4 });
        assert_eq!(refusal(&refused).unwrap().message, "The event for trial was not taken: nobody answers there.");
        assert_eq!(tried(refused, false), "No answer after 4 ms.\n");
    }

    #[test]
    fn what_was_posted_stands_in_a_table() {
        let delivery = |seq: u64, state: &str, status: Value, error: &str, next: Value| {
            json!({ "seq": seq, "topic": "mdm.Connect", "state": state, "status": status, "error": error, "attempts": 2,
                "next_at": next, "tried_at": "2026-11-28T08:00:00Z" })
        };
        let told = posted(
            vec![
                delivery(12, "waiting", json!(503), "it answered with status 503", json!("2026-11-28T08:05:00Z")),
                delivery(9, "given_up", Value::Null, "nobody answers there", Value::Null),
                delivery(8, "delivered", json!(204), "", Value::Null),
            ],
            false,
        );
        assert_eq!(
            told,
            "NUMBER  TRIED              TOPIC        STATE      TRIES  STATUS  WHY\n\
             12      2026-11-28 08:00Z  mdm.Connect  waiting    2      503     it answered with status 503; next try 2026-11-28 08:05Z\n\
             9       2026-11-28 08:00Z  mdm.Connect  given up   2      -       nobody answers there\n\
             8       2026-11-28 08:00Z  mdm.Connect  delivered  2      204\n"
        );
    }

    #[test]
    fn only_what_is_named_changes_and_something_has_to_be() {
        let nothing = Change {
            id: "1".into(),
            url: None,
            topics: Vec::new(),
            all_topics: false,
            include_secrets: false,
            leave_out_secrets: false,
            on: false,
            off: false,
        };
        assert!(nothing.body().unwrap_err().message.contains("--url"));
        assert_eq!(Change { off: true, all_topics: true, ..nothing }.body().unwrap(), json!({ "enabled": false, "topics": [] }));
    }
}
