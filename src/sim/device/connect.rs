//! The connect loop: Idle, a command, its report, the next command, until the server has none.

use super::agenda::{Errand, Report};
use super::commands::{After, Answer, Command};
use super::values::Complaint;
use super::wire::{Purpose, Request, Response};
use super::{Device, Phase};
use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, Value, fields, parse_dictionary, to_xml};
use crate::sim::faults::{Happening, Spoiled};
use crate::sim::model::Platform;

/// The media type of reports.
const CONNECT: &str = "application/x-apple-aspen-mdm; charset=UTF-8";

impl Device {
    /// Idle on a channel; none where the channel is not managed any more.
    pub(crate) fn idle(&mut self, channel: usize, now: Timestamp) -> Option<Request> {
        if !self.channels.get(channel)?.is_managed {
            return None;
        }
        self.meet_happenings(now);
        let body = self.report_body(channel, "Idle", None, Dictionary::new());
        self.connect(Purpose::Idle, body, now)
    }

    /// What befalls the device on purpose before it connects.
    fn meet_happenings(&mut self, now: Timestamp) {
        let apps = &self.apps;
        for happening in self.faults.happenings(|identifier| apps.find(identifier).is_some_and(|app| app.installed)) {
            let was_possible = match &happening {
                Happening::ForgetDeclarations => {
                    self.forget_declarations(now);
                    true
                }
                Happening::ForgetProfiles => {
                    self.forget_profiles();
                    true
                }
                Happening::LoseProfile(identifier) => self.lose_profile(identifier),
                Happening::Rename(name) => {
                    self.rename(name);
                    true
                }
                Happening::UpdateOs(version) => self.update_os(version, now),
                Happening::DeleteApp(identifier) => {
                    self.delete_app(identifier);
                    self.status_changed(now);
                    true
                }
                Happening::SignIn(account) => {
                    self.sign_in(Some(account));
                    true
                }
            };
            if !was_possible {
                self.journal.error(format!("{happening:?} was to happen, and could not"));
            }
        }
    }

    /// A request to the ServerURL with a body that is written.
    pub(crate) fn connect(&mut self, purpose: Purpose, body: Vec<u8>, now: Timestamp) -> Option<Request> {
        let url = self.enrollment.as_ref()?.mdm.server_url.clone();
        self.signed_put_bytes(purpose, url, CONNECT, body, now)
    }

    /// Writes a report: status, command, who speaks, and the keys of the answer.
    pub(crate) fn report_body(&self, channel: usize, status: &str, command: Option<&Command>, keys: Dictionary) -> Vec<u8> {
        let mut message = keys;
        message.insert("Status".into(), Value::from(status));
        if let Some(command) = command {
            message.insert("CommandUUID".into(), Value::from(command.uuid.as_str()));
            // Old Macs name the request in their reports.
            if self.facts.release.platform == Platform::Macos && self.facts.release.version.0 == 10 {
                message.insert("RequestType".into(), Value::from(command.request_type.as_str()));
            }
        }
        self.identify(channel, &mut message);
        message.sort_keys();
        // Reports consist of texts and numbers that were read from property lists or invented here; a text that XML cannot
        // carry would be the only fault, and such a report goes out empty.
        to_xml(&Value::Dictionary(message)).unwrap_or_default()
    }

    /// The server answered an Idle.
    pub(crate) fn connected(&mut self, channel: usize, response: &Response, now: Timestamp) {
        self.channels[channel].said_not_now = false;
        self.take_command(channel, response, now);
    }

    /// The server took a report.
    pub(crate) fn reported(&mut self, report: Report, response: &Response, now: Timestamp) {
        self.journal.reports += 1;
        match report.status {
            "NotNow" => self.journal.not_now += 1,
            "Acknowledged" => {}
            _ => self.journal.refused += 1,
        }
        let channel = report.channel;
        if let Some(speaker) = self.channels.get_mut(channel) {
            speaker.said_not_now = report.status == "NotNow";
        }
        if report.request_type == "ManagedApplicationList" {
            self.apps.forget_transient();
        }
        let ends = report.after.ends_session();
        self.carry_out(report.after, now);
        if ends || self.phase != Phase::Enrolled {
            self.end_session(channel);
        } else {
            self.take_command(channel, response, now);
        }
    }

    /// No more commands on this channel, for now.
    pub(crate) fn end_session(&mut self, channel: usize) {
        let Some(speaker) = self.channels.get_mut(channel) else { return };
        speaker.in_session = false;
        if std::mem::take(&mut speaker.wake_again) {
            self.wake(channel);
        }
    }

    /// Reads the command in an answer and carries it out; an empty body ends the session.
    fn take_command(&mut self, channel: usize, response: &Response, now: Timestamp) {
        if response.body.is_empty() {
            return self.end_session(channel);
        }
        let Some(message) = parse_dictionary(&response.body).ok() else {
            self.journal.remark("a report was answered with a body that is no property list");
            return self.end_session(channel);
        };
        let Some(uuid) = fields::filled(&message, "CommandUUID") else {
            self.journal.remark("a report was answered with a command without CommandUUID");
            return self.end_session(channel);
        };
        self.journal.commands += 1;
        let body = fields::dictionary(&message, "Command").cloned().unwrap_or_default();
        let request_type = fields::filled(&body, "RequestType").unwrap_or_default();
        let command = Command { uuid, request_type, channel, body };
        let (answer, after) = self.answer(&command, now);
        self.report(&command, answer, after);
    }

    /// Plans the report of a command.
    pub(crate) fn report(&mut self, command: &Command, answer: Answer, after: After) {
        let (status, keys) = match answer {
            Answer::Acknowledged(keys) => ("Acknowledged", keys),
            Answer::Error(chain, keys) => ("Error", with_chain(keys, &chain)),
            Answer::FormatError => ("CommandFormatError", Dictionary::new()),
            Answer::NotNow => ("NotNow", Dictionary::new()),
            Answer::Later => return,
        };
        let mut body = self.report_body(command.channel, status, Some(command), keys);
        let spoiled = self.faults.spoils(&command.request_type);
        match spoiled {
            Some(Spoiled::Huge(bytes)) => body = padded(body, bytes),
            Some(Spoiled::Malformed) => body.truncate(body.len() * 2 / 3),
            None => {}
        }
        self.agenda.push_front(Errand::Report(Box::new(Report {
            channel: command.channel,
            request_type: command.request_type.clone(),
            status,
            body,
            after,
            spoiled: spoiled.is_some(),
        })));
    }
}

fn with_chain(mut keys: Dictionary, chain: &[Complaint]) -> Dictionary {
    if !chain.is_empty() {
        keys.insert("ErrorChain".into(), Value::Array(chain.iter().map(Complaint::to_value).collect()));
    }
    keys
}

/// The report with a comment before its end, so that it has `bytes` bytes and still says the same.
fn padded(mut body: Vec<u8>, bytes: usize) -> Vec<u8> {
    const END: &[u8] = b"</plist>";
    let Some(missing) = bytes.checked_sub(body.len() + "<!---->".len()) else { return body };
    let at = body.windows(END.len()).rposition(|window| window == END).unwrap_or(body.len());
    let filling = [b"<!--".as_slice(), &vec![b' '; missing], b"-->"].concat();
    body.splice(at..at, filling);
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_report_has_its_size_and_says_the_same() {
        let body = to_xml(&Value::Dictionary(super::super::values::dictionary([("Status", Value::from("Idle"))]))).unwrap();
        let huge = padded(body.clone(), 100_000);
        assert_eq!(huge.len(), 100_000);
        assert_eq!(parse_dictionary(&huge).unwrap(), parse_dictionary(&body).unwrap());
        assert_eq!(padded(body.clone(), 10), body);
    }
}
