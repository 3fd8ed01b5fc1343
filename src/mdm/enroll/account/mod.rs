//! Account-driven enrollment: a person signs in at a device, their own or the organisation's, and it is given a profile for their account.

mod bearer;
pub mod rules;

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::access::passwords::{self, Candidate};
use crate::mdm::attestation::Claim;
use crate::mdm::enroll::identify::Refusal as NotBound;
use crate::mdm::enroll::profile::{self, Account, Grant, MadeFor};
use crate::mdm::enroll::{Addresses, automated};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right};
use crate::pki::device_identity::Vouched;
use crate::pki::digest::sha256;
use crate::protocol::checkin::Authenticate;
use crate::protocol::ids::{EnrollmentIds, EnrollmentKind};
use crate::protocol::machine_info::MachineInfo;
use crate::protocol::service_discovery::ModelFamily;
use crate::store::account_tokens::{self, AccountToken, Ownership, Shown};
use crate::store::devices::{self, Device};
use crate::store::enrollments::Enrollment;
use crate::store::invitations::{Challenge, Entry};
use crate::store::people::{self, Person};
use crate::store::{Tx, enrollments};

pub use bearer::is_news;
pub(in crate::mdm) use bearer::note as note_bearer;
pub use rules::{Rules, rules};

/// How long a token is good by which nothing has enrolled yet.
pub const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// Characters of an account that is looked for.
pub const IDENTIFIER_MAX_CHARS: usize = 254;

/// Why a device, or its person, is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody may enroll a device of this family so, or not as this.
    Off,
    /// Nobody here has this account.
    UnknownAccount,
    /// Whoever signed in has no Managed Apple Account.
    NoAccount(String),
    /// Whoever signed in is not at the school now.
    NotActive(String),
    /// Whoever signed in has another account than the one with which it began.
    OtherAccount(String),
    /// The password is another one since they signed in.
    PasswordChanged,
    /// The authority of practice devices vouches for one that is real.
    NotPractice,
    /// It cannot prove that it is genuine, and has to.
    NotGenuine(String),
    /// The appliance cannot take devices now.
    NotReady(String),
}

impl Refusal {
    /// The refusal in words, for the person at the device.
    pub fn words(&self) -> String {
        match self {
            Self::Off => t!("People do not enroll such devices with their account here. Whoever looks after the devices can allow it under System, Enrollment by account.").into(),
            Self::UnknownAccount => t!("Nobody here has this Managed Apple Account. Look how it is written, or have it added to your name under People.").into(),
            Self::NoAccount(name) => t!("No Managed Apple Account is known of {name}. Whoever looks after the devices adds it under People; then begin again.", name),
            Self::NotActive(name) => t!("{name} does not belong to this organisation now.", name),
            Self::OtherAccount(name) => t!("You began with another Managed Apple Account than the one of {name}. Begin again with your own.", name),
            Self::PasswordChanged => t!("The password was changed since you signed in. Begin again with the new one.").into(),
            Self::NotPractice => t!("A practice device calls itself by the serial number or UDID of a real one.").into(),
            Self::NotGenuine(words) | Self::NotReady(words) => words.clone(),
        }
    }
}

/// Where a device is sent that asks for its server: as whose it is taken. Without its family, which a redirect may have dropped, it is taken as any is.
///
/// For which account it asks makes no difference: anybody may ask, and who has an account here is not for anybody to know.
pub fn discover(tx: &Tx, model_family: &str) -> Result<Result<Ownership, Refusal>> {
    let rules = rules(tx)?;
    let ownership = match model_family {
        "" => rules.of_unknown(),
        family => ModelFamily::of_parameter(family).and_then(|family| rules.families.get(&family).copied()),
    };
    let Some(ownership) = ownership else { return Ok(Err(Refusal::Off)) };
    Ok(Ok(ownership))
}

/// The active person of a Managed Apple Account.
fn with_account(tx: &Tx, account: &str) -> Result<Option<Person>> {
    let account = account.trim();
    if account.is_empty() || account.chars().count() > IDENTIFIER_MAX_CHARS {
        return Ok(None);
    }
    Ok(people::by_managed_apple_id(tx, account, "")?.filter(|person| person.active))
}

/// Who may be meant by what somebody typed to sign in: an e-mail address, or a Managed Apple Account where that is nobody's address.
pub fn candidate(tx: &Tx, typed: &str) -> Result<Candidate> {
    let found = passwords::candidate(tx, typed)?;
    if found.person_id().is_some() {
        return Ok(found);
    }
    match with_account(tx, typed)? {
        Some(person) => passwords::candidate(tx, &person.email),
        None => Ok(found),
    }
}

/// Whoever signed in, as far as that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub person_id: String,
    /// Their name.
    pub name: String,
    /// Their Managed Apple Account.
    pub managed_account: String,
    /// When.
    pub at: Timestamp,
}

/// Looks whether somebody who signed in may enroll a device; `user_identifier` is the account with which the device began, where it said so.
pub fn signed_in(tx: &Tx, person_id: &str, user_identifier: &str) -> Result<Result<SignedIn, Refusal>> {
    let Some(person) = people::by_id(tx, person_id)? else { return Ok(Err(Refusal::UnknownAccount)) };
    if !person.active {
        return Ok(Err(Refusal::NotActive(person.name)));
    }
    let managed_account = people::managed_apple_id(tx, &person.id)?;
    if managed_account.is_empty() {
        return Ok(Err(Refusal::NoAccount(person.name)));
    }
    let begun_with = user_identifier.trim();
    if !begun_with.is_empty() && !begun_with.eq_ignore_ascii_case(&managed_account) {
        return Ok(Err(Refusal::OtherAccount(person.name)));
    }
    Ok(Ok(SignedIn { person_id: person.id, name: person.name, managed_account, at: tx.now }))
}

/// Makes a token good, for a while, by which a device of whoever signed in gets its profile; unless they may not any more, or their password is another
/// one since.
pub fn issue(tx: &Tx, token: &str, who: &SignedIn, ownership: Ownership) -> Result<Result<(), Refusal>> {
    if let Err(refusal) = signed_in(tx, &who.person_id, &who.managed_account)? {
        return Ok(Err(refusal));
    }
    if !passwords::is_as_at(tx, &who.person_id, who.at)? {
        return Ok(Err(Refusal::PasswordChanged));
    }
    account_tokens::insert(
        tx,
        &AccountToken {
            hash: sha256(token.as_bytes()),
            person_id: who.person_id.clone(),
            managed_account: who.managed_account.clone(),
            ownership,
            enrollment_id: None,
            shown: Shown::Right,
            shown_at: None,
            created_at: tx.now,
            expires_at: Some(tx.now.plus(TOKEN_LIFE)),
        },
    )?;
    let data = json!({ "person": who.name, "person_id": who.person_id, "ownership": ownership });
    journal::note(tx, &Actor::Device { name: who.name.clone() }, "account.signed_in", Subject::default(), data)?;
    Ok(Ok(()))
}

/// A device that asks for its profile.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What it says of itself; a person's own tells neither serial number nor UDID.
    pub info: MachineInfo,
    /// Who vouches for it.
    pub by: Vouched,
    /// As whose it asks.
    pub ownership: Ownership,
    /// SHA-256 of the token that it shows.
    pub token: Option<[u8; 32]>,
}

/// What it is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// That its person is to sign in.
    SignIn,
    /// Its profile, which is good once it is recorded.
    Profile(Box<Grant>),
    /// That it is not let in.
    Refused(Refusal),
}

/// Decides what a device is answered; reads only. [`record`] must follow before it is given a profile.
pub fn decide(tx: &Tx, asked: &Asked, addresses: Addresses) -> Result<Answer> {
    let (info, practice) = (&asked.info, asked.by == Vouched::Practice);
    let rules = rules(tx)?;
    let allowed = ModelFamily::of_product(&info.product_name).and_then(|family| rules.families.get(&family).copied());
    if allowed != Some(asked.ownership) {
        return Ok(Answer::Refused(Refusal::Off));
    }
    let token = asked.token.map_or(Ok(None), |hash| account_tokens::by_hash(tx, &hash))?;
    let is_good = |token: &AccountToken| token.expires_at.is_some_and(|end| end > tx.now) && token.ownership == asked.ownership;
    let Some(token) = token.filter(is_good) else { return Ok(Answer::SignIn) };
    if let Err(refusal) = signed_in(tx, &token.person_id, &token.managed_account)? {
        return Ok(Answer::Refused(refusal));
    }
    let is_own = asked.ownership == Ownership::Own;
    // Whatever a person's own device says of itself is not kept.
    let said = |text: &str| Some(text.to_owned()).filter(|text| !is_own && !text.is_empty());
    let device = MadeFor { serial_number: said(&info.serial_number), udid: said(&info.udid), practice, person_id: Some(token.person_id) };
    if practice && automated::is_real(tx, device.serial_number.as_deref(), device.udid.as_deref())? {
        return Ok(Answer::Refused(Refusal::NotPractice));
    }
    let grant = match profile::of_device(tx, Entry::Account, None, device, addresses) {
        Ok(grant) => grant,
        Err(error) if error.kind == Kind::Conflict => return Ok(Answer::Refused(Refusal::NotReady(error.message.into_owned()))),
        Err(error) => return Err(error),
    };
    let account = Account { token: Some(token.hash), managed_account: token.managed_account, is_own_device: is_own };
    let grant = Grant { account: Some(account), ..grant };
    let claim = Claim::of_device(info.product_name.clone(), info.os_version_told());
    let proven = profile::proven(tx, grant, &claim)?;
    Ok(proven.map_or_else(|words| Answer::Refused(Refusal::NotGenuine(words)), |grant| Answer::Profile(Box::new(grant))))
}

/// Makes the challenge of a profile good that is given out.
pub fn record(tx: &Tx, asked: &Asked, grant: &Grant) -> Result<()> {
    profile::record(tx, grant)?;
    let person_id = grant.device.as_ref().and_then(|device| device.person_id.as_deref()).unwrap_or_default();
    let name = people::by_id(tx, person_id)?.map(|person| person.name).unwrap_or_default();
    let data = json!({ "person": name, "person_id": person_id, "ownership": asked.ownership, "product_name": asked.info.product_name });
    journal::note(tx, &Actor::Device { name }, "account.profile_given", Subject::default(), data)
}

/// What stands against a device that says Authenticate by a challenge of somebody who signed in: it is not as whose they signed in, or another one came
/// first.
pub(in crate::mdm) fn stands_against(
    tx: &Tx,
    challenge: &Challenge,
    ids: &EnrollmentIds,
    message: &Authenticate,
) -> Result<Option<NotBound>> {
    let Some(hash) = &challenge.account else { return Ok(None) };
    let Some(token) = account_tokens::by_hash(tx, hash)? else { return Ok(Some(NotBound::SignInOver)) };
    let is_own = ids.kind() == EnrollmentKind::UserEnrollmentDevice;
    if is_own != (token.ownership == Ownership::Own) {
        return Ok(Some(NotBound::NotAsSignedIn));
    }
    let Some(bound) = token.enrollment_id else {
        // What it asked for its profile as, anybody may say; the rules are those of what it is.
        let family = message.product_name.as_deref().and_then(ModelFamily::of_product);
        let allowed = family.map_or(Ok(None), |family| Ok::<_, Error>(rules(tx)?.families.get(&family).copied()))?;
        return Ok((allowed != Some(token.ownership)).then_some(NotBound::NotAllowed));
    };
    let is_same = enrollments::by_id(tx, &bound)?.is_some_and(|enrollment| enrollment.nano_id.eq_ignore_ascii_case(ids.nano_id().as_str()));
    Ok((!is_same).then_some(NotBound::AnotherDevice))
}

/// An enrollment began: the token is its for as long as it lives. By another door than this one, the token of before is over.
pub(in crate::mdm) fn began(tx: &Tx, challenge: Option<&Challenge>, enrollment: &Enrollment, device: &mut Device) -> Result<()> {
    let Some((challenge, hash)) = challenge.and_then(|challenge| Some((challenge, challenge.account.as_ref()?))) else {
        return account_tokens::forget(tx, &enrollment.id).map(drop);
    };
    account_tokens::bind(tx, hash, &enrollment.id)?;
    device.group_label = rules(tx)?.group;
    if device.name.is_empty()
        && let Some(person) = challenge.person_id.as_deref().map_or(Ok(None), |id| people::by_id(tx, id))?
    {
        let family = ModelFamily::of_product(&device.product_name).map_or("Device", ModelFamily::name);
        device.name = t!("{family} of {name}", family, name = person.name);
    }
    devices::update(tx, device)
}

/// How a device stands to the account by which it enrolled; none for one that came in another way.
pub fn of_device(tx: &Tx, actor: &Actor, device_id: &str) -> Result<Option<AccountToken>> {
    actor.require(Right::View)?;
    let channel = enrollments::device_channel(tx, device_id)?.filter(|channel| channel.entry == Entry::Account);
    channel.map_or(Ok(None), |channel| account_tokens::of_enrollment(tx, &channel.id))
}
