//! A device whose person enrolls it by their account: it looks for its server, is asked for a sign-in, shows its person the page for that, and comes back
//! with what the sign-in gave it.

use std::sync::Arc;

use http::Method;

use super::agenda::Errand;
use super::enroll::Why;
use super::profile::Profile;
use super::setup::Maker;
use super::values::Complaint;
use super::web::{Form, encoded, says};
use super::wire::{Purpose, Request, Response};
use super::{Device, Phase};
use crate::clock::Timestamp;
use crate::protocol::plist::fields;
use crate::sim::model::{ByAccount, Family};

/// What every such device calls itself.
const USER_AGENT: &str = "DeviceManagementClient/1.0";

/// The address that a sign-in ends at.
const RESULT: &str = "apple-remotemanagement-user-login://authentication-results?access-token=";

/// A person who enrolls a device by their account.
#[derive(Debug, Clone)]
pub struct AccountSignIn {
    /// What stands for `https://` and the domain of the account, so that no name has to be looked up: `https://localhost:8443`.
    pub domain: String,
    /// The Managed Apple Account that they type in the settings.
    pub user_identifier: String,
    /// The address that they sign in with.
    pub address: String,
    /// Their password.
    pub password: String,
    /// Who made the device.
    pub maker: Arc<Maker>,
}

/// A step on the way.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Look for the server.
    Discover,
    /// Ask for the profile.
    Ask,
    /// Open the page for the sign-in.
    Open(String),
    /// Send a form of it: the sign-in, or that its person goes on.
    Send(Form),
}

/// How far it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Course {
    /// Where it asks for its profile.
    base_url: String,
    /// `BYOD` or `ADDE`, by what the server said.
    mode: &'static str,
    /// What the sign-in gave it, shown with each request from then on.
    pub(crate) bearer: Option<String>,
}

impl Device {
    /// Whether its person enrolls it by their account.
    pub(crate) fn starts_by_account(&self) -> bool {
        self.facts.by_account.is_some() && self.settings.account.is_some()
    }

    /// What `model-family` says.
    fn model_family(&self) -> &'static str {
        match self.facts.model.family {
            Family::IPad => "iPad",
            Family::IPhone => "iPhone",
            Family::Mac => "Mac",
            Family::AppleTv => "AppleTV",
            Family::Vision => "RealityDevice",
        }
    }

    /// The request of a step.
    pub(crate) fn account_request(&mut self, step: &Step, now: Timestamp) -> Option<Request> {
        let person = self.settings.account.clone()?;
        let identifier = encoded(&person.user_identifier);
        let mut request = match step {
            Step::Discover => {
                let query = format!("user-identifier={identifier}&model-family={}", self.model_family());
                let url = format!("{}/.well-known/com.apple.remotemanagement?{query}", person.domain);
                Self::plain_get(Purpose::ServiceDiscovery, url)
            }
            Step::Ask => {
                let (mode, url) = (self.course.mode, self.course.base_url.clone());
                let keys = self.machine_info_keys(mode == "BYOD");
                let mut request = self.signed_machine_info(&person.maker, keys, url, now)?;
                if let Some(token) = &self.course.bearer {
                    request.headers.push((String::from("authorization"), format!("Bearer {token}")));
                }
                request
            }
            Step::Open(url) => {
                let mark = if url.contains('?') { '&' } else { '?' };
                Self::plain_get(Purpose::WebSignIn, format!("{url}{mark}user-identifier={identifier}"))
            }
            Step::Send(form) => {
                let mut request = Self::plain_get(Purpose::WebSignIn, form.url.clone());
                request.method = Method::POST;
                request.headers.push((String::from("content-type"), String::from("application/x-www-form-urlencoded")));
                request.body = form.body().into();
                request
            }
        };
        if let Some((_, agent)) = request.headers.iter_mut().find(|(name, _)| name == "user-agent") {
            USER_AGENT.clone_into(agent);
        }
        Some(request)
    }

    /// The server answered a step, well or not.
    pub(crate) fn account_came(&mut self, step: &Step, response: &Response, now: Timestamp) {
        let next = match (step, response.status) {
            (Step::Discover, 200) => self.discovered(response),
            (Step::Ask, 401) if self.course.bearer.is_none() => sign_in_url(response).map(Step::Open),
            (Step::Ask, 200) => match self.account_profile(response, now) {
                Ok(()) => return,
                Err(complaint) => return self.enrollment_failed(&complaint),
            },
            (Step::Open(_) | Step::Send(_), 200) => self.read_page(step, response),
            (Step::Send(_), 308) => self.signed_in(response),
            _ => Err(refused(step, response)),
        };
        match next {
            Ok(step) => self.agenda.push_front(Errand::Account(step)),
            Err(why) => self.enrollment_failed(&Complaint::mdm(34010, why)),
        }
    }

    fn discovered(&mut self, response: &Response) -> Result<Step, String> {
        let document: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let servers = document["Servers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let [server] = servers else { return Err(format!("the server names {} servers; it must be one", servers.len())) };
        if !response.is_of(&["application/json"]) {
            self.journal.remark(format!("the servers came as “{}”; a device wants application/json", response.content_type));
        }
        let said = |key: &str| server[key].as_str().unwrap_or_default();
        let mode = match said("Version") {
            "mdm-byod" => "BYOD",
            "mdm-adde" => "ADDE",
            other => return Err(format!("the version “{other}” of the server is not known")),
        };
        let wanted = if self.facts.by_account == Some(ByAccount::Own) { "BYOD" } else { "ADDE" };
        if mode != wanted {
            return Err(format!("the server takes this device as {mode}, and it is to be {wanted}"));
        }
        if !said("BaseURL").starts_with("https://") {
            return Err(String::from("the BaseURL is not https"));
        }
        self.course = Course { base_url: said("BaseURL").to_owned(), mode, bearer: None };
        Ok(Step::Ask)
    }

    /// A page of the sign-in: its person fills it in, or goes on.
    fn read_page(&mut self, step: &Step, response: &Response) -> Result<Step, String> {
        let Some(person) = self.settings.account.clone() else { return Err(String::from("nobody is there to sign in")) };
        let html = String::from_utf8_lossy(&response.body);
        let at = match step {
            Step::Open(url) => url.as_str(),
            Step::Send(form) => form.url.as_str(),
            Step::Discover | Step::Ask => "",
        };
        Form::of(&html, at, &person.address, &person.password)
            .map(Step::Send)
            .ok_or_else(|| format!("the page has no form: {}", says(&html)))
    }

    fn signed_in(&mut self, response: &Response) -> Result<Step, String> {
        let location = response.location.as_deref().unwrap_or_default();
        let token = location.strip_prefix(RESULT).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| format!("the sign-in ended at “{location}”, which is not what the system waits for"))?;
        self.course.bearer = Some(token.to_owned());
        Ok(Step::Ask)
    }

    /// The profile came: it must be for this way, and for an account.
    fn account_profile(&mut self, response: &Response, now: Timestamp) -> Result<(), Complaint> {
        let profile = Profile::read(&response.body)?;
        let keys = profile.payload("com.apple.mdm").map(|payload| payload.keys.clone()).unwrap_or_default();
        if fields::text(&keys, "EnrollmentMode") != Some(self.course.mode) {
            return Err(Complaint::mdm(34011, format!("The EnrollmentMode of the profile is not {}.", self.course.mode)));
        }
        let account = fields::filled(&keys, "AssignedManagedAppleID");
        let account = account.ok_or_else(|| Complaint::mdm(34012, "The profile assigns no Managed Apple Account."))?;
        self.begin_installation(profile, Why::Enroll, now)?;
        // Its person signs in to the account at Apple, and with it to the store.
        self.sign_in(Some(&account));
        Ok(())
    }

    /// What it shows with each request in the place of what its sign-in gave it; none: nothing.
    pub fn show_sign_in(&mut self, token: Option<&str>) {
        self.course.bearer = token.map(str::to_owned);
    }

    /// What it shows with each request.
    pub fn shown_sign_in(&self) -> Option<&str> {
        self.course.bearer.as_deref()
    }

    /// The id by which the server knows it in place of its UDID, where it is its person's own.
    pub fn enrollment_id(&self) -> Option<&str> {
        self.enrollment.as_ref().and_then(|enrollment| enrollment.id.as_deref())
    }

    /// Its person begins once more, as `person` or as before.
    pub fn sign_in_again(&mut self, person: Option<AccountSignIn>) {
        if let Some(person) = person {
            self.settings.account = Some(Arc::new(person));
        }
        if matches!(self.phase, Phase::Failed(_) | Phase::Left(_)) {
            self.phase = Phase::New;
        }
    }
}

/// Where the person is to sign in.
fn sign_in_url(response: &Response) -> Result<String, String> {
    let header = response.www_authenticate.as_deref().unwrap_or_default();
    let parameter = |name: &str| {
        let (_, rest) = header.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    match (header.starts_with("Bearer "), parameter("method").as_deref(), parameter("url")) {
        (true, Some("apple-as-web"), Some(url)) if url.starts_with("https://") => Ok(url),
        _ => Err(format!("the server asks for a sign-in in a way that is not known: “{header}”")),
    }
}

fn refused(step: &Step, response: &Response) -> String {
    let what = match step {
        Step::Discover => "where its server is",
        Step::Ask => "its profile",
        Step::Open(_) | Step::Send(_) => "the sign-in",
    };
    let said = serde_json::from_slice::<serde_json::Value>(&response.body).ok();
    let words = said.and_then(|said| said["message"].as_str().map(str::to_owned));
    let words = words.unwrap_or_else(|| says(&String::from_utf8_lossy(&response.body)));
    format!("the server answered {} when it was asked for {what}: {words}", response.status)
}
