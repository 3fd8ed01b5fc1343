//! OneRoster's CSV files, versions 1.1 and 1.2: users, roles, classes, enrollments and the manifest. Files are known by their columns.

use std::collections::{BTreeMap, BTreeSet};

use super::table::Row;
use super::{Class, Extent, Kind, Membership, Mistake, Person, Role, Roster, Table, account, email, key_of, mistake};
use crate::clock::{Day, Timestamp};

/// Titles of the column by which an export may tell Managed Apple Accounts; OneRoster has none of its own for them.
const EXTENSIONS: &[&str] = &["metadatamanagedappleid", "metadatamanagedappleaccount", "managedappleid", "managedappleaccount"];
/// Kinds of user ids by which it may tell them.
const USER_IDS: &[&str] = &["managedappleid", "managedappleaccount", "appleid"];

/// Which of the files a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Users,
    Roles,
    Classes,
    Enrollments,
    Manifest,
}

fn part(table: &Table) -> Option<Part> {
    if table.has(&["propertyname", "value"]) {
        return Some(Part::Manifest);
    }
    if !table.has(&["sourcedid"]) {
        return None;
    }
    match () {
        () if table.has(&["classsourcedid", "usersourcedid"]) => Some(Part::Enrollments),
        () if table.has(&["usersourcedid", "roletype"]) => Some(Part::Roles),
        () if table.has(&["title"]) && (table.has(&["coursesourcedid"]) || table.has(&["classcode"]) || table.has(&["classtype"])) => {
            Some(Part::Classes)
        }
        () if table.has(&["familyname", "givenname"]) => Some(Part::Users),
        () => None,
    }
}

/// Whether a table is one of OneRoster's.
pub(super) fn is_one(table: &Table) -> bool {
    part(table).is_some()
}

/// The tables that concern people, with what the manifest says of them.
struct Files<'a> {
    users: &'a Table,
    roles: Option<&'a Table>,
    classes: Option<&'a Table>,
    enrollments: Option<&'a Table>,
    /// Names of files that only tell what changed: `users`.
    deltas: BTreeSet<String>,
}

impl<'a> Files<'a> {
    fn of(tables: &'a [Table]) -> Result<Self, Mistake> {
        let find = |wanted: Part| -> Result<Option<&'a Table>, Mistake> {
            let mut found = tables.iter().filter(|table| part(table) == Some(wanted));
            match (found.next(), found.next()) {
                (Some(first), Some(second)) => mistake(t!(
                    "“{name}” and “{name_2}” are the same file of OneRoster. Choose one of them.",
                    name = first.name,
                    name_2 = second.name
                )),
                (first, _) => Ok(first),
            }
        };
        let Some(users) = find(Part::Users)? else {
            return mistake(t!(
                "OneRoster's users.csv is missing. Choose users.csv, classes.csv and enrollments.csv together, or the ZIP archive with all of them."
            ));
        };
        let mut deltas = BTreeSet::new();
        if let Some(manifest) = find(Part::Manifest)? {
            let (name, value) = (manifest.column(&["propertyname"]), manifest.column(&["value"]));
            for row in manifest.rows.iter().filter(|row| row.cell(value).eq_ignore_ascii_case("delta")) {
                deltas.extend(row.cell(name).strip_prefix("file.").map(str::to_lowercase));
            }
        }
        Ok(Self { users, roles: find(Part::Roles)?, classes: find(Part::Classes)?, enrollments: find(Part::Enrollments)?, deltas })
    }

    fn extent(&self, file: &str) -> Extent {
        if self.deltas.contains(file) { Extent::Delta } else { Extent::Whole }
    }
}

/// The roster of OneRoster's files.
pub(super) fn roster(tables: &[Table], now: Timestamp) -> Result<Roster, Mistake> {
    let files = Files::of(tables)?;
    let mut roster = Roster { people_extent: files.extent("users"), ..Roster::empty(Kind::Oneroster) };
    people(&files, &mut roster)?;
    let known: BTreeSet<String> = roster.people.iter().map(|person| person.key.clone()).collect();
    if let Some(table) = files.classes {
        roster.classes_extent = files.extent("classes");
        classes(table, &mut roster)?;
    }
    if let Some(table) = files.enrollments {
        if files.classes.is_none() {
            return mistake(t!("OneRoster's enrollments.csv is there and classes.csv is not. Choose both."));
        }
        roster.memberships_extent = files.extent("enrollments");
        enrollments(table, &known, now, &mut roster)?;
    }
    Ok(roster)
}

/// Whether a row says that what it is about is gone. In files that tell everything the column is empty.
fn is_gone(row: &Row, status: Option<usize>) -> bool {
    matches!(key_of(row.cell(status)).as_str(), "tobedeleted" | "inactive")
}

fn required<'a>(table: &Table, row: &'a Row, column: Option<usize>, title: &str) -> Result<&'a str, Mistake> {
    match row.cell(column) {
        "" => mistake(t!("Line {line} of “{name}” has no {title}.", line = row.line, name = table.name, title)),
        text => Ok(text),
    }
}

fn people(files: &Files<'_>, roster: &mut Roster) -> Result<(), Mistake> {
    let table = files.users;
    let column = |title: &str| table.column(&[title]);
    let (id, status, enabled, role_column) = (column("sourcedid"), column("status"), column("enableduser"), column("role"));
    let (given, family) = (column("givenname"), column("familyname"));
    let (preferred_given, preferred_family) = (column("preferredgivenname"), column("preferredfamilyname"));
    let (address, user_name) = (column("email"), column("username"));
    let roles = files.roles.map(roles_of);
    if role_column.is_none() && roles.is_none() {
        return mistake(t!("users.csv has no column “role”, as in OneRoster 1.2, where roles.csv tells the roles. Choose roles.csv too."));
    }
    let (user_ids, extension) = (column("userids"), table.column(EXTENSIONS));
    let (mut seen, mut outsiders, mut without_address, mut no_accounts) = (BTreeMap::new(), 0u64, 0u64, 0u64);
    for row in &table.rows {
        let key = required(table, row, id, "sourcedId")?.to_owned();
        if let Some(line) = seen.insert(key.clone(), row.line) {
            return mistake(t!(
                "Lines {line} and {line_2} of “{name}” have the same sourcedId “{key}”.",
                line,
                line_2 = row.line,
                name = table.name,
                key
            ));
        }
        if is_gone(row, status) {
            roster.gone_people.push(key);
            continue;
        }
        let said = roles.as_ref().and_then(|roles| roles.get(&key)).map_or_else(|| row.cell(role_column), String::as_str);
        let Some(role) = role(said) else {
            outsiders += 1;
            continue;
        };
        let or = |first: &'_ str, second: &'_ str| if first.is_empty() { second.to_owned() } else { first.to_owned() };
        let name = format!("{} {}", or(row.cell(preferred_given), row.cell(given)), or(row.cell(preferred_family), row.cell(family)));
        let email = [row.cell(address), row.cell(user_name)].into_iter().find_map(email).unwrap_or_default();
        without_address += u64::from(email.is_empty());
        let name =
            [name.trim(), &email, row.cell(user_name), &key].into_iter().find(|name| !name.is_empty()).unwrap_or_default().to_owned();
        let active = !matches!(key_of(row.cell(enabled)).as_str(), "false" | "0" | "no");
        let said = Some(row.cell(extension)).filter(|said| !said.is_empty()).or_else(|| of_user_ids(row.cell(user_ids)));
        let account = said.and_then(account).unwrap_or_default();
        no_accounts += u64::from(account.is_empty() && said.is_some());
        roster.people.push(Person { key, name, email, role, active, serials: Vec::new(), account });
    }
    if outsiders > 0 {
        roster.notes.push(t!(
            "{outsiders} left out who neither learn nor work at the school: parents, guardians, relatives and users without a role",
            outsiders
        ));
    }
    if no_accounts > 0 {
        roster.notes.push(t!("{no_accounts} Managed Apple Accounts left out that do not look like an address", no_accounts));
    }
    if without_address > 0 {
        roster.notes.push(t!("{without_address} have no e-mail address", without_address));
    }
    Ok(())
}

/// The Managed Apple Account among a user's ids: `{LDAP:kim},{ManagedAppleID:kim@appleaccount.example.school}`.
fn of_user_ids(ids: &str) -> Option<&str> {
    let pairs = ids.split(',').filter_map(|pair| pair.trim().trim_matches(['{', '}']).split_once(':'));
    pairs.map(|(kind, id)| (key_of(kind), id.trim())).find(|(kind, _)| USER_IDS.contains(&kind.as_str())).map(|(_, id)| id)
}

/// Version 1.2: each user's role, the primary one first.
fn roles_of(table: &Table) -> BTreeMap<String, String> {
    let column = |title: &str| table.column(&[title]);
    let (user, kind, role, status) = (column("usersourcedid"), column("roletype"), column("role"), column("status"));
    let mut roles = BTreeMap::new();
    for primary in [true, false] {
        for row in table.rows.iter().filter(|row| !is_gone(row, status) && row.cell(kind).eq_ignore_ascii_case("primary") == primary) {
            roles.entry(row.cell(user).to_owned()).or_insert_with(|| row.cell(role).to_owned());
        }
    }
    roles
}

/// Who is at the school; parents and their like are not.
fn role(word: &str) -> Option<Role> {
    match key_of(word).as_str() {
        "student" => Some(Role::Student),
        "teacher" => Some(Role::Teacher),
        "administrator"
        | "aide"
        | "proctor"
        | "counselor"
        | "principal"
        | "districtadministrator"
        | "siteadministrator"
        | "systemadministrator" => Some(Role::Staff),
        _ => None,
    }
}

fn classes(table: &Table, roster: &mut Roster) -> Result<(), Mistake> {
    let column = |title: &str| table.column(&[title]);
    let (id, status, title, code) = (column("sourcedid"), column("status"), column("title"), column("classcode"));
    let mut titles: BTreeMap<String, u32> = BTreeMap::new();
    for row in table.rows.iter().filter(|row| !is_gone(row, status)) {
        *titles.entry(row.cell(title).to_lowercase()).or_default() += 1;
    }
    let mut seen = BTreeMap::new();
    for row in &table.rows {
        let key = required(table, row, id, "sourcedId")?.to_owned();
        if let Some(line) = seen.insert(key.clone(), row.line) {
            return mistake(t!(
                "Lines {line} and {line_2} of “{name}” have the same sourcedId “{key}”.",
                line,
                line_2 = row.line,
                name = table.name,
                key
            ));
        }
        if is_gone(row, status) {
            roster.gone_classes.push(key);
            continue;
        }
        let (title, code) = (row.cell(title), row.cell(code));
        let name = match (title, code) {
            ("", "") => key.clone(),
            ("", code) => code.to_owned(),
            // Sections of one course often share its title.
            (title, code) if titles.get(&title.to_lowercase()).is_some_and(|count| *count > 1) && !code.is_empty() => {
                format!("{title} ({code})")
            }
            (title, _) => title.to_owned(),
        };
        roster.classes.push(Class { key, name });
    }
    Ok(())
}

/// A day as OneRoster writes it, 2026-07-31, with or without a time after it; a table program may have turned it into something else.
fn day(table: &Table, row: &Row, column: Option<usize>, title: &str) -> Result<Option<Day>, Mistake> {
    let text = row.cell(column);
    if text.is_empty() {
        return Ok(None);
    }
    let written = text.split(['T', ' ']).next().unwrap_or_default();
    Day::parse(written).map(Some).ok_or_else(|| {
        Mistake(t!("“{said}” in line {line} of “{name}” is no date as OneRoster writes {title}: year-month-day, as 2026-07-31. A table program may have changed it; \
             take the file as it was exported.", said = text.chars().take(40).collect::<String>(), line = row.line, name = table.name, title))
    })
}

fn enrollments(table: &Table, people: &BTreeSet<String>, now: Timestamp, roster: &mut Roster) -> Result<(), Mistake> {
    let column = |title: &str| table.column(&[title]);
    let (status, class, user) = (column("status"), column("classsourcedid"), column("usersourcedid"));
    let (role, begin, end) = (column("role"), column("begindate"), column("enddate"));
    let today = Day::of(now);
    let (mut memberships, mut gone) = (BTreeMap::new(), BTreeSet::new());
    let (mut others, mut over, mut strangers, mut elsewhere) = (0u64, 0u64, 0u64, 0u64);
    let classes: BTreeSet<String> = roster.classes.iter().map(|class| class.key.clone()).collect();
    for row in &table.rows {
        let class = required(table, row, class, "classSourcedId")?.to_owned();
        let person = required(table, row, user, "userSourcedId")?.to_owned();
        if is_gone(row, status) {
            gone.insert(Membership { class, person, teaches: false });
            continue;
        }
        let teaches = match key_of(row.cell(role)).as_str() {
            "student" => false,
            "teacher" => true,
            _ => {
                others += 1;
                continue;
            }
        };
        let (begin, end) = (day(table, row, begin, "beginDate")?, day(table, row, end, "endDate")?);
        if end.is_some_and(|end| end < today) || begin.is_some_and(|begin| begin > today) {
            over += 1;
            continue;
        }
        if roster.people_extent == Extent::Whole && !people.contains(&person) {
            strangers += 1;
            continue;
        }
        if roster.classes_extent == Extent::Whole && !classes.contains(&class) {
            elsewhere += 1;
            continue;
        }
        let both = memberships.entry((class, person)).or_insert(teaches);
        *both |= teaches;
    }
    roster.memberships = memberships.into_iter().map(|((class, person), teaches)| Membership { class, person, teaches }).collect();
    roster.gone_memberships = gone.into_iter().collect();
    for (count, what) in [
        (others, t!("enrollments left out whose role is neither student nor teacher")),
        (over, t!("enrollments left out that are over or have not begun")),
        (strangers, t!("enrollments left out of people who are not in users.csv, or were left out themselves")),
        (elsewhere, t!("enrollments left out of classes that are not in classes.csv")),
    ] {
        if count > 0 {
            roster.notes.push(format!("{count} {what}"));
        }
    }
    Ok(())
}
