//! Packages that other tools made, read; everything else, named; every one of them cut short and with bits flipped.

use std::io::{Cursor, Write as _};
use std::process::{Command, Stdio};

use super::*;

pub(crate) const FIELD: &[u8] = include_bytes!("fixtures/field.ipa");
pub(crate) const EXPIRED: &[u8] = include_bytes!("fixtures/expired.ipa");
pub(crate) const NEXT: &[u8] = include_bytes!("fixtures/streamed.ipa");
pub(crate) const SIGNED: &[u8] = include_bytes!("fixtures/signed.pkg");
pub(crate) const UNSIGNED: &[u8] = include_bytes!("fixtures/unsigned.pkg");
pub(crate) const COMPONENT: &[u8] = include_bytes!("fixtures/component.pkg");
const STORED_PKG: &[u8] = include_bytes!("fixtures/stored.pkg");
const STORED: &[u8] = include_bytes!("fixtures/stored.ipa");
const ZIP64: &[u8] = include_bytes!("fixtures/zip64.ipa");

fn read(bytes: &[u8]) -> Result<Package, Refusal> {
    super::read(Cursor::new(bytes), bytes.len() as u64)
}

fn refused(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().0
}

/// A ZIP archive of these files.
pub(crate) fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// An app whose Info.plist holds these keys besides the ones it must.
pub(crate) fn app(identifier: &str, build: &str, more: &str) -> Vec<u8> {
    let info = format!(
        "<plist version='1.0'><dict><key>CFBundleIdentifier</key><string>{identifier}</string><key>CFBundleVersion</key><string>{build}</string>{more}</dict></plist>"
    );
    zipped(&[("Payload/App.app/Info.plist", info.as_bytes())])
}

#[test]
fn an_app_tells_all_that_a_page_shows() {
    let Package { facts, icon } = read(FIELD).unwrap();
    assert_eq!((facts.kind, facts.identifier.as_str(), facts.name.as_str()), (PackageKind::Ipa, "school.example.field", "Field Notes"));
    assert_eq!((facts.version.as_str(), facts.short_version.as_str(), facts.minimum_os.as_str()), ("142", "1.4.2", "16.0"));
    assert_eq!((&facts.platforms[..], &facts.device_families[..]), (&[Platform::Ios][..], &["iPhone".to_owned(), "iPad".to_owned()][..]));
    let profile = facts.provisioning.unwrap();
    assert_eq!((profile.devices, profile.team_id.as_str()), (provision::Reach::AllDevices, "A1B2C3D4E5"));
    assert_eq!(profile.expires_at, Timestamp::parse("2035-06-01T12:00:00Z").unwrap());
    assert_eq!(profile.signer.as_deref(), Some("Developer ID Installer: Example School (A1B2C3D4E5)"));
    assert!(icon.unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn every_shape_of_archive_is_read_alike() {
    let all: Vec<_> = [NEXT, STORED, ZIP64].map(|bytes| read(bytes).unwrap()).into_iter().collect();
    for package in &all {
        assert_eq!((package.facts.version.as_str(), package.facts.name.as_str()), ("143", "Field Notes"));
        assert_eq!((&package.facts.provisioning, &package.icon), (&None, &None));
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
}

/// Python unpacks the picture and looks at its pixels.
const JUDGE: &str = "
import sys, zlib, struct
png = sys.stdin.buffer.read()
assert png[:8] == b'\\x89PNG\\r\\n\\x1a\\n'
at, data = 8, b''
while at < len(png):
    n, kind = struct.unpack('>I4s', png[at:at+8])
    body = png[at+8:at+8+n]
    assert zlib.crc32(kind + body) == struct.unpack('>I', png[at+8+n:at+12+n])[0], kind
    if kind == b'IHDR': w, h, *form = struct.unpack('>IIBBBBB', body)
    if kind == b'IDAT': data += body
    at += 12 + n
rows = zlib.decompress(data)
assert form == [8, 6, 0, 0, 0] and len(rows) == h * (4 * w + 1)
for y in range(h):
    row = rows[y*(4*w+1):(y+1)*(4*w+1)]
    assert row[0] == 0
    for x in range(w):
        wanted = [x * 255 // w, y * 255 // h, 128, 255] if x else [0, 0, 0, 0]
        assert list(row[1+4*x:5+4*x]) == wanted, (x, y, list(row[1+4*x:5+4*x]))
print(w, h)
";

#[test]
fn a_crushed_picture_is_turned_back_pixel_by_pixel() {
    let icon = read(FIELD).unwrap().icon.unwrap();
    let judge = Command::new("python3").args(["-c", JUDGE]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut judge) = judge else { return eprintln!("SKIPPED: python3 is absent") };
    judge.stdin.take().unwrap().write_all(&icon).unwrap();
    let said = judge.wait_with_output().unwrap();
    assert!(said.status.success());
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "24 24", "the largest one");
}

#[test]
fn a_signed_package_tells_who_signed_it_and_what_is_inside() {
    for bytes in [SIGNED, STORED_PKG] {
        let facts = read(bytes).unwrap().facts;
        assert_eq!((facts.kind, facts.identifier.as_str()), (PackageKind::Pkg, "school.example.field.installer"));
        assert_eq!((facts.name.as_str(), facts.version.as_str(), facts.minimum_os.as_str()), ("Field & Notes", "2.1", "13.0"));
        let signer = facts.signer.unwrap();
        assert_eq!(signer.name, "Developer ID Installer: Example School (A1B2C3D4E5)");
        assert_eq!(signer.issuers, ["Developer ID of a test"]);
        let app = BundledApp {
            identifier: "school.example.field".into(),
            version: "210".into(),
            short_version: "2.1".into(),
            path: "/Applications/Field.app".into(),
        };
        assert_eq!((facts.apps, facts.warnings.len()), (vec![app], 1));
        assert!(facts.warnings[0].contains("no certificate of Apple's: Macs do not trust it"), "{:?}", facts.warnings);
    }
}

#[test]
fn packages_that_macs_refuse_are_refused_with_the_tool_that_mends_them() {
    assert!(refused(COMPONENT).contains("productbuild --package"), "{}", refused(COMPONENT));
    assert!(refused(UNSIGNED).contains("productsign"), "{}", refused(UNSIGNED));
    // One bit of the signature, which lies at the very end.
    let mut forged = SIGNED.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    assert!(refused(&forged).contains("changed after it was signed"), "{}", refused(&forged));
}

/// A package whose table of contents is this one, with this heap behind it; nobody signed it.
fn archive(toc: &str, heap: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(toc.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let header =
        [&b"xar!\0\x1c\0\x01"[..], &(packed.len() as u64).to_be_bytes(), &(toc.len() as u64).to_be_bytes(), &[0, 0, 0, 1]].concat();
    [&header, &packed[..], heap].concat()
}

#[test]
fn what_a_package_lacks_or_what_was_changed_in_it_is_found_by_its_table_of_contents() {
    let check = |toc: &str, heap: &[u8]| {
        let bytes = archive(&format!("<?xml version='1.0'?><xar><toc>{toc}</toc></xar>"), heap);
        let mut archive = xar::Archive::open(Cursor::new(&bytes), bytes.len() as u64).unwrap();
        archive.check_contents().map_err(|refusal| refusal.0)
    };
    let file = |offset: u64, length: u64, sum: &str| {
        format!(
            "<file><name>P</name><file><name>Payload</name><data><offset>{offset}</offset><length>{length}</length>\
             <archived-checksum style='sha1'>{sum}</archived-checksum></data></file></file>"
        )
    };
    let hello = "AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D";
    assert_eq!(check(&file(2, 5, hello), b"..hello"), Ok(()));
    assert!(check(&file(2, 5, hello), b"..hellO").unwrap_err().contains("do not fit its table of contents"));
    assert!(check(&file(2, 6, hello), b"..hello").unwrap_err().contains("incomplete"));
    assert!(check(&file(u64::MAX, 6, hello), b"..hello").unwrap_err().contains("damaged"));
    // The same bytes under two names are looked at once, and stretches that overlap are no way to have much read.
    assert_eq!(check(&file(2, 5, hello).repeat(3), b"..hello"), Ok(()));
    let many: String = (0..2_000).map(|at| file(at, 2_500 - at, "")).collect();
    assert!(check(&many, &[0; 2_500]).unwrap_err().contains("names more than is in it"));
    assert!(check("<file><data><offset>x</offset><length>1</length></data></file>", b"").unwrap_err().contains("damaged"));
}

#[test]
fn a_signed_package_that_was_cut_short_or_whose_payload_was_changed_is_refused() {
    for end in [1, 300, 1000] {
        let short = &SIGNED[..SIGNED.len() - end];
        assert!(refused(short).contains("damaged or incomplete") || refused(short).contains("incomplete"), "{end}");
    }
    let from = SIGNED.len() - SIGNED.len() / 3;
    let changed = (from..SIGNED.len()).step_by(97).filter(|at| {
        let mut changed = SIGNED.to_vec();
        changed[*at] ^= 1;
        read(&changed).is_err()
    });
    assert!(changed.count() > 0);
}

#[test]
fn everything_else_is_named_in_words() {
    let info = b"<plist version='1.0'><dict/></plist>".as_slice();
    let mut image = vec![0; 2048];
    image[1536..1540].copy_from_slice(b"koly");
    for (bytes, words) in [
        (vec![], "empty"),
        (image, "disk image"),
        (b"MZ\x90\x00".to_vec(), "Windows"),
        (b"\x1f\x8b\x08\x00".to_vec(), "compressed archive"),
        (b"<?xml version='1.0'?><plist/>".to_vec(), "property list"),
        (b"hello".to_vec(), "neither an app"),
        (b"name,class\nKim,7a\nPat,7b\n".to_vec(), "belong under People and classes, Import. Here an app (.ipa)"),
        (zipped(&[("users.csv", b"x")]), "belong under People and classes, Import. Here an app (.ipa)"),
        (b"<plist><key>ProvisionedDevices</key></plist>".to_vec(), "belongs under Apps, Provisioning profiles. Here an app (.ipa)"),
        (zipped(&[("AndroidManifest.xml", b"x"), ("classes.dex", b"x")]), "Android"),
        (zipped(&[("Field.app/Contents/Info.plist", info)]), "Mac app"),
        (zipped(&[("Field.xcarchive/Info.plist", info)]), "Xcode archive"),
        (zipped(&[("Field.app/Info.plist", info)]), "folder called Payload"),
        (zipped(&[("[Content_Types].xml", b"x")]), "office document"),
        (zipped(&[("Field.ipa", b"x")]), "Unpack it"),
        (zipped(&[("readme.txt", b"x")]), "without an app"),
        (zipped(&[]), "without an app"),
        (zipped(&[("Payload/A.app/Info.plist", info), ("Payload/B.app/Info.plist", info)]), "more than one app"),
        (zipped(&[("Payload/A.app/Info.plist", b"no list")]), "cannot be read"),
        (zipped(&[("Payload/A.app/Info.plist", info)]), "bundle identifier"),
        (app("school.example.ä", "1", ""), "bundle identifier"),
        (app("school.example.field", "", ""), "CFBundleVersion"),
        (app("school.example.field", &"1".repeat(MAX_VERSION_BYTES + 1), ""), "CFBundleVersion"),
        (app(&"a".repeat(MAX_IDENTIFIER_BYTES + 1), "1", ""), "bundle identifier"),
        (app("a.b", "1", "<key>CFBundleSupportedPlatforms</key><array><string>iPhoneSimulator</string></array>"), "simulator"),
        (app("a.b", "1", "<key>CFBundleSupportedPlatforms</key><array><string>MacOSX</string></array>"), "Mac app"),
        (app("a.b", "1", "<key>DTPlatformName</key><string>macosx</string>"), "Mac app"),
    ] {
        let said = refused(&bytes);
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(read(&app(&"a".repeat(MAX_IDENTIFIER_BYTES), &"1".repeat(MAX_VERSION_BYTES), "")).is_ok());
}

#[test]
fn a_version_that_is_a_number_is_told_as_that() {
    let info = |build: &str, short: &str| {
        let info = format!(
            "<plist version='1.0'><dict><key>CFBundleIdentifier</key><string>a.b</string><key>CFBundleVersion</key>{build}\
             <key>CFBundleShortVersionString</key>{short}</dict></plist>"
        );
        zipped(&[("Payload/App.app/Info.plist", info.as_bytes())])
    };
    let (text, short) = ("<string>2</string>", "<string>1.10</string>");
    for (build, words) in [
        ("<integer>2</integer>", "Its build number (CFBundleVersion) is a number; it has to be text, like <string>1.10</string>"),
        ("<real>1.10</real>", "Its build number (CFBundleVersion) is a number; it has to be text"),
        ("<true/>", "Its build number (CFBundleVersion) is no text; it has to be text"),
        ("<string></string>", "is missing or longer than"),
    ] {
        let said = refused(&info(build, short));
        assert!(said.contains(words), "{words}: {said}");
    }
    let told = |short: &str| {
        let facts = read(&info(text, short)).unwrap().facts;
        (facts.short_version, facts.warnings.iter().any(|warning| warning.contains("(CFBundleShortVersionString) is a number")))
    };
    assert_eq!(told(short), ("1.10".to_owned(), false));
    for number in ["<integer>1</integer>", "<real>1.10</real>"] {
        assert_eq!(told(number), (String::new(), true), "{number}: devices compare the build, so it may come in");
    }
}

/// A framework of [`with_framework`].
const FRAMEWORK: &str = "Payload/App.app/Frameworks/Foo";

/// An app with a framework in it, packed so.
fn with_framework(method: zip::CompressionMethod) -> Vec<u8> {
    let info = "<plist version='1.0'><dict><key>CFBundleIdentifier</key><string>a.b</string><key>CFBundleVersion</key><string>1</string></dict></plist>";
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.add_directory("Payload/App.app/", options).unwrap();
    for (name, text) in [("Payload/App.app/Info.plist", info), (FRAMEWORK, "what a framework does"), ("Payload/App.app/more", "more")] {
        archive.start_file(name, options).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Where an archive's directory has the entry of this file.
fn entry_of(archive: &[u8], name: &str) -> usize {
    archive.windows(name.len()).rposition(|window| window == name.as_bytes()).unwrap() - 46
}

#[test]
fn every_file_in_an_archive_is_compared_with_its_checksum() {
    const DAMAGED: &str = "“Payload/App.app/Frameworks/Foo” in this archive is damaged: its contents do not match their checksum. Make or download the file again.";
    let stored = with_framework(zip::CompressionMethod::Stored);
    assert!(read(&stored).is_ok());
    let at = stored.windows(14).position(|window| window == b"what a framewo").unwrap();
    let mut changed = stored.clone();
    changed[at] ^= 1;
    assert_eq!(refused(&changed), DAMAGED);

    let packed = with_framework(zip::CompressionMethod::Deflated);
    assert!(read(&packed).is_ok());
    let mut changed = packed.clone();
    // The checksum itself.
    changed[entry_of(&packed, FRAMEWORK) + 16] ^= 1;
    assert_eq!(refused(&changed), DAMAGED);
    // A length that is shorter than what unfolds.
    let mut changed = packed.clone();
    changed[entry_of(&packed, FRAMEWORK) + 24] -= 1;
    assert_eq!(refused(&changed), DAMAGED);
    // Of Info.plist, which is looked at first, it is said alike.
    let mut changed = packed.clone();
    changed[entry_of(&packed, "Payload/App.app/Info.plist") + 16] ^= 1;
    assert!(refused(&changed).contains("Info.plist” in this archive is damaged: its contents"), "{}", refused(&changed));
}

#[test]
fn a_file_that_cannot_be_unpacked_is_told_with_the_method_or_the_password() {
    let whole = with_framework(zip::CompressionMethod::Deflated);
    for name in [FRAMEWORK, "Payload/App.app/Info.plist"] {
        for (method, words) in
            [(12, "by the method Bzip2"), (14, "by the method Lzma"), (93, "by the method Zstd"), (9, "by the method Deflate64")]
        {
            let mut changed = whole.clone();
            changed[entry_of(&whole, name) + 10] = method;
            let said = refused(&changed);
            assert!(said.contains(name) && said.contains(words) && !said.contains("damaged"), "{said}");
        }
        let mut changed = whole.clone();
        changed[entry_of(&whole, name) + 8] |= 1;
        let said = refused(&changed);
        assert!(said.contains(name) && said.contains("with a password") && !said.contains("damaged"), "{said}");
    }
}

#[test]
fn an_archive_that_claims_to_unfold_to_more_than_any_app_is_refused_unread() {
    let mut many = with_framework(zip::CompressionMethod::Deflated);
    for name in ["Payload/App.app/Info.plist", FRAMEWORK, "Payload/App.app/more"] {
        let at = entry_of(&many, name) + 24;
        many[at..at + 4].copy_from_slice(&0xffff_fffe_u32.to_le_bytes());
    }
    assert!(refused(&many).contains("more than 8 GiB"), "{}", refused(&many));
    // The bound itself, to a byte.
    let whole = with_framework(zip::CompressionMethod::Deflated);
    let mut archive = zip::ZipArchive::new(Cursor::new(&whole)).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    let all: u64 = (0..names.len()).map(|at| archive.by_index_data(at).unwrap().size()).sum();
    assert_eq!(members::check(&mut archive, &names, all), Ok(()));
    assert!(members::check(&mut archive, &names, all - 1).is_err());
}

#[test]
fn an_apple_tv_app_is_told_from_an_ipad_app() {
    let tv = "<key>UIDeviceFamily</key><array><integer>3</integer></array>";
    assert_eq!(read(&app("a.b", "1", tv)).unwrap().facts.platforms, [Platform::Tvos]);
    let vision = "<key>CFBundleSupportedPlatforms</key><array><string>XROS</string></array>";
    assert_eq!(read(&app("a.b", "1", vision)).unwrap().facts.platforms, [Platform::Visionos]);
}

#[test]
fn what_unfolds_without_end_is_cut_off() {
    // A gigabyte of blanks in a megabyte of archive.
    let bomb = zipped(&[("Payload/A.app/Info.plist", &vec![b' '; 64 << 20])]);
    assert!(bomb.len() < 1 << 20);
    assert!(refused(&bomb).contains("far longer"), "{}", refused(&bomb));
    // An archive that says it has more entries than any app.
    let mut many = FIELD.to_vec();
    let end = many.len() - 22;
    many[end + 12..end + 16].copy_from_slice(&(ipa::DIRECTORY_MAX_BYTES as u32 + 1).to_le_bytes());
    assert!(refused(&many).contains("far more files"), "{}", refused(&many));
    // A table of contents that claims to be longer than the most.
    for (at, most) in [(8, xar::TOC_MAX_BYTES), (16, xar::TOC_UNPACKED_MAX_BYTES)] {
        let mut long = SIGNED.to_vec();
        long.resize(xar::TOC_MAX_BYTES as usize + 4096, 0);
        long[at..at + 8].copy_from_slice(&(most + 1).to_be_bytes());
        assert!(refused(&long).contains("far longer"), "{}", refused(&long));
    }
    // A table of contents that unfolds to more than it says.
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![b' '; xar::TOC_UNPACKED_MAX_BYTES as usize + 1]).unwrap();
    let packed = packed.finish().unwrap();
    let header = [&b"xar!\0\x1c\0\x01"[..], &(packed.len() as u64).to_be_bytes(), &9_u64.to_be_bytes(), &[0, 0, 0, 1]].concat();
    assert!(refused(&[header, packed].concat()).contains("damaged"));
}

#[test]
fn cut_short_or_with_a_bit_flipped_each_is_read_or_refused_and_nothing_else() {
    for whole in [FIELD, NEXT, STORED, ZIP64, EXPIRED, SIGNED, STORED_PKG, UNSIGNED, COMPONENT] {
        for end in (0..whole.len()).step_by(53) {
            let _ = read(&whole[..end]);
        }
        for end in [1, 10, 21] {
            assert!(read(&whole[..whole.len() - end]).is_err() || whole == SIGNED || whole.starts_with(b"xar!"));
        }
        for at in (0..whole.len()).step_by(3) {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 1 << (at % 8);
            let _ = read(&damaged);
        }
    }
}

#[test]
fn an_archive_that_holds_a_file_twice_is_refused() {
    let told = |bytes: &[u8]| super::read(Cursor::new(bytes), bytes.len() as u64).unwrap_err().0;
    let info = b"<plist version='1.0'><dict><key>CFBundleIdentifier</key><string>school.example.a</string><key>CFBundleVersion</key><string>1</string></dict></plist>";
    let spelled = zipped(&[("Payload/App.app/Info.plist", info), ("./Payload/App.app/Info.plist", info)]);
    assert!(told(&spelled).contains("twice"), "{}", told(&spelled));
    // The same name, letter by letter: tools that write archives refuse that, so one name is changed afterwards, at the file and in the directory.
    let mut same = zipped(&[("Payload/App.app/Info.plist", info), ("Payload/App.app/Onfo.plist", info)]);
    while let Some(at) = same.windows(10).position(|window| window == b"Onfo.plist") {
        same[at] = b'I';
    }
    assert!(told(&same).contains("twice"), "{}", told(&same));
}
