//! People and classes by hand: made, changed, found, and their limits.

use super::School;
use crate::error::{Kind, Result};
use crate::mdm::Actor;
use crate::mdm::people::classes::{self, CLASSES_MAX};
use crate::mdm::people::{self, Change, EMAIL_MAX_CHARS, NAME_MAX_CHARS, NewPerson};
use crate::store::Tx;
use crate::store::classes::ClassRole;
use crate::store::known::tests::{fill_devices, take_planned};
use crate::store::people::{self as rows, PeopleFilter, Person, PersonRole};

const ME: Actor = Actor::Console;

fn create(tx: &Tx, name: &str, email: &str, role: PersonRole) -> Result<Person> {
    people::create(tx, &ME, NewPerson { name: name.into(), email: email.into(), role, active: true })
}

#[test]
fn people_are_found_by_name_address_role_and_class() {
    let school = School::new();
    school.write(|tx| {
        let kim = create(tx, "kim Example", "Kim@Example.school", PersonRole::Student)?;
        create(tx, "Ada", "ada@example.school", PersonRole::Teacher)?;
        create(tx, "100% Sam", "", PersonRole::Staff)?;
        let class = classes::create(tx, &ME, "7b")?;
        classes::put(tx, &ME, &class.id, &kim.id, ClassRole::Student)?;
        let found = |filter: PeopleFilter| {
            let (list, total) = people::list(tx, &ME, &filter, None, 10).unwrap();
            assert_eq!(list.len() as u64, total);
            list.into_iter().map(|(person, _)| person.name).collect::<Vec<_>>()
        };
        assert_eq!(found(PeopleFilter::default()), ["100% Sam", "Ada", "kim Example"]);
        assert_eq!(found(PeopleFilter { search: "EXAMPLE.school".into(), ..PeopleFilter::default() }), ["Ada", "kim Example"]);
        assert_eq!(found(PeopleFilter { search: "0%".into(), ..PeopleFilter::default() }), ["100% Sam"]);
        assert_eq!(found(PeopleFilter { role: Some(PersonRole::Teacher), ..PeopleFilter::default() }), ["Ada"]);
        assert_eq!(found(PeopleFilter { class_id: Some(class.id), ..PeopleFilter::default() }), ["kim Example"]);
        assert!(found(PeopleFilter { active: Some(false), ..PeopleFilter::default() }).is_empty());
        let first = rows::list(tx, &PeopleFilter::default(), None, 2)?;
        let (name, id) = rows::sort_key(&first[1].0);
        assert_eq!(rows::list(tx, &PeopleFilter::default(), Some((&name, &id)), 2)?.len(), 1, "pages follow each other");
        Ok(())
    });
}

#[test]
fn wrong_names_and_addresses_are_refused_at_their_fields() {
    let school = School::new();
    school.write(|tx| {
        let field = |name: &str, email: &str| create(tx, name, email, PersonRole::Student).unwrap_err().fields[0].field.clone();
        for wrong in ["", " ", "a\nb", &"é".repeat(NAME_MAX_CHARS + 1)] {
            assert_eq!(field(wrong, ""), "name", "{wrong:?}");
        }
        let long = format!("{}@example.school", "k".repeat(EMAIL_MAX_CHARS - "@example.school".len()));
        for wrong in ["kim", "@example.school", "kim@school", "k im@example.school", &format!("k{long}")] {
            assert_eq!(field("Kim", wrong), "email", "{wrong:?}");
        }
        create(tx, &"é".repeat(NAME_MAX_CHARS), &long, PersonRole::Student)?;
        assert!(
            classes::create(tx, &ME, &"é".repeat(NAME_MAX_CHARS)).is_ok()
                && classes::create(tx, &ME, &"é".repeat(NAME_MAX_CHARS + 1)).is_err()
        );
        Ok(())
    });
}

#[test]
fn a_person_who_changes_has_their_devices_planned_for_anew_and_one_who_does_not_has_not() {
    let school = School::new();
    school.write(|tx| {
        fill_devices(tx, 3)?;
        let kim = create(tx, "Kim", "", PersonRole::Student)?;
        people::assign(tx, &ME, "d2", Some(&kim.id))?;
        assert_eq!(take_planned(tx)?, ["e2"]);
        people::assign(tx, &ME, "d2", Some(&kim.id))?;
        people::change(tx, &ME, &kim.id, Change { name: Some(" Kim ".into()), ..Change::default() })?;
        assert!(take_planned(tx)?.is_empty());
        people::change(tx, &ME, &kim.id, Change { email: Some("kim@example.school".into()), ..Change::default() })?;
        assert_eq!(take_planned(tx)?, ["e2"]);
        assert_eq!(people::devices_of(tx, &ME, &kim.id)?.len(), 1);
        assert_eq!(people::assign(tx, &ME, "d2", Some("nobody")).unwrap_err().fields[0].field, "person");
        assert_eq!(people::assign(tx, &ME, "d9", Some(&kim.id)).unwrap_err().kind, Kind::NotFound);
        people::assign(tx, &ME, "d2", None)?;
        assert_eq!(take_planned(tx)?, ["e2"]);
        Ok(())
    });
}

#[test]
fn a_class_has_its_people_until_somebody_takes_them_out() {
    let school = School::new();
    school.write(|tx| {
        let (class, kim, ada) =
            (classes::create(tx, &ME, "7b")?, create(tx, "Kim", "", PersonRole::Student)?, create(tx, "Ada", "", PersonRole::Teacher)?);
        classes::put(tx, &ME, &class.id, &kim.id, ClassRole::Student)?;
        classes::put(tx, &ME, &class.id, &ada.id, ClassRole::Student)?;
        classes::put(tx, &ME, &class.id, &ada.id, ClassRole::Teacher)?;
        let members = classes::members(tx, &ME, &class.id)?;
        assert_eq!(
            members.iter().map(|member| (member.person.name.as_str(), member.role)).collect::<Vec<_>>(),
            [("Ada", ClassRole::Teacher), ("Kim", ClassRole::Student)]
        );
        assert_eq!(classes::find(tx, &ME, &class.id)?.people_count, 2);
        classes::remove(tx, &ME, &class.id, &kim.id)?;
        assert_eq!(classes::remove(tx, &ME, &class.id, &kim.id).unwrap_err().kind, Kind::NotFound);
        assert_eq!(classes::rename(tx, &ME, &class.id, "7 b")?.name, "7 b");
        classes::delete(tx, &ME, &class.id)?;
        assert!(people::find(tx, &ME, &ada.id).is_ok(), "people outlive their classes");
        Ok(())
    });
}

#[test]
fn there_are_as_many_people_and_classes_as_there_may_be() {
    let school = School::new();
    school.write(|tx| {
        rows::tests::fill(tx, people::PEOPLE_MAX - 1)?;
        create(tx, "the last one", "", PersonRole::Student)?;
        assert_eq!(create(tx, "one more", "", PersonRole::Student).unwrap_err().kind, Kind::Conflict);
        crate::store::classes::tests::fill(tx, CLASSES_MAX - 1)?;
        let last = classes::create(tx, &ME, "the last one")?;
        assert_eq!(classes::create(tx, &ME, "one more").unwrap_err().kind, Kind::Conflict);
        crate::store::classes::tests::put_all(tx, &last.id, classes::MEMBERS_MAX - 1)?;
        // The people come in the order of their ids, so the last ones are not in it.
        for (person, fits) in [("p99998", true), ("p99999", false)] {
            assert_eq!(classes::put(tx, &ME, &last.id, person, ClassRole::Student).is_ok(), fits, "{person}");
        }
        Ok(())
    });
}

#[test]
fn two_people_made_by_hand_have_no_address_in_common() {
    let school = School::new();
    let new = |name: &str, email: &str| NewPerson { name: name.into(), email: email.into(), role: PersonRole::Student, active: true };
    let kim = school.write(move |tx| people::create(tx, &ME, new("Kim", "kim@example.school")));
    let error = school.try_write(move |tx| people::create(tx, &ME, new("Ada", "KIM@example.school"))).unwrap_err();
    assert!(error.kind == Kind::Conflict && error.message.contains("Kim has this e-mail address"), "{error}");
    assert_eq!(error.fields[0].field, "email");
    let ada = school.write(move |tx| people::create(tx, &ME, new("Ada", "")));
    school.write(move |tx| people::create(tx, &ME, new("Lee", "")));
    let change = |email: &str| people::Change { email: Some(email.into()), ..people::Change::default() };
    let (to, id) = (change("Kim@Example.school"), ada.id.clone());
    assert_eq!(school.try_write(move |tx| people::change(tx, &ME, &id, to)).unwrap_err().kind, Kind::Conflict);
    let to = change("KIM@example.school");
    assert_eq!(school.write(move |tx| people::change(tx, &ME, &kim.id, to)).email, "KIM@example.school", "one's own in another case");
}
