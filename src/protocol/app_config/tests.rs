//! Specification files of many shapes, values held against them, and files that were cut, flipped and thrown together.

use proptest::prelude::*;

use super::*;
use crate::protocol::plist::{Dictionary, Value, from_json, parse_dictionary};

/// A file with every kind of key, of an app that there is not.
pub(crate) const ATLAS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<managedAppConfiguration xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <version>3</version>
  <bundleId>school.example.atlas</bundleId>
  <dict>
    <string keyName="server"><constraint nullable="false" pattern="https://.+"/></string>
    <string keyName="theme">
      <defaultValue><value>light</value></defaultValue>
      <constraint nullable="true"><values><value>light</value><value>dark</value></values></constraint>
    </string>
    <string keyName="pupil name"><defaultValue><userVariable value="displayName"/></defaultValue><constraint max="20"/></string>
    <string keyName="phone"><defaultValue><deviceVariable value="phoneNumber"/></defaultValue></string>
    <integer keyName="pages"><defaultValue><value>20</value></defaultValue><constraint min="1" max="100"/></integer>
    <float keyName="zoom"><constraint min="0.5"/></float>
    <boolean keyName="offline"><defaultValue><value>true</value></defaultValue></boolean>
    <date keyName="ends"><constraint min="2026-01-01T00:00:00Z"/></date>
    <stringArray keyName="layers"><constraint><values><value>rivers</value><value>towns</value></values></constraint></stringArray>
    <integerArray keyName="years"><constraint min="2" max="3"/></integerArray>
    <floatArray keyName="scales"/>
    <integer keyName="build"><defaultValue><value>7</value></defaultValue></integer>
    <bundle keyName="odd"/>
  </dict>
  <presentation defaultLocale="de-DE">
    <field keyName="server" type="input">
      <label><language value="de-DE">Rechner</language><language value="en-US">Server &amp; door</language></label>
      <description><language value="en-US">Where the maps
        are kept.</language></description>
    </field>
    <fieldGroup>
      <name><language value="de-DE">Aussehen</language></name>
      <field keyName="theme" type="select">
        <label><language value="fr">Aspect</language></label>
        <options>
          <option value="light"><language value="en">Light</language></option>
          <option value="blue"><language value="en">Blue</language></option>
        </options>
      </field>
      <field keyName="layers" type="multiselect"><label><language value="en-GB"><![CDATA[Layers]]></language></label></field>
    </fieldGroup>
    <field keyName="nothing" type="input"/>
    <field keyName="build" type="hidden"/>
    <field keyName="server" type="input"/>
  </presentation>
</managedAppConfiguration>"#;

fn atlas() -> Schema {
    read(ATLAS.as_bytes()).unwrap()
}

fn of(schema: &Schema, key: &str) -> Field {
    schema.fields().find(|field| field.key == key).unwrap().clone()
}

fn keys(xml: &str) -> Dictionary {
    parse_dictionary(format!("<plist version=\"1.0\"><dict>{xml}</dict></plist>").as_bytes()).unwrap()
}

/// So many pieces, one after the other.
fn repeated(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

fn typed(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

/// A file around these elements of `dict`.
fn around(dict: &str) -> String {
    format!("<managedAppConfiguration><version>1</version><bundleId>a.b</bundleId><dict>{dict}</dict></managedAppConfiguration>")
}

#[test]
fn a_file_becomes_a_form_in_its_order_its_groups_and_in_english_first() {
    let schema = atlas();
    assert_eq!((schema.version.as_str(), schema.bundle_id.as_str()), ("3", "school.example.atlas"));
    assert!(schema.is_for("school.example.Atlas") && !schema.is_for("school.example.bell"));
    let shape: Vec<(&str, Vec<&str>)> =
        schema.groups.iter().map(|group| (group.name.as_str(), group.fields.iter().map(|field| field.key.as_str()).collect())).collect();
    assert_eq!(
        shape,
        [
            ("", vec!["server"]),
            ("Aussehen", vec!["theme", "layers"]),
            ("", vec!["build"]),
            ("", vec!["pupil name", "phone", "pages", "zoom", "offline", "ends", "years", "scales"]),
        ]
    );
    assert_eq!(schema.unread, ["odd"]);
    let server = of(&schema, "server");
    assert_eq!(
        (server.label.as_str(), server.description.as_str(), server.is_required),
        ("Server & door", "Where the maps are kept.", true)
    );
    assert_eq!((of(&schema, "theme").label.as_str(), of(&schema, "layers").label.as_str()), ("Aspect", "Layers"));
    assert_eq!(of(&schema, "pages").label, "pages", "a key that nobody named is called as it is");
    assert!(of(&schema, "build").is_hidden && !of(&schema, "pages").is_required);
    let theme: Vec<_> = of(&schema, "theme").choices.into_iter().map(|choice| (choice.value, choice.label)).collect();
    assert_eq!(theme, [("light".into(), "Light".into()), ("dark".into(), String::from("dark"))], "what is no value is no choice");
    let suggested = |key: &str| of(&schema, key).suggested;
    assert_eq!((suggested("theme"), suggested("pupil name"), suggested("pages")), (typed("light"), typed("$PERSON_NAME"), typed("20")));
    assert!(suggested("phone").is_empty(), "there is no variable for it");
}

#[test]
fn options_are_the_choices_where_nothing_else_says_what_may_be_chosen() {
    let field = |kind: &str| {
        let file = around("<integer keyName='n'/>").replace(
            "</managedAppConfiguration>",
            &format!(
                "<presentation defaultLocale='en'><field keyName='n' type='{kind}'><options><option value='1'><language value='en'>One</language></option>
                 <option value='x'><language value='en'>X</language></option><option value='01'/></options></field></presentation></managedAppConfiguration>"
            ),
        );
        read(file.as_bytes()).unwrap().fields().next().unwrap().choices.clone()
    };
    assert_eq!(field("select"), [Choice { value: "1".into(), label: "One".into() }]);
    assert_eq!(field("input"), []);
}

#[test]
fn what_is_no_such_file_is_told_in_words() {
    for (file, error) in [
        (String::new(), SchemaError::Empty),
        ("x".repeat(MAX_BYTES + 1), SchemaError::TooLarge),
        ("hello".into(), SchemaError::NotXml),
        (ATLAS[..ATLAS.len() - 9].into(), SchemaError::NotXml),
        ("<plist><dict/></plist>".into(), SchemaError::WrongRoot("plist".into())),
        ("<managedAppConfiguration><dict/></managedAppConfiguration>".into(), SchemaError::Missing("bundleId")),
        ("<managedAppConfiguration><bundleId>a.b</bundleId></managedAppConfiguration>".into(), SchemaError::Missing("dict")),
        (around(""), SchemaError::Missing("dict")),
        (around("<string/>"), SchemaError::Unnamed("string".into())),
        (around("<string keyName='a'/><integer keyName='a'/>"), SchemaError::Twice("a".into())),
        (around(&format!("<string keyName='{}'/>", "k".repeat(MAX_KEY_CHARS + 1))), SchemaError::LongKey),
        (format!("<!DOCTYPE a [<!ENTITY b 'c'>]>{}", around("<string keyName='a'/>")), SchemaError::Entities),
        (around("<string keyName='&lol;'/>"), SchemaError::Entities),
    ] {
        assert_eq!(read(file.as_bytes()).unwrap_err(), error);
    }
    assert_eq!(read(b"<a>\xff</a>").unwrap_err(), SchemaError::NotUtf8);
    assert!(read(format!("\u{feff}{ATLAS}").as_bytes()).is_ok());
}

#[test]
fn every_limit_can_be_reached_and_not_passed() {
    let many = |count: usize| around(&repeated(count, |n| format!("<string keyName='k{n}'/>")));
    assert_eq!(read(many(MAX_FIELDS).as_bytes()).unwrap().fields().count(), MAX_FIELDS);
    assert_eq!(read(many(MAX_FIELDS + 1).as_bytes()).unwrap_err(), SchemaError::TooManyFields);
    let choices = |count: usize| {
        let values = repeated(count, |n| format!("<value>{n}</value>"));
        around(&format!("<string keyName='k'><constraint><values>{values}</values></constraint></string>"))
    };
    assert!(read(choices(MAX_CHOICES).as_bytes()).is_ok());
    assert_eq!(read(choices(MAX_CHOICES + 1).as_bytes()).unwrap_err(), SchemaError::TooManyChoices("k".into()));
    // The root and `dict` are two.
    let deep = |depth: usize| around(&format!("<string keyName='k'>{}{}</string>", "<a>".repeat(depth - 3), "</a>".repeat(depth - 3)));
    assert!(read(deep(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(read(deep(MAX_DEPTH + 1).as_bytes()).unwrap_err(), SchemaError::TooMuch);
    let elements = |count: usize| around(&format!("<string keyName='k'>{}</string>", "<a/>".repeat(count)));
    assert_eq!(read(elements(MAX_ELEMENTS).as_bytes()).unwrap_err(), SchemaError::TooMuch);
    let pattern = |length: usize| {
        let file = around(&format!("<string keyName='k'><constraint pattern='{}'/></string>", "a".repeat(length)));
        read(file.as_bytes()).unwrap().fields().next().unwrap().pattern.len()
    };
    assert_eq!((pattern(MAX_PATTERN_CHARS), pattern(MAX_PATTERN_CHARS + 1)), (MAX_PATTERN_CHARS, 0));
    let key = around(&format!("<string keyName='{}'/>", "k".repeat(MAX_KEY_CHARS)));
    assert!(read(key.as_bytes()).is_ok());
    let label = ATLAS.replace("Aspect", &"A".repeat(MAX_TEXT_CHARS + 1));
    assert_eq!(of(&read(label.as_bytes()).unwrap(), "theme").label.len(), MAX_TEXT_CHARS);
}

#[test]
fn values_are_held_against_kind_choice_range_and_pattern() {
    let schema = atlas();
    for (key, value, why) in [
        ("server", "<string>https://example.school</string>", ""),
        ("server", "<string>https://$SERIAL.example.school</string>", ""),
        ("server", "<string>$SERIAL</string>", ""),
        ("server", "<string>http://example.school</string>", "https://.+"),
        ("server", "<string></string>", "must not be empty"),
        ("server", "<integer>7</integer>", "a text"),
        ("server", "<string>https://$SEREAL</string>", "$SEREAL, which is no variable"),
        ("theme", "<string>dark</string>", ""),
        ("theme", "<string>blue</string>", "one of light, dark"),
        ("theme", "<string></string>", ""),
        ("pupil name", "<string>$PERSON_NAME of $CLASS and further</string>", ""),
        ("pupil name", "<string>abcdefghijklmnopqrstu</string>", "at most 20 characters"),
        ("pages", "<integer>100</integer>", ""),
        ("pages", "<integer>101</integer>", "between 1 and 100"),
        ("pages", "<integer>18446744073709551615</integer>", "between 1 and 100"),
        ("pages", "<string>$SERIAL</string>", "variables can stand in texts only"),
        ("pages", "<real>1.5</real>", "a whole number"),
        ("zoom", "<real>0.5</real>", ""),
        ("zoom", "<integer>1</integer>", ""),
        ("zoom", "<real>0.4</real>", "at least 0.5"),
        ("offline", "<true/>", ""),
        ("offline", "<string>true</string>", "yes or no"),
        ("ends", "<date>2026-12-24T15:30:00Z</date>", ""),
        ("ends", "<date>2025-12-24T15:30:00Z</date>", "at least 1 Jan 2026, 00:00 UTC"),
        ("ends", "<string>2026-12-24</string>", "a day and a time"),
        ("layers", "<array><string>towns</string></array>", ""),
        ("layers", "<array><string>roads</string></array>", "one of rivers, towns"),
        ("layers", "<string>towns</string>", "a list"),
        ("layers", "<array/>", ""),
        ("years", "<array><integer>1900</integer><integer>2000</integer></array>", ""),
        ("years", "<array><integer>1900</integer></array>", "between 2 and 3 items"),
        ("years", "<array><string>x</string><integer>1</integer></array>", "a whole number"),
        ("odd", "<data>AA==</data>", ""),
        ("of my own", "<dict/>", ""),
    ] {
        let mut all = keys("<key>server</key><string>https://x</string>");
        let xml = format!("<key>{key}</key>{value}");
        all.extend(keys(&xml));
        let faults = schema.faults(&all);
        match why {
            "" => assert_eq!(faults, [], "{xml}"),
            why => assert!(faults.len() == 1 && faults[0].0 == key && faults[0].1.contains(why), "{xml}: {faults:?}"),
        }
    }
    assert_eq!(schema.faults(&Dictionary::new()).len(), 1, "what is needed is missed");
}

#[test]
fn what_is_typed_reads_back_as_it_was_typed() {
    let schema = atlas();
    for (key, text) in [
        ("server", "https://example.school/a b"),
        ("pages", "-7"),
        ("zoom", "1.5"),
        ("offline", "false"),
        ("ends", "2026-12-24T15:30"),
        ("ends", "2026-12-24T15:30:07"),
        ("ends", "2026-12-24T00:00"),
        ("years", "1900\n2000"),
        ("layers", "towns"),
    ] {
        let field = of(&schema, key);
        let value = field.value(&typed(text)).unwrap().unwrap();
        assert_eq!(texts_of(&value).unwrap().join("\n"), text, "{key}");
    }
    let value = |key: &str, text: &str| of(&schema, key).value(&typed(text));
    assert_eq!(value("ends", "2026-12-24 15:30"), value("ends", "2026-12-24T16:30:00+01:00"));
    assert_eq!(value("ends", "2026-12-24"), value("ends", "2026-12-24T00:00"));
    assert_eq!((value("pages", " "), value("years", "\r\n ")), (Ok(None), Ok(None)));
    assert_eq!(value("pupil name", " Ada\r\nLovelace "), Ok(Some(Value::String("Ada\nLovelace".into()))));
    for (key, text) in [
        ("pages", "many"),
        ("pages", "1.5"),
        ("pages", "$SERIAL"),
        ("zoom", "inf"),
        ("ends", "soon"),
        ("ends", "1969-12-31"),
        ("offline", "maybe"),
    ] {
        assert!(value(key, text).is_err(), "{key} {text}");
    }
    assert_eq!(texts_of(&from_json(&serde_json::json!({ "a": 1 })).unwrap()), None);
}

#[test]
fn a_choice_that_looks_like_a_variable_can_be_chosen() {
    let file = around(
        "<string keyName='k'><defaultValue><value>$USER</value></defaultValue><constraint><values><value>$USER</value></values></constraint></string>",
    );
    let schema = read(file.as_bytes()).unwrap();
    let field = schema.fields().next().unwrap();
    assert_eq!((field.choices[0].value.as_str(), field.choices[0].label.as_str()), ("${DOLLAR}USER", "$USER"));
    let value = field.value(&field.suggested).unwrap().unwrap();
    assert_eq!(field.check(&value), Ok(()));
}

#[test]
fn what_the_maker_got_wrong_is_left_out_where_the_form_works_without() {
    let file = around(
        "<integer keyName='n'><defaultValue><value>many</value></defaultValue><constraint min='few' max='NaN'/></integer>
        <string keyName='s'><constraint pattern='(?=a)b'/></string>",
    );
    let schema = read(file.as_bytes()).unwrap();
    let (number, text) = (of(&schema, "n"), of(&schema, "s"));
    assert!(number.suggested.is_empty() && number.limits().is_none() && text.pattern.is_empty());
    assert_eq!(text.check(&Value::String("anything".into())), Ok(()));
    assert_eq!(schema.unheld, ["s"], "and it is said");
}

/// Everything that can be done with a form does not panic either.
fn use_it(bytes: &[u8]) {
    let Ok(schema) = read(bytes) else { return };
    let keys: Dictionary = schema.fields().filter_map(|field| Some((field.key.clone(), field.value(&field.suggested).ok()??))).collect();
    schema.faults(&keys);
    for field in schema.fields() {
        let _ = field.limits();
        for value in [Value::Real(f64::NAN), Value::String("$".into()), Value::Array(vec![Value::Integer(i64::MIN.into())])] {
            let _ = (field.check(&value), texts_of(&value));
        }
    }
}

#[test]
fn a_file_cut_short_or_with_bits_flipped_never_panics() {
    for end in 0..ATLAS.len() {
        use_it(&ATLAS.as_bytes()[..end]);
    }
    for at in 0..ATLAS.len() {
        let mut bytes = ATLAS.as_bytes().to_vec();
        bytes[at] ^= 1 << (at % 8);
        use_it(&bytes);
    }
}

proptest! {
    #[test]
    fn no_file_and_no_value_panics(parts in proptest::collection::vec(part(), 0..40), wild in ".{0,40}") {
        use_it(wild.as_bytes());
        use_it(around(&parts.concat()).as_bytes());
        use_it(parts.concat().as_bytes());
        let schema = atlas();
        for field in schema.fields() {
            if let Ok(Some(value)) = field.value(std::slice::from_ref(&wild)) {
                let _ = field.check(&value);
                prop_assert!(texts_of(&value).is_some());
            }
        }
    }
}

/// Pieces that such files are made of, whole and broken.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        "<(string|integer|float|date|boolean|stringArray|x) keyName=\"[a-c$ ]{0,3}\"/?>",
        "</(string|integer|float|date|boolean|stringArray|dict)>",
        "<constraint (min|max|pattern|nullable)=\"(-?[0-9.e]{0,6}|[(|)a*+?]{0,5}|false|2026-01-01T00:00:00Z)\"/?>",
        "<(values|value|defaultValue|/values|/value|/defaultValue|/constraint)>",
        "<presentation defaultLocale=\"[a-z]{0,2}\"><field keyName=\"[a-c]\" type=\"(select|hidden|list)\">",
        "[&<>;a-z0-9$]{0,6}",
    ]
}
