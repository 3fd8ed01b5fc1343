//! The practice store as a device meets it: it is asked for a licence before an app comes, and people accept invitations there.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::Device;
use super::agenda::Errand;
use super::apps::{App, AppMishap, Order, Status};
use super::commands::{After, Answer, Command};
use super::values::{Complaint, dictionary};
use super::wire::{Purpose, Request, Response};
use crate::clock::Timestamp;
use crate::protocol::plist::{Value, fields};
use crate::sim::model::Family;

/// Who waits for what the store says.
#[derive(Debug, Clone)]
pub(crate) enum Asker {
    /// A command, which is answered then.
    Command(Command),
    /// A declaration, by its identifier, and whether the licence is to be the device's.
    Declaration(String, bool),
}

/// Whether there is a licence of an app.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    app: App,
    adam_id: u64,
    asker: Asker,
}

impl Device {
    /// From now on this account is signed in to the store; none: nobody is.
    pub fn sign_in(&mut self, account: Option<&str>) {
        self.situation.account = account.map(str::to_owned);
    }

    /// Has the store asked; the answer follows.
    pub(crate) fn ask_store(&mut self, app: App, adam_id: u64, asker: Asker) -> Answer {
        let is_command = matches!(asker, Asker::Command(_));
        let errand = Errand::Licence(Box::new(Question { app, adam_id, asker }));
        // A command is answered before the conversation goes on.
        if is_command {
            self.agenda.push_front(errand);
        } else {
            self.agenda.push_back(errand);
        }
        Answer::Later
    }

    /// The question as it goes out.
    pub(crate) fn licence_request(&self, question: &Question) -> Option<Request> {
        let url = format!("{}/licences", self.settings.store.as_deref()?.trim_end_matches('/'));
        let (by_device, by_account) = match question.asker {
            // A device without a serial number to show has no licence of its own.
            Asker::Command(_) => (!self.is_by_user(), true),
            Asker::Declaration(_, device_based) => (device_based, !device_based),
        };
        let body = json!({
            "adamId": question.adam_id.to_string(),
            "serialNumber": by_device.then_some(&self.facts.serial_number),
            "account": self.situation.account.as_ref().filter(|_| by_account),
        });
        Some(store_request(url, &body))
    }

    /// The store said whether there is a licence, or nothing that can be used.
    pub(crate) fn licence_told(&mut self, question: Question, response: Option<&Response>, now: Timestamp) {
        let told = response.and_then(|response| serde_json::from_slice::<serde_json::Value>(&response.body).ok());
        let licensed = told.and_then(|told| told["licensed"].as_bool());
        if licensed.is_none() {
            self.journal.error("the practice store did not say whether there is a licence");
        }
        let licensed = licensed == Some(true);
        let Question { app, asker, .. } = question;
        match asker {
            Asker::Command(command) => {
                let answer = if licensed { self.order_app(app, &command.body, now) } else { self.without_licence() };
                self.report(&command, answer, After::Nothing);
            }
            Asker::Declaration(declaration, _) => {
                let Some((app, order)) = self.apps.held_for(&app.identifier, &declaration) else { return };
                if licensed {
                    self.take_order(app, order, now);
                } else {
                    self.apps.lacks_licence(app, order);
                }
                self.status_changed(now);
            }
        }
    }

    /// An order that the store has no licence for.
    pub(crate) fn without_licence(&self) -> Answer {
        let reason = if self.facts.model.family == Family::Mac { "Other" } else { "CouldNotVerifyAppID" };
        let store = Complaint { code: 9610, domain: "ASDServerErrorDomain".into(), text: String::from("License not found") };
        let chain = vec![Complaint::mdm(12064, "No license was found for the app."), store];
        Answer::Error(chain, dictionary([("RejectionReason", Value::from(reason))]))
    }

    /// A declaration wants an app here; one that needs a licence waits until the store has said that there is one.
    pub(crate) fn order_declared(&mut self, app: App, order: Order, is_licensed: bool, now: Timestamp) {
        let declaration = order.declaration.clone().unwrap_or_default();
        // What is managed here already was asked for when it came.
        let is_managed = self.apps.find(&app.identifier).is_some_and(|app| app.installed && app.managed.is_some());
        match app.adam_id.filter(|_| is_licensed && !is_managed) {
            Some(adam_id) if self.settings.store.is_some() => {
                let device_based = order.device_based;
                self.apps.hold(app.clone(), order);
                self.ask_store(app, adam_id, Asker::Declaration(declaration, device_based));
            }
            Some(adam_id) if !self.has_licence(adam_id) => self.apps.lacks_licence(app, order),
            _ => drop(self.take_order(app, order, now)),
        }
    }

    /// Takes an order that nothing stands against but what is meant to; says the first status.
    pub(crate) fn take_order(&mut self, app: App, order: Order, now: Timestamp) -> Status {
        let is_mac_by_command = self.facts.model.family == Family::Mac && order.declaration.is_none();
        let silent = self.facts.supervised || is_mac_by_command;
        let identifier = app.identifier.clone();
        let mishap = self.faults.has_no_room(&identifier).then_some(AppMishap::NoRoom);
        let status = self.apps.order(app, Order { mishap, ..order }, silent, self.facts.person, now);
        let asks = matches!(status, Status::Prompting | Status::PromptingForManagement);
        if asks && self.faults.declines(&identifier) {
            self.apps.will_meet(&identifier, AppMishap::Declined);
        }
        status
    }

    /// InviteToProgram: the person accepts a while later, where there is a store to accept it at.
    pub(crate) fn invited(&mut self, command: &Command, now: Timestamp) -> Answer {
        let url = fields::text(&command.body, "InvitationURL").filter(|url| url.starts_with("https://"));
        let result = match (fields::text(&command.body, "ProgramID"), url) {
            (Some("com.apple.cloudvpp"), Some(url)) => {
                if self.settings.store.is_some() && self.facts.person.agrees {
                    let answers_after = Duration::from_secs(u64::from(self.facts.person.answers_after_s));
                    self.situation.invitation = Some((url.to_owned(), now.plus(answers_after)));
                }
                "Acknowledged"
            }
            (Some("com.apple.cloudvpp"), None) => "InvalidInvitationURL",
            _ => "InvalidProgramID",
        };
        Answer::with([("InvitationResult", Value::from(result))])
    }

    /// The person accepts an invitation when they come to it; whoever is not signed in signs in for it.
    pub(super) fn accept_if_due(&mut self, now: Timestamp) {
        let Some((url, _)) = self.situation.invitation.take_if(|(_, at)| *at <= now) else { return };
        let own = || format!("{}@people.example.school", self.facts.serial_number.to_lowercase());
        self.situation.account.get_or_insert_with(own);
        self.agenda.push_back(Errand::Accept(url));
    }

    /// An invitation that is accepted.
    pub(crate) fn acceptance(&self, url: &str) -> Request {
        store_request(url.to_owned(), &json!({ "account": self.situation.account }))
    }
}

fn store_request(url: String, body: &serde_json::Value) -> Request {
    Request {
        purpose: Purpose::Store,
        method: Method::POST,
        url,
        headers: vec![(String::from("content-type"), String::from("application/json"))],
        body: body.to_string().into(),
        identity: None,
        mischief: None,
    }
}
