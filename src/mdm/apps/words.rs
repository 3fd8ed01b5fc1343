//! How an app stands on a device, in the words of a teacher: one of cause and one of remedy.

use crate::clock::Zone;
use crate::language;
use crate::mdm::licences::{NOT_ACCEPTED, is_no_location};
use crate::protocol::package::version_words;
use crate::protocol::report::apps::ManagedState;
use crate::store::app_states::{AppState, Intent, Stage};
use crate::store::deployments::Mechanism;

/// How far the device says that a managed app is.
pub fn managed(state: ManagedState) -> &'static str {
    match state {
        ManagedState::Queued => t!("waits for its turn"),
        ManagedState::Prompting => t!("the person is asked"),
        ManagedState::PromptingForLogin | ManagedState::PromptingForUpdateLogin => t!("the person is asked to sign in"),
        ManagedState::PromptingForManagement => t!("the person is asked whether it may be managed"),
        ManagedState::ValidatingPurchase | ManagedState::ValidatingUpdate => t!("the App Store looks at it"),
        ManagedState::NeedsRedemption => t!("waits for a redemption code"),
        ManagedState::Redeeming => t!("redeems its code"),
        ManagedState::Installing => t!("is being installed"),
        ManagedState::Managed => t!("managed"),
        ManagedState::PromptingForUpdate => t!("the person is asked about an update"),
        ManagedState::Updating => t!("is being updated"),
        ManagedState::ManagedButUninstalled => t!("the person deleted it"),
        ManagedState::UserInstalledApp => t!("the person installed it"),
        ManagedState::UserRejected => t!("the person declined it"),
        ManagedState::UpdateRejected => t!("the person declined its update"),
        ManagedState::ManagementRejected => t!("the person declined that it is managed"),
        ManagedState::Failed => t!("failed"),
        ManagedState::Unknown => t!("the device does not say how far it is"),
    }
}

/// What a code of `reasons` in a status report means.
pub fn reason(code: &str) -> &'static str {
    match code {
        "Error.AppStoreDisabled" => t!("the App Store is disabled on the device"),
        "Error.DownloadFailed" => t!("the download failed; the device tries again by itself"),
        "Error.DuplicateConfiguredApp" => t!("two declarations bring the same app"),
        "Error.InstallFailed" => t!("the device could not install it"),
        "Error.InvalidAppID" => t!("the device could not verify the app"),
        "Error.InvalidCodeSignature" => t!("the app's signature does not hold on the device"),
        "Error.IsSystemApp" => t!("the app is part of the system"),
        "Error.LicenseNotFound" => t!("no licence for the app was found"),
        "Error.NotAnApp" => t!("the App Store number is not that of an app"),
        "Error.NotSupported" => t!("the device does not support this app"),
        "Error.UnmanagedAppAlreadyInstalled" => t!("the person has installed it, and this enrollment cannot take it over"),
        "Error.UserRejected" => t!("the person declined it"),
        "Error.UpdateFailed" => t!("the update failed; the device tries again by itself"),
        "Info.UpdateAvailable" => t!("there is a newer version"),
        _ => t!("the device gave a reason that is not known here"),
    }
}

/// The version on the device as people say it; empty where it is not known. The build of a store's app means nothing to anybody.
pub fn version(row: &AppState) -> String {
    match row.short_version.as_str() {
        short if !short.is_empty() && !row.adam_id.is_empty() => short.to_owned(),
        short => version_words(short, &row.version),
    }
}

/// The stage in a word or two.
pub fn stage(row: &AppState) -> String {
    let words = match row.stage {
        Stage::Absent if row.wanted.is_empty() => t!("gone"),
        Stage::Sent if is_served(row) => t!("waits for the device"),
        Stage::Absent | Stage::Sent => t!("waits to be sent"),
        Stage::Offered => t!("may be asked for"),
        Stage::Licence if !row.seen.is_empty() => t!("installed, licence pending"),
        Stage::NoLicence if !row.seen.is_empty() => t!("installed, no licence"),
        Stage::Licence => t!("licence pending"),
        Stage::NoLicence => t!("no licence"),
        Stage::Prompting => t!("asks the person"),
        Stage::Installing => t!("installing"),
        Stage::Installed if !version(row).is_empty() => return t!("installed, version {row}", row = version(row)),
        Stage::Installed => t!("installed"),
        Stage::Outdated => t!("update available"),
        Stage::Updating => t!("updating"),
        Stage::Declined => t!("declined"),
        Stage::NeedsCode => t!("needs a code"),
        Stage::Lacking if row.seen.is_empty() => t!("cannot be had yet"),
        Stage::Lacking => t!("installed, as it was"),

        Stage::Failed => t!("failed"),
        Stage::Stuck => t!("not taking effect"),
        Stage::Deleted => t!("removed by the person"),
        Stage::Unmanaged => t!("the person's own"),
        Stage::Removing => t!("is being removed"),
    };
    words.to_owned()
}

/// Why it stands so, and what ends or changes that, with times in `zone`; empty where there is nothing to say.
pub fn because(row: &AppState, zone: &Zone) -> (String, String) {
    let cause = if row.problem.is_empty() { usual_cause(row).to_owned() } else { sentence(&language::kept(&row.problem)) };
    let remedy = match row.stage {
        Stage::Failed | Stage::NoLicence if row.due_at.is_some() => {
            t!("It is tried again at {due_at}.", due_at = language::date(zone.words(row.due_at.unwrap_or_default())))
        }
        Stage::Failed => String::from(t!("It is tried again when somebody asks, or when something about it changes.")),
        Stage::Declined | Stage::Deleted => String::from(t!("It stays so until somebody asks again.")),
        Stage::Stuck if row.adam_id.is_empty() => {
            String::from(t!("Look at the device: it may have no room, or not reach this server. Then ask again."))
        }
        Stage::Stuck => String::from(t!("Look at the device: the app may be open, or the App Store out of reach. Then ask again.")),
        Stage::Unmanaged if row.take_over => String::from(t!("It is taken over now.")),
        Stage::Unmanaged => String::from(t!("It can be taken over: the person keeps their data, and the app becomes managed.")),
        // The device's own store refused it each time.
        Stage::NoLicence if row.attempts > 0 => {
            String::from(t!("It stays so until somebody asks again. Look whether the licence is still there."))
        }
        Stage::NoLicence if is_no_location(&row.problem) => {
            String::from(t!("It goes on by itself once a location with licences of it is here."))
        }
        Stage::NoLicence => String::from(t!("It goes on by itself when a licence is free.")),
        Stage::Licence if row.problem == NOT_ACCEPTED => String::from(t!(
            "Open the person's page: it leads to the location that invites them, where the invitation can be shown and sent again."
        )),
        Stage::NeedsCode if row.command_uuid.is_some() => String::new(),
        Stage::NeedsCode if row.unmoved > 0 => {
            String::from(t!("Look whether the codes are those of this app and country. Ask again, and it is sent the next one."))
        }
        Stage::NeedsCode => String::from(t!("Bring a sheet of codes at System, Apps and Books; each device is sent one by itself.")),
        Stage::Lacking if row.seen.is_empty() => String::from(t!("It comes by itself as soon as that is mended.")),
        Stage::Lacking => String::from(t!("What is on the device stays as it is until that is mended.")),
        Stage::Prompting => String::from(t!("It goes on when the person answers, or signs in. You can ask again.")),
        _ => String::new(),
    };
    (cause, remedy)
}

fn usual_cause(row: &AppState) -> &'static str {
    match row.stage {
        Stage::Absent | Stage::Sent if row.command_uuid.is_some() => t!("It waits for the device to connect."),
        Stage::Removing if row.intent == Intent::Remove => t!("It waits for the device to connect."),
        Stage::Removing => t!("The device has been told and has not said yet that it has gone."),
        Stage::NeedsCode => t!("A redemption code for it waits for the device to connect."),
        Stage::Licence => t!("A licence for it is being assigned."),
        Stage::Sent if is_served(row) => t!("It is among what the device is to have; the device has not said yet that it knows."),
        Stage::Installing if is_served(row) && row.poll_at.is_some() => {
            t!("The device has been told and works on it; it has not said yet how far it is.")
        }
        Stage::Installing => t!("The device has taken the order and works on it."),
        Stage::Updating => t!("A newer version or changed settings are on their way."),
        Stage::Outdated if row.mechanism == Mechanism::Declaration => {
            t!("It is installed, and there is a newer version, which the device brings.")
        }
        Stage::Outdated => t!("It is installed, and there is a newer version, which is not sent by itself now."),
        _ => "",
    }
}

/// Whether the device finds it in its declarations.
fn is_served(row: &AppState) -> bool {
    row.mechanism == Mechanism::Declaration && !row.sent.is_empty()
}

/// A cause as a sentence.
pub fn sentence(cause: &str) -> String {
    let mut letters = cause.trim_end_matches('.').chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_that_apple_names_has_words() {
        let Some(shared) = crate::shared_for_tests() else { return };
        let schema = std::fs::read_to_string(shared.join("apple-schema-18.1/declarative/status/app.managed.list.yaml"));
        let schema = schema.unwrap();
        let codes =
            schema.split_whitespace().map(|word| word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.'));
        let unknown = reason("Error.Nobody");
        for code in codes.filter(|word| (word.starts_with("Error.") || word.starts_with("Info.")) && word.len() > 7) {
            assert_ne!(reason(code), unknown, "{code}");
        }
        assert_eq!(sentence("the person declined it"), "The person declined it.");
    }
}
