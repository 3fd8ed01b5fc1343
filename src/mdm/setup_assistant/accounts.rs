//! The accounts of a Mac in Setup Assistant: the first person's, and an administrator of ours whose password is each Mac's own.

use serde_json::{Value, json};

use super::ACTOR;
use crate::error::{Error, Result};
use crate::mdm::reconcile::setting_up::{Kind, Standing, Thing};
use crate::mdm::{Actor, Right, commands, devices, journal};
use crate::pki::mac_password::MacPassword;
use crate::protocol::ade::{FirstUser, MacAccounts, ProfileKeys, account_name};
use crate::protocol::command::{self, AccountConfiguration, AdminAccount, PrimaryAccount};
use crate::protocol::platform::Platform;
use crate::secret::{Secret, SecretBytes};
use crate::store::commands::{self as queue, Command, CommandState};
use crate::store::enrollments::Enrollment;
use crate::store::escrow::{self, EscrowKind};
use crate::store::{Tx, ade_devices, devices as rows, people};

/// The command that makes accounts.
const MAKES: &str = "AccountConfiguration";

/// What tells our own wish from one that somebody sent by hand.
const KEY: &str = "setup.accounts";

/// Groups of five letters of a password: about 98 bits.
const PASSWORD_GROUPS: usize = 4;

/// Has the accounts of a Mac made, once, as the profile says by which it came; nothing on anything else.
pub(super) fn begin(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let Some((device, accounts)) = wanted(tx, enrollment)? else { return Ok(()) };
    if sent(tx, enrollment)?.is_some() {
        return Ok(());
    }
    let person = if accounts.named_after_person { people::of_device(tx, &device.id)? } else { None };
    let admin = if accounts.admin_name.is_empty() { None } else { Some(admin(tx, enrollment, &accounts)?) };
    let order = AccountConfiguration {
        admin,
        primary: match accounts.first_user {
            FirstUser::Administrator => PrimaryAccount::Administrator,
            FirstUser::Regular => PrimaryAccount::Regular,
            FirstUser::None => PrimaryAccount::Skipped,
        },
        primary_full_name: person.as_ref().map(|person| person.name.clone()),
        primary_user_name: person.as_ref().and_then(|person| account_name(&person.email)),
        lock_primary_info: person.is_some().then_some(accounts.name_locked),
        managed_user: None,
    };
    let order = command::account_configuration(tx.command_uuid(), order);
    commands::enqueue_own(tx, &ACTOR, enrollment, order, Some(KEY), None).map(drop)
}

/// How the accounts of a Mac stand, as a thing that it waits for; none where it waits for none.
pub(super) fn thing(tx: &Tx, enrollment: &Enrollment) -> Result<Option<Thing>> {
    if wanted(tx, enrollment)?.is_none() {
        return Ok(None);
    }
    let standing = match sent(tx, enrollment)? {
        None => Standing::Awaited,
        Some(command) if command.state.is_open() => Standing::Awaited,
        Some(command) if command.state == CommandState::Acknowledged => Standing::There,
        Some(command) => Standing::GivenUp(match command.cause.trim_end_matches('.') {
            "" => String::from(t!("the Mac did not take them")),
            cause => cause.to_owned(),
        }),
    };
    Ok(Some(Thing { kind: Kind::Accounts, name: String::from(t!("its accounts")), standing }))
}

/// The Mac and what its profile says of accounts, where that is anything.
fn wanted(tx: &Tx, enrollment: &Enrollment) -> Result<Option<(rows::Device, MacAccounts)>> {
    let Some(device) = rows::by_id(tx, &enrollment.device_id)?.filter(|device| device.platform == Platform::Macos) else { return Ok(None) };
    let Some(serial_number) = &device.serial_number else { return Ok(None) };
    let known = ade_devices::by_serial(tx, serial_number)?.filter(|known| known.device.gone_at.is_none());
    let profile = known.and_then(|known| known.profile);
    let accounts = profile.map(|profile| ProfileKeys::from_json(&profile.content).mac_accounts);
    Ok(accounts.filter(|accounts| !accounts.is_usual()).map(|accounts| (device, accounts)))
}

fn sent(tx: &Tx, enrollment: &Enrollment) -> Result<Option<Command>> {
    queue::latest(tx, &enrollment.id, enrollment.generation, MAKES)
}

/// An administrator with a password that only this Mac has; it is kept before the Mac can hear of it.
fn admin(tx: &Tx, enrollment: &Enrollment, accounts: &MacAccounts) -> Result<AdminAccount> {
    Ok(AdminAccount {
        short_name: accounts.admin_name.clone(),
        full_name: Some(accounts.admin_full_name.clone()).filter(|name| !name.is_empty()),
        password_hash: password(tx, enrollment, &accounts.admin_name)?,
        hidden: accounts.admin_hidden,
    })
}

/// Makes a password for an administrator and keeps it; gives what the Mac is told of it.
fn password(tx: &Tx, enrollment: &Enrollment, name: &str) -> Result<SecretBytes> {
    let password = Secret::new([(); PASSWORD_GROUPS].map(|()| tx.random().code(5)).join("-"));
    let of = Some((enrollment.id.as_str(), enrollment.generation));
    let note = t!("made for the administrator “{name}”", name);
    escrow::insert(tx, &enrollment.device_id, of, EscrowKind::AdminPassword, password.expose().as_bytes(), &note)?;
    let hash = MacPassword::of(password.expose()).map_err(|error| Error::internal("a password could not be hashed", error))?;
    command::password_hash(&hash)
}

/// The administrator that a Mac says Setup Assistant made: GUID and name.
fn made(facts: &str) -> Option<(String, String)> {
    let facts: Value = serde_json::from_str(facts).ok()?;
    let first = facts.pointer("/AutoSetupAdminAccounts/0")?;
    Some((first["GUID"].as_str()?.to_owned(), first["shortName"].as_str().unwrap_or_default().to_owned()))
}

/// Whether a device has an administrator whose password can be changed from here; its name.
pub fn administrator(tx: &Tx, device_id: &str) -> Result<Option<String>> {
    Ok(made(&rows::facts(tx, device_id)?).map(|(_, name)| name))
}

/// Gives a Mac's administrator a new password, which is kept here; the ones before it stay kept, until the Mac has taken the new one.
pub fn new_password(tx: &Tx, actor: &Actor, device: &str) -> Result<Command> {
    actor.require(Right::Destroy)?;
    let enrollment = devices::channel(tx, actor, device)?;
    let Some((guid, name)) = made(&rows::facts(tx, &enrollment.device_id)?) else {
        return Err(Error::conflict(t!(
            "This device has no administrator that was made in Setup Assistant, or has not said so yet. Ask it again what it is."
        )));
    };
    let hash = password(tx, &enrollment, &name)?;
    let order = command::set_auto_admin_password(tx.command_uuid(), &guid, &hash);
    let queued = commands::enqueue(tx, actor, &enrollment, commands::Wish::new(order))?;
    journal::note(tx, actor, "device.admin_password_changed", &enrollment, json!({ "account": name }))?;
    Ok(queued)
}
