//! Each deed with its address, and the page that asks before it.

use super::*;
use crate::clock::Timestamp;

fn shell() -> Shell {
    Shell::for_tests(Section::Devices, Timestamp::from_seconds(0))
}

fn view(deed: Deed, names: &[String]) -> DeedView<'_> {
    DeedView {
        deed,
        names,
        total: names.len() as u64,
        macs: false,
        networks: None,
        note: "",
        action: "/devices/actions/x",
        back: ("/devices", "Devices"),
        hidden: &[],
        typed: DeedForm::default(),
        errors: &[],
    }
}

#[test]
fn every_deed_has_its_address_and_what_destroys_stands_last() {
    for deed in Deed::ALL {
        assert_eq!(Deed::from_path(deed.path()), Some(deed));
        assert!(!deed.is_destructive() || deed.asks(), "{deed:?}");
    }
    assert!(Deed::ALL.is_sorted_by_key(|deed| deed.is_destructive()));
}

#[test]
fn one_device_is_named_and_many_are_counted_and_the_count_typed() {
    let one = ["iPad <1>".to_owned()];
    let html = ask(&shell(), &view(Deed::Erase, &one)).into_string();
    assert!(html.contains("Erase iPad &lt;1&gt;</span></button>") && !html.contains("to go on"), "{html}");
    let many: Vec<String> = (0..28).map(|n| format!("iPad {n}")).collect();
    let html = ask(&shell(), &view(Deed::Erase, &many)).into_string();
    assert!(html.contains("Type 28 to go on") && html.contains("Erase 28 devices"), "{html}");
    assert!(!ask(&shell(), &view(Deed::Lock, &many)).into_string().contains("to go on"));
}

#[test]
fn fields_keep_what_was_typed_and_a_pin_is_asked_for_macs_only() {
    let names = ["Lab 1".to_owned()];
    let errors = [("phone".to_owned(), "Write a number.".to_owned())];
    let typed = DeedForm { message: "Back to <B12>".into(), phone: "x".into(), ..DeedForm::default() };
    let html = ask(&shell(), &DeedView { typed, errors: &errors, ..view(Deed::Lock, &names) }).into_string();
    assert!(html.contains("value=\"Back to &lt;B12&gt;\"") && html.contains("Write a number.") && !html.contains("PIN for Macs"), "{html}");
    let networks = [("w".to_owned(), "School <Wi-Fi>".to_owned())];
    let html = ask(&shell(), &DeedView { networks: Some(&networks), ..view(Deed::Erase, &names) }).into_string();
    assert!(html.contains("Bring it back") && html.contains("School &lt;Wi-Fi&gt;"), "{html}");
    assert!(!ask(&shell(), &view(Deed::Erase, &names)).into_string().contains("Bring it back"));
    assert!(ask(&shell(), &DeedView { macs: true, ..view(Deed::Lock, &names) }).into_string().contains("PIN for Macs"));
}
