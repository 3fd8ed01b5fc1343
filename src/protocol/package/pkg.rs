//! Installer packages for Macs: a distribution with its components, signed; everything else is refused with what to do.

use std::io::{Read, Seek};

use super::xar::Archive;
use super::{
    BundledApp, Element, Facts, MAX_IDENTIFIER_BYTES, MAX_TEXT_CHARS, Package, PackageKind, Refusal, Signer, document, identifier, refuse,
    short, version,
};
use crate::pki::apple;
use crate::protocol::platform::Platform;

/// Bytes of a Distribution, its scripts and texts included.
pub(super) const DISTRIBUTION_MAX_BYTES: u64 = 4 << 20;

/// Bytes of a component's PackageInfo.
pub(super) const INFO_MAX_BYTES: u64 = 1 << 20;

/// Components of one package that are looked into.
const MAX_COMPONENTS: usize = 64;

/// Apps of one package that are listed.
pub(super) const MAX_APPS: usize = 64;

pub(super) fn read<R: Read + Seek>(file: R, size: u64) -> Result<Package, Refusal> {
    let mut archive = Archive::open(file, size)?;
    let Some(distribution) = archive.read("Distribution", DISTRIBUTION_MAX_BYTES)? else {
        return refuse(what_it_is(&archive.names().map(str::to_owned).collect::<Vec<_>>()));
    };
    let distribution = document(&distribution, t!("package's Distribution"))?;
    let certificates = archive.signers()?;
    let Some(signer) = certificates.first() else {
        return refuse(t!(
            "This package is not signed, and Macs install none that is not. Sign it: productsign --sign \"Developer ID Installer: …\" in.pkg out.pkg"
        ));
    };
    archive.check_contents()?;
    let infos = components(&mut archive)?;
    let name =
        |certificate: &crate::pki::certificate::Certificate| short(&certificate.common_name().unwrap_or_else(|| certificate.subject()));
    let signer = Signer { name: name(signer), issuers: certificates[1..].iter().map(name).collect(), ends_at: signer.not_after() };
    let mut facts = facts(&distribution, &infos)?;
    if !apple::vouches(&certificates) {
        facts.warnings.push(t!("It is signed by “{name}”, which is no certificate of Apple's: Macs do not trust it, unless a profile brings the certificate authority above it. Sign the package with a Developer ID Installer certificate.", name = signer.name));
    }
    facts.signer = Some(signer);
    Ok(Package { facts, icon: None })
}

/// What a XAR archive is that holds no Distribution.
fn what_it_is(names: &[String]) -> &'static str {
    let has = |name: &str| names.iter().any(|known| known == name);
    if has("PackageInfo") {
        t!(
            "This is a component package, and devices take only whole ones. Make one of it: productbuild --package in.pkg out.pkg, then sign that with productsign."
        )
    } else if has("Content") && has("Metadata") {
        t!("This is a signed archive (.xip), not an installer package. Unpack it, and choose the .pkg inside.")
    } else {
        t!("This archive holds no installer package. Make one with productbuild, and sign it with productsign.")
    }
}

/// The PackageInfo of each component.
fn components<R: Read + Seek>(archive: &mut Archive<R>) -> Result<Vec<Element>, Refusal> {
    let names: Vec<String> =
        archive.names().filter(|name| name.strip_suffix(".pkg").is_some()).take(MAX_COMPONENTS).map(str::to_owned).collect();
    let mut infos = Vec::new();
    for name in names {
        if let Some(info) = archive.read(&format!("{name}/PackageInfo"), INFO_MAX_BYTES)? {
            infos.push(document(&info, t!("package's PackageInfo"))?);
        }
    }
    Ok(infos)
}

fn facts(distribution: &Element, infos: &[Element]) -> Result<Facts, Refusal> {
    let product = distribution.child("product");
    let said = |name: &str| product.map_or("", |product| product.attribute(name));
    let mut references = Vec::new();
    distribution.everywhere("pkg-ref", &mut references);
    let named = references.iter().find(|reference| !reference.attribute("version").is_empty()).or(references.first());
    let of_component = |name: &str| infos.first().map_or("", |info| info.attribute(name));
    let first = |texts: [&str; 3]| texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned();
    let own = |name: &str| named.map_or("", |reference| reference.attribute(name));
    let package = identifier(&first([said("id"), own("id"), of_component("identifier")]), t!("package identifier"))?;
    let mut warnings = Vec::new();
    let mut number = first([said("version"), own("version"), of_component("version")]);
    if number == "0" || number.is_empty() {
        of_component("version").clone_into(&mut number);
    }
    let apps = apps(&references, infos);
    if apps.is_empty() {
        warnings.push(String::from(t!(
            "No app is named inside, so it cannot be told afterwards whether it was installed, nor can it be managed or removed."
        )));
    }
    let title = short(distribution.text_of("title"));
    let name = match apps.first() {
        _ if !title.is_empty() && !title.starts_with("SU_TITLE") => title,
        Some(app) => app_name(app),
        None => package.clone(),
    };
    Ok(Facts {
        kind: PackageKind::Pkg,
        name,
        version: version(&number, "version")?,
        short_version: apps.first().filter(|_| apps.len() == 1).map(|app| app.short_version.clone()).unwrap_or_default(),
        identifier: package,
        minimum_os: minimum(distribution),
        platforms: vec![Platform::Macos],
        device_families: Vec::new(),
        provisioning: None,
        signer: None,
        signature: None,
        apps,
        warnings,
    })
}

fn app_name(app: &BundledApp) -> String {
    let file = app.path.rsplit('/').next().unwrap_or_default();
    file.strip_suffix(".app").filter(|name| !name.is_empty()).unwrap_or(&app.identifier).to_owned()
}

/// The oldest macOS that is allowed; empty where every one is.
fn minimum(distribution: &Element) -> String {
    let mut versions = Vec::new();
    distribution.everywhere("os-version", &mut versions);
    let parts = |text: &str| text.split('.').map(|part| part.parse::<u32>().unwrap_or_default()).collect::<Vec<_>>();
    let oldest = versions.iter().map(|version| version.attribute("min")).filter(|min| !min.is_empty()).min_by_key(|min| parts(min));
    oldest.unwrap_or_default().chars().take(20).collect()
}

/// The apps inside, by what the components say and, failing that, the distribution.
fn apps(references: &[&Element], infos: &[Element]) -> Vec<BundledApp> {
    let mut apps: Vec<BundledApp> = Vec::new();
    let mut add = |bundle: &Element, place: &str| {
        let path = bundle.attribute("path").trim_start_matches("./");
        let known = apps.iter().any(|app| app.identifier == bundle.attribute("id"));
        // Frameworks, plug-ins and helpers lie inside the app, or are none.
        let is_app = path.strip_suffix(".app").is_some() && path.matches(".app").count() == 1;
        if known || !is_app || apps.len() == MAX_APPS || bundle.attribute("id").is_empty() {
            return;
        }
        let place = if place.is_empty() { String::new() } else { format!("{}/", place.trim_end_matches('/')) };
        let full = format!("{place}{path}");
        let cut = |text: &str| short(text).chars().take(MAX_TEXT_CHARS).collect::<String>();
        apps.push(BundledApp {
            identifier: bundle.attribute("id").chars().filter(|letter| !letter.is_control()).take(MAX_IDENTIFIER_BYTES).collect(),
            version: cut(bundle.attribute("CFBundleVersion")),
            short_version: cut(bundle.attribute("CFBundleShortVersionString")),
            path: cut(&if full.starts_with('/') { full } else { format!("/{full}") }),
        });
    };
    for info in infos {
        for bundle in info.all("bundle") {
            add(bundle, info.attribute("install-location"));
        }
    }
    for reference in references {
        let mut bundles = Vec::new();
        reference.everywhere("bundle", &mut bundles);
        for bundle in bundles {
            add(bundle, "");
        }
    }
    apps
}
