//! What is read, what is refused and where; no text makes the reader panic.

use proptest::prelude::*;

use super::reader::{COMPARISON, VALUE};
use super::*;

/// As Apple, other servers and ddm.md write them.
const GOOD: [&str; 14] = [
    "TRUEPREDICATE",
    "@status(device.model.family) == 'iPad'",
    "@status(device.operating-system.version) >= '18.2'",
    "(@status(passcode.is-present) == TRUE)",
    "@property(shard) <= 75",
    "SUBQUERY(@status(app.managed.list), $a, ($a.@key(identifier) == 'org.example.x') AND ($a.@key(state) == 'managed')).@count != 0",
    "(@property(shard) BETWEEN {1, 75}) AND NOT (@status(device.model.family) IN {'Mac', \"iPhone\"})",
    "ANY @status(app.managed.list).@key(identifier) BEGINSWITH[cd] 'org.example.'",
    "ALL {1, 2} > 0 || NONE {} == 1 && !FALSEPREDICATE",
    "@status(device.model.identifier) MATCHES 'iPad1[34],\\d+'",
    "@status(device.model.marketing-name) LIKE '*mini*' or @status(device.model.marketing-name) CONTAINS 'Pro'",
    "((@status(device.model.family))) != NULL",
    "NOT @property(room) == 'it\\'s'",
    "(@property(a) = 1 OR @property(b) =< -2.5) AND @property(c) <> 1",
];

#[test]
fn what_servers_write_is_read() {
    for text in GOOD {
        parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    let Predicate::Any(parts) = parse("@property(a) == 1 OR @property(b) == 2 AND @property(c) == 3").unwrap() else { panic!() };
    assert!(matches!(&parts[1], Predicate::All(both) if both.len() == 2), "AND binds closer than OR: {parts:?}");
    let Predicate::Compare(quote) = parse("@property(a) == 'it\\'s \\d'").unwrap() else { panic!() };
    assert_eq!(quote.right, Expression::Literal(Json::from("it's \\d")));
}

#[test]
fn what_is_no_predicate_is_told_with_its_place() {
    for (text, at, wanted) in [
        ("", 1, VALUE),
        ("@status(device.model.family)", 29, COMPARISON),
        ("@status(device.model.family) == ", 33, VALUE),
        ("@status(device.model.family) LIKES 'x'", 30, COMPARISON),
        ("@status() == 1", 9, "a name such as device.model.family and a closing parenthesis"),
        ("@status(a == 1", 9, "a name such as device.model.family and a closing parenthesis"),
        ("@property(ä) == 'open", 17, "a text with a closing quote"),
        ("TRUEPREDICATE TRUEPREDICATE", 15, "AND, OR or the end"),
        ("{1,", 4, VALUE),
        ("1 == 1)", 7, "AND, OR or the end"),
        ("(1 == 1", 8, "a closing parenthesis"),
        ("$a.@key(x) == 1", 3, "a SUBQUERY round its variable"),
        ("@property(a) BETWEEN 3", 23, "a list of two numbers, such as {1, 9}, after BETWEEN"),
        ("1 == 1 AND 'x'", 15, COMPARISON),
        ("@property(a) ==[x] 1", 16, "[c], [d] or [cd]"),
        ("@property(a).length == 1", 14, "@key(…) or @count"),
        ("device.model.family == 'iPad'", 1, VALUE),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.at, error.wanted), (at, wanted), "{text}: {error}");
    }
    let told = parse("@property(a) === 1").unwrap_err().to_string();
    assert!(told.starts_with("cannot be read at character 16, “= 1”: ") && told.ends_with(" belongs there"), "{told}");
}

#[test]
fn depth_has_an_end() {
    let nested = |depth: usize| format!("{}1 == 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(DEPTH_MAX - 1)).is_ok());
    for deep in [nested(DEPTH_MAX + 1), "(".repeat(100_000), "NOT ".repeat(100_000), "{".repeat(100_000), "SUBQUERY(".repeat(100_000)] {
        assert!(parse(&deep).is_err());
    }
    assert!(parse(&format!("@property(a){} == 1", ".@count".repeat(DEPTH_MAX + 1))).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}") {
        drop(parse(&text));
    }

    #[test]
    fn no_row_of_its_own_words_makes_the_reader_panic(words in prop::collection::vec(prop::sample::select(vec![
        "(", ")", "{", "}", ",", "AND", "OR", "NOT", "!", "==", "<", "IN", "BETWEEN", "ANY", "ALL", "MATCHES", "[c]", "[", "@status(", "@status(a.b)",
        "@property(x)", ".@key(k)", ".@count", "$a", "SUBQUERY(", "'x'", "'", "\"", "\\", "1", "-", "1e999", "TRUE", "NULL", "TRUEPREDICATE", "ä",
    ]), 0..40)) {
        if let Err(error) = parse(&words.join(" ")) {
            prop_assert!(error.at >= 1);
        }
    }

    #[test]
    fn a_predicate_that_is_cut_or_damaged_never_makes_it_panic(which in 0..GOOD.len(), at in any::<prop::sample::Index>(), with in any::<char>()) {
        let mut letters: Vec<char> = GOOD[which].chars().collect();
        let at = at.index(letters.len());
        letters[at] = with;
        drop(parse(&letters.iter().collect::<String>()));
        drop(parse(&letters[..at].iter().collect::<String>()));
    }
}
