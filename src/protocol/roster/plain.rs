//! One table with a header row: a person a line, with class and serial number where it has them.

use std::collections::{BTreeMap, BTreeSet};

use super::table::Row;
use super::{Class, Extent, Kind, Membership, Mistake, Person, Role, Roster, Table, account, email, key_of, mistake};

/// The titles that each column is known by, reduced to small letters and digits.
const NAME: &[&str] = &["name", "fullname", "displayname", "person", "user", "student", "studentname", "username"];
const GIVEN: &[&str] = &["givenname", "firstname", "forename", "first", "given", "preferredname"];
const FAMILY: &[&str] = &["familyname", "lastname", "surname", "last", "family"];
const EMAIL: &[&str] = &["email", "emailaddress", "mail", "mailaddress", "schoolemail", "upn", "userprincipalname"];
const ACCOUNT: &[&str] = &["managedappleid", "managedappleaccount", "appleaccount", "appleid"];
const ROLE: &[&str] = &["role", "type", "position", "usertype", "persontype"];
const CLASS: &[&str] = &["class", "classes", "classname", "section", "group", "form", "homeroom", "tutorgroup", "course"];
const SERIAL: &[&str] =
    &["serial", "serialnumber", "serialno", "serials", "serialnumbers", "deviceserial", "deviceserialnumber", "ipadserial", "device"];
const ID: &[&str] =
    &["id", "personid", "studentid", "userid", "sourcedid", "sourceid", "employeeid", "staffid", "admissionnumber", "upnumber"];
const ACTIVE: &[&str] = &["active", "status", "enabled", "state"];

/// How the key of a person begins who is known by nothing but the name.
const BY_NAME: &str = "name:";

/// Lines of one person that are told.
const LINES_TOLD: usize = 10;

/// People of one name that are told.
const NAMESAKES_TOLD: usize = 20;

struct Columns {
    name: Option<usize>,
    given: Option<usize>,
    family: Option<usize>,
    email: Option<usize>,
    role: Option<usize>,
    class: Option<usize>,
    serial: Option<usize>,
    id: Option<usize>,
    active: Option<usize>,
    account: Option<usize>,
}

impl Columns {
    fn of(table: &Table) -> Self {
        let column = |titles| table.column(titles);
        Self {
            name: column(NAME),
            given: column(GIVEN),
            family: column(FAMILY),
            // Where there is no other address, the account is one.
            email: column(EMAIL).or_else(|| column(ACCOUNT)),
            role: column(ROLE),
            class: column(CLASS),
            serial: column(SERIAL),
            id: column(ID),
            active: column(ACTIVE),
            account: column(ACCOUNT),
        }
    }

    fn known(&self) -> Vec<usize> {
        let who = [self.name, self.given, self.family, self.email, self.id, self.account];
        let all = who.into_iter().chain([self.role, self.class, self.serial, self.active]);
        all.flatten().collect()
    }
}

/// The roster of one table.
pub(super) fn roster(table: &Table) -> Result<Roster, Mistake> {
    let columns = Columns::of(table);
    if columns.name.is_none() && columns.family.is_none() && columns.given.is_none() && columns.email.is_none() {
        let titles: String = table.titles.join(", ").chars().take(200).collect();
        return mistake(t!(
            "“{name}” has no column called Name or Email. Its first line must name the columns; it says: {titles}",
            name = table.name,
            titles
        ));
    }
    let mut roster = Roster { people_extent: Extent::Whole, ..Roster::empty(Kind::Csv) };
    if columns.class.is_some() {
        (roster.classes_extent, roster.memberships_extent) = (Extent::Whole, Extent::Whole);
    }
    let mut people: BTreeMap<String, (Person, u64)> = BTreeMap::new();
    let mut order = Vec::new();
    let mut classes: BTreeMap<String, String> = BTreeMap::new();
    let mut memberships = BTreeSet::new();
    let mut owners: BTreeMap<String, (String, u64)> = BTreeMap::new();
    let mut accounts: BTreeMap<String, (String, u64)> = BTreeMap::new();
    let mut namesakes = Namesakes::default();
    for row in &table.rows {
        let person = person(table, &columns, row)?;
        namesakes.note(&person, &several(row.cell(columns.class)), row.line);
        for serial in &person.serials {
            if let Some(line) = taken(&mut owners, serial.clone(), &person.key, row.line) {
                return mistake(t!(
                    "Lines {line} and {line_2} give the device {serial} to different people. Decide who has it.",
                    line,
                    line_2 = row.line,
                    serial
                ));
            }
        }
        let account = person.account.to_lowercase();
        if !account.is_empty()
            && let Some(line) = taken(&mut accounts, account, &person.key, row.line)
        {
            return mistake(t!(
                "Lines {line} and {line_2} give the Managed Apple Account {account} to different people. Decide whose it is.",
                line,
                line_2 = row.line,
                account = person.account
            ));
        }
        for name in several(row.cell(columns.class)) {
            let class = name.to_lowercase();
            classes.entry(class.clone()).or_insert(name);
            memberships.insert(Membership { class, person: person.key.clone(), teaches: person.role == Role::Teacher });
        }
        match people.get_mut(&person.key) {
            None => {
                order.push(person.key.clone());
                people.insert(person.key.clone(), (person, row.line));
            }
            // One line for each class or device of the same person.
            Some((known, line)) => merge(known, person, (*line, row.line))?,
        }
    }
    roster.people = order.iter().filter_map(|key| people.remove(key)).map(|(person, _)| person).collect();
    roster.classes = classes.into_iter().map(|(key, name)| Class { key, name }).collect();
    roster.memberships = memberships.into_iter().collect();
    roster.notes.extend(namesakes.words());
    let known = columns.known();
    let unknown: Vec<_> = table
        .titles
        .iter()
        .enumerate()
        .filter(|(at, title)| !known.contains(at) && !title.trim().is_empty())
        .map(|(_, title)| title.trim())
        .collect();
    if !unknown.is_empty() {
        let titles: String = unknown.join(", ").chars().take(200).collect();
        roster.notes.push(t!("Columns that are not used: {titles}", titles));
    }
    Ok(roster)
}

/// People told apart by their names alone who stand in several lines with several classes or devices: perhaps they are several people.
#[derive(Default)]
struct Namesakes(BTreeMap<String, Namesake>);

#[derive(Default)]
struct Namesake {
    name: String,
    lines: Vec<u64>,
    classes: BTreeSet<String>,
    serials: BTreeSet<String>,
}

impl Namesakes {
    fn note(&mut self, person: &Person, classes: &[String], line: u64) {
        if !person.key.starts_with(BY_NAME) {
            return;
        }
        let known = self.0.entry(person.key.clone()).or_default();
        known.name.clone_from(&person.name);
        known.lines.push(line);
        known.classes.extend(classes.iter().map(|class| class.to_lowercase()));
        known.serials.extend(person.serials.iter().cloned());
    }

    fn words(self) -> Vec<String> {
        let doubtful = self.0.into_values().filter(|known| known.lines.len() > 1 && (known.classes.len() > 1 || known.serials.len() > 1));
        let words = |known: Namesake| {
            let lines = known.lines.iter().take(LINES_TOLD).map(u64::to_string).collect::<Vec<_>>().join(", ");
            t!(
                "“{name}” stands in several lines ({lines}) without an e-mail address or id, and is taken as one person. If they are several people, \
                 give each an address or an id.",
                name = known.name,
                lines
            )
        };
        doubtful.take(NAMESAKES_TOLD).map(words).collect()
    }
}

/// Notes that a thing is somebody's; the line that gives it to somebody else, if one does.
fn taken(owners: &mut BTreeMap<String, (String, u64)>, thing: String, person: &str, line: u64) -> Option<u64> {
    match owners.get(&thing) {
        Some((owner, before)) if owner != person => Some(*before),
        _ => {
            owners.insert(thing, (person.to_owned(), line));
            None
        }
    }
}

fn merge(known: &mut Person, person: Person, (first, second): (u64, u64)) -> Result<(), Mistake> {
    if known.name.to_lowercase() != person.name.to_lowercase() || known.role != person.role {
        return mistake(t!(
            "Lines {first} and {second} are about the same person ({email}) and say different things: “{name}” and “{name_2}”. Make them the same, or give one another address.",
            first,
            second,
            email = if known.email.is_empty() { &known.name } else { &known.email },
            name = known.name,
            name_2 = person.name
        ));
    }
    let (account, other) = (&known.account, &person.account);
    if !account.is_empty() && !other.is_empty() && account.to_lowercase() != other.to_lowercase() {
        return mistake(t!(
            "Lines {first} and {second} are about the same person ({name}) and name two Managed Apple Accounts: {account} and {other}. Decide which one it is.",
            first,
            second,
            name = known.name,
            account,
            other
        ));
    }
    if known.account.is_empty() {
        known.account = person.account;
    }
    known.active |= person.active;
    if known.email.is_empty() {
        known.email = person.email;
    }
    for serial in person.serials {
        if !known.serials.contains(&serial) {
            known.serials.push(serial);
        }
    }
    Ok(())
}

fn person(table: &Table, columns: &Columns, row: &Row) -> Result<Person, Mistake> {
    let (line, file) = (row.line, &table.name);
    let address = match row.cell(columns.email) {
        "" => String::new(),
        text => match email(text) {
            Some(address) => address,
            None => return mistake(t!("“{text}” in line {line} of “{file}” is not an e-mail address.", text, line, file)),
        },
    };
    let account = match row.cell(columns.account) {
        "" => String::new(),
        text => match account(text) {
            Some(account) => account,
            None => {
                return mistake(t!(
                    "“{text}” in line {line} of “{file}” is not a Managed Apple Account; it looks like an address, as Apple's portal shows it.",
                    text,
                    line,
                    file
                ));
            }
        },
    };
    let parts = format!("{} {}", row.cell(columns.given), row.cell(columns.family));
    let name = [row.cell(columns.name), parts.trim(), &address].into_iter().find(|name| !name.is_empty()).unwrap_or_default().to_owned();
    if name.is_empty() {
        return mistake(t!("Line {line} of “{file}” has neither a name nor an e-mail address.", line, file));
    }
    let role = match row.cell(columns.role) {
        "" => Role::Student,
        word => match role(word) {
            Some(role) => role,
            None => {
                return mistake(t!("“{word}” in line {line} of “{file}” is no role; take student, teacher or staff.", word, line, file));
            }
        },
    };
    let active = match key_of(row.cell(columns.active)).as_str() {
        "" | "1" | "yes" | "y" | "true" | "active" | "enabled" | "enrolled" | "current" => true,
        "0" | "no" | "n" | "false" | "inactive" | "disabled" | "left" | "tobedeleted" | "former" | "suspended" => false,
        word => {
            return mistake(t!(
                "“{word}” in line {line} of “{file}” does not say whether the person is active; take yes or no.",
                word,
                line,
                file
            ));
        }
    };
    let key = match (row.cell(columns.id), address.as_str()) {
        ("", "") => format!("{BY_NAME}{}", name.to_lowercase()),
        ("", address) => format!("email:{}", address.to_lowercase()),
        (id, _) => format!("id:{}", id.to_lowercase()),
    };
    let serials = several(&row.cell(columns.serial).replace([',', ' '], ";")).into_iter().map(|serial| serial.to_uppercase()).collect();
    Ok(Person { key, name, email: address, role, active, serials, account })
}

/// What a word says of somebody's place at the school.
fn role(word: &str) -> Option<Role> {
    match key_of(word).as_str() {
        "student" | "students" | "pupil" | "learner" | "s" => Some(Role::Student),
        "teacher" | "teachers" | "instructor" | "faculty" | "lecturer" | "tutor" | "t" => Some(Role::Teacher),
        "staff" | "administrator" | "admin" | "aide" | "assistant" | "principal" | "counselor" | "proctor" | "employee" | "support" => {
            Some(Role::Staff)
        }
        _ => None,
    }
}

/// Several names in one field, between `;` or `|`.
fn several(text: &str) -> Vec<String> {
    text.split([';', '|']).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
