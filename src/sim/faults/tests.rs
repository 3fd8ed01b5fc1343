//! Fault files, and what devices meet by them.

use super::*;

#[test]
fn a_burst_of_not_now_begins_and_ends_as_written() {
    let faults = Faults::parse("[[fault]]\nkind = \"not-now\"\non = [\"InstallProfile\"]\nafter = 1\ntimes = 2\n").unwrap();
    let mut device = faults.for_device(1);
    let answers: Vec<_> = (0..5).map(|_| device.puts_off("InstallProfile")).collect();
    assert_eq!(answers, [false, true, true, false, false]);
    assert!(!device.puts_off("ProfileList"));
}

#[test]
fn toml_and_json_say_the_same() {
    let toml = Faults::parse("seed = 3\n[[fault]]\nkind = \"lose-answer\"\non = [\"Report\"]\nchance = 0.5\n").unwrap();
    let json = Faults::parse(r#"{"seed": 3, "fault": [{"kind": "lose-answer", "on": ["Report"], "chance": 0.5}]}"#).unwrap();
    let draw = |faults: &Faults| {
        let mut device = faults.for_device(9);
        (0..64).map(|_| device.mischief(Purpose::Report, Some("ProfileList"))).collect::<Vec<_>>()
    };
    assert_eq!(draw(&toml), draw(&json));
    let lost = draw(&toml).iter().filter(|fault| **fault == Some(Mischief::LoseAnswer)).count();
    assert!((16..48).contains(&lost), "{lost}");
}

#[test]
fn a_share_of_the_devices_is_hit() {
    let faults = Faults::parse("[[fault]]\nkind = \"clock-skew\"\nseconds = -7200\ndevices = \"25%\"\n").unwrap();
    let behind = (1..=400).filter(|number| faults.for_device(*number).clock_skew_ms() == -7_200_000).count();
    assert!((60..140).contains(&behind), "{behind}");
}

#[test]
fn wrong_files_are_told_where_they_are_wrong() {
    for (text, word) in [
        ("[[fault]]\nkind = \"explode\"\n", "explode"),
        ("[[fault]]\nkind = \"slow\"\n", "seconds"),
        ("[[fault]]\nkind = \"huge\"\n", "bytes"),
        ("[[fault]]\nkind = \"slow\"\nseconds = -1.0\n", "seconds"),
        ("[[fault]]\nkind = \"not-now\"\nchance = 2.0\n", "chance"),
        ("[[fault]]\nkind = \"not-now\"\ndevices = \"half\"\n", "10%"),
        ("[[fault]]\nkind = \"not-now\"\nwhen = 1\n", "when"),
        ("[[fault]]\nkind = \"refuse\"\n", "code"),
        ("[[fault]]\nkind = \"rename\"\n", "name"),
        ("[[fault]]\nkind = \"delete-app\"\n", "name"),
        ("[[fault]]\nkind = \"sign-in\"\n", "name"),
        ("{", "fault file"),
    ] {
        let error = Faults::parse(text).unwrap_err();
        assert!(error.message.contains(word), "{text}: {}", error.message);
    }
    let many = "[[fault]]\nkind = \"not-now\"\n".repeat(MAX_RULES + 1);
    assert!(Faults::parse(&many).unwrap_err().message.contains("256"));
}

#[test]
fn commands_are_refused_with_the_code_that_is_written_as_often_as_is_written() {
    let text = "[[fault]]\nkind = \"refuse\"\non = [\"InstallProfile\"]\ncode = 4005\ndomain = \"MCInstallationErrorDomain\"\ntimes = 2\n";
    let mut device = Faults::parse(text).unwrap().for_device(1);
    assert!(device.refuses("ProfileList").is_none());
    let codes: Vec<_> =
        (0..3).map(|_| device.refuses("InstallProfile").map(|complaint| (complaint.code, complaint.domain.into_owned()))).collect();
    let refused = Some((4005, String::from("MCInstallationErrorDomain")));
    assert_eq!(codes, [refused.clone(), refused, None]);
}

#[test]
fn what_happens_at_a_connection_happens_in_the_order_of_the_file() {
    let text = "[[fault]]\nkind = \"rename\"\nname = \"iPad of nobody\"\ntimes = 1\n
                [[fault]]\nkind = \"forget-profiles\"\nafter = 1\ntimes = 1\n
                [[fault]]\nkind = \"lose-profile\"\nname = \"school.example.wifi\"\ntimes = 1\n";
    let mut device = Faults::parse(text).unwrap().for_device(1);
    let lost = Happening::LoseProfile(String::from("school.example.wifi"));
    assert_eq!(device.happenings(|_| true), [Happening::Rename(String::from("iPad of nobody")), lost]);
    assert_eq!(device.happenings(|_| true), [Happening::ForgetProfiles]);
    assert_eq!(device.happenings(|_| true), []);
}

#[test]
fn an_app_is_deleted_only_where_it_is_and_declined_only_where_it_is_meant() {
    let text = "[[fault]]\nkind = \"delete-app\"\nname = \"school.example.atlas\"\ntimes = 1\n
                [[fault]]\nkind = \"decline-app\"\non = [\"school.example.choir\"]\n
                [[fault]]\nkind = \"no-room\"\ntimes = 1\n";
    let mut device = Faults::parse(text).unwrap().for_device(1);
    assert_eq!(device.happenings(|_| false), [], "it waits until there is something to delete");
    assert_eq!(device.happenings(|_| true), [Happening::DeleteApp(String::from("school.example.atlas"))]);
    assert_eq!(device.happenings(|_| true), []);
    assert!(device.declines("school.example.choir") && !device.declines("school.example.atlas"));
    assert!(device.has_no_room("school.example.atlas") && !device.has_no_room("school.example.atlas"));
}
