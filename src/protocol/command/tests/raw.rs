//! Commands as they are handed in.

use super::*;
use crate::error::FieldError;

fn faults(command: &str) -> Vec<FieldError> {
    let bytes = format!("<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>Command</key><dict>{command}</dict></dict></plist>");
    validate_raw(bytes.as_bytes(), false).err().unwrap_or_default()
}

fn request(request_type: &str, keys: &str) -> String {
    format!("<key>RequestType</key><string>{request_type}</string>{keys}")
}

#[test]
fn a_wrong_key_is_named_by_its_path() {
    let cases = [
        (request("RemoveProfile", ""), "Command.Identifier", "required"),
        (request("RemoveProfile", "<key>Identifier</key><integer>7</integer>"), "Command.Identifier", "string"),
        (request("RemoveProfile", "<key>identifier</key><string>a</string>"), "Command.identifier", "Identifier is meant"),
        (request("deviceinformation", ""), "Command.RequestType", "DeviceInformation is meant"),
        (request("MakeCoffee", ""), "Command.RequestType", "allow unknown"),
        (request("DeviceInformation", "<key>Queries</key><array><string>Nonsense</string></array>"), "Command.Queries[0]", "no query"),
        (request("InstallApplication", "<key>iTunesStoreID</key><string>409203825</string>"), "Command.iTunesStoreID", "integer"),
        (request("InstallApplication", ""), "Command", "exactly one"),
        (
            request("InstallApplication", "<key>iTunesStoreID</key><integer>1</integer><key>Identifier</key><string>a</string>"),
            "Command",
            "exactly one",
        ),
        (request("InstallApplication", "<key>ManifestURL</key><string>http://x</string>"), "Command.ManifestURL", "https"),
        (request("EnableLostMode", ""), "Command", "at least one"),
        (request("DeviceLock", "<key>PIN</key><string>12345</string>"), "Command.PIN", "exactly 6"),
        (
            request("RequestMirroring", "<key>DestinationName</key><string>a</string><key>ScanTime</key><integer>5</integer>"),
            "Command.ScanTime",
            "10 to 300",
        ),
        (
            request(
                "ScheduleOSUpdate",
                "<key>Updates</key><array><dict><key>ProductKey</key><string>a</string><key>InstallAction</key><string>Now</string></dict></array>",
            ),
            "Command.Updates[0].InstallAction",
            "InstallASAP",
        ),
        (
            request(
                "Settings",
                "<key>Settings</key><array><dict><key>Item</key><string>Wallpaper</string><key>Where</key><integer>1</integer></dict></array>",
            ),
            "Command.Settings[0].Image",
            "data",
        ),
        (
            request("Settings", "<key>Settings</key><array><dict><key>Item</key><string>Sound</string></dict></array>"),
            "Command.Settings[0].Item",
            "no setting",
        ),
        (request("Settings", "<key>Settings</key><array><dict/></array>"), "Command.Settings[0].Item", "required"),
        (request("Settings", "<key>Settings</key><array><true/></array>"), "Command.Settings[0]", "dictionary"),
        (request("SecurityInfo", "<key>Verbose</key><true/>"), "Command.Verbose", "no such key"),
        (request("DeviceInformation", "<key>Queries</key><dict/>"), "Command.Queries", "array"),
    ];
    for (command, field, word) in cases {
        let faults = faults(&command);
        assert!(faults.iter().any(|fault| fault.field == field && fault.message.contains(word)), "{command}: {faults:?}");
    }
    assert_eq!(faults(&request("SecurityInfo", "<key>RequestRequiresNetworkTether</key><true/>")), []);
}

#[test]
fn what_only_the_server_holds_may_be_left_out() {
    assert_eq!(faults(&request("ClearPasscode", "")), []);
    assert_eq!(faults(&request("ClearPasscode", "<key>UnlockToken</key><string>x</string>"))[0].field, "Command.UnlockToken");
}

#[test]
fn a_command_without_its_envelope_is_refused_key_by_key() {
    let whole = |inside: &str| validate_raw(format!("<plist><dict>{inside}</dict></plist>").as_bytes(), false).unwrap_err();
    assert_eq!(whole("")[0].field, "Command");
    assert_eq!(whole("<key>Command</key><dict/>")[0].field, "Command.RequestType");
    assert!(whole("<key>RequestType</key><string>ProfileList</string>").iter().any(|fault| fault.field == "RequestType"));
    let with_uuid = |uuid: &str| format!("<key>CommandUUID</key>{uuid}<key>Command</key><dict>{}</dict>", request("ProfileList", ""));
    for bad in ["<string></string>", "<integer>1</integer>", "<string>a\u{85}b</string>"] {
        assert_eq!(whole(&with_uuid(bad))[0].field, "CommandUUID", "{bad}");
    }
    let without = validate_raw(
        format!("<plist><dict><key>Command</key><dict>{}</dict></dict></plist>", request("ProfileList", "")).as_bytes(),
        false,
    );
    assert_eq!(without.unwrap().with_uuid_or(uuid).uuid, uuid().to_string());
    assert_eq!(validate_raw(b"", false).unwrap_err()[0].field, "");
    assert!(validate_raw(b"this is not a property list", false).unwrap_err()[0].message.contains("not a property list"));
}

#[test]
fn a_profile_must_be_base64_once_and_a_profile() {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let install = |data: &str| faults(&request("InstallProfile", &format!("<key>Payload</key><data>{data}</data>")));
    let good = profile("org.example.wifi");
    assert_eq!(install(&encode(&good)), []);
    let literal = String::from_utf8(good.clone()).unwrap();
    let unescaped = literal.split_once("?>").unwrap().1;
    for (data, word) in [
        (literal.as_str(), "base64"),
        (unescaped, "base64"),
        ("&lt;?xml version=\"1.0\"?&gt;", "base64"),
        (encode(encode(&good).as_bytes()).as_str(), "once only"),
        (encode(b"hello").as_str(), "no profile"),
        (encode(&plist::to_xml(&Value::Dictionary(Dictionary::new())).unwrap()).as_str(), "Configuration"),
    ] {
        let faults = install(data);
        assert!(faults[0].field == "Command.Payload" && faults[0].message.contains(word), "{data}: {faults:?}");
    }
    let provisioning = request("InstallProvisioningProfile", &format!("<key>ProvisioningProfile</key><data>{}</data>", encode(b"<?xml")));
    assert_eq!(faults(&provisioning)[0].field, "Command.ProvisioningProfile");
}

#[test]
fn what_is_unknown_passes_on_request_but_types_do_not() {
    let lenient =
        |command: &str| validate_raw(format!("<plist><dict><key>Command</key><dict>{command}</dict></dict></plist>").as_bytes(), true);
    assert!(lenient(&request("MakeCoffee", "<key>Sugar</key><true/>")).is_ok());
    assert!(lenient(&request("SecurityInfo", "<key>Verbose</key><true/>")).is_ok());
    assert!(lenient(&request("Settings", "<key>Settings</key><array><dict><key>Item</key><string>Sound</string></dict></array>")).is_ok());
    assert!(lenient(&request("RemoveProfile", "<key>Identifier</key><integer>7</integer>")).is_err());
    assert!(lenient(&request("RemoveProfile", "")).is_err());
}

#[test]
fn the_number_of_faults_is_bounded() {
    let keys: Vec<_> = (0..schema::MAX_FAULTS * 2).map(|number| format!("<key>K{number}</key><true/>")).collect();
    assert_eq!(faults(&request("SecurityInfo", &keys.concat())).len(), schema::MAX_FAULTS);
}

#[test]
fn recorded_commands_pass_and_broken_ones_do_not() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let folder = shared.join("captures/conversations/nanomdm-api");
    let body = |name: &str| {
        let request = std::fs::read(folder.join(format!("{name}.request.http"))).unwrap();
        let at = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        request[at + 4..].to_vec()
    };
    for good in [
        "02-enqueue-nopush-deviceinformation-device-1",
        "03-enqueue-nopush-profilelist-device-1",
        "04-enqueue-nopush-installprofile-device-1",
        "30-enqueue-binary-plist",
    ] {
        assert!(validate_raw(&body(good), false).is_ok(), "{good}: {:?}", validate_raw(&body(good), false));
    }
    let unknown = body("05-enqueue-nopush-unknown-command-device-1");
    assert_eq!(validate_raw(&unknown, false).unwrap_err()[0].field, "Command.RequestType");
    assert!(validate_raw(&unknown, true).is_ok());
    assert!(validate_raw(&body("26-enqueue-bad-plist"), true).is_err());
    assert_eq!(validate_raw(&body("28-enqueue-no-command-uuid"), true).unwrap().uuid, None);
    assert_eq!(validate_raw(&body("29-enqueue-no-request-type"), true).unwrap_err()[0].field, "Command.RequestType");
}
