//! What a version of an app is, in words.

use maud::{Markup, html};

use super::super::parts::{Fact, State, badge, facts, named, state_square};
use crate::protocol::package::{CodeSignature, Facts, PackageKind, SignatureKind};
use crate::protocol::platform::Platform;
use crate::protocol::provision::{self, Reach};
use crate::store::packages::Stage;

/// A length of bytes as people say it: `3.4 MB`.
pub fn size(bytes: u64) -> String {
    let of = |unit: f64| bytes as f64 / unit;
    match bytes {
        0..1_000_000 => t!("{bytes} KB", bytes = bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => t!("{the_of} MB", the_of = format!("{:.1}", of(1e6))),
        _ => t!("{the_of} GB", the_of = format!("{:.2}", of(1e9))),
    }
}

/// The mark of a version's stage.
pub(super) fn stage(stage: Stage) -> Markup {
    match stage {
        Stage::Everyone => badge(State::Ok, t!("for everyone")),
        Stage::Pilot => badge(State::Waiting, t!("on trial")),
        Stage::Kept => html! { span.quiet { (t!("kept")) } },
    }
}

/// What is to be known of something before devices get it.
pub(in crate::http::pages) fn notes<T: AsRef<str>>(list: &[T]) -> Markup {
    html! {
        @if !list.is_empty() {
            div.banner.waiting role="note" {
                (state_square(State::Waiting, 12))
                div.words {
                    @if let [note] = list { p { (note.as_ref()) } }
                    @else { ul { @for note in list { li { (note.as_ref()) } } } }
                }
            }
        }
    }
}

/// What a file says of itself.
pub(super) fn about(package: &Facts, size_bytes: u64, sha256: &str) -> Markup {
    let kind = match package.kind {
        PackageKind::Ipa => t!("App (.ipa)"),
        PackageKind::Pkg => t!("Installer package (.pkg)"),
    };
    let mut list =
        vec![Fact::text(t!("Kind"), kind), Fact::code(t!("Identifier"), &package.identifier), Fact::text(t!("Build"), &package.version)];
    if !package.short_version.is_empty() {
        list.push(Fact::text(t!("Version"), &package.short_version));
    }
    list.push(Fact::text(t!("Runs on"), &runs_on(package)));
    for app in &package.apps {
        list.push(Fact::new(t!("Holds"), html! { (app.path) " " span.meta { (app.identifier) " " (app.short_version) } }));
    }
    if let Some(signer) = &package.signer {
        let above = signer.issuers.join(", ");
        list.push(Fact::new(t!("Signed by"), html! { (signer.name) @if !above.is_empty() { span.meta { (t!(", below ")) (above) } } }));
    }
    if let Some(signature) = &package.signature {
        list.push(Fact::new(t!("Signed by"), signed_by(signature)));
        if signature.kind != SignatureKind::Unsigned {
            list.push(Fact::text(t!("Fits its signature"), &compared(signature)));
        }
    }
    if package.kind == PackageKind::Ipa {
        match &package.provisioning {
            Some(profile) => list.push(Fact::new(t!("Provisioning profile"), provisioning(profile))),
            None => list.push(Fact::text(t!("Provisioning profile"), t!("none inside"))),
        }
    }
    list.push(Fact::text(t!("Size"), &size(size_bytes)));
    list.push(Fact::code("SHA-256", sha256));
    facts(&list)
}

/// Who signed an app, of which kind that is, and until when the certificate is good.
fn signed_by(signature: &CodeSignature) -> Markup {
    let kind = match signature.kind {
        SignatureKind::Unsigned => return html! { (t!("nobody")) },
        SignatureKind::NoCertificate => return html! { (t!("nobody's certificate: its linker alone")) },
        SignatureKind::Development => t!("for development"),
        SignatureKind::InHouse => t!("for in-house distribution"),
        SignatureKind::AdHoc => t!("for ad hoc distribution to the devices of its profile"),
        SignatureKind::AppStore => t!("for the App Store"),
        SignatureKind::Distribution => t!("for distribution"),
        SignatureKind::Other => t!("not for apps of iPads and iPhones"),
    };
    let Some(certificate) = &signature.certificate else { return html! { (t!("somebody who cannot be told")) } };
    let team = [&signature.team_id, &certificate.team_id].into_iter().find(|team| !team.is_empty());
    html! {
        (certificate.name) span.meta {
            @if !certificate.organisation.is_empty() { (t!(", of ")) (certificate.organisation) }
            @if let Some(team) = team { (t!(", team ")) (team) }
            ", " (kind) (t!(", until ")) (super::super::parts::day(certificate.ends_at))
            @if !certificate.issuers.is_empty() { (t!(", below ")) (certificate.issuers.join(", ")) }
        }
    }
}

/// What was compared with an app's signature and fits it; what does not is told in the notes.
fn compared(signature: &CodeSignature) -> String {
    let checks = signature.checks;
    let all = [
        (checks.signature, t!("the signed list of digests")),
        (checks.program, t!("every page of the program")),
        (checks.info_plist, "Info.plist"),
        (checks.resource_list, t!("the list of its files")),
        (checks.profile, t!("the provisioning profile")),
    ];
    let fits: Vec<_> = all.iter().filter(|(fits, _)| *fits == Some(true)).map(|(_, what)| *what).collect();
    let fits = if fits.is_empty() { String::from(t!("nothing")) } else { fits.join(", ") };
    t!("{fits}. Frameworks, extensions and other files inside are not looked at.", fits)
}

/// The devices that a package runs on, in words.
pub(super) fn runs_on(package: &Facts) -> String {
    let name = |platform: &Platform| match platform {
        Platform::Ios => t!("iPad and iPhone"),
        Platform::Macos => t!("Mac"),
        Platform::Tvos => t!("Apple TV"),
        Platform::Visionos => t!("Apple Vision Pro"),
        Platform::Watchos => t!("Apple Watch"),
        Platform::Unknown => t!("other devices"),
    };
    let devices = match &package.device_families[..] {
        [] => package.platforms.iter().map(name).collect::<Vec<_>>().join(", "),
        families => families.join(", "),
    };
    if package.minimum_os.is_empty() {
        devices
    } else {
        t!("{devices}, system {minimum_os} and later", devices, minimum_os = package.minimum_os)
    }
}

/// A provisioning profile in a line.
fn provisioning(profile: &provision::Facts) -> Markup {
    html! { (named(&profile.name)) ", " (reach(profile)) (t!(", until ")) (super::super::parts::day(profile.expires_at)) }
}

/// For which devices a provisioning profile is good, in words.
pub(in crate::http::pages) fn reach(profile: &provision::Facts) -> String {
    match profile.devices {
        Reach::AllDevices => String::from(t!("every device")),
        Reach::ListedDevices => {
            t!("only the {count} that it lists", count = super::super::parts::count(profile.device_count, t!("device"), t!("devices")))
        }
        Reach::AppStore => String::from(t!("no device: it is for the App Store")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_as_people_say_them() {
        assert_eq!(
            [0, 1, 999_999, 1_000_000, 3_449_000, 8_589_934_592].map(size),
            ["0 KB", "1 KB", "1000 KB", "1.0 MB", "3.4 MB", "8.59 GB"]
        );
    }
}
