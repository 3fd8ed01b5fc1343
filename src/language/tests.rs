//! Texts in another language: their holes, plurals and dates, and files that are none.

use super::*;
use crate::error::Kind;

fn catalogue(entries: &[(&str, &str)]) -> Catalogue {
    Catalogue::read(Some("de"), file(entries).as_bytes()).unwrap()
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
        let error = Catalogue::read(Some(tag), file).unwrap_err();
        assert_eq!(error.kind, Kind::BadInput);
        error.fields[0].message.clone()
    };
    assert!(refused("German", b"").contains("like de or pt-BR"));
    assert!(refused("de", b"name,serial\n").contains("no file of translations"));
    assert!(refused("de", file(&[("Zebra crossing", "Zebrastreifen")]).as_bytes()).contains("begin with the file of English texts"));
    assert!(refused("de", &vec![b'#'; MAX_BYTES + 1]).contains("larger than 4 MiB"));
    assert_eq!(
        ["de", "pt-BR", "zh-Hant", "../x", "d", "de_AT", "DE"]
            .map(|tag| Catalogue::read(Some(tag), file(&[("Devices", "x")]).as_bytes()).is_ok()),
        [true, true, true, false, false, false, false]
    );
    let hebrew = Catalogue::read(Some("he"), file(&[("Devices", "מכשירים")]).as_bytes()).unwrap();
    assert!(hebrew.is_right_to_left() && hebrew.translated() == 1 && Catalogue::all() > 3000);
}

#[test]
fn a_file_says_its_own_language_where_nobody_says_another() {
    let read = |tag: Option<&str>, own: &str| {
        let file = file(&[("Devices", "x")]).replace("Language: de", &format!("Language: {own}"));
        Catalogue::read(tag, file.as_bytes()).map(|read| read.tag().to_owned())
    };
    assert_eq!((read(None, "de").unwrap(), read(Some(" "), "pt_BR").unwrap()), ("de".into(), "pt-BR".into()));
    assert_eq!(read(Some("fr"), "de").unwrap(), "fr");
    for none in ["", "sr@latin", "German"] {
        let refused = read(None, none).unwrap_err();
        assert!(refused.fields[0].field == "tag" && refused.message.contains("does not say which language"), "{none}: {refused}");
    }
}

#[test]
fn files_are_read_as_gettexts_tools_write_them_and_a_line_that_is_wrong_is_named() {
    let head = "msgid \"\"\nmsgstr \"\"\n\"Language: de\\n\"\n";
    let said = |rest: &str| {
        let whole = format!("\u{feff}#\n# Somebody\n#, fuzzy\n{head}{rest}").replace('\n', "\r\n");
        Catalogue::read(None, whole.as_bytes()).map(|read| (read.text("Devices").map(str::to_owned), read.translated()))
    };
    let is = |text: &str| (Some(String::from(text)), 1);
    assert_eq!(said("#~ msgid \"Old\"\n#: src/x.rs\n#\nmsgid \"Dev\"\n\"ices\"\nmsgstr \"Ger\u{e4}te\"\n").unwrap(), is("Geräte"));
    assert_eq!(
        said("msgid \"Zebra\"\nmsgstr \"x\"\nmsgid \"Devices\"\nmsgstr \"y\"\n#, c-format\nmsgid \"z\"\nmsgstr \"z\"").unwrap(),
        is("y")
    );
    let unsure = said("#,fuzzy\nmsgid \"Devices\"\nmsgstr \"x\"\n\nmsgid \"System\"\nmsgstr \"y\"\n").unwrap();
    assert_eq!(unsure, (None, 1), "what the translator is not sure of is not said");
    let too_long = format!("msgid \"{}\"", "\u{e4}".repeat(20_000));
    for (wrong, why) in [
        ("msgid \"", "line 7"),
        ("\"Devices\"\n\"", "line 8"),
        ("msgid \"Devices\nmsgstr \"x\"", "line 7"),
        ("msgstr[12] \"x\"", "line 7"),
        ("name,serial", "line 7"),
        (too_long.as_str(), "line 7 is too long"),
    ] {
        let refused = said(wrong).unwrap_err();
        assert!(refused.fields[0].field == "file" && refused.message.contains(why), "{wrong}: {refused}");
    }
    for whole in ["\"", "\"Devices\"", "msgid \"", "#", "msgid \u{e4}", "msgstr[0] \"x\"\n\"y\""] {
        assert!(Catalogue::read(Some("de"), whole.as_bytes()).is_err(), "{whole}");
    }
    assert!(Catalogue::read(Some("de"), b"msgid \"\xff\"").unwrap_err().message.contains("UTF-8"));
}

#[test]
fn dates_are_said_in_the_words_and_the_order_of_the_language_and_nothing_else_is_touched() {
    let dates = ["25 Nov 2026", "1 May 2026, 04:29 CEST", "Wed 25 Nov 2026, 16:00"];
    assert_eq!(dates.map(|text| date(text.into())), dates);
    speak(Some(catalogue(&[
        ("Devices", "Geräte"),
        ("May", "Mai"),
        ("Nov", "Nov."),
        ("Wed", "Mi."),
        ("Monday", "Montag"),
        ("{day} {month} {year}", "{day}. {month} {year}"),
        ("{weekday} {date}", "{weekday}, {date}"),
    ])));
    assert_eq!(dates.map(|text| date(text.into())), ["25. Nov. 2026", "1. Mai 2026, 04:29 CEST", "Mi., 25. Nov. 2026, 16:00"]);
    assert_eq!(date("3 Dec 2026".into()), "3. Dec 2026", "what is not translated stays English");
    for other in ["", "May", "room Nov 2026", "25 Nov", "25 November 2026", "Class of 25 Nov 2026", "2026-11-25"] {
        assert_eq!(date(other.into()), other);
    }
    assert_eq!([weekday("Monday"), weekday("Sunday")], ["Montag", "Sunday"]);
    speak(None);
}

#[test]
fn nouns_that_are_counted_have_the_forms_of_the_language() {
    let polish = |rule: &str, forms: &[&str]| {
        let forms: Vec<_> = forms.iter().enumerate().map(|(at, form)| format!("msgstr[{at}] {form:?}\n")).collect();
        let forms = forms.concat();
        format!(
            "msgid \"\"\nmsgstr \"\"\n\"Language: pl\\n\"\n{rule}\nmsgid \"device\"\nmsgid_plural \"devices\"\n{forms}\n\
             msgid \"group\"\nmsgstr \"grupa\"\n\nmsgid \"groups\"\nmsgstr \"grupy\"\n\nmsgid \"Devices\"\nmsgstr \"Urządzenia\"\n"
        )
    };
    let rule = "\"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);\\n\"\n";
    let forms = ["urządzenie", "urządzenia", "urządzeń"];
    let read = |rule: &str, forms: &[&str]| Catalogue::read(None, polish(rule, forms).as_bytes());
    speak(Some(read(rule, &forms).unwrap()));
    let devices = [1, 2, 5, 12, 22].map(|n| counted(n, t!("device"), t!("devices")));
    let groups = [1, 5].map(|n| counted(n, t!("group"), t!("groups")));
    speak(None);
    assert_eq!(devices, ["urządzenie", "urządzenia", "urządzeń", "urządzeń", "urządzenia"]);
    assert_eq!(groups, ["grupa", "grupy"], "what has two forms has those");
    assert_eq!([1, 0].map(|n| counted(n, t!("device"), t!("devices"))), ["device", "devices"]);
    assert_eq!(read(rule, &forms[..2]).unwrap().left_out(), ["device"], "a form is missing");
    assert!(read("", &forms[..2]).unwrap().left_out().is_empty(), "a file that names no rule counts as English does");
    assert!(read("", &["", ""]).unwrap().left_out().is_empty(), "not translated yet");
    let refused = read("\"Plural-Forms: nplurals=3; plural=n is 1;\\n\"\n", &forms).unwrap_err();
    assert!(refused.fields[0].field == "file" && refused.message.contains("Plural-Forms"), "{refused}");
}

#[test]
fn what_is_read_the_other_way_is_set_apart_in_its_sentence() {
    let told = |name: &dyn Display| t!("Delete {name}", name);
    assert_eq!(told(&"גן 7b"), "Delete \u{2068}גן 7b\u{2069}");
    assert_eq!([told(&"iPad"), told(&3), told(&"\u{202e}x")], ["Delete iPad", "Delete 3", "Delete x"]);
    assert_eq!(harmless("Delete \u{2068}גן\u{2069}"), "Delete \u{2068}גן\u{2069}", "what a sentence set apart stays so");
    assert_eq!(harmless("a\u{2069}b\u{2068}c"), "abc", "a name ends nothing that it did not begin");
    speak(Some(Catalogue::read(Some("he"), file(&[("Delete {name}", "מחק {name}")]).as_bytes()).unwrap()));
    let hebrew = [told(&"iPad"), told(&"גן"), told(&3), told(&"https://mdm.example.school")];
    speak(None);
    assert_eq!(hebrew, ["מחק \u{2068}iPad\u{2069}", "מחק גן", "מחק 3", "מחק https://mdm.example.school"]);
}
