use super::*;
use crate::error::Kind;

fn catalogue(entries: &[(&str, &str)]) -> Catalogue {
    Catalogue::read("de", file(entries).as_bytes()).unwrap()
}

fn file(entries: &[(&str, &str)]) -> String {
    let head = "msgid \"\"\nmsgstr \"\"\n\"Language: de\\n\"\n\"Content-Type: text/plain; charset=UTF-8\\n\"\n";
    entries.iter().fold(String::from(head), |file, (english, translation)| format!("{file}\nmsgid {english:?}\nmsgstr {translation:?}\n"))
}

#[test]
fn a_text_has_its_holes_by_name_in_any_order_and_doubled_braces_are_meant() {
    let values: &[(&str, &dyn Display)] = &[("name", &"Ada"), ("count", &3)];
    assert_eq!(filled("{count} von {name}: {{{count}}} }", values), "3 von Ada: {3} }");
    assert_eq!(holes("{b} and {a}, {b} {{c}}"), ["a", "b"]);
}

#[test]
fn a_language_says_what_its_file_translates_and_the_rest_in_english() {
    let german = catalogue(&[
        ("Devices", "Geräte"),
        (" asked to ", "gebeten zu"),
        ("Made {name} {to} who was {from}", "{to} statt {from} ist nun {name}"),
        ("Ended the log-ins of {name}", "Abgemeldet: {nam}"),
        ("Retired", ""),
    ]);
    assert_eq!((german.text("Devices"), german.text("Retired"), german.text("Nothing")), (Some("Geräte"), None, None));
    assert_eq!(german.text(" asked to "), Some(" gebeten zu "), "the blanks that join pieces stay");
    assert_eq!(german.left_out(), ["Ended the log-ins of {name}"], "a hole was misspelled: that text stays English");
    speak(Some(german));
    let (name, from) = ("Ada", "Helper");
    assert_eq!(t!("Made {name} {to} who was {from}", name, to = "Admin", from), "Admin statt Helper ist nun Ada");
    assert_eq!((t!("Devices"), t!("Retired")), ("Geräte", "Retired"));
    assert_eq!(t!("Ended the log-ins of {name}", name), "Ended the log-ins of Ada");
    speak(None);
    assert_eq!(
        (t!("Devices"), t!("Made {name} {to} who was {from}", name, to = "Admin", from)),
        ("Devices", "Made Ada Admin who was Helper".into())
    );
}

#[test]
fn a_file_that_is_none_or_says_nothing_of_here_is_refused_with_what_to_do() {
    let refused = |tag: &str, file: &[u8]| {
        let error = Catalogue::read(tag, file).unwrap_err();
        assert_eq!(error.kind, Kind::BadInput);
        error.fields[0].message.clone()
    };
    assert!(refused("German", b"").contains("like de or pt-BR"));
    assert!(refused("de", b"name,serial\n").contains("no file of translations"));
    assert!(refused("de", file(&[("Zebra crossing", "Zebrastreifen")]).as_bytes()).contains("begin with the file of English texts"));
    assert!(refused("de", &vec![b'#'; MAX_BYTES + 1]).contains("larger than 4 MiB"));
    assert_eq!(
        ["de", "pt-BR", "zh-Hant", "../x", "d", "", "DE"].map(|tag| Catalogue::read(tag, file(&[("Devices", "x")]).as_bytes()).is_ok()),
        [true, true, true, false, false, false, false]
    );
    let hebrew = Catalogue::read("he", file(&[("Devices", "מכשירים")]).as_bytes()).unwrap();
    assert!(hebrew.is_right_to_left() && hebrew.translated() == 1 && Catalogue::all() > 3000);
}
