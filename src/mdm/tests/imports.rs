//! Imports of rosters: what is shown is what is done, whoever was made by hand stays, and nothing is done that was not shown.

use super::School;
use crate::error::{Kind, Result};
use crate::mdm::people::import::{self, KEPT, NAMES_LISTED, Preview, Summary};
use crate::mdm::people::{self, NewPerson, classes};
use crate::mdm::{Actor, Role, groups};
use crate::protocol::roster::{self, File};
use crate::store::Tx;
use crate::store::classes::{self as class_rows, ClassRole};
use crate::store::known::tests::{fill_devices, take_planned};
use crate::store::people::{self as rows, PeopleFilter, Person, PersonRole, Source};

const ME: Actor = Actor::Console;

const FIRST: &str = "name,email,role,class,serial\n\
    Kim Example,kim@example.school,student,7b,TESTSN1\n\
    Ada Example,ada@example.school,teacher,7b,\n\
    Lee Example,lee@example.school,student,7c,TESTSN2\n";

fn preview(tx: &Tx, text: &str) -> Result<Preview> {
    let files = [File { name: "people.csv".into(), bytes: text.as_bytes().to_vec() }];
    import::preview(tx, &ME, &roster::parse(&files, tx.now)?)
}

/// Shows and does it; what was done is what was shown, and a second time there is nothing left to do.
fn import(tx: &Tx, text: &str) -> Result<Summary> {
    let shown = preview(tx, text)?;
    let before = everybody(tx)?;
    assert_eq!(import::shown(tx, &ME, &shown.id)?, shown);
    assert_eq!(everybody(tx)?, before, "looking changes nothing");
    let done = import::apply(tx, &ME, &shown.id)?;
    assert_eq!(done, shown.summary);
    let again = preview(tx, text)?.summary;
    assert!(!again.changes_anything, "{again:#?}");
    Ok(done)
}

fn everybody(tx: &Tx) -> Result<Vec<Person>> {
    Ok(rows::list(tx, &PeopleFilter::default(), None, 1000)?.into_iter().map(|(person, _)| person).collect())
}

fn names(tx: &Tx) -> Result<Vec<String>> {
    Ok(everybody(tx)?.into_iter().map(|person| person.name).collect())
}

fn counts(summary: &Summary) -> [u64; 9] {
    [
        summary.people_added.count,
        summary.people_changed.count,
        summary.people_removed.count,
        summary.classes_added.count,
        summary.classes_changed.count,
        summary.classes_removed.count,
        summary.memberships_added.count,
        summary.memberships_removed.count,
        summary.devices_assigned.count,
    ]
}

#[test]
fn a_table_brings_people_classes_and_devices_and_takes_back_what_it_brought() {
    let school = School::new();
    school.write(|tx| {
        fill_devices(tx, 3)?;
        assert_eq!(counts(&import(tx, FIRST)?), [3, 0, 0, 2, 0, 0, 3, 0, 2]);
        assert_eq!(names(tx)?, ["Ada Example", "Kim Example", "Lee Example"]);
        assert_eq!(rows::of_device(tx, "d1")?.unwrap().name, "Kim Example");
        assert_eq!(take_planned(tx)?, ["e1", "e2"]);
        // Lee leaves, Kim changes name and class, Sam is new; 7c is gone.
        let second = "name,email,role,class,serial\n\
            Kim Other,KIM@example.school,student,7b,TESTSN1\n\
            Ada Example,ada@example.school,teacher,7b,\n\
            Sam Example,sam@example.school,student,7b,TESTSN2\n";
        let done = import(tx, second)?;
        assert_eq!(counts(&done), [1, 1, 1, 0, 0, 1, 1, 0, 1]);
        assert_eq!(done.people_changed.names, ["Kim Example: becomes Kim Other, address KIM@example.school"]);
        assert_eq!(
            (&done.people_removed.names[..], &done.classes_removed.names[..]),
            (&["Lee Example (lee@example.school)".to_owned()][..], &["7c".to_owned()][..])
        );
        assert_eq!(rows::of_device(tx, "d2")?.unwrap().name, "Sam Example");
        // A table that does not speak of classes leaves them alone.
        assert_eq!(
            counts(&import(
                tx,
                "name,email\nKim Other,KIM@example.school\nAda Example,ada@example.school\nSam Example,sam@example.school\n"
            )?)[3..],
            [0; 6]
        );
        assert_eq!(class_rows::count(tx)?, 1);
        Ok(())
    });
}

#[test]
fn whoever_is_made_by_hand_after_an_import_stands_for_their_row_from_the_next_one_on() {
    let school = School::new();
    school.write(|tx| {
        fill_devices(tx, 3)?;
        import(tx, FIRST)?;
        let new = NewPerson { name: "Kim by hand".into(), email: "Kim@Example.School".into(), role: PersonRole::Staff, active: true };
        let kim = people::create(tx, &ME, new)?;
        let done = import(tx, FIRST)?;
        assert_eq!((&done.people_here.names[..], done.people_removed.count), (&["Kim by hand (Kim@Example.School)".to_owned()][..], 1));
        assert_eq!(names(tx)?, ["Ada Example", "Kim by hand", "Lee Example"]);
        assert_eq!(rows::of_device(tx, "d1")?.unwrap().id, kim.id);
        Ok(())
    });
}

#[test]
fn whoever_was_made_by_hand_stays_and_stands_for_their_row() {
    let school = School::new();
    school.write(|tx| {
        fill_devices(tx, 3)?;
        let new = |name: &str, email: &str| NewPerson { name: name.into(), email: email.into(), role: PersonRole::Staff, active: true };
        let kim = people::create(tx, &ME, new("Kim by hand", "KIM@EXAMPLE.SCHOOL"))?;
        people::create(tx, &ME, new("Only here", ""))?;
        let class = classes::create(tx, &ME, "7B")?;
        let done = import(tx, FIRST)?;
        assert_eq!(counts(&done), [2, 0, 0, 1, 0, 0, 3, 0, 2]);
        assert_eq!(done.people_here.names, ["Kim by hand (KIM@EXAMPLE.SCHOOL)"]);
        let kept = rows::by_id(tx, &kim.id)?.unwrap();
        assert_eq!((kept.name.as_str(), kept.role, kept.source), ("Kim by hand", PersonRole::Staff, Source::Hand));
        assert_eq!(rows::of_device(tx, "d1")?.unwrap().id, kim.id, "they get their device");
        assert_eq!(class_rows::members(tx, &class.id)?.len(), 2, "and the class by hand its people");
        // What somebody did by hand stays; all that the import brought goes.
        let ada = everybody(tx)?.into_iter().find(|person| person.name == "Ada Example").unwrap();
        let club = classes::create(tx, &ME, "Chess")?;
        classes::put(tx, &ME, &club.id, &kim.id, ClassRole::Student)?;
        let done = import(tx, "name,email,class\nZoe Example,zoe@example.school,8a\n")?;
        assert_eq!(counts(&done), [1, 0, 2, 1, 0, 1, 1, 1, 0]);
        assert!(rows::by_id(tx, &ada.id)?.is_none());
        assert_eq!(names(tx)?, ["Kim by hand", "Only here", "Zoe Example"]);
        assert_eq!((class_rows::members(tx, &club.id)?.len(), class_rows::members(tx, &class.id)?.len()), (1, 0));
        Ok(())
    });
}

#[test]
fn one_kind_of_file_never_removes_what_the_other_brought() {
    let school = School::new();
    school.write(|tx| {
        import(tx, FIRST)?;
        let users = "sourcedId,status,enabledUser,role,givenName,familyName,email\nu1,,true,student,Kimberley,Example,kim@example.school\nu2,,true,student,Zoe,Example,\n";
        let done = import(tx, users)?;
        assert_eq!((counts(&done)[..3].to_vec(), done.people_here.count, done.source), (vec![1, 0, 0], 1, Source::Oneroster));
        assert_eq!(names(tx)?.len(), 4, "nobody is there twice");
        let done = import(tx, &users.replace("u2,,true", "u2,tobedeleted,true"))?;
        assert_eq!(counts(&done)[..3], [0, 0, 1]);
        Ok(())
    });
}

#[test]
fn people_are_known_again_when_their_key_changes() {
    let school = School::new();
    school.write(|tx| {
        fill_devices(tx, 3)?;
        import(tx, FIRST)?;
        let kim = rows::of_device(tx, "d1")?.unwrap();
        let done = import(tx, "id,name,email\n1,Kim Example,kim@example.school\n2,Ada Example,ada@example.school\n")?;
        assert_eq!(counts(&done)[..3], [0, 2, 1]);
        assert_eq!(rows::of_device(tx, "d1")?.unwrap().id, kim.id, "with their device");
        Ok(())
    });
}

#[test]
fn two_people_of_one_address_are_two() {
    let school = School::new();
    school.write(|tx| {
        let new = NewPerson { name: "Family".into(), email: "family@example.school".into(), role: PersonRole::Student, active: true };
        people::create(tx, &ME, new)?;
        let done = import(tx, "id,name,email\n1,Kim,family@example.school\n2,Lee,FAMILY@example.school\n")?;
        assert_eq!((done.people_added.count, done.people_here.count), (2, 0), "whom of them the one by hand stands for nobody can tell");
        Ok(())
    });
}

#[test]
fn nothing_is_done_that_was_not_shown() {
    let school = School::new();
    let id = school.write(|tx| Ok(preview(tx, FIRST)?.id));
    let apply = |id: &str, actor: Actor| {
        let id = id.to_owned();
        school.try_write(move |tx| import::apply(tx, &actor, &id))
    };
    school.write(|tx| {
        let new = NewPerson { name: "Kim".into(), email: "kim@example.school".into(), role: PersonRole::Student, active: true };
        people::create(tx, &ME, new)
    });
    let refused = apply(&id, ME).unwrap_err();
    assert!(refused.kind == Kind::Conflict && refused.message.contains("have changed since"), "{refused}");
    assert_eq!(school.write(names), ["Kim"], "nothing was done");
    let id = school.write(|tx| Ok(preview(tx, FIRST)?.id));
    let somebody = Actor::Person { id: "2".into(), name: "lee".into(), role: Role::Owner };
    assert_eq!(apply(&id, somebody).unwrap_err().kind, Kind::NotFound, "another person's preview");
    let helper = Actor::Person { id: "3".into(), name: "ben".into(), role: Role::Helper };
    assert_eq!(apply(&id, helper).unwrap_err().kind, Kind::Forbidden);
    assert!(apply(&id, ME).is_ok());
    assert_eq!(apply(&id, ME).unwrap_err().kind, Kind::NotFound, "once");
    let id = school.write(|tx| Ok(preview(tx, FIRST)?.id));
    school.clock.advance(KEPT);
    assert_eq!(apply(&id, ME).unwrap_err().kind, Kind::NotFound, "an hour later");
    school.clock.advance(std::time::Duration::from_millis(1));
    assert_eq!(school.write(import::sweep), 1, "and nothing of it is kept");
}

#[test]
fn a_class_that_a_rule_asks_for_is_emptied_and_stays() {
    let school = School::new();
    school.write(|tx| {
        fill_devices(tx, 3)?;
        import(tx, FIRST)?;
        let class = class_rows::all(tx)?.into_iter().find(|class| class.name == "7c").unwrap();
        let rule = groups::Rule::Class(class.id.clone());
        let group = groups::create(tx, &ME, groups::NewGroup { name: "Lee's".into(), note: String::new(), rule: Some(rule) })?;
        assert_eq!(group.device_count, 1);
        let done = import(tx, "name,email,class\nKim Example,kim@example.school,7b\nLee Example,lee@example.school,7b\n")?;
        assert_eq!(done.classes_kept.names, ["7c (asked for by Lee's)"]);
        assert_eq!(class_rows::members(tx, &class.id)?.len(), 0);
        assert_eq!(groups::find(tx, &ME, &group.id)?.device_count, 0, "its group is up to date");
        Ok(())
    });
}

#[test]
fn what_goes_along_with_those_who_are_removed_is_named_before() {
    let school = School::new();
    school.write(|tx| {
        fill_devices(tx, 4)?;
        import(tx, FIRST)?;
        let lee = everybody(tx)?.into_iter().find(|person| person.name.starts_with("Lee")).unwrap();
        let ada = everybody(tx)?.into_iter().find(|person| person.name.starts_with("Ada")).unwrap();
        // Somebody gave Lee a second device, put him into a club, and Ada into the class that the file will drop.
        rows::set_person(tx, "d3", Some(&lee.id))?;
        let club = classes::create(tx, &ME, "Robotics")?;
        classes::put(tx, &ME, &club.id, &lee.id, ClassRole::Student)?;
        let seventh = class_rows::all(tx)?.into_iter().find(|class| class.name == "7c").unwrap();
        classes::put(tx, &ME, &seventh.id, &ada.id, ClassRole::Teacher)?;
        let second = "name,email,role,class,serial\n\
            Kim Example,kim@example.school,student,7b,TESTSN1\n\
            Ada Example,ada@example.school,teacher,7b,\n";
        let shown = preview(tx, second)?;
        let freed: Vec<_> =
            shown.summary.devices_freed.names.iter().map(|name| name.contains("TESTSN2") || name.contains("TESTSN3")).collect();
        assert_eq!((shown.summary.devices_freed.count, freed), (2, vec![true, true]), "{:?}", shown.summary.devices_freed);
        assert!(shown.summary.devices_freed.names.iter().all(|name| name.ends_with("of Lee Example (lee@example.school)")));
        assert_eq!(
            shown.summary.memberships_lost.names,
            ["Ada Example in 7c, put there by hand", "Lee Example in Robotics, put there by hand"]
        );
        // What somebody gives him meanwhile would go unseen.
        rows::set_person(tx, "d4", Some(&lee.id))?;
        assert_eq!(import::apply(tx, &ME, &shown.id).unwrap_err().kind, Kind::Conflict);
        // A device that the file gives to somebody else is not left with nobody.
        let third = format!("{second}Kim Example,kim@example.school,student,7b,TESTSN3\n");
        let done = import(tx, &third)?;
        assert_eq!((done.devices_freed.count, done.people_removed.count), (2, 1), "{:?}", done.devices_freed);
        assert!(rows::of_device(tx, "d2")?.is_none() && rows::of_device(tx, "d4")?.is_none());
        Ok(())
    });
}

#[test]
fn long_lists_are_counted_and_their_beginning_is_shown() {
    let school = School::new();
    school.write(|tx| {
        let text: String =
            std::iter::once("name,serial\n".to_owned()).chain((0..=NAMES_LISTED).map(|n| format!("Person {n},NONE{n}\n"))).collect();
        let summary = preview(tx, &text)?.summary;
        assert_eq!((summary.people_added.count, summary.people_added.names.len()), (NAMES_LISTED as u64 + 1, NAMES_LISTED));
        assert!(summary.notes.iter().any(|note| note.starts_with("101 serial numbers are of no device here")), "{:?}", summary.notes);
        Ok(())
    });
}

#[test]
fn no_import_makes_more_people_or_classes_than_there_may_be() {
    let school = School::new();
    school.write(|tx| rows::tests::fill(tx, people::PEOPLE_MAX - 2));
    let three = school.write(|tx| Ok(preview(tx, FIRST)?.id));
    let refused = school.try_write(move |tx| import::apply(tx, &ME, &three)).unwrap_err();
    assert!(refused.kind == Kind::Conflict && refused.message.contains("people"), "{refused}");
    school.write(|tx| class_rows::tests::fill(tx, classes::CLASSES_MAX));
    let one = school.write(|tx| Ok(preview(tx, "name,class\nKim,7b\n")?.id));
    let refused = school.try_write(move |tx| import::apply(tx, &ME, &one)).unwrap_err();
    assert!(refused.kind == Kind::Conflict && refused.message.contains("classes"), "{refused}");
}

#[test]
fn a_note_says_one_as_one_and_names_turn_nothing_round() {
    let school = School::new();
    school.write(|tx| {
        let summary = preview(tx, "name,serial,class\nKim \u{202e}elpmaxE,NONE1,7\u{2067}b\n")?.summary;
        assert_eq!(summary.notes, ["1 serial number is of no device here, so it is given to nobody: NONE1"]);
        assert_eq!((&summary.people_added.names[0][..], &summary.classes_added.names[0][..]), ("Kim elpmaxE", "7b"));
        let two = preview(tx, "name,serial\nKim,NONE1\nLee,NONE2\n")?.summary;
        assert_eq!(two.notes, ["2 serial numbers are of no device here, so they are given to nobody: NONE1, NONE2"]);
        Ok(())
    });
}

#[test]
fn managed_apple_accounts_are_shown_taken_over_and_stay_where_a_file_says_nothing() {
    let school = School::new();
    school.write(|tx| {
        let account = |name: &str| {
            let person = everybody(tx)?.into_iter().find(|person| person.name == name).unwrap();
            people::account(tx, &ME, &person.id)
        };
        let file = |kim: &str, ada: &str| {
            format!("name,email,managed apple account\nKim,kim@example.school,{kim}\nAda,ada@example.school,{ada}\n")
        };
        let done = import(tx, &file("kim@apple.example.school", ""))?;
        let added = "Kim (kim@example.school), Managed Apple Account kim@apple.example.school";
        assert_eq!(done.people_added.names, [added, "Ada (ada@example.school)"]);
        assert_eq!((account("Kim")?.as_str(), account("Ada")?.as_str()), ("kim@apple.example.school", ""));
        let ada = everybody(tx)?.into_iter().find(|person| person.name == "Ada").unwrap();
        people::set_account(tx, &ME, &ada.id, "ada@apple.example.school")?;
        let done = import(tx, &file("kim2@apple.example.school", ""))?;
        assert_eq!(done.people_changed.names, ["Kim: Managed Apple Account kim2@apple.example.school"]);
        assert_eq!((account("Kim")?.as_str(), account("Ada")?.as_str()), ("kim2@apple.example.school", "ada@apple.example.school"));
        import(tx, "name,email\nKim,kim@example.school\nAda,ada@example.school\n")?;
        assert_eq!(account("Kim")?, "kim2@apple.example.school");
        Ok(())
    });
}

#[test]
fn an_account_that_somebody_has_is_given_to_nobody_else_by_a_file() {
    School::new().write(|tx| {
        let new = NewPerson { name: "Ada Example".into(), email: "ada@example.school".into(), role: PersonRole::Staff, active: true };
        let ada = people::create(tx, &ME, new)?;
        people::set_account(tx, &ME, &ada.id, "ada@apple.example.school")?;
        let of_ben = "name,email,Managed Apple Account\nBen Example,ben@example.school,ADA@apple.example.school\n";
        let refused = preview(tx, of_ben).unwrap_err();
        assert!(refused.kind == Kind::Conflict && refused.message.contains("to Ben Example, but Ada Example has it here"), "{refused}");
        people::set_account(tx, &ME, &ada.id, "")?;
        assert_eq!(import(tx, of_ben)?.people_added.count, 1);
        assert_eq!(people::account(tx, &ME, &everybody(tx)?[1].id)?, "ADA@apple.example.school");
        Ok(())
    });
}

#[test]
fn whoever_joins_or_leaves_a_class_or_has_it_renamed_or_deleted_is_planned_for_anew() {
    let school = School::new();
    school.write(|tx| {
        fill_devices(tx, 3)?;
        import(tx, FIRST)?;
        take_planned(tx)?;
        // Kim joins another class, Lee leaves theirs; nothing else changes.
        let moved = FIRST.replace("student,7b,TESTSN1", "student,7b;8a,TESTSN1").replace("student,7c,TESTSN2", "student,,TESTSN2");
        import(tx, &moved)?;
        assert_eq!(take_planned(tx)?, ["e1", "e2"]);
        let class = class_rows::list(tx, None, 10)?.into_iter().find(|class| class.name == "8a").unwrap();
        classes::rename(tx, &ME, &class.id, "8b")?;
        assert_eq!(take_planned(tx)?, ["e1"]);
        classes::delete(tx, &ME, &class.id)?;
        assert_eq!(take_planned(tx)?, ["e1"]);
        Ok(())
    });
}
