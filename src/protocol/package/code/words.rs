//! What is wrong with an app's signature, in sentences for those who upload it.

use super::{CodeSignature, Fault, PROGRAM_MAX_BYTES, SignatureKind, SigningCertificate};
use crate::language::say;
use crate::protocol::package::Facts;

/// What to do about most of it.
const EXPORT: &str = msg!("Export the app from Xcode with your team's distribution certificate, and upload it again.");

/// Names that one sentence lists.
const NAMES_LISTED: usize = 5;

/// Why nothing can be said of a program; `name` is the file's, empty where the app names none, and none of that name inside is [`Fault::NoProgram`] too.
pub(in crate::protocol::package) fn fault(fault: Fault, name: &str) -> String {
    match fault {
        Fault::NoProgram if name.is_empty() => {
            t!(
                "There is no program in the app, as its Info.plist names none (CFBundleExecutable): no device opens it. {export}",
                export = say(EXPORT)
            )
        }
        Fault::NoProgram => {
            t!("There is no program “{name}” in the app that a device could run: none opens it. {export}", name, export = say(EXPORT))
        }
        Fault::OtherProcessor => String::from(t!(
            "Its program is not built for the processors of today's devices (64-bit ARM): none opens it. Build it for “Any iOS Device” and export that."
        )),
        Fault::Damaged => t!("Its program or the signature of it is damaged: no device opens it. {export}", export = say(EXPORT)),
        Fault::TooLarge => t!(
            "Its program is larger than {program_max_bytes} GiB, or built in a way that is not known here, so that its signature was not looked at. Try it on one device first.",
            program_max_bytes = PROGRAM_MAX_BYTES >> 30
        ),
    }
}

/// What keeps devices from opening an app that is signed like this, or should be known of it.
pub(in crate::protocol::package) fn problems(facts: &Facts, signature: &CodeSignature) -> Vec<String> {
    match signature.kind {
        SignatureKind::Unsigned => return vec![t!("Nobody signed the app: no device opens it. {export}", export = say(EXPORT))],
        SignatureKind::NoCertificate => {
            return vec![t!(
                "The app is signed without a certificate, as linkers do it by themselves: no device opens it. {export}",
                export = say(EXPORT)
            )];
        }
        SignatureKind::AppStore if signature.is_encrypted || facts.provisioning.is_none() => {
            return vec![String::from(t!(
                "This is a copy of an app from the App Store, which opens only for the Apple Account that got it. Give devices such apps by licence: look for it under Apps."
            ))];
        }
        _ => {}
    }
    let mut problems = changed(signature);
    problems.extend(signature.certificate.as_ref().map(|certificate| of_certificate(signature, certificate)).unwrap_or_default());
    if signature.kind == SignatureKind::Development || signature.is_debuggable {
        problems.push(String::from(
            t!("This is a build for development: it opens only on devices that its provisioning profile lists, and a debugger may look into it there. Export it for in-house (Enterprise) or ad hoc distribution before pupils get it."),
        ));
    }
    problems.extend(of_names(facts, signature));
    problems
}

/// What was changed after it was signed.
fn changed(signature: &CodeSignature) -> Vec<String> {
    let checks = signature.checks;
    let mut changed = Vec::new();
    if checks.signature == Some(false) || checks.program == Some(false) {
        changed.push(t!("The program was changed or damaged after it was signed: no device opens it. {export}", export = say(EXPORT)));
    } else if checks.signature.is_none() {
        changed.push(String::from(t!(
            "Its signature cannot be proven here, and devices open only what is signed right. Try it on one device first."
        )));
    } else if signature.is_encrypted {
        changed.push(String::from(t!("Its program is encrypted as the App Store does it, so that it cannot be compared with its signature. Try it on one device first.")));
    } else if checks.program.is_none() {
        changed.push(String::from(t!("Its program cannot be compared with its signature here. Try it on one device first.")));
    }
    if checks.info_plist == Some(false) {
        changed.push(t!("Its Info.plist was changed after the app was signed: no device installs it. {export}", export = say(EXPORT)));
    }
    if checks.resource_list == Some(false) {
        changed.push(t!(
            "The list of its files was changed or taken away after the app was signed: no device installs it. {export}",
            export = say(EXPORT)
        ));
    }
    if checks.profile == Some(false) {
        changed.push(String::from(
            t!("The provisioning profile inside was put in place after the app was signed: no device installs it. Sign the app once more with that profile inside, or upload the profile by itself under Provisioning profiles."),
        ));
    }
    changed
}

/// What is wrong with the certificate.
fn of_certificate(signature: &CodeSignature, certificate: &SigningCertificate) -> Vec<String> {
    let mut problems = Vec::new();
    if !certificate.is_apples {
        problems.push(t!(
            "The app is signed by “{name}”, which is no certificate of Apple's: no device opens it. {export}",
            name = certificate.name,
            export = say(EXPORT)
        ));
    }
    if signature.kind == SignatureKind::Other && certificate.is_apples {
        problems.push(t!(
            "The app is signed by “{name}”, which is a certificate for something else than apps of iPads and iPhones. {export}",
            name = certificate.name,
            export = say(EXPORT)
        ));
    }
    if signature.checks.certificate_in_profile == Some(false) {
        problems.push(t!("The app is signed by “{name}”, and the provisioning profile inside does not name that certificate: no device opens it. Make the profile anew with this certificate, or sign with the one that it names.", name = certificate.name));
    }
    problems
}

/// Where the signature, the provisioning profile and the app disagree about whose and which app it is.
fn of_names(facts: &Facts, signature: &CodeSignature) -> Vec<String> {
    let mut problems = Vec::new();
    // The part before the first dot is the team's, or an older prefix of its own.
    let signed_for = signature.application_identifier.split_once('.').map_or("", |(_, app)| app);
    let fits = |pattern: &str| pattern.strip_suffix('*').map_or(pattern == facts.identifier, |start| facts.identifier.starts_with(start));
    if !signed_for.is_empty() && !fits(signed_for) {
        problems.push(t!(
            "It is signed as {signed_for}, and its Info.plist calls it {identifier}: no device installs it. {export}",
            signed_for,
            identifier = facts.identifier,
            export = say(EXPORT)
        ));
    } else if signed_for.is_empty() && signature.identifier != facts.identifier {
        problems.push(t!(
            "Its signature calls it {identifier}, and its Info.plist {identifier_2}. Devices may refuse that: try it on one first.",
            identifier = signature.identifier,
            identifier_2 = facts.identifier
        ));
    }
    let Some(profile) = &facts.provisioning else { return problems };
    let own = signature.certificate.as_ref().map_or("", |certificate| certificate.team_id.as_str());
    let team = [signature.team_id.as_str(), own].into_iter().find(|team| !team.is_empty()).unwrap_or_default();
    if !team.is_empty() && !profile.team_id.is_empty() && team != profile.team_id {
        problems.push(t!("It is signed by the team {team}, and the provisioning profile inside is of the team {team_id}: no device opens it. Sign it with a certificate of that team.", team, team_id = profile.team_id));
    }
    // A profile whose names were cut off says nothing of those that are missing.
    if profile.entitlements.len() < crate::protocol::provision::MAX_ENTITLEMENTS {
        let mut beyond: Vec<&str> =
            signature.entitlements.iter().filter(|name| !profile.entitlements.contains(name)).map(String::as_str).collect();
        let more = beyond.len().saturating_sub(NAMES_LISTED);
        beyond.truncate(NAMES_LISTED);
        if !beyond.is_empty() {
            let more = if more == 0 { String::new() } else { t!(" and {more} more", more) };
            problems.push(t!("It claims what the provisioning profile inside does not grant ({list}{more}): devices refuse to install such an app. Add it to the app's identifier at Apple's developer site, and export the app with the new profile.", list = beyond.join(", "), more));
        }
    }
    problems
}
