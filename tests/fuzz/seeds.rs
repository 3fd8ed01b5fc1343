//! Good input for each decoder, from which the damaged kind is made: written here, or made by the same crate's writers.

use std::io::{Cursor, Write as _};

use rollcall::clock::Timestamp;
use rollcall::pki::certificate::Certificate;
use rollcall::pki::cipher::Cipher;
use rollcall::pki::cms::{self, SignOptions};
use rollcall::pki::digest::Digest;
use rollcall::pki::key::PrivateKey;
use rollcall::pki::push_request::{self, Applicant};
use rollcall::pki::{attestation, issue, jws};
use rollcall::protocol::ade::ServerToken;
use rollcall::protocol::apps_and_books::ContentToken;
use rollcall::protocol::plist;
use rollcall::protocol::scep::{ClientOptions, ClientRequest, MessageType};
use rollcall::secret::Secret;

use super::decoders::{AUTHORITY, NOW, PASSPHRASE, locked};

/// The seeds of the decoder of this name; none for a name that there is not.
pub(crate) fn of(name: &str) -> Vec<Vec<u8>> {
    match name {
        "plist" => both_ways(&[&check_ins()[..], &reports()].concat()),
        "check-in" => both_ways(&check_ins()),
        "report" => both_ways(&reports()),
        "report-scanner" => reports(),
        "command" => both_ways(&commands()),
        "machine-info" => [both_ways(&[machine_info()]), signed(&machine_info())].concat(),
        "profile" => [both_ways(&[profile()]), signed(&profile())].concat(),
        "status-report" => texts(&[STATUS, "tokens", "declaration-items", "declaration/configuration/school.example.passcode"]),
        "predicate" => texts(PREDICATES),
        "declaration" => [texts(DECLARATIONS), vec![AUTHORITY.certificate().der().to_vec()]].concat(),
        "scep-message" => {
            [scep_messages(), vec![AUTHORITY.certificate().der().to_vec(), chain()], texts(&["AES\nSHA-256\nPOSTPKIOperation"])].concat()
        }
        "scep-query" => scep_queries(),
        "cms" => [signed(b"content"), sealed(b"content"), vec![chain(), mail(b"content")]].concat(),
        "ber" => [signed(b"content"), sealed(b"content")].concat(),
        "certificate" => vec![AUTHORITY.certificate().der().to_vec(), AUTHORITY.certificate().to_pem().into_bytes()],
        "certification-request" => vec![request(), pem("CERTIFICATE REQUEST", &request())],
        "private-key" => vec![key().pkcs8_der().expose().clone(), key().to_pem().expose().as_bytes().to_vec(), small_key()],
        "push-certificate" => push_certificates(),
        "push-request" => vec![vendor_request(), asking()],
        "jws" => web_signatures(),
        "acme" => texts(ACME),
        "attestation" => vec![attestation::object_of_chain(&[AUTHORITY.certificate().der().to_vec()])],
        "proxy-certificate" => proxy_certificates(),
        "roster" => rosters(),
        "language" => texts(&[LANGUAGE]),
        "package" => packages(),
        "program" => programs(),
        "provisioning-profile" => signed(PROVISIONING.as_bytes()),
        "content-token" => vec![ContentToken::write("aToken", "Example School", later()).into_bytes()],
        "apps-and-books" => texts(APPS_AND_BOOKS),
        "server-token" => server_tokens(),
        "device-list" => texts(DEVICE_LISTS),
        "releases" => texts(&[RELEASES]),
        "app-config" => texts(&[APP_CONFIG]),
        "grant" => texts(&[GRANT]),
        "os-version" => texts(&["18.4.1", "16.1", "26.1 (a)", "10.15.7", "9"]),
        "words" => texts(WORDS),
        "backup-file" => vec![locked(&archive())],
        "backup-archive" => vec![archive()],
        _ => Vec::new(),
    }
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn later() -> Timestamp {
    NOW.plus(std::time::Duration::from_secs(86_400 * 300))
}

fn dictionary(inside: &str) -> Vec<u8> {
    let head = r#"<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">"#;
    format!("{head}\n<plist version=\"1.0\"><dict>{inside}</dict></plist>\n").into_bytes()
}

/// As text, and as binary property lists.
fn both_ways(xml: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let binary = xml.iter().map(|xml| plist::to_binary(&plist::parse_value(xml).unwrap()).unwrap());
    xml.iter().cloned().chain(binary).collect()
}

const WHO: &str = "<key>UDID</key><string>TESTUDID0001</string>";

fn check_ins() -> Vec<Vec<u8>> {
    let message = |kind: &str, more: &str| dictionary(&format!("<key>MessageType</key><string>{kind}</string>{WHO}{more}"));
    let topic = "<key>Topic</key><string>com.apple.mgmt.External.11111111-2222-4333-8444-555555555555</string>";
    vec![
        message(
            "Authenticate",
            &format!(
                "{topic}<key>SerialNumber</key><string>TESTSN0001</string><key>OSVersion</key><string>18.4</string><key>BuildVersion</key>\
                 <string>22E240</string><key>ProductName</key><string>iPad13,18</string><key>DeviceName</key><string>Kim’s iPad &amp; pencil</string>"
            ),
        ),
        message(
            "TokenUpdate",
            &format!(
                "{topic}<key>Token</key><data>q83vEjRWeJA=</data><key>PushMagic</key><string>M-1</string><key>UnlockToken</key>\
                 <data>AAECAwQF</data><key>AwaitingConfiguration</key><true/>"
            ),
        ),
        message("CheckOut", topic),
        message(
            "UserAuthenticate",
            "<key>UserID</key><string>TESTUSER0001</string><key>DigestResponse</key><string>response=\"1\"</string>",
        ),
        message("SetBootstrapToken", "<key>BootstrapToken</key><data>AAECAw==</data>"),
        message("GetToken", "<key>TokenServiceType</key><string>com.apple.maid</string>"),
        message("DeclarativeManagement", "<key>Endpoint</key><string>status</string><key>Data</key><data>eyJTdGF0dXNJdGVtcyI6e319</data>"),
    ]
}

fn reports() -> Vec<Vec<u8>> {
    let report = |status: &str, more: &str| {
        dictionary(&format!("<key>CommandUUID</key><string>0001_Command</string><key>Status</key><string>{status}</string>{WHO}{more}"))
    };
    vec![
        dictionary(&format!("<key>Status</key><string>Idle</string>{WHO}")),
        report("NotNow", ""),
        report(
            "Error",
            "<key>ErrorChain</key><array><dict><key>ErrorCode</key><integer>12064</integer><key>ErrorDomain</key><string>MCMDMErrorDomain</string>\
                         <key>LocalizedDescription</key><string>The app is not there.</string></dict></array>",
        ),
        report(
            "Acknowledged",
            "<key>QueryResponses</key><dict><key>SerialNumber</key><string>TESTSN0001</string><key>BatteryLevel</key><real>0.75</real>\
                                <key>IsSupervised</key><true/><key>AvailableDeviceCapacity</key><real>21.5</real></dict>",
        ),
        report(
            "Acknowledged",
            "<key>InstalledApplicationList</key><array><dict><key>Identifier</key><string>school.example.atlas</string><key>Version</key>\
                                <string>1.2</string><key>BundleSize</key><integer>120000</integer></dict></array>",
        ),
        report(
            "Acknowledged",
            "<key>ManagedApplicationList</key><dict><key>school.example.atlas</key><dict><key>Status</key><string>Managed</string>\
                                <key>ManagementFlags</key><integer>1</integer></dict></dict>",
        ),
        report(
            "Acknowledged",
            "<key>ProfileList</key><array><dict><key>PayloadIdentifier</key><string>school.example.wifi</string><key>PayloadUUID</key>\
                                <string>U-1</string><key>PayloadContent</key><array/></dict></array>",
        ),
        report(
            "Acknowledged",
            "<key>CertificateList</key><array><dict><key>CommonName</key><string>Example</string><key>IsIdentity</key><false/><key>Data</key>\
                                <data>AAEC</data></dict></array>",
        ),
        report(
            "Acknowledged",
            "<key>SecurityInfo</key><dict><key>PasscodePresent</key><true/><key>HardwareEncryptionCaps</key><integer>3</integer></dict>",
        ),
        report(
            "Acknowledged",
            "<key>AvailableOSUpdates</key><array><dict><key>ProductKey</key><string>iOSUpdate22E252</string><key>Version</key><string>18.4.1\
                                </string><key>IsCritical</key><false/></dict></array>",
        ),
        report(
            "Acknowledged",
            "<key>Users</key><array><dict><key>UserName</key><string>kim@example.school</string><key>DataUsed</key><integer>1</integer>\
                                </dict></array>",
        ),
    ]
}

fn commands() -> Vec<Vec<u8>> {
    let command = |inside: &str| dictionary(&format!("<key>CommandUUID</key><string>C-1</string><key>Command</key><dict>{inside}</dict>"));
    vec![
        command("<key>RequestType</key><string>DeviceInformation</string><key>Queries</key><array><string>SerialNumber</string></array>"),
        command("<key>RequestType</key><string>DeviceLock</string><key>Message</key><string>Please bring it back</string>"),
        command(
            "<key>RequestType</key><string>ScheduleOSUpdate</string><key>Updates</key><array><dict><key>InstallAction</key><string>Default</string>\
                 <key>ProductKey</key><string>iOSUpdate22E252</string></dict></array>",
        ),
    ]
}

fn machine_info() -> Vec<u8> {
    dictionary(
        "<key>UDID</key><string>TESTUDID0001</string><key>SERIAL</key><string>TESTSN0001</string><key>PRODUCT</key><string>iPad13,18</string>\
         <key>OS_VERSION</key><string>18.4</string><key>VERSION</key><string>22E240</string><key>LANGUAGE</key><string>de</string>",
    )
}

fn profile() -> Vec<u8> {
    dictionary(
        "<key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key>\
         <string>school.example.wifi</string><key>PayloadUUID</key><string>9A9A9A9A-1111-4222-8333-444444444444</string><key>PayloadDisplayName</key>\
         <string>Wi-Fi of $SERIAL</string><key>PayloadContent</key><array><dict><key>PayloadType</key><string>com.apple.wifi.managed</string>\
         <key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key><string>school.example.wifi.1</string><key>PayloadUUID</key>\
         <string>9A9A9A9A-1111-4222-8333-555555555555</string><key>SSID_STR</key><string>School</string><key>Password</key><string>x</string></dict></array>",
    )
}

const STATUS: &str = r#"{"StatusItems":{"device":{"model":{"family":"iPad"}},"softwareupdate":{"install-state":"installing"},
 "management":{"declarations":{"configurations":[{"identifier":"a","active":true,"valid":"valid","server-token":"1"}]}}},
 "Errors":[{"StatusItem":"x.y","Reasons":[{"Code":"Error.UnknownStatusItem"}]}],"FullReport":true}"#;

const PREDICATES: &[&str] = &[
    "@status(device.model.family) == 'iPad' AND (@property(shard) BETWEEN {1, 20} OR NOT (@status(device.operating-system.version) >= '18.1'))",
    "SUBQUERY(@status(management.declarations).@key(configurations), $a, $a.@key(active) == TRUE).@count > 0",
    "ANY @property(groups) LIKE[c] 'class 7?*' AND @property(name) MATCHES '[a-z]+\\d' OR 1 IN {1, 2.5, null}",
];

const DECLARATIONS: &[&str] = &[
    r#"{"RequirePasscode":true,"MinimumLength":6,"CustomRegex":{"Regex":"[0-9]+","Description":{"default":"digits"}}}"#,
    r#"{"TargetOSVersion":"18.4.1","TargetLocalDateTime":"2026-12-01T18:00:00","DetailsURL":"https://example.school/"}"#,
    r#"{"StandardConfigurations":["a","b"],"Predicate":"@property(shard) < 10"}"#,
];

fn scep_messages() -> Vec<Vec<u8>> {
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let signer = issue::self_signed("A device", &key, std::time::Duration::from_secs(86_400), NOW).unwrap();
    let subject = [(String::from("CN"), String::from("TESTSN0001"))];
    [(Cipher::Aes128Cbc, Digest::Sha256), (Cipher::DesEde3Cbc, Digest::Sha1)]
        .into_iter()
        .map(|(cipher, digest)| {
            let options = ClientOptions {
                subject: &subject,
                challenge: Some("a challenge"),
                message_type: MessageType::PkcsReq,
                cipher,
                digest,
                now: NOW,
            };
            ClientRequest::new(&key, &signer, AUTHORITY.certificate(), &options).unwrap().message
        })
        .collect()
}

fn scep_queries() -> Vec<Vec<u8>> {
    let message = base64(&scep_messages()[0]).replace('+', "%2B");
    let asked = format!("operation=PKIOperation&message={message}").into_bytes();
    [vec![asked], texts(&["operation=GetCACaps&message=ca", "operation=GetCACert", "operation=GetNextCACert"])].concat()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let text = base64(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")).into_bytes()
}

/// Signed in three ways that are met.
fn signed(content: &[u8]) -> Vec<Vec<u8>> {
    let mut options = [SignOptions::default(), SignOptions::default(), SignOptions::default()];
    (options[1].indefinite_length, options[1].signing_time) = (true, Some(NOW));
    (options[2].signed_attributes, options[2].digest) = (false, Some(Digest::Sha1));
    options.iter().map(|options| cms::sign(&AUTHORITY, content, options).unwrap()).collect()
}

fn sealed(content: &[u8]) -> Vec<Vec<u8>> {
    [Cipher::Aes256Cbc, Cipher::DesEde3Cbc].map(|cipher| cms::encrypt(AUTHORITY.certificate(), content, cipher).unwrap()).to_vec()
}

fn chain() -> Vec<u8> {
    cms::certs_only(&[AUTHORITY.certificate().clone(), AUTHORITY.certificate().clone()]).unwrap()
}

fn mail(content: &[u8]) -> Vec<u8> {
    let head = "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    format!("{head}{}\r\n", base64(&sealed(content)[0])).into_bytes()
}

fn key() -> &'static PrivateKey {
    AUTHORITY.key()
}

fn small_key() -> Vec<u8> {
    PrivateKey::generate_p256().unwrap().pkcs8_der().expose().clone()
}

fn request() -> Vec<u8> {
    let applicant = Applicant { common_name: "Example School MDM", country: "DE", email: "it@example.school" };
    push_request::certification_request(key(), &applicant).unwrap()
}

fn push_certificates() -> Vec<Vec<u8>> {
    let topic = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";
    let certificate = issue::root("Portal of a test", NOW).unwrap().practice_push(topic, key(), NOW).unwrap();
    let pair = [certificate.to_pem(), key().to_pem().expose().clone()].concat().into_bytes();
    vec![certificate.der().to_vec(), pair, pkcs12(&certificate)]
}

/// With one round where files have thousands: what is looked for is what the reader does with its shape.
fn pkcs12(certificate: &Certificate) -> Vec<u8> {
    use p12_keystore::{
        Certificate as Entry, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey as Key, PrivateKeyChain,
    };
    let key = Key::from_der(key().pkcs8_der().expose()).unwrap();
    let chain = PrivateKeyChain::new(vec![1], key, [Entry::from_der(certificate.der()).unwrap()]);
    let mut store = KeyStore::new();
    store.add_entry("push", KeyStoreEntry::PrivateKeyChain(chain));
    let writer = store.writer(PASSPHRASE).encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc);
    writer.encryption_iterations(1).mac_algorithm(MacAlgorithm::HmacSha1).mac_iterations(1).write().unwrap()
}

fn vendor_request() -> Vec<u8> {
    push_request::sign_as_vendor(&request(), &AUTHORITY, &[AUTHORITY.certificate().clone()]).unwrap().into_bytes()
}

fn asking() -> Vec<u8> {
    let text = base64(b"x");
    format!(r#"{{"csr":"{text}","email":"it@example.school","key":"k","encrypt":"{text}"}}"#).into_bytes()
}

fn web_signatures() -> Vec<Vec<u8>> {
    let compact = jws::sign_with_chain(key(), &[AUTHORITY.certificate().clone()], br#"{"sub":"x"}"#).unwrap();
    let small = PrivateKey::generate_p256().unwrap();
    let mut header = serde_json::Map::new();
    header.insert("nonce".into(), "n".into());
    header.insert("url".into(), "https://localhost/acme/new-order".into());
    header.insert("jwk".into(), jws::flattened::jwk_of(small.public_key_der()).unwrap());
    let flattened = jws::flattened::sign_flattened(&small, header, br#"{"identifiers":[]}"#).unwrap();
    vec![compact.into_bytes(), flattened.to_string().into_bytes()]
}

const ACME: &[&str] = &[
    r#"{"identifiers":[{"type":"permanent-identifier","value":"abc"}]}"#,
    r#"{"attObj":"o2NmbXRlYXBwbGU"}"#,
    r#"{"error":"none"}"#,
    r#"{"csr":"MIIBAA"}"#,
    r#"{"onlyReturnExisting":true}"#,
];

fn proxy_certificates() -> Vec<Vec<u8>> {
    let certificate = AUTHORITY.certificate();
    let bare = base64(certificate.der());
    let lines = certificate.to_pem();
    let escaped = lines.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").replace('\n', "%0A").replace(' ', "%20");
    [format!(":{bare}:"), escaped, bare.clone(), lines.replace('\n', " ")].map(String::into_bytes).to_vec()
}

const LANGUAGE: &str = r#"# Kim
#, fuzzy
msgid ""
msgstr ""
"Language: pt_BR\n"
"Plural-Forms: nplurals=2; plural=n != 1;\n"

#. said on a page
msgctxt "x"
msgid "Log out"
msgstr "Sair"
msgid "{n} "
"hours ago"
msgstr "há {n} \"horas\"\n"
#, c-format
msgid "Devices"
msgid_plural "All devices"
msgstr[0] "Aparelho"
msgstr[1] "Aparelhos"
#~ msgid "Old"
"#;

fn rosters() -> Vec<Vec<u8>> {
    let one = [
        ("manifest.csv", "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n"),
        (
            "users.csv",
            "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,email\n\
                       u1,,,true,o1,student,kim,{ManagedAppleID:kim@example.school},Kim,Example,kim@example.school\n",
        ),
        (
            "classes.csv",
            "sourcedId,status,dateLastModified,title,courseSourcedId,classType,schoolSourcedId,termSourcedIds\nc1,,,7b,k1,scheduled,o1,t1\n",
        ),
        ("enrollments.csv", "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role\ne1,,,c1,o1,u1,student\n"),
    ];
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in one {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    let table = "Full name,E-mail address,Role,Class,Serial number\n\"Example, Kim\",kim@example.school,Pupil,7b|Art,testsn0001\n";
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(table.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    vec![table.as_bytes().to_vec(), table.replace(',', ";").into_bytes(), wide, archive.finish().unwrap().into_inner()]
}

fn packages() -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/protocol/package/fixtures");
    let names = [
        "field.ipa",
        "streamed.ipa",
        "zip64.ipa",
        "stored.ipa",
        "signed.ipa",
        "development.ipa",
        "signed.pkg",
        "unsigned.pkg",
        "component.pkg",
        "stored.pkg",
    ];
    names.iter().map(|name| std::fs::read(folder.join(name)).unwrap()).collect()
}

/// The programs of apps, without the archive round them.
fn programs() -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/protocol/package/fixtures");
    let program = |name: &str| {
        let mut archive = zip::ZipArchive::new(std::fs::File::open(folder.join(name)).unwrap()).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut archive.by_name("Payload/Field é.app/Field").unwrap(), &mut bytes).unwrap();
        bytes
    };
    ["signed.ipa", "universal.ipa", "linked.ipa"].map(program).to_vec()
}

const PROVISIONING: &str = r#"<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>
<key>UUID</key><string>9a9a9a9a-1111-4222-8333-444444444444</string><key>Name</key><string>In-house Field</string><key>TeamName</key><string>Example School</string>
<key>TeamIdentifier</key><array><string>A1B2C3D4E5</string></array><key>Platform</key><array><string>iOS</string></array><key>ProvisionsAllDevices</key><true/>
<key>CreationDate</key><date>2026-09-01T00:00:00Z</date><key>ExpirationDate</key><date>2027-09-01T00:00:00Z</date><key>Entitlements</key><dict>
<key>application-identifier</key><string>A1B2C3D4E5.school.example.field</string><key>get-task-allow</key><false/></dict></dict></plist>"#;

const APPS_AND_BOOKS: &[&str] = &[
    r#"{"assets":[{"adamId":"1","assignedCount":1,"availableCount":2,"pricingParam":"STDQ","productType":"App","supportedPlatforms":["iOS"],"totalCount":3}],
        "currentPageIndex":0,"nextPageIndex":1,"totalPages":2,"size":1,"versionId":"v","uId":"1","mdmInfo":{"id":"m","name":"n","metadata":"d"}}"#,
    r#"{"assignments":[{"adamId":1,"pricingParam":"STDQ","serialNumber":"TESTSN0001"}],"users":[{"clientUserId":"c","status":"Registered","inviteCode":"i"}]}"#,
    r#"{"urls":{"getAssets":"https://localhost/a"},"limits":{"maxAssets":25},"results":{"1":{"name":"Atlas","deviceFamilies":["ipad"],"offers":[{"version":{"display":"1.2","externalId":12}}],"artwork":{"url":"https://example.school/{w}x{h}{c}.{f}"}}}}"#,
    r#"{"errorNumber":9646,"errorMessage":"Too many requests"}"#,
];

fn server_tokens() -> Vec<Vec<u8>> {
    let secret = || Secret::new(String::from("CS_0123456789"));
    let token = ServerToken {
        consumer_key: "CK_0123456789".into(),
        consumer_secret: secret(),
        access_token: "AT_0123456789".into(),
        access_secret: secret(),
        expires_at: later(),
    };
    vec![token.to_json().expose().clone(), token.to_mail().expose().clone()]
}

const DEVICE_LISTS: &[&str] = &[
    r#"{"devices":[{"serial_number":"TESTSN0001","model":"iPad","description":"IPAD 10TH GEN","color":"SILVER","profile_status":"assigned","profile_uuid":"P",
        "profile_assign_time":"2026-09-01T08:00:00Z","device_assigned_date":"2026-08-01T08:00:00Z","device_assigned_by":"it@example.school",
        "op_type":"added","op_date":"2026-08-01T08:00:00Z","os":"iOS","device_family":"iPad"}],"cursor":"MDowOjE","more_to_follow":true,
        "fetched_until":"2026-09-01T08:00:00Z"}"#,
    r#"{"profile_uuid":"P","devices":{"TESTSN0001":"SUCCESS","TESTSN0002":"NOT_ACCESSIBLE"}}"#,
    r#"{"server_name":"North","server_uuid":"S","org_name":"Example School","urls":[{"uri":"/server/devices","http_method":["POST"],"limit":{"default":100,"maximum":1000}}]}"#,
];

const RELEASES: &str = r#"{"PublicAssetSets":{"iOS":[{"ProductVersion":"18.7.2","PostingDate":"2026-09-01","SupportedDevices":["iPad7,11"]}],
 "macOS":[{"ProductVersion":"26.1","Build":"25B78","PostingDate":"2026-09-02","ExpirationDate":"2026-12-31","SupportedDevices":[]}]},
 "AssetSets":{"iOS":[{"ProductVersion":"26.1","PostingDate":"2026-09-02","ExpirationDate":"2026-12-01","SupportedDevices":["iPad13,18"]}]},
 "PublicBackgroundSecurityImprovements":{"iOS":[{"ProductVersion":"26.1","ProductVersionExtra":"(a)","PrerequisiteBuild":"23B85","Build":"23B5771",
 "PostingDate":"2026-09-03","SupportedDevices":["iPad13,18"]}]}}"#;

const APP_CONFIG: &str = r#"<?xml version="1.0" encoding="UTF-8"?><managedAppConfiguration><version>3</version><bundleId>school.example.atlas</bundleId><dict>
<string keyName="server"><constraint nullable="false" pattern="https://.+"/></string><string keyName="theme"><defaultValue><value>light</value></defaultValue>
<constraint nullable="true"><values><value>light</value><value>dark</value></values></constraint></string><integer keyName="pages"><constraint min="1" max="100"/></integer>
<stringArray keyName="layers"><constraint><values><value>rivers</value></values></constraint></stringArray></dict><presentation defaultLocale="en-US">
<fieldGroup><name><language value="en-US">Look</language></name><field keyName="theme" type="select"><label><language value="en-US">Theme &amp; more</language></label>
<options><option value="light"><language value="en-US"><![CDATA[Light]]></language></option></options></field></fieldGroup></presentation></managedAppConfiguration>"#;

const GRANT: &str = r#"{"bundle_id":"school.example.atlas","installation":"9a9a9a9a-1111-4222-8333-444444444444","nonce":"abcdefghijklmnopqrstuvwx",
 "client_time":"2026-11-25T08:00:00Z","counter":1,"token":"abc"}"#;

const WORDS: &[&str] = &[
    r#"OAuth realm="ADM", oauth_consumer_key="CK", oauth_nonce="n", oauth_signature="a%2Bb%3D", oauth_signature_method="HMAC-SHA1""#,
    "Bearer abcdef.0123456789",
    "TESTUDID0001:kim@example.school",
    "2026-11-25T08:00:00.5Z",
    "Wed, 21 Oct 2026 07:28:00 GMT",
    "$SERIAL costs $$5",
];

/// An archive as a backup holds it, with a database that is none.
fn archive() -> Vec<u8> {
    let database = b"SQLite format 3\0 and nothing more";
    let manifest = format!(
        r#"{{"format":1,"made_at":"2026-11-25T08:00:00Z","program":"0.1.0","schema":1,"devices":0,"enrolled":0,"database_bytes":{},"with_packages":true}}"#,
        database.len()
    );
    let files: [(&str, &[u8]); 4] = [
        ("rollcall-backup.json", manifest.as_bytes()),
        ("seal.key", &[7; 32]),
        ("rollcall.toml", b"url = \"https://mdm.example.school\"\n"),
        ("rollcall.db", database),
    ];
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, name, content).unwrap();
    }
    archive.into_inner().unwrap()
}
