//! Commands as built, as handed in, and what the queue makes of them.

mod policy;
mod raw;

use super::*;
use crate::secret::{Secret, SecretBytes};

fn uuid() -> Uuid {
    Uuid::from_u128(0x6f0f_0d6e_3b43_4e4c_9d2e_9a2b_6d0f_8d11)
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn entries<const N: usize>(entries: [(&str, &str); N]) -> Dictionary {
    entries.into_iter().map(|(key, value)| (key.to_owned(), Value::String(value.to_owned()))).collect()
}

fn profile(identifier: &str) -> Vec<u8> {
    let mut keys = entries([("PayloadType", "Configuration"), ("PayloadIdentifier", identifier), ("PayloadUUID", "U-1")]);
    keys.insert("PayloadContent".into(), Value::Array(Vec::new()));
    plist::to_xml(&Value::Dictionary(keys)).unwrap()
}

/// One command of every kind that has a builder.
fn all() -> Vec<Command> {
    [about_the_device(uuid()), about_apps_and_people(uuid())].concat()
}

fn about_the_device(id: Uuid) -> Vec<Command> {
    let erase = EraseDevice {
        pin: Some(secret("123456")),
        obliteration: Some(Obliteration::DoNotObliterate),
        preserve_data_plan: Some(true),
        disallow_proximity_setup: Some(false),
        return_to_service: Some(EraseReturnToService { wifi_profile: Some(SecretBytes::new(vec![1])), ..EraseReturnToService::default() }),
    };
    vec![
        device_information(id, &["OSVersion", "ProductName"]),
        device_attestation(id, &[7; 32], false),
        security_info(id),
        installed_application_list(id),
        managed_application_list(id),
        activation_lock_bypass_code(id),
        restrictions(id, true),
        install_profile(id, profile("org.example.wifi")),
        remove_profile(id, "org.example.wifi"),
        profile_list(id),
        certificate_list(id),
        install_provisioning_profile(id, vec![0x30, 0x82]),
        remove_provisioning_profile(id, "U-1"),
        provisioning_profile_list(id),
        declarative_management(id, Some(b"{}".to_vec())),
        device_lock(id, Some("Bring me back"), Some("030 123"), Some(&secret("123456"))),
        clear_passcode(id, &SecretBytes::new(vec![1, 2])),
        enable_lost_mode(id, LostMode { message: Some("Lost".into()), ..LostMode::default() }),
        disable_lost_mode(id),
        device_location(id),
        play_lost_mode_sound(id),
        clear_activation_lock_bypass_code(id),
        set_recovery_lock(id, None, &secret("new")),
        verify_recovery_lock(id, &secret("new")),
        set_firmware_password(id, Some(&secret("old")), &secret(""), false),
        verify_firmware_password(id, &secret("new")),
        rotate_file_vault_key(id, &secret("p"), RecoveryKey::Personal { reply_encryption_certificate: vec![0x30] }),
        rotate_file_vault_key(id, &secret("p"), RecoveryKey::Institutional { new_certificate: vec![0x30] }),
        erase_device(id, &erase),
        restart_device(id, Some(true)).rebuilding_kernel_cache(&["/Library/Extensions/A.kext"]),
        shut_down_device(id),
        refresh_cellular_plans(id, "https://esim.example.school"),
        request_mirroring(id, "Room 12", Some(&secret("1234"))),
        stop_mirroring(id),
        enable_remote_desktop(id),
        disable_remote_desktop(id),
    ]
}

fn about_apps_and_people(id: Uuid) -> Vec<Command> {
    let mut app = InstallApplication::new(Source::AppStore(409_203_825));
    app.configuration = Some(entries([("serverURL", "https://crm.example.school?a=1&b=<2>")]));
    app.attributes = Some([("Removable".to_owned(), Value::Boolean(false))].into_iter().collect());
    app.take_over = true;
    let package = InstallEnterpriseApplication {
        source: EnterpriseSource::Address { url: "https://mdm.example.school/m.plist".into(), pinned_certificates: vec![vec![0x30]] },
        install_as_managed: true,
        remove_with_enrollment: true,
        configuration: Some(Dictionary::new()),
        take_over: true,
    };
    let accounts = AccountConfiguration {
        admin: Some(AdminAccount { short_name: "admin".into(), full_name: None, password_hash: SecretBytes::new(vec![1]), hidden: true }),
        primary: PrimaryAccount::Regular,
        managed_user: Some("kim".into()),
        ..AccountConfiguration::default()
    };
    vec![
        install_application(id, app),
        install_application(id, InstallApplication::new(Source::Identifier("com.example.app".into()))),
        install_application(id, InstallApplication::new(Source::Manifest("https://mdm.example.school/m.plist".into()))),
        install_enterprise_application(id, package),
        remove_application(id, "com.example.app"),
        managed_application_configuration(id, &["com.example.app"]),
        managed_application_feedback(id, &["com.example.app"], true),
        validate_applications(id, &[]),
        invite_to_program(id, "https://buy.example.school/invite"),
        settings(id, every_setting()),
        schedule_os_update(id, UpdateTarget::ProductVersion("18.7.2".into()), InstallAction::InstallLater, Some(3)),
        schedule_os_update(id, UpdateTarget::ProductKey("091-51303".into()), InstallAction::InstallAsap, None),
        schedule_os_update_scan(id, true),
        available_os_updates(id),
        os_update_status(id),
        device_configured(id),
        user_configured(id),
        account_configuration(id, accounts),
        set_auto_admin_password(id, "G-1", &SecretBytes::new(vec![1])),
        user_list(id),
        delete_user(id, "kim", false),
        log_out_user(id),
        unlock_user_account(id, "kim"),
    ]
}

fn every_setting() -> Vec<Setting> {
    let flag = |key: &str| [(key.to_owned(), Value::Boolean(true))].into_iter().collect();
    let number = |key: &str| [(key.to_owned(), Value::Integer(5.into()))].into_iter().collect();
    let identifier = || "com.example.app".to_owned();
    vec![
        Setting::DeviceName("iPad 12".into()),
        Setting::HostName("mac-12".into()),
        Setting::TimeZone("Europe/Berlin".into()),
        Setting::Bluetooth(true),
        Setting::DataRoaming(false),
        Setting::PersonalHotspot(false),
        Setting::DiagnosticSubmission(false),
        Setting::AppAnalytics(false),
        Setting::Wallpaper { image: vec![0x89, b'P'], place: 3 },
        Setting::ApplicationConfiguration { identifier: identifier(), configuration: Some(entries([("tenant", "a&b")])) },
        Setting::ApplicationConfiguration { identifier: identifier(), configuration: None },
        Setting::ApplicationAttributes { identifier: identifier(), attributes: Some(flag("Removable")) },
        Setting::OrganizationInfo(Some(entries([("OrganizationName", "Example School")]))),
        Setting::OrganizationInfo(None),
        Setting::MdmOptions(flag("ActivationLockAllowedWhileSupervised")),
        Setting::SharedDeviceConfiguration(number("ResidentUsers")),
        Setting::AccessibilitySettings(number("TextSize")),
        Setting::SoftwareUpdateSettings { recommendation_cadence: 1 },
    ]
}

#[test]
fn every_command_that_is_built_passes_the_check_and_reads_back() {
    for command in all() {
        let bytes = command.to_plist().unwrap();
        let raw = validate_raw(&bytes, false).unwrap_or_else(|faults| panic!("{command:?}: {faults:?}"));
        assert_eq!(raw.uuid.as_deref(), Some("6f0f0d6e-3b43-4e4c-9d2e-9a2b6d0f8d11"));
        assert_eq!(raw.with_uuid_or(|| unreachable!()), command);
        assert_eq!(Command::from_plist(&bytes).unwrap(), command);
        let binary = plist::to_binary(&plist::parse_value(&bytes).unwrap()).unwrap();
        assert!(validate_raw(&binary, false).is_ok(), "a binary list is as good");
    }
}

#[test]
fn secrets_do_not_show_in_debug_or_views() {
    let shown = format!("{:?}", all());
    for hidden in ["123456", "\"new\"", "\"old\"", "1234\""] {
        assert!(!shown.contains(hidden), "{hidden}");
    }
    let lock = device_lock(uuid(), Some("Bring me back"), None, Some(&secret("123456"))).masked();
    let lock = lock.as_dictionary().unwrap();
    assert_eq!((fields::text(lock, "Message"), fields::text(lock, "PIN")), (Some("Bring me back"), Some(MASK)));
}

#[test]
fn an_attestation_is_asked_for_with_a_nonce_as_data_and_the_serial_number_beside_it() {
    // C22: the questions; the answers are read by the report's tests.
    let asked = device_attestation(uuid::Uuid::from_u128(1), &[7; 32], false);
    let plist = String::from_utf8(asked.to_plist().unwrap()).unwrap();
    let nonce = crate::testing::values_at(plist.as_bytes(), "DeviceAttestationNonce");
    assert_eq!(nonce, [base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [7; 32])]);
    assert!(plist.contains("<key>DeviceAttestationNonce</key>\n\t\t<data>"), "{plist}");
    for query in ["DevicePropertiesAttestation", "SerialNumber"] {
        assert!(plist.contains(&format!("<string>{query}</string>")), "{plist}");
    }
    let long = device_attestation(uuid::Uuid::from_u128(1), &[7; 33], false);
    let faults = validate_raw(&long.to_plist().unwrap(), false).unwrap_err();
    assert_eq!(faults[0].field, "Command.DeviceAttestationNonce");
}
