//! Rosters as schools write them: separators, encodings, archives, and files that are damaged.

use std::io::Write as _;

use proptest::prelude::*;

use super::table::RAGGED_TOLD;
use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

fn file(name: &str, text: &str) -> File {
    File { name: name.into(), bytes: text.as_bytes().to_vec() }
}

fn read(text: &str) -> Result<Roster, Mistake> {
    parse(&[file("people.csv", text)], NOW)
}

fn says(outcome: Result<Roster, Mistake>, words: &str) {
    let mistake = outcome.unwrap_err().0;
    assert!(mistake.contains(words), "{words} in {mistake}");
}

fn names(roster: &Roster) -> Vec<&str> {
    roster.people.iter().map(|person| person.name.as_str()).collect()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in files {
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

const TABLE: &str = "Full name,E-mail address,Role,Class,Serial number,Locker\n\
    \"Example, Kim\",Kim@Example.school,Pupil,7b|Art,testsn0001,12\n\
    Ada Example,ada@example.school,Teacher,7b,,\n\
    \n\
    Ada Example,ADA@example.school,teacher,7c,TESTSN0002,\n\
    Sam Staff,,staff,,,\n";

#[test]
fn a_table_is_read_with_the_titles_that_people_use() {
    let roster = read(TABLE).unwrap();
    assert_eq!(names(&roster), ["Example, Kim", "Ada Example", "Sam Staff"]);
    let kim = &roster.people[0];
    assert_eq!(
        (kim.key.as_str(), kim.email.as_str(), kim.role, &kim.serials[..]),
        ("email:kim@example.school", "Kim@Example.school", Role::Student, &["TESTSN0001".to_owned()][..])
    );
    assert_eq!(roster.people[1].serials, ["TESTSN0002"], "two lines of the same person are one");
    assert_eq!(roster.people[2].key, "name:sam staff");
    assert_eq!(roster.classes.iter().map(|class| class.name.as_str()).collect::<Vec<_>>(), ["7b", "7c", "Art"]);
    assert_eq!(roster.memberships.len(), 4);
    assert!(roster.memberships.iter().any(|membership| membership.teaches && membership.class == "7c"));
    assert_eq!(roster.notes, ["Columns that are not used: Locker"]);
    assert_eq!((roster.people_extent, roster.classes_extent), (Extent::Whole, Extent::Whole));
    let without = read("first name,surname\nKim,Example\n").unwrap();
    assert_eq!((names(&without), without.classes_extent), (vec!["Kim Example"], Extent::Silent));
}

#[test]
fn separators_marks_and_encodings_of_spreadsheets_are_understood() {
    let expected = read("name,email,class\nÉva Példa,eva@example.school,7b\n").unwrap();
    let semicolons = "name;email;class\r\nÉva Példa;eva@example.school;7b\r\n";
    let tabs = "name\temail\tclass\nÉva Példa\teva@example.school\t7b";
    let quoted = "\"name\",\"email\",\"class\"\n\"Éva Példa\",\"eva@example.school\",\"7b\"\n";
    for text in [semicolons, tabs, quoted, &format!("\u{feff}{semicolons}"), &format!("sep=;\r\n{semicolons}")] {
        assert_eq!(read(text).unwrap(), expected, "{text:?}");
    }
    let units: Vec<u16> = semicolons.encode_utf16().collect();
    let little: Vec<u8> = [0xff, 0xfe].into_iter().chain(units.iter().flat_map(|unit| unit.to_le_bytes())).collect();
    let big: Vec<u8> = [0xfe, 0xff].into_iter().chain(units.iter().flat_map(|unit| unit.to_be_bytes())).collect();
    for bytes in [little.clone(), big] {
        assert_eq!(parse(&[File { name: "x.csv".into(), bytes }], NOW).unwrap(), expected);
    }
    says(parse(&[File { name: "x.csv".into(), bytes: little[..21].to_vec() }], NOW), "UTF-16");
    says(parse(&[File { name: "x.csv".into(), bytes: b"name\nok\n\xc9va\n".to_vec() }], NOW), "in line 3 that are not UTF-8");
    says(parse(&[File { name: "x.csv".into(), bytes: b"n\0a\0m\0e\0".to_vec() }], NOW), "not a table of text");
}

#[test]
fn what_cannot_be_right_is_named_by_its_line() {
    says(read(""), "is empty");
    says(read("name,email\n"), "no people in it");
    says(read("colour,size\nred,4\n"), "no column called Name or Email");
    says(read("name,email\nKim,kim at example\n"), "“kim at example” in line 2");
    says(read("name,role\nKim,king\n"), "“king” in line 2");
    says(read("name,active\nKim,perhaps\n"), "“perhaps” in line 2");
    says(read("name,class\n,7b\n"), "Line 2");
    says(read("name,email\nKim,a@example.school\nAda,A@example.school\n"), "Lines 2 and 3 are about the same person");
    says(read("name,serial\nKim,TESTSN1\nAda,testsn1\n"), "Lines 2 and 3 give the device TESTSN1");
    says(read("name,serial\r\nKim,TESTSN1\r\nAda,testsn1\r\n"), "Lines 2 and 3 give the device TESTSN1");
    says(read("sep=;\r\nname;serial\r\n\r\nKim;TESTSN1\r\n\r\nAda;testsn1\r\n"), "Lines 4 and 6 give the device TESTSN1");
    says(read("name,note,serial\nKim,\"two\nlines\",TESTSN1\nAda,,testsn1\n"), "Lines 2 and 4 give the device TESTSN1");
    says(parse(&[file("a.csv", "name\nKim\n"), file("b.csv", "name\nAda\n")], NOW), "none of them is OneRoster's");
    says(parse(&[], NOW), "Choose a CSV file");
}

#[test]
fn an_own_key_tells_people_of_the_same_name_apart() {
    let roster = read("Student ID,Name,Email\n17,Kim Example,\n18,Kim Example,\n").unwrap();
    assert_eq!(roster.people.iter().map(|person| person.key.as_str()).collect::<Vec<_>>(), ["id:17", "id:18"]);
}

const USERS_1_1: &str = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password\n\
    u1,,,true,s1,student,kim,,Kim,Example,,,kim@example.school,,,g1,07,\n\
    u2,,,TRUE,s1,teacher,ada@example.school,,Ada,Example,,,,,,,,\n\
    u3,,,false,s1,aide,,,Sam,Staff,,,,,,,,\n\
    g1,,,true,s1,guardian,,,Pat,Example,,,,,,,,\n";
const CLASSES: &str = "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods\n\
    c1,,,Maths,07,k1,7b-ma,scheduled,,s1,t1,,,\n\
    c2,,,Maths,07,k1,7c-ma,scheduled,,s1,t1,,,\n\
    c3,,,Homeroom 7b,07,k2,,homeroom,,s1,t1,,,\n";
const ENROLLMENTS: &str = "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\n\
    e1,,,c1,s1,u1,student,,2026-09-01,2027-07-31\n\
    e2,,,c1,s1,u2,teacher,true,,\n\
    e3,,,c2,s1,u1,student,,2025-09-01,2026-07-31\n\
    e4,,,c3,s1,g1,student,,,\n\
    e5,,,c3,s1,u3,aide,,,\n";
const MANIFEST: &str =
    "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.users,bulk\nfile.classes,bulk\nfile.enrollments,bulk\n";

fn one_roster() -> Vec<File> {
    vec![file("users.csv", USERS_1_1), file("classes.csv", CLASSES), file("enrollments.csv", ENROLLMENTS), file("manifest.csv", MANIFEST)]
}

#[test]
fn oneroster_1_1_is_read() {
    let roster = parse(&one_roster(), NOW).unwrap();
    assert_eq!(roster.kind, Kind::Oneroster);
    let people: Vec<_> = roster
        .people
        .iter()
        .map(|person| (person.key.as_str(), person.name.as_str(), person.email.as_str(), person.role, person.active))
        .collect();
    assert_eq!(
        people,
        [
            ("u1", "Kim Example", "kim@example.school", Role::Student, true),
            ("u2", "Ada Example", "ada@example.school", Role::Teacher, true),
            ("u3", "Sam Staff", "", Role::Staff, false),
        ]
    );
    assert_eq!(
        roster.classes.iter().map(|class| class.name.as_str()).collect::<Vec<_>>(),
        ["Maths (7b-ma)", "Maths (7c-ma)", "Homeroom 7b"]
    );
    let member = |class: &str, person: &str, teaches| Membership { class: class.into(), person: person.into(), teaches };
    assert_eq!(roster.memberships, [member("c1", "u1", false), member("c1", "u2", true)]);
    assert_eq!(roster.notes.len(), 5, "{:?}", roster.notes);
    assert_eq!((roster.people_extent, roster.classes_extent, roster.memberships_extent), (Extent::Whole, Extent::Whole, Extent::Whole));
}

#[test]
fn oneroster_1_2_has_its_roles_in_a_file_of_their_own() {
    let users = "\"sourcedId\",\"status\",\"dateLastModified\",\"enabledUser\",\"username\",\"userIds\",\"givenName\",\"familyName\",\"middleName\",\"identifier\",\"email\",\"sms\",\"phone\",\"agentSourcedIds\",\"grades\",\"password\",\"userMasterIdentifier\",\"resourceSourcedIds\",\"preferredGivenName\",\"preferredMiddleName\",\"preferredFamilyName\",\"primaryOrgSourcedId\",\"pronouns\"\n\
        u1,,,true,,,Kimberley,Example,,,,,,,,,,,Kim,,,,\nu2,,,true,,,Ada,Example,,,,,,,,,,,,,,,\n";
    let roles = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId\n\
        r1,,,u1,primary,student,,,s1,\nr2,,,u2,secondary,parent,,,s1,\nr3,,,u2,primary,principal,,,s1,\n";
    let roster = parse(&[file("users.csv", users), file("roles.csv", roles)], NOW).unwrap();
    assert_eq!(
        roster.people.iter().map(|person| (person.name.as_str(), person.role)).collect::<Vec<_>>(),
        [("Kim Example", Role::Student), ("Ada Example", Role::Staff)]
    );
    assert_eq!((roster.classes_extent, roster.memberships_extent), (Extent::Silent, Extent::Silent), "what no file speaks of stays");
    says(parse(&[file("users.csv", users)], NOW), "Choose roles.csv too");
}

#[test]
fn a_delta_removes_only_what_it_says_is_gone() {
    let users = USERS_1_1.replace("u1,,,true", "u1,tobedeleted,2026-11-01T00:00:00Z,true");
    let enrollments = ENROLLMENTS.replace("e2,,,", "e2,tobedeleted,,");
    let manifest = MANIFEST.replace("bulk", "delta");
    let roster = parse(
        &[file("users.csv", &users), file("classes.csv", CLASSES), file("enrollments.csv", &enrollments), file("manifest.csv", &manifest)],
        NOW,
    )
    .unwrap();
    assert_eq!((roster.people_extent, &roster.gone_people[..]), (Extent::Delta, &["u1".to_owned()][..]));
    assert_eq!(roster.gone_memberships, [Membership { class: "c1".into(), person: "u2".into(), teaches: false }]);
    assert!(roster.memberships.iter().any(|membership| membership.person == "u1"), "people who are not in a delta may be here already");
}

#[test]
fn oneroster_comes_in_an_archive_too() {
    let shadow = ("__MACOSX/._users.csv", &b"\0\x05\x16\x07"[..]);
    let files = [
        ("export/users.csv", USERS_1_1.as_bytes()),
        ("export/Classes.CSV", CLASSES.as_bytes()),
        ("export/enrollments.csv", ENROLLMENTS.as_bytes()),
        ("export/manifest.csv", MANIFEST.as_bytes()),
        ("export/read me.txt", b"\xff\xfe"),
        ("export/courses.csv", b"sourcedId,status,title,courseCode,orgSourcedId\nk1,,Maths,MA,s1\n"),
        shadow,
    ];
    let archive = File { name: "export.zip".into(), bytes: zip(&files) };
    assert_eq!(parse(&[archive], NOW).unwrap(), parse(&one_roster(), NOW).unwrap());
    says(parse(&[File { name: "x.zip".into(), bytes: b"PK\x03\x04 and nothing more".to_vec() }], NOW), "damaged ZIP");
    says(parse(&[File { name: "x.zip".into(), bytes: zip(&[("a.txt", b"x")]) }], NOW), "Choose a CSV file");
    says(
        parse(&[File { name: "x.xlsx".into(), bytes: zip(&[("[Content_Types].xml", b"x"), ("xl/a.csv", b"name\nKim\n")]) }], NOW),
        "is a spreadsheet",
    );
}

#[test]
fn what_does_not_belong_together_is_refused() {
    says(parse(&[file("classes.csv", CLASSES)], NOW), "users.csv is missing");
    says(parse(&[file("users.csv", USERS_1_1), file("enrollments.csv", ENROLLMENTS)], NOW), "classes.csv is not");
    says(parse(&[file("users.csv", USERS_1_1), file("users 2.csv", USERS_1_1)], NOW), "are the same file");
    says(parse(&[file("users.csv", &USERS_1_1.replace("u2,", "u1,"))], NOW), "same sourcedId");
    says(parse(&[file("users.csv", &USERS_1_1.replace("u2,", ","))], NOW), "has no sourcedId");
}

#[test]
fn a_quotation_mark_that_is_never_closed_is_told_by_the_line_where_it_opens() {
    says(read("name,class\n\"Kim\nExample\",7b\nAda,\"7b\nLee,7c\n"), "opened in line 4");
    says(read("name;class\nKim;\"7b\nLee;7c\n"), "opened in line 2");
    // One within a field opens nothing, and two within quotation marks stand for one.
    let whole = read("name,class\nKim 5\" tall,7b\n\"Lee \"\"L\"\" Example\",7c\n").unwrap();
    assert_eq!(whole.people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>(), ["Kim 5\" tall", "Lee \"L\" Example"]);
    assert!(whole.notes.is_empty(), "{:?}", whole.notes);
}

#[test]
fn rows_with_other_cells_than_the_header_are_told_line_by_line() {
    let roster = read("name,email,class\nKim,kim@example.school\nAda,ada@example.school,7b,,\nLee,lee@example.school,7c,left,\n").unwrap();
    assert_eq!(roster.notes.len(), 2, "{:?}", roster.notes);
    assert!(roster.notes[0].starts_with("Line 2 of ") && roster.notes[0].contains("fewer cells than the first line (2 instead of 3)"));
    assert!(roster.notes[1].starts_with("Line 4 of ") && roster.notes[1].contains("more cells"), "{:?}", roster.notes);
    let table = |count: usize| std::iter::once("name,email".to_owned()).chain((0..count).map(|n| format!("p{n}"))).collect::<Vec<_>>();
    let many = |count: usize| read(&table(count).join("\n")).unwrap().notes;
    assert_eq!(many(RAGGED_TOLD).len(), RAGGED_TOLD);
    assert!(many(RAGGED_TOLD + 2).last().unwrap().starts_with("2 more lines of "));
}

#[test]
fn enrollments_of_classes_that_are_not_there_are_told_as_those_of_people_are() {
    let more = format!("{ENROLLMENTS}\n{}", ENROLLMENTS.lines().nth(1).unwrap().replacen("c1", "nowhere", 1).replacen("e1", "e99", 1));
    let roster = parse(&[file("users.csv", USERS_1_1), file("classes.csv", CLASSES), file("enrollments.csv", &more)], NOW).unwrap();
    assert!(roster.notes.iter().any(|note| note == "1 enrollments left out of classes that are not in classes.csv"), "{:?}", roster.notes);
    assert!(roster.memberships.iter().all(|membership| membership.class != "nowhere"));
}

#[test]
fn every_limit_is_reached_and_not_passed() {
    let people = |count: usize| -> String { std::iter::once("name\n".to_owned()).chain((0..count).map(|n| format!("p{n}\n"))).collect() };
    assert_eq!(read(&people(PEOPLE_MAX)).unwrap().people.len(), PEOPLE_MAX);
    says(read(&people(PEOPLE_MAX + 1)), "at most 50000");
    let rows = |count: usize| format!("name,class\n{}", "Kim,7b\n".repeat(count));
    assert!(read(&rows(ROWS_MAX)).is_ok());
    says(read(&rows(ROWS_MAX + 1)), "more than 200000 rows");
    let field = |bytes: usize| format!("name,note\nKim,{}\n", "x".repeat(bytes));
    assert!(read(&field(FIELD_MAX_BYTES)).is_ok());
    says(read(&field(FIELD_MAX_BYTES + 1)), "line 2");
    let columns = |count: usize| format!("name{}\nKim\n", ",x".repeat(count - 1));
    assert!(read(&columns(COLUMNS_MAX)).is_ok());
    says(read(&columns(COLUMNS_MAX + 1)), "at most 200");
    let files = |count: usize| -> Vec<File> {
        std::iter::once(file("users.csv", USERS_1_1)).chain((1..count).map(|_| file("x.csv", "x\n"))).collect()
    };
    assert!(parse(&files(FILES_MAX), NOW).is_ok());
    says(parse(&files(FILES_MAX + 1), NOW), "at most 40 files");
    let long = read(&format!("name\n{}\n", "é".repeat(NAME_MAX_CHARS + 5))).unwrap();
    assert_eq!(long.people[0].name.chars().count(), NAME_MAX_CHARS);
    let address = |chars: usize| format!("email\n{}@example.school\n", "k".repeat(chars - "@example.school".len()));
    assert!(read(&address(EMAIL_MAX_CHARS)).is_ok());
    says(read(&address(EMAIL_MAX_CHARS + 1)), "not an e-mail address");
}

#[test]
fn an_archive_that_grows_without_end_is_stopped() {
    let bomb = vec![b' '; UNPACKED_MAX_BYTES as usize + 1];
    let archive = zip(&[("users.csv", &bomb)]);
    assert!(archive.len() < 1 << 20);
    says(parse(&[File { name: "x.zip".into(), bytes: archive }], NOW), "larger than 64 MiB");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&[File { name: "x".into(), bytes: bytes.clone() }], NOW);
        let _ = parse(&[File { name: "x".into(), bytes: [&b"PK\x03\x04"[..], &bytes].concat() }], NOW);
    }

    #[test]
    fn a_roster_cut_short_or_with_a_bit_turned_does_no_harm(cut in 0usize..2000, bit in 0usize..16_000) {
        let archive = zip(&[("users.csv", USERS_1_1.as_bytes()), ("classes.csv", CLASSES.as_bytes()), ("enrollments.csv", ENROLLMENTS.as_bytes())]);
        for whole in [archive, USERS_1_1.as_bytes().to_vec(), TABLE.as_bytes().to_vec()] {
            let _ = parse(&[File { name: "x".into(), bytes: whole[..cut.min(whole.len())].to_vec() }], NOW);
            let mut turned = whole.clone();
            let at = bit % (whole.len() * 8);
            turned[at / 8] ^= 1 << (at % 8);
            let _ = parse(&[File { name: "x".into(), bytes: turned }], NOW);
        }
    }
}

#[test]
fn a_managed_apple_account_has_a_column_of_its_own_and_is_the_address_where_there_is_no_other() {
    let both = read("name,email,managed apple id\nKim,kim@example.school,kim@apple.example.school\nAda,ada@example.school,\n").unwrap();
    let of = |roster: &Roster| roster.people.iter().map(|person| (person.email.clone(), person.account.clone())).collect::<Vec<_>>();
    let pair = |email: &str, account: &str| (email.to_owned(), account.to_owned());
    assert_eq!(of(&both), [pair("kim@example.school", "kim@apple.example.school"), pair("ada@example.school", "")]);
    assert!(both.notes.is_empty(), "{:?}", both.notes);
    let alone = read("name,Managed Apple Account\nKim,kim@apple.example.school\n").unwrap();
    assert_eq!(of(&alone), [pair("kim@apple.example.school", "kim@apple.example.school")]);
    let twice = "name,email,appleid\nKim,kim@example.school,k@apple.example.school\n";
    says(read(&format!("{twice}Ada,ada@example.school,K@apple.example.school\n")), "Lines 2 and 3 give the Managed Apple Account");
    says(read(&format!("{twice}Kim,kim@example.school,other@apple.example.school\n")), "name two Managed Apple Accounts");
    assert_eq!(read(&format!("{twice}Kim,kim@example.school,\n")).unwrap().people.len(), 1, "one line may leave it out");
    for wrong in ["kim", "kim@", "a@b@example.school", "kim @example.school", &format!("{}@example.school", "k".repeat(EMAIL_MAX_CHARS))] {
        says(read(&format!("name,email,appleid\nKim,kim@example.school,{wrong}\n")), "is not a Managed Apple Account");
    }
}

#[test]
fn oneroster_tells_managed_apple_accounts_among_user_ids_or_in_a_column_of_an_extension() {
    let users = |column: &str, cell: &str| {
        let text = format!("sourcedId,role,username,givenName,familyName,{column}\n1,student,kim,Kim,Example,\"{cell}\"\n");
        parse(&[file("users.csv", &text)], NOW).unwrap()
    };
    for (column, cell, expected) in [
        ("userIds", "{LDAP:kim},{ManagedAppleID:kim@apple.example.school}", "kim@apple.example.school"),
        ("userIds", "{LDAP:kim@example.school}", ""),
        ("metadata.managedAppleId", "kim@apple.example.school", "kim@apple.example.school"),
        ("userIds", "", ""),
    ] {
        let roster = users(column, cell);
        assert_eq!(roster.people[0].account, expected, "{column} {cell}");
        assert!(!roster.notes.iter().any(|note| note.contains("Apple")), "{column} {cell}");
    }
    let roster = users("userIds", "{AppleID:kim}");
    assert!(roster.people[0].account.is_empty() && roster.notes.iter().any(|note| note.starts_with("1 Managed Apple Accounts left out")));
}

#[test]
fn dates_that_a_table_program_has_changed_are_named_and_empty_no_class() {
    for (from, to, words) in [
        ("2027-07-31", "06/30/2027", "“06/30/2027” in line 2 of “enrollments.csv” is no date as OneRoster writes endDate"),
        ("2026-09-01", "2026-9-1", "beginDate"),
    ] {
        let mut files = one_roster();
        files[2] = file("enrollments.csv", &ENROLLMENTS.replacen(from, to, 1));
        says(parse(&files, NOW), words);
    }
    let mut files = one_roster();
    files[2] = file("enrollments.csv", &ENROLLMENTS.replace("2026-09-01,2027-07-31", "2026-09-01T00:00:00.000Z,2027-07-31 00:00:00"));
    assert_eq!(parse(&files, NOW).unwrap().memberships, parse(&one_roster(), NOW).unwrap().memberships);
}

#[test]
fn a_table_of_people_beside_oneroster_is_refused_and_not_passed_over() {
    let mut files = one_roster();
    files.push(file("plain.csv", "name,email\nKim Example,kim@example.school\n"));
    says(parse(&files, NOW), "“plain.csv” is a table of people of its own");
}

#[test]
fn people_told_apart_by_their_names_alone_are_pointed_out() {
    let roster = read("name,class,serial\nBen Smith,7a,TESTSN1\nBen Smith,8b,TESTSN2\nAda Example,7a,\n").unwrap();
    let told: Vec<_> = roster.notes.iter().filter(|note| note.contains("“Ben Smith” stands in several lines (2, 3)")).collect();
    assert!(told.len() == 1 && names(&roster).len() == 2, "{:?}", roster.notes);
    let known = read("name,email,class\nBen Smith,b@example.school,7a\nBen Smith,b@example.school,8b\n").unwrap();
    assert!(known.notes.is_empty(), "{:?}", known.notes);
}

#[test]
fn a_file_of_another_page_is_named_and_no_table_is_taken_for_one() {
    for (name, bytes, words) in [
        (
            "wifi.mobileconfig",
            &b"<?xml version=\"1.0\"?><plist><dict><key>PayloadContent</key><array/></dict></plist>"[..],
            "belongs under Profiles and policies",
        ),
        ("school.vpptoken", b"eyJ0b2tlbiI6ICJhIiwgImV4cERhdGUiOiAiMjAyNyJ9", "belongs under System, Apps and Books"),
        ("field.pkg", b"xar!\x00\x1c", "belongs under Apps, Your own apps"),
        ("letter.pdf", b"%PDF-1.7\n", "This is a PDF document"),
    ] {
        let file = File { name: name.into(), bytes: bytes.to_vec() };
        says(parse(std::slice::from_ref(&file), NOW), words);
        says(parse(std::slice::from_ref(&file), NOW), &format!("“{name}” is neither"));
    }
    // What is wrong with a table, an archive or nothing at all is told as before.
    let others: [&[u8]; 3] = [b"name,class\n\"Kim,7a\nPat,7b\n", b"", &zip(&[("readme.txt", b"x")])];
    for bytes in others {
        let mistake = parse(&[File { name: "people.csv".into(), bytes: bytes.to_vec() }], NOW).unwrap_err().0;
        assert!(!mistake.contains("is neither"), "{mistake}");
    }
}
