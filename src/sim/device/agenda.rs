//! What a device has yet to do, one errand at a time, and what becomes of an errand that fails: it is repeated with the same bytes, or given up.

use std::time::Duration;

use super::commands::{After, ManifestOrder};
use super::declarations::{Step, Wanted};
use super::packages::Package;
use super::store::Question;
use super::wire::{Purpose, Request, Response};
use super::{Device, Phase};
use crate::clock::Timestamp;
use crate::protocol::plist::fields;

/// The longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// How often an errand that enrolls, or that is a courtesy, is tried before it is given up.
const MAX_ATTEMPTS: u32 = 5;

/// One thing to do that takes a request.
#[derive(Debug, Clone)]
pub(crate) enum Errand {
    /// Download the enrollment profile.
    FetchProfile,
    /// Ask Apple who manages the device.
    Activate,
    /// Ask for it from Setup Assistant.
    AskSetup,
    /// A step of an enrollment by account.
    Account(super::account::Step),
    /// Say to a profile service who it is.
    AskService,
    /// SCEP, in this order.
    GetCaCert,
    GetCaCaps,
    MakeKey,
    PkiOperation,
    /// ACME, one step after the other.
    Acme(super::acme::Step),
    Authenticate,
    TokenUpdate(usize),
    UserAuthenticate(usize, Option<String>),
    SetBootstrapToken,
    GetBootstrapToken,
    ReturnToService,
    CheckOut,
    Idle(usize),
    Report(Box<Report>),
    Declare(usize, Step),
    /// Download the profile or the data that a declaration names.
    Declared(Wanted),
    /// Download the manifest of an app, then its package.
    Manifest(Box<ManifestOrder>),
    Package(Box<Package>),
    /// Ask the practice store for a licence.
    Licence(Box<Question>),
    /// Accept the invitation at this address.
    Accept(String),
}

/// The answer to a command, on its way.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) channel: usize,
    pub(crate) request_type: String,
    pub(crate) status: &'static str,
    pub(crate) body: Vec<u8>,
    /// What the device does when the report has arrived.
    pub(crate) after: After,
    /// It is spoiled on purpose: not worth a second attempt.
    pub(crate) spoiled: bool,
}

/// A request that is out, or that waits for another attempt.
#[derive(Debug)]
pub(crate) struct Flight {
    errand: Errand,
    request: Request,
    attempts: u32,
    state: FlightState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlightState {
    Due(Timestamp),
    Out,
}

impl Flight {
    /// When it is sent next; none while it is out.
    pub(crate) fn departs_at(&self) -> Option<Timestamp> {
        if let FlightState::Due(at) = self.state { Some(at) } else { None }
    }

    /// A push shortens the pause before another attempt.
    pub(crate) fn hurry(&mut self) {
        if let FlightState::Due(at) = &mut self.state {
            *at = Timestamp::from_millis(0);
        }
    }
}

impl Device {
    /// Takes the next errand and writes its request.
    pub(crate) fn next_errand(&mut self, now: Timestamp) {
        while self.flight.is_none() && !matches!(self.agenda.front(), None | Some(Errand::MakeKey)) {
            let Some(errand) = self.agenda.pop_front() else { return };
            // An errand without a request is one that has lost its point meanwhile.
            if let Some(mut request) = self.request_for(&errand, now) {
                let command = if let Errand::Report(report) = &errand { Some(report.request_type.as_str()) } else { None };
                request.mischief = self.faults.mischief(request.purpose, command);
                self.flight = Some(Flight { errand, request, attempts: 0, state: FlightState::Due(now) });
            }
        }
    }

    /// The request that waits, if its moment has come.
    pub(crate) fn depart(&mut self, now: Timestamp) -> Option<Request> {
        let flight = self.flight.as_mut()?;
        if flight.departs_at().is_none_or(|at| at > now) {
            return None;
        }
        flight.state = FlightState::Out;
        flight.attempts += 1;
        self.journal.requests += 1;
        let mut request = flight.request.clone();
        if flight.attempts > 1 {
            self.journal.repeats += 1;
            request.mischief = None;
        }
        Some(request)
    }

    fn request_for(&mut self, errand: &Errand, now: Timestamp) -> Option<Request> {
        match errand {
            Errand::FetchProfile => self.profile_request(),
            Errand::Activate => self.activation_request(),
            Errand::AskSetup => self.machine_info(now),
            Errand::Account(step) => self.account_request(step, now),
            Errand::AskService => self.service_request(now),
            Errand::GetCaCert | Errand::GetCaCaps | Errand::PkiOperation => self.scep_request(errand, now),
            Errand::MakeKey => None,
            Errand::Acme(step) => self.acme_request(*step, now),
            Errand::Authenticate => self.authenticate(now),
            Errand::TokenUpdate(channel) => self.token_update(*channel, now),
            Errand::UserAuthenticate(channel, digest) => self.user_authenticate(*channel, digest.as_deref(), now),
            Errand::SetBootstrapToken => self.set_bootstrap_token(now),
            Errand::GetBootstrapToken => self.check_in(Purpose::GetBootstrapToken, super::DEVICE, [], now),
            Errand::ReturnToService => self.return_to_service(now),
            Errand::CheckOut => self.check_out(now),
            Errand::Idle(channel) => self.idle(*channel, now),
            Errand::Report(report) => self.connect(Purpose::Report, report.body.clone(), now),
            Errand::Declare(channel, step) => self.declare_request(*channel, step, now),
            Errand::Declared(wanted) => self.wanted_request(wanted),
            Errand::Manifest(order) => Some(Self::plain_get(Purpose::Content, order.url.clone())),
            Errand::Package(package) => Some(package.request()),
            Errand::Licence(question) => self.licence_request(question),
            Errand::Accept(url) => Some(self.acceptance(url)),
        }
    }

    /// The server answered: it may be a success, an order to leave, or one more failure.
    pub(crate) fn answered(&mut self, flight: Flight, response: Response, now: Timestamp) {
        if self.tells_to_leave(&flight.request, &response) {
            self.leave(format!("the server answered {} to {}", response.status, flight.request.purpose.name()));
            return;
        }
        if let Errand::Account(step) = &flight.errand
            && response.status < 500
        {
            return self.account_came(&step.clone(), &response, now);
        }
        if response.is_success() {
            self.finish(flight.errand, response, now);
        } else {
            let why = format!("the server answered {} to {}", response.status, flight.request.purpose.name());
            self.missed(flight, Some(&response), why, now);
        }
    }

    /// 401 from any address of the protocol means: leave. So does 403 with Apple's code, where the OS knows it.
    fn tells_to_leave(&mut self, request: &Request, response: &Response) -> bool {
        let is_protocol = !matches!(
            request.purpose,
            Purpose::Profile
                | Purpose::Activation
                | Purpose::MachineInfo
                | Purpose::ServiceDiscovery
                | Purpose::WebSignIn
                | Purpose::ProfileService
                | Purpose::GetCaCert
                | Purpose::GetCaCaps
                | Purpose::PkiOperation
                | Purpose::Acme
                | Purpose::Content
                | Purpose::Store
        );
        match response.status {
            401 if is_protocol => true,
            403 if is_protocol && error_code(response).as_deref() == Some("com.apple.unrecognized.device") => {
                let knows = self.knows_unrecognized_device();
                if !knows {
                    self.journal
                        .remark("403 with com.apple.unrecognized.device came to an OS that does not know it; 401 is what it understands");
                }
                knows
            }
            _ => false,
        }
    }

    fn finish(&mut self, errand: Errand, response: Response, now: Timestamp) {
        match errand {
            Errand::Activate => self.activated(&response),
            Errand::FetchProfile | Errand::AskSetup => self.profile_came(&response, now),
            Errand::AskService => self.service_came(&response, now),
            Errand::GetCaCert => self.ca_cert_came(&response),
            Errand::GetCaCaps => self.ca_caps_came(&response),
            Errand::MakeKey | Errand::Accept(_) | Errand::Account(_) => {}
            Errand::PkiOperation => self.certificate_came(&response, now),
            Errand::Acme(step) => self.acme_came(step, &response, now),
            Errand::Authenticate => self.authenticated(&response),
            Errand::TokenUpdate(channel) => self.token_updated(channel, &response, now),
            Errand::UserAuthenticate(channel, digest) => self.user_authenticated(channel, digest.is_some(), &response),
            Errand::SetBootstrapToken => {
                self.situation.token_is_kept = true;
                self.expect_empty(&response, Purpose::SetBootstrapToken);
            }
            Errand::GetBootstrapToken => self.bootstrap_token_came(&response),
            Errand::ReturnToService => self.returns_to_service(&response, now),
            Errand::CheckOut => self.leave(String::from("it checked out")),
            Errand::Idle(channel) => self.connected(channel, &response, now),
            Errand::Report(report) => self.reported(*report, &response, now),
            Errand::Declare(channel, step) => self.declared(channel, step, &response, now),
            Errand::Declared(wanted) => self.wanted_came(&wanted, &response, now),
            Errand::Manifest(order) => self.manifest_came(*order, &response, now),
            Errand::Package(package) => self.package_came(*package, &response, now),
            Errand::Licence(question) => self.licence_told(*question, Some(&response), now),
        }
    }

    /// An attempt failed: by the kind of errand it is repeated later, or given up.
    pub(crate) fn missed(&mut self, mut flight: Flight, response: Option<&Response>, why: String, now: Timestamp) {
        self.journal.error(why.clone());
        let status = response.map(|response| response.status);
        let refused = status.is_some_and(|status| (400..500).contains(&status) && !matches!(status, 408 | 429));
        let given_up = flight.attempts >= MAX_ATTEMPTS;
        match &flight.errand {
            Errand::Acme(step) if self.acme_again(*step, response) => return,
            Errand::Acme(_) if refused || given_up => {
                let said = response.map(|response| String::from_utf8_lossy(&response.body).into_owned()).unwrap_or_default();
                return self.installation_failed(super::values::Complaint::installation(4001, format!("{why} {said}")));
            }
            Errand::Account(_) if given_up => return self.enrollment_failed(&super::values::Complaint::mdm(34010, why)),
            Errand::Activate if refused || given_up => return self.not_activated(&why),
            Errand::AskSetup if refused || given_up => return self.setup_refused(response, &why, now),
            Errand::FetchProfile | Errand::AskService | Errand::GetCaCert | Errand::GetCaCaps | Errand::PkiOperation
                if refused || given_up =>
            {
                return self.installation_failed(super::values::Complaint::scep(22005, why));
            }
            Errand::Authenticate if refused || given_up => return self.check_in_refused(why),
            Errand::TokenUpdate(super::DEVICE) if self.phase == Phase::Enrolling && (refused || given_up) => {
                return self.check_in_refused(why);
            }
            Errand::TokenUpdate(channel) | Errand::UserAuthenticate(channel, _) if status == Some(410) => {
                return self.user_refused(*channel);
            }
            Errand::UserAuthenticate(channel, _) if given_up => return self.user_refused(*channel),
            // One attempt, by best effort.
            Errand::CheckOut => return self.leave(String::from("it checked out, though nobody answered")),
            Errand::Report(report) if report.after.is_final() && given_up => {
                let after = report.after.clone();
                return self.carry_out(after, now);
            }
            // Under a new identity that the server does not know yet: check in first.
            Errand::Report(_) if refused && self.installation.is_some() => return self.report_after_check_in(flight.errand),
            // The device lost its own report; the server still has the command.
            Errand::Report(report) if report.spoiled => return self.end_session(report.channel),
            Errand::Declare(channel, step) if self.declaration_missed(*channel, step, status, given_up, now) => return,
            Errand::SetBootstrapToken | Errand::GetBootstrapToken | Errand::ReturnToService | Errand::Accept(_) if refused || given_up => {
                return;
            }
            Errand::Declared(wanted) if refused || given_up => return self.wanted_missed(&wanted.clone(), &why, now),
            Errand::Manifest(order) if refused || given_up => return self.manifest_failed(order.as_ref().clone()),
            Errand::Package(package) if refused || given_up => {
                return self.package_failed(&package.app.identifier.clone(), "Error.DownloadFailed", now);
            }
            Errand::Licence(question) if refused || given_up => return self.licence_told(question.as_ref().clone(), None, now),
            _ => {}
        }
        flight.state = FlightState::Due(now.plus(self.pause(flight.attempts, response)));
        self.flight = Some(flight);
    }

    /// The report waits until the check-in under the new identity is through.
    fn report_after_check_in(&mut self, errand: Errand) {
        let after = self.agenda.iter().position(|errand| matches!(errand, Errand::TokenUpdate(super::DEVICE))).map_or(0, |index| index + 1);
        self.agenda.insert(after, errand);
    }

    /// How long to wait before another attempt: what the server asks for, else twice as long each time.
    fn pause(&self, attempts: u32, response: Option<&Response>) -> Duration {
        let doubled = self.settings.patience.saturating_mul(1 << (attempts.clamp(1, 16) - 1));
        let asked = response.and_then(|response| response.retry_after_s).map(|seconds| Duration::from_secs(u64::from(seconds)));
        self.random.jitter(asked.unwrap_or(doubled).min(MAX_PAUSE))
    }
}

/// The code of an error body, which is JSON or a property list.
fn error_code(response: &Response) -> Option<String> {
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(&response.body) {
        return json.get("code")?.as_str().map(str::to_owned);
    }
    let keys = crate::protocol::plist::parse_dictionary(&response.body).ok()?;
    fields::filled(&keys, "code")
}
