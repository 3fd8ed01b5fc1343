//! The stand-in's book, without sockets: servers, their devices, what happened to them, and their profiles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::betas::{self, Beta};
use super::script::{Act, Fault};
use super::wire::{Asked, Said, refusal, said};
use super::{list, profiles, session};
use crate::clock::Timestamp;
use crate::protocol::ade::{PROTOCOL_VERSION, ServerToken, paths};
use crate::random::Random;
use crate::secret::Secret;

/// Where devices that are switched on ask who manages them; Apple has a service apart for that.
pub(super) const ACTIVATION: &str = "/activation";

/// How long a session lasts unless somebody says otherwise.
const SESSION_LIVES: Duration = Duration::from_secs(180);

/// How long a place in the list is good.
const CURSOR_LIVES: Duration = Duration::from_secs(7 * 24 * 3600);

/// A server of an organisation in Apple's portal.
#[derive(Debug)]
pub struct Server {
    /// Its token.
    pub token: ServerToken,
    /// What Apple says of it.
    pub account: Value,
    /// Its devices by serial number.
    pub devices: BTreeMap<String, Map<String, Value>>,
    /// What happened to them, oldest first.
    pub(super) log: Vec<Value>,
    /// Its profiles by their ids.
    pub profiles: BTreeMap<String, Value>,
    /// Whether Apple's terms are accepted.
    pub terms_signed: bool,
    /// Whether Apple does not take the token any more.
    pub rejected: bool,
    /// Devices that are throttled, and after how many seconds to come again.
    pub throttled: BTreeMap<String, u64>,
    /// Devices for which assigning fails.
    pub failing: BTreeSet<String>,
    /// Devices that are locked, with what Apple was told of what opens them, and the message.
    pub locked: BTreeMap<String, (String, String)>,
    /// How often a profile was assigned to each device.
    pub assignments: BTreeMap<String, u32>,
    /// Where devices are sent that ask by an account, once somebody said so.
    pub discovery: Option<String>,
    /// Beta programmes of the organisation; none where AppleSeed for IT is off.
    pub betas: Option<Vec<Beta>>,
}

/// The whole book.
#[derive(Debug)]
pub struct Book {
    pub(super) base: String,
    random: Random,
    servers: BTreeMap<String, Server>,
    sessions: BTreeMap<String, (String, Timestamp)>,
    pub(super) nonces: BTreeSet<String>,
    /// How long a session lasts.
    pub session_lives: Duration,
    /// Whether every answer carries a fresh session, and the one before is over.
    pub fresh_sessions: bool,
    /// How long a place in the list is good.
    pub cursor_lives: Duration,
    /// Lines of a page at the most, whatever is asked for.
    pub page_lines: usize,
    /// What goes wrong next, in this order for each address.
    pub faults: VecDeque<Fault>,
    /// Requests that came, by path.
    pub asked: Vec<String>,
    /// How often somebody wanted to give devices away for good.
    pub disowned: u32,
}

/// A device as a shop has it.
pub fn device(serial: &str, family: &str, model: &str, color: &str) -> Value {
    let os = match family {
        "Mac" => "OSX",
        "AppleTV" => "tvOS",
        "Vision" => "visionOS",
        _ => "iOS",
    };
    json!({ "serial_number": serial, "device_family": family, "os": os, "model": model, "color": color,
            "description": format!("{} {color}", model.to_uppercase()), "profile_status": "empty" })
}

impl Book {
    /// An empty book of a service that is reached at `base`.
    pub fn new(base: &str, random: Random) -> Self {
        Self {
            base: base.to_owned(),
            random,
            servers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            nonces: BTreeSet::new(),
            session_lives: SESSION_LIVES,
            fresh_sessions: false,
            cursor_lives: CURSOR_LIVES,
            page_lines: usize::MAX,
            faults: VecDeque::new(),
            asked: Vec::new(),
            disowned: 0,
        }
    }

    /// Makes a server and gives its token, as the portal would before it encrypts it.
    pub fn open(&mut self, name: &str, admin: &str, expires_at: Timestamp) -> ServerToken {
        let part = |begins: &str| format!("{begins}_{}", self.random.token());
        let token = ServerToken {
            consumer_key: part("CK"),
            consumer_secret: Secret::new(part("CS")),
            access_token: part("AT"),
            access_secret: Secret::new(part("AS")),
            expires_at,
        };
        let uuid = self.random.uuid_v4().simple().to_string().to_uppercase();
        let limit = json!({ "default": 100, "maximum": 1000 });
        let urls = json!([
            { "uri": paths::SESSION, "http_method": ["GET"] }, { "uri": paths::ACCOUNT, "http_method": ["GET"] },
            { "uri": paths::FETCH, "http_method": ["POST"], "limit": limit }, { "uri": paths::SYNC, "http_method": ["POST"], "limit": limit },
            { "uri": paths::PROFILE, "http_method": ["GET", "POST"] }, { "uri": paths::ASSIGN, "http_method": ["DELETE", "POST", "PUT"] },
            { "uri": "/devices/disown", "http_method": ["POST"] }, { "uri": paths::ACTIVATION_LOCK, "http_method": ["POST"] },
            { "uri": paths::DISCOVERY, "http_method": ["DELETE", "POST", "GET"] }, { "uri": paths::BETA_TOKENS, "http_method": ["GET"] },
        ]);
        let account = json!({ "server_name": name, "server_uuid": uuid, "admin_id": admin, "facilitator_id": admin, "org_name": "Example School",
                              "org_email": admin, "org_phone": "+44 20 7946 0000", "org_address": "1 Example Street", "org_id": "1234567",
                              "org_type": "edu", "org_version": "v2", "urls": urls });
        let server = Server {
            token: token.clone(),
            account,
            devices: BTreeMap::new(),
            log: Vec::new(),
            profiles: BTreeMap::new(),
            terms_signed: true,
            rejected: false,
            throttled: BTreeMap::new(),
            failing: BTreeSet::new(),
            locked: BTreeMap::new(),
            assignments: BTreeMap::new(),
            discovery: None,
            betas: Some(betas::usual(&self.random)),
        };
        self.servers.insert(token.consumer_key.clone(), server);
        token
    }

    /// A server by its token.
    pub fn server(&mut self, token: &ServerToken) -> &mut Server {
        // Whoever has a token got it from `open`, and servers are never taken away.
        self.servers.get_mut(&token.consumer_key).expect("a server that was opened here")
    }

    pub(super) fn server_of(&self, consumer_key: &str) -> Option<&Server> {
        self.servers.get(consumer_key)
    }

    pub(super) fn open_session(&mut self, consumer_key: &str, now: Timestamp) -> String {
        let session = self.random.token();
        self.sessions.insert(session.clone(), (consumer_key.to_owned(), now.plus(self.session_lives)));
        session
    }

    /// Ends every session.
    pub fn end_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Answers a request; nothing hangs up.
    pub fn answer(&mut self, asked: &Asked, now: Timestamp) -> Option<Said> {
        self.asked.push(asked.path.clone());
        let at = self.faults.iter().position(|fault| asked.path.ends_with(&fault.path));
        let act = at.and_then(|at| self.faults.remove(at)).map(|fault| fault.act);
        match &act {
            Some(Act::LoseRequest) => return None,
            Some(Act::Refuse { status, body, retry_after }) => {
                return Some(Said { status: *status, retry_after: retry_after.clone(), session: None, body: body.clone().into_bytes() });
            }
            Some(Act::Say(body)) => return Some(Said { status: 200, retry_after: None, session: None, body: body.clone().into_bytes() }),
            Some(Act::EndSession) => self.end_sessions(),
            _ => {}
        }
        let mut said = match asked.path.strip_prefix(ACTIVATION).and_then(|rest| rest.strip_prefix('/')) {
            Some(serial) => self.activation(serial, now),
            None => self.well(asked, now),
        };
        if act == Some(Act::SamePlace) {
            list::same_place(asked, &mut said);
        }
        (act != Some(Act::LoseAnswer)).then_some(said)
    }

    /// Tells a device that is switched on who manages it: the profile that it has, which is then pushed.
    fn activation(&mut self, serial: &str, now: Timestamp) -> Said {
        let has = |server: &&mut Server| server.profile_of(serial).is_some();
        match self.servers.values_mut().find(has) {
            Some(server) => {
                let profile = server.profile_of(serial).map(said);
                server.modify(serial, &json!({ "profile_status": "pushed", "profile_push_time": now.to_string() }), now);
                profile.unwrap_or_else(|| refusal(404, "PROFILE_NOT_FOUND"))
            }
            None => refusal(404, "PROFILE_NOT_FOUND"),
        }
    }

    /// Whether a device would be told who manages it.
    pub fn is_managed(&self, serial: &str) -> bool {
        self.servers.values().any(|server| server.profile_of(serial).is_some())
    }

    fn well(&mut self, asked: &Asked, now: Timestamp) -> Said {
        if !session::introduces_itself(asked) {
            return refusal(403, "USER_AGENT_REQUIRED");
        }
        if asked.path == paths::SESSION {
            return session::open(self, asked, now);
        }
        if asked.version.as_deref() != Some(PROTOCOL_VERSION) {
            return refusal(400, "UNSUPPORTED_PROTOCOL_VERSION");
        }
        let Some(session) = asked.session.clone() else { return refusal(401, "UNAUTHORIZED") };
        let Some(consumer_key) = self.sessions.get(&session).filter(|(_, ends)| *ends > now).map(|(key, _)| key.clone()) else {
            return refusal(if asked.method == "GET" { 401 } else { 403 }, "FORBIDDEN");
        };
        let fresh = self.fresh_sessions.then(|| {
            self.sessions.remove(&session);
            self.open_session(&consumer_key, now)
        });
        Said { session: fresh, ..self.in_session(asked, &consumer_key, now) }
    }

    fn in_session(&mut self, asked: &Asked, consumer_key: &str, now: Timestamp) -> Said {
        if asked.path.ends_with("/disown") {
            // Nobody comes back from there: whoever asks for it has gone wrong.
            self.disowned += 1;
            return Said { status: 500, ..refusal(500, "DISOWNED") };
        }
        let (page_lines, cursor_lives) = (self.page_lines, self.cursor_lives);
        let Some(server) = self.servers.get_mut(consumer_key) else { return refusal(401, "UNAUTHORIZED") };
        if !server.terms_signed {
            return refusal(403, "T_C_NOT_SIGNED");
        }
        if server.rejected {
            return refusal(403, "token_rejected");
        }
        if (asked.method.as_str(), asked.path.as_str()) == ("GET", paths::ACCOUNT) {
            return said(&server.account);
        }
        if (asked.method.as_str(), asked.path.as_str()) == ("GET", paths::BETA_TOKENS) {
            return betas::list(server.betas.as_deref());
        }
        if (asked.method.as_str(), asked.path.as_str()) == ("GET", paths::PROFILE) {
            return profiles::show(server, &asked.query);
        }
        if asked.path == paths::DISCOVERY && asked.method != "POST" {
            return profiles::discovery(server, &asked.method);
        }
        let Ok(body @ Value::Object(_)) = serde_json::from_slice(&asked.body) else { return refusal(400, "MALFORMED_REQUEST_BODY") };
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", paths::FETCH) => list::fetch(server, &body, page_lines, cursor_lives, now),
            ("POST", paths::SYNC) => list::sync(server, &body, page_lines, cursor_lives, now),
            ("POST", "/devices") => list::details(server, &body),
            ("POST", paths::PROFILE) => {
                let uuid = self.random.uuid_v4().simple().to_string().to_uppercase();
                match self.servers.get_mut(consumer_key) {
                    Some(server) => profiles::define(server, body, uuid, now),
                    None => refusal(401, "UNAUTHORIZED"),
                }
            }
            ("PUT" | "POST", paths::ASSIGN) => profiles::assign(server, &body, now),
            ("DELETE", paths::ASSIGN) => profiles::unassign(server, &body, now),
            ("POST", paths::DISCOVERY) => profiles::discover(server, &body),
            ("POST", paths::ACTIVATION_LOCK) => profiles::lock(server, &body),
            _ => refusal(405, "METHOD_NOT_ALLOWED"),
        }
    }
}

impl Server {
    /// Puts a device on the server, as somebody does in the portal.
    pub fn add(&mut self, device: &Value, now: Timestamp) {
        let Some(mut device) = device.as_object().cloned() else { return };
        device.insert("device_assigned_date".into(), json!(now.to_string()));
        device.insert("device_assigned_by".into(), self.account["admin_id"].clone());
        let serial = device["serial_number"].as_str().unwrap_or_default().to_owned();
        self.devices.insert(serial.clone(), device);
        self.happen(&serial, "added", now);
    }

    /// Changes something about a device.
    pub fn modify(&mut self, serial: &str, change: &Value, now: Timestamp) {
        let (Some(device), Some(change)) = (self.devices.get_mut(serial), change.as_object()) else { return };
        device.extend(change.clone());
        self.happen(serial, "modified", now);
    }

    /// Takes a device from the server.
    pub fn remove(&mut self, serial: &str, now: Timestamp) {
        self.happen(serial, "deleted", now);
        self.devices.remove(serial);
    }

    /// The profile that a device has.
    fn profile_of(&self, serial: &str) -> Option<&Value> {
        let device = self.devices.get(serial)?;
        let has = matches!(device.get("profile_status").and_then(Value::as_str), Some("assigned" | "pushed"));
        self.profiles.get(device.get("profile_uuid").filter(|_| has)?.as_str()?)
    }

    fn happen(&mut self, serial: &str, what: &str, now: Timestamp) {
        let Some(mut line) = self.devices.get(serial).cloned() else { return };
        line.insert("op_type".into(), json!(what));
        line.insert("op_date".into(), json!(now.to_string()));
        self.log.push(line.into());
    }
}
