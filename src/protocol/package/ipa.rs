//! Apps for iPad, iPhone, Apple TV and Vision Pro: a ZIP archive with `Payload/<one>.app` in it.

use std::io::{Read, Seek};

use zip::ZipArchive;

use super::bounded::{self, Bounded};
use super::code::{self, Beside, CodeSignature, Fault};
use super::{Facts, Package, PackageKind, Refusal, damaged, identifier, members, png, refuse, short, version};
use crate::language::say;
use crate::protocol::platform::Platform;
use crate::protocol::plist::{Dictionary, Value, fields, parse_dictionary};
use crate::protocol::provision::{self, ProvisionError};

/// Bytes that the archive's directory may have: an entry takes about 120, and large games have 30,000.
pub(super) const DIRECTORY_MAX_BYTES: u64 = 32 << 20;

/// Bytes of what is read of one archive besides going through all of it once: its directory and the few files that are looked into.
const READ_MAX_BYTES: u64 = DIRECTORY_MAX_BYTES + (16 << 20);

/// Bytes of an Info.plist.
pub(super) const INFO_MAX_BYTES: u64 = 1 << 20;

/// What is said of an app for Macs, however it is packed.
const MAC_APP: &str = msg!(
    "This is a Mac app in a ZIP archive. Macs install packages: make one with productbuild --component The.app /Applications out.pkg, and sign it with productsign."
);

pub(super) fn read<R: Read + Seek>(file: R, size: u64) -> Result<Package, Refusal> {
    let (file, entries) = must_be_small(file, size)?;
    let file = Bounded::new(file, READ_MAX_BYTES);
    let budget = file.budget();
    let mut archive = ZipArchive::new(file).map_err(|_| damaged("file"))?;
    let names: Vec<String> = archive.file_names().map(|name| name.map(std::borrow::Cow::into_owned).unwrap_or_default()).collect();
    must_be_once(&names, entries)?;
    let app = app(&names)?;
    let inside = |name: &str| names.iter().position(|known| plain(known) == format!("{app}/{name}"));
    let at = inside("Info.plist").ok_or_else(|| damaged("app"))?;
    let plist = members::read(&mut archive, at, &names[at], INFO_MAX_BYTES)?
        .ok_or_else(|| Refusal(String::from(t!("Its Info.plist is far longer than any real one."))))?;
    let info =
        parse_dictionary(&plist).map_err(|_| Refusal(String::from(t!("Its Info.plist cannot be read. Export the app once more."))))?;
    let mut facts = facts(&info, &app)?;
    // Files that do not share their bytes come to no more than the whole archive.
    budget.add(size);
    members::check(&mut archive, &names, members::UNPACKED_MAX_BYTES)?;
    let profile = inside("embedded.mobileprovision").map(|at| file_at(&mut archive, at, provision::MAX_BYTES as u64).unwrap_or_default());
    if let Some(bytes) = &profile {
        facts.provisioning = Some(provision::read(bytes).map_err(|error| {
            Refusal(String::from(match error {
                ProvisionError::Changed => {
                    t!("The provisioning profile inside was changed or damaged after it was signed. Export the app once more.")
                }
                _ => t!("The provisioning profile inside the app cannot be read. Export the app once more."),
            }))
        })?);
    }
    let icon = icon(&mut archive, &names, &app, &info);
    let resources = inside("_CodeSignature/CodeResources").and_then(|at| file_at(&mut archive, at, code::RESOURCES_MAX_BYTES));
    // A program is looked through to its end, twice for each of its parts.
    budget.add(2 * code::PARTS_MAX as u64 * code::PROGRAM_MAX_BYTES);
    let beside = Beside { info: &plist, resources: resources.as_deref(), profile: profile.as_deref().zip(facts.provisioning.as_ref()) };
    let name = fields::filled(&info, "CFBundleExecutable").unwrap_or_default();
    match signature(&mut archive, inside(&name).filter(|_| !name.is_empty()), beside) {
        Ok(signature) => {
            facts.warnings.extend(code::problems(&facts, &signature));
            facts.signature = Some(signature);
        }
        Err(fault) => facts.warnings.push(code::fault(fault, &short(&name))),
    }
    Ok(Package { facts, icon })
}

/// Who signed the program, which stands at `at` in the archive.
fn signature<R: Read + Seek>(archive: &mut ZipArchive<R>, at: Option<usize>, beside: Beside<'_>) -> Result<CodeSignature, Fault> {
    let at = at.ok_or(Fault::NoProgram)?;
    let is_long = archive.by_index(at).map_err(|_| Fault::Damaged)?.size() > code::PROGRAM_MAX_BYTES;
    // What the archive says of its length is good for this alone: reading ends there anyway.
    if is_long {
        return Err(Fault::TooLarge);
    }
    let (first, parts) = part(archive, at, 0, beside)?;
    (1..parts).try_fold(first, |known, number| Ok(known.with(&part(archive, at, number, beside)?.0)))
}

/// Who signed one part of the program, and how many parts there are.
fn part<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    at: usize,
    number: usize,
    beside: Beside<'_>,
) -> Result<(CodeSignature, usize), Fault> {
    let image = code::find(archive.by_index(at).map_err(|_| Fault::Damaged)?.take(code::PROGRAM_MAX_BYTES), number)?;
    let again = archive.by_index(at).map_err(|_| Fault::Damaged)?.take(code::PROGRAM_MAX_BYTES);
    Ok((code::judge(&image, beside, again).ok_or(Fault::Damaged)?, image.parts))
}

/// Refuses archives whose directory is longer than that of any app, before anything is made of it; gives how many entries it claims to have, none in the
/// ZIP64 form.
fn must_be_small<R: Read + Seek>(mut file: R, size: u64) -> Result<(R, Option<usize>), Refusal> {
    let from = size.saturating_sub(22 + 65_535 + 20);
    let tail = super::piece(&mut file, from, size - from)?;
    let end = tail.windows(4).rposition(|window| window == b"PK\x05\x06").ok_or_else(|| damaged("file"))?;
    let number = |from: usize, length: usize| {
        let bytes = tail.get(end + from..end + from + length).ok_or_else(|| damaged("file"))?;
        Ok(bytes.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    let (entries, length) = (number(10, 2)?, number(12, 4)?);
    // In the ZIP64 form these are all ones, and what is read in all is bounded anyway.
    if length != 0xffff_ffff && length > DIRECTORY_MAX_BYTES {
        return refuse(t!("The archive claims to hold far more files than any real app does."));
    }
    Ok((file, Some(entries as usize).filter(|entries| *entries != 0xffff)))
}

/// Refuses archives that hold a file twice: what is looked at here could be another one than what a device unpacks.
fn must_be_once(names: &[String], entries: Option<usize>) -> Result<(), Refusal> {
    let once: std::collections::HashSet<&str> = names.iter().map(|name| plain(name)).collect();
    if once.len() < names.len() || entries.is_some_and(|entries| entries != names.len()) {
        return refuse(t!("The archive holds one of its files twice, which nothing does that makes apps. Export the app once more."));
    }
    Ok(())
}

/// An entry's name without what some tools put before it.
fn plain(name: &str) -> &str {
    name.trim_start_matches("./")
}

/// The folder of the app, `Payload/Field.app`.
fn app(names: &[String]) -> Result<String, Refusal> {
    let mut apps: Vec<&str> = Vec::new();
    for name in names {
        let Some((folder, rest)) = plain(name).strip_prefix("Payload/").and_then(|rest| rest.split_once('/')) else { continue };
        let whole = &plain(name)[.."Payload/".len() + folder.len()];
        if folder.strip_suffix(".app").is_some() && rest == "Info.plist" && !apps.contains(&whole) {
            apps.push(whole);
        }
    }
    match apps[..] {
        [app] => Ok(app.to_owned()),
        [] => refuse(what_it_is(names)),
        _ => refuse(t!("There is more than one app inside. Devices install one at a time: export each app by itself.")),
    }
}

/// What a ZIP archive is that holds no app.
fn what_it_is(names: &[String]) -> &'static str {
    let any = |test: &dyn Fn(&str) -> bool| names.iter().any(|name| test(plain(name)));
    if any(&|name| name == "AndroidManifest.xml" || name == "base/manifest/AndroidManifest.xml") {
        t!("This is an app for Android. iPads and iPhones need the .ipa file of the same app.")
    } else if any(&|name| name.ends_with(".app/Contents/Info.plist")) {
        say(MAC_APP)
    } else if any(&|name| name.contains(".xcarchive/") || name.starts_with("Products/Applications/")) {
        t!("This is an Xcode archive. Open it in Xcode's Organizer, choose Distribute App, and upload the .ipa file that comes out.")
    } else if any(&|name| name.ends_with(".app/Info.plist")) {
        t!("This is a folder with an app, not an .ipa file: the app must lie in a folder called Payload. Export it from Xcode as an .ipa.")
    } else if any(&|name| name == "[Content_Types].xml") {
        t!("This is an office document. Choose the .ipa or .pkg file.")
    } else if any(&|name| name.to_ascii_lowercase().ends_with(".ipa") || name.to_ascii_lowercase().ends_with(".pkg")) {
        t!("This is a ZIP archive with a package inside. Unpack it, and upload the .ipa or .pkg file itself.")
    } else {
        t!("This is a ZIP archive without an app for iPad or iPhone inside.")
    }
}

fn file_at<R: Read + Seek>(archive: &mut ZipArchive<R>, at: usize, most: u64) -> Option<Vec<u8>> {
    // What the archive says of its sizes is not believed: reading ends one byte after the most.
    bounded::all(archive.by_index(at).ok()?, most)
}

fn facts(info: &Dictionary, app: &str) -> Result<Facts, Refusal> {
    let text = |key: &str| fields::filled(info, key).unwrap_or_default();
    let names = [text("CFBundleDisplayName"), text("CFBundleName")];
    let folder = app.rsplit('/').next().unwrap_or_default().trim_end_matches(".app");
    let name = names.iter().map(|name| short(name)).find(|name| !name.is_empty()).unwrap_or_else(|| short(folder));
    let supported = fields::texts(info, "CFBundleSupportedPlatforms");
    if !supported.is_empty() && supported.iter().all(|platform| platform.ends_with("Simulator")) {
        return refuse(t!(
            "This app is built for Xcode's simulator, and no device runs it. Build it for “Any iOS Device” and export that."
        ));
    }
    let is_of_mac = supported.iter().any(|platform| platform == "MacOSX") && !supported.iter().any(|platform| platform.ends_with("OS"));
    if is_of_mac || supported.is_empty() && text("DTPlatformName") == "macosx" {
        return refuse(say(MAC_APP));
    }
    let families: Vec<i64> = match info.get("UIDeviceFamily") {
        Some(Value::Array(items)) => {
            items.iter().filter_map(|item| item.as_signed_integer().or_else(|| item.as_string()?.parse().ok())).collect()
        }
        Some(_) => fields::whole(info, "UIDeviceFamily").into_iter().collect(),
        None => Vec::new(),
    };
    let build = t!("build number (CFBundleVersion)");
    if let Some(words) = not_text(info, "CFBundleVersion", build) {
        return refuse(words);
    }
    Ok(Facts {
        kind: PackageKind::Ipa,
        identifier: identifier(&text("CFBundleIdentifier"), t!("bundle identifier"))?,
        name,
        version: version(&text("CFBundleVersion"), build)?,
        short_version: short(&text("CFBundleShortVersionString")),
        minimum_os: text("MinimumOSVersion").chars().filter(|letter| letter.is_ascii_digit() || *letter == '.').take(20).collect(),
        platforms: platforms(&supported, &families),
        device_families: families.iter().filter_map(|family| family_name(*family)).map(str::to_owned).collect(),
        provisioning: None,
        signer: None,
        signature: None,
        apps: Vec::new(),
        warnings: not_text(info, "CFBundleShortVersionString", t!("version (CFBundleShortVersionString)")).into_iter().collect(),
    })
}

/// What is said of a version that is there and no text; `what` names it.
fn not_text(info: &Dictionary, key: &str, what: &str) -> Option<String> {
    let is = match info.get(key)? {
        Value::String(_) => return None,
        Value::Integer(_) | Value::Real(_) => t!("a number"),
        _ => t!("no text"),
    };
    Some(format!(
        "Its {what} is {is}; it has to be text, like <string>1.10</string>: as a number that would be 1.1. Change it in the app's Info.plist, and export the app once more."
    ))
}

fn family_name(family: i64) -> Option<&'static str> {
    match family {
        1 => Some("iPhone"),
        2 => Some("iPad"),
        3 => Some(t!("Apple TV")),
        4 => Some(t!("Apple Watch")),
        7 => Some(t!("Vision Pro")),
        _ => None,
    }
}

fn platforms(supported: &[String], families: &[i64]) -> Vec<Platform> {
    let mut platforms = Vec::new();
    for name in supported {
        let platform = match name.as_str() {
            "iPhoneOS" => Platform::Ios,
            "AppleTVOS" => Platform::Tvos,
            "XROS" => Platform::Visionos,
            "WatchOS" => Platform::Watchos,
            _ => continue,
        };
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    if platforms.is_empty() {
        platforms.push(if families == [3] { Platform::Tvos } else { Platform::Ios });
    }
    platforms
}

/// The largest picture of the app that a browser can show.
fn icon<R: Read + Seek>(archive: &mut ZipArchive<R>, names: &[String], app: &str, info: &Dictionary) -> Option<Vec<u8>> {
    let mut beginnings: Vec<String> = ["CFBundleIcons", "CFBundleIcons~ipad"]
        .iter()
        .filter_map(|key| fields::dictionary(fields::dictionary(info, key)?, "CFBundlePrimaryIcon"))
        .flat_map(|primary| fields::texts(primary, "CFBundleIconFiles"))
        .collect();
    beginnings.extend(fields::texts(info, "CFBundleIconFiles"));
    beginnings.extend(["AppIcon", "Icon"].map(String::from));
    let mut candidates: Vec<(u64, usize)> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let Some(file) = plain(name).strip_prefix(app).and_then(|rest| rest.strip_prefix('/')) else { continue };
        let is_one = file.to_ascii_lowercase().ends_with(".png")
            && !file.contains('/')
            && beginnings.iter().any(|start| !start.is_empty() && file.starts_with(start.trim_end_matches(".png")));
        if is_one
            && let Ok(entry) = archive.by_index(at)
            && entry.size() <= png::MAX_ICON_BYTES as u64
        {
            candidates.push((entry.size(), at));
        }
    }
    candidates.sort_unstable_by(|one, other| other.cmp(one));
    candidates.into_iter().take(8).find_map(|(_, at)| png::readable(&file_at(archive, at, png::MAX_ICON_BYTES as u64)?))
}
