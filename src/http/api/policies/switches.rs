//! The catalogue of switches, for tools.

use axum::Json as JsonBody;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::list::List;
use crate::error::Result;
use crate::http::auth::Authenticated;
use crate::language::say;
use crate::mdm::Right;
use crate::mdm::policies::catalogue::{self, Group, Switch, ValueKind};
use crate::mdm::policies::ways::Way;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

/// What a switch is set to.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SwitchKind {
    /// `true`, or absent.
    OnOff,
    /// A whole number from `minimum` to `maximum`.
    Number,
    /// One of the numbers of `options`.
    Choice,
    /// One of the words of `options`.
    Word,
    /// A list of bundle ids.
    Apps,
    /// A list of patterns such as `example.org`, `*.example.org`, `example.org:8443/path`.
    WebDomains,
    /// A list of domains of mail addresses.
    MailDomains,
    /// A list of ids of beta programmes; `GET /api/v1/beta-programs` lists them.
    BetaPrograms,
}

/// One of several values.
#[derive(Debug, Serialize, ToSchema)]
struct SwitchOption {
    /// The value: a number, or a word.
    value: Value,
    /// That in words.
    words: &'static str,
}

/// A guided switch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SwitchView {
    /// What settings call it.
    id: &'static str,
    /// Where it belongs.
    group: Group,
    /// What people call it.
    label: &'static str,
    /// What a person at the device will notice.
    notice: &'static str,
    /// What it does not cover.
    limits: &'static str,
    /// What it is set to.
    kind: SwitchKind,
    /// Of numbers: the least.
    minimum: Option<i64>,
    /// Of numbers: the most.
    maximum: Option<i64>,
    /// Of numbers: what they count.
    unit: Option<&'static str>,
    /// Of choices: what there is.
    options: Vec<SwitchOption>,
    /// By which mechanism which system gets it.
    mechanisms: Vec<MechanismView>,
}

/// A mechanism for the versions of one platform.
#[derive(Debug, Serialize, ToSchema)]
struct MechanismView {
    /// The platform.
    platform: Platform,
    /// The first version that gets it so.
    #[schema(value_type = String)]
    from: OsVersion,
    /// The first version that does not any more; null if all do.
    #[schema(value_type = Option<String>)]
    before: Option<OsVersion>,
    /// Whether it is a declaration; else it is a key of a profile.
    declaration: bool,
    /// The payload type or the type of the declaration.
    of_type: String,
    /// The keys that it sets.
    keys: Vec<&'static str>,
    /// The version from which the device must be supervised; null if it need not.
    #[schema(value_type = Option<String>)]
    supervised_from: Option<OsVersion>,
    /// Whether a person's own device (user enrollment) takes it.
    own_devices: bool,
}

impl From<&Way> for MechanismView {
    fn from(way: &Way) -> Self {
        let needed = || way.facts().filter(|(key, _)| !key.by_default).map(|(_, fact)| fact);
        Self {
            platform: way.platform,
            from: way.from,
            before: way.to,
            declaration: way.declared,
            of_type: way.of_type.clone(),
            keys: way.keys.iter().map(|key| key.name).collect(),
            supervised_from: needed().filter_map(|fact| fact.supervised(way.platform)).max(),
            own_devices: needed().all(|fact| fact.in_user_enrollment(way.platform)),
        }
    }
}

impl From<&'static Switch> for SwitchView {
    fn from(switch: &'static Switch) -> Self {
        let (mut minimum, mut maximum, mut unit, mut options) = (None, None, None, Vec::new());
        let kind = match switch.kind {
            ValueKind::OnOff => SwitchKind::OnOff,
            ValueKind::Number(least, most, counts) => {
                (minimum, maximum, unit) = (Some(least), Some(most), Some(say(counts)));
                SwitchKind::Number
            }
            ValueKind::Choice(choices) => {
                options = choices.iter().map(|(value, words)| SwitchOption { value: Value::from(*value), words: say(words) }).collect();
                SwitchKind::Choice
            }
            ValueKind::Word(words) => {
                options = words.iter().map(|(value, words)| SwitchOption { value: Value::from(*value), words: say(words) }).collect();
                SwitchKind::Word
            }
            ValueKind::Apps => SwitchKind::Apps,
            ValueKind::WebDomains => SwitchKind::WebDomains,
            ValueKind::MailDomains => SwitchKind::MailDomains,
            ValueKind::BetaPrograms => SwitchKind::BetaPrograms,
        };
        Self {
            id: switch.id,
            group: switch.group,
            label: say(switch.label),
            notice: say(switch.notice),
            limits: say(switch.limits),
            kind,
            minimum,
            maximum,
            unit,
            options,
            mechanisms: switch.ways().iter().map(MechanismView::from).collect(),
        }
    }
}

/// The guided switches: what each does, what it does not cover, and which system gets it how.
#[utoipa::path(get, path = "/api/v1/policies/switches", tag = "policies",
    responses((status = 200, description = "All of them, in the order in which they are shown", body = List<SwitchView>)))]
pub(super) async fn list(Authenticated(actor): Authenticated) -> Result<JsonBody<List<SwitchView>>> {
    actor.require(Right::View)?;
    let items: Vec<_> = catalogue::all().map(SwitchView::from).collect();
    Ok(JsonBody(List { total: items.len() as u64, items, next: None }))
}
