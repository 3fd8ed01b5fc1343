//! One rule of a fault file: what goes wrong, on which occasions, on which devices, and whether it makes sense.

use serde::Deserialize;

use super::{MAX_HUGE_BYTES, MAX_SECONDS};
use crate::sim::device::Purpose;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request never arrives.
    LoseRequest,
    /// The request arrives, its answer is lost: the device sends the same bytes again.
    LoseAnswer,
    /// The request is sent twice.
    Duplicate,
    /// The request waits `seconds` before it is sent.
    Slow,
    /// The connection ends after `bytes` of the body.
    Break,
    /// The command is answered with NotNow, where that command may be.
    NotNow,
    /// The report is padded to `bytes`.
    Huge,
    /// The report is no property list.
    Malformed,
    /// The device's clock is `seconds` off.
    ClockSkew,
    /// The command is answered with an Error of `code` and `domain`.
    Refuse,
    /// The command is acknowledged and not carried out.
    Pretend,
    /// The status report is never sent, and the device believes that it was.
    LoseStatus,
    /// The status report tells other tokens of declarations than the device holds.
    OldToken,
    /// The device says that it does not know the type of the declaration.
    UnknownType,
    /// The device loses its declarations without a word.
    ForgetDeclarations,
    /// The device loses its profiles without a word.
    ForgetProfiles,
    /// The device loses the profile `name` without a word.
    LoseProfile,
    /// The device is called `name` from now on.
    Rename,
    /// The device runs the release `name` from now on.
    UpdateOs,
    /// The person says no to an app.
    DeclineApp,
    /// There is no room for an app.
    NoRoom,
    /// The person deletes the app `name`.
    DeleteApp,
    /// The person signs in to the store with the account `name`.
    SignIn,
    /// The installation of the OS fails, for the reason `name`.
    UpdateFails,
    /// The download of the OS never ends.
    UpdateStalls,
    /// The order to update the OS is answered with the Status `name`.
    UpdateRefused,
    /// The device has no attestation to show.
    NoAttestation,
    /// The attestation names another serial number.
    AttestsOtherSerial,
    /// The attestation has another freshness code.
    AttestsOldCode,
    /// The attestation is of another key.
    AttestsOtherKey,
    /// Machine info is signed by somebody whom no maker of devices vouches for.
    Stranger,
    /// Machine info is signed by SHA-1.
    OldDigest,
    /// Machine info comes without the certificate of the authority above its signer.
    BareIdentity,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) seed: u64,
    #[serde(default)]
    pub(super) fault: Vec<Rule>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) on: Vec<String>,
    #[serde(default)]
    pub(super) devices: Devices,
    #[serde(default = "always")]
    pub(super) chance: f64,
    #[serde(default)]
    pub(super) after: u32,
    #[serde(default = "without_end")]
    pub(super) times: u32,
    #[serde(default)]
    pub(super) seconds: f64,
    #[serde(default)]
    pub(super) bytes: usize,
    #[serde(default)]
    pub(super) code: i64,
    #[serde(default = "domain_of_mdm")]
    pub(super) domain: String,
    #[serde(default)]
    pub(super) name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
pub(super) enum Devices {
    #[default]
    All,
    Numbers(Vec<u32>),
    Share(String),
}

fn always() -> f64 {
    1.0
}

fn without_end() -> u32 {
    u32::MAX
}

fn domain_of_mdm() -> String {
    String::from("MCMDMErrorDomain")
}

/// Reads `10%` as 0.1.
pub(super) fn share_of(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

impl Rule {
    pub(super) fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.chance) {
            return Err(String::from("chance goes from 0 to 1"));
        }
        if let Devices::Share(share) = &self.devices {
            share_of(share).ok_or_else(|| format!("devices is a list of numbers or a share such as \"10%\", not {share:?}"))?;
        }
        if !self.seconds.is_finite() || self.seconds.abs() > MAX_SECONDS || (self.kind == Kind::Slow && self.seconds < 0.0) {
            return Err(format!("seconds goes from 0 (clock-skew: the negative) to {MAX_SECONDS}"));
        }
        if self.bytes > MAX_HUGE_BYTES {
            return Err(format!("bytes goes up to {MAX_HUGE_BYTES}"));
        }
        let needs_seconds = matches!(self.kind, Kind::Slow | Kind::ClockSkew);
        if needs_seconds && self.seconds == 0.0 {
            return Err(String::from("this kind needs seconds"));
        }
        if self.kind == Kind::Huge && self.bytes == 0 {
            return Err(String::from("this kind needs bytes"));
        }
        if self.kind == Kind::Refuse && self.code == 0 {
            return Err(String::from("this kind needs code"));
        }
        let needs_name = matches!(self.kind, Kind::LoseProfile | Kind::Rename | Kind::UpdateOs | Kind::DeleteApp | Kind::SignIn);
        if needs_name && self.name.is_empty() {
            return Err(String::from("this kind needs name"));
        }
        Ok(())
    }

    pub(super) fn is_about(&self, purpose: Purpose, command: Option<&str>) -> bool {
        self.on.is_empty() || self.on.iter().any(|word| word == purpose.name() || Some(word.as_str()) == command)
    }
}
