//! The scope picker: on the devices of which groups a thing is wanted and until when, as a part of a form, and how that form is read back.

use maud::{Markup, html};

use super::fields::{checkbox, field};
use super::named::named;
use super::text::count;
use crate::clock::{Timestamp, Zone};
use crate::error::{Error, Result};
use crate::language;

/// The most groups that are taken from one form.
pub const GROUPS_MAX: usize = 1_000;

/// The name of the boxes: `groups=<id>`, once for each group that is ticked.
pub const GROUPS: &str = "groups";

/// The name of the hidden fields that say which groups were ticked when the form was made: what somebody else changes meanwhile is left alone.
const BEFORE: &str = "before";

/// The name of the field with the end.
pub const ENDS_AT: &str = "ends_at";

/// The name of the box that leaves differing ends as they are.
const KEEP_ENDS: &str = "keep_ends";

/// A group that can be ticked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeGroup {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many devices are in it now.
    pub device_count: u64,
}

/// Where a thing is assigned now: the group, and when that ends by itself.
pub type Assigned = (String, Option<Timestamp>);

/// What the picker shows.
#[derive(Debug, Clone, Default)]
pub struct ScopeView {
    /// The groups there are, by name.
    pub groups: Vec<ScopeGroup>,
    /// Where the thing is assigned now.
    pub assigned: Vec<Assigned>,
    /// What was sent before and refused, so that nothing typed is lost.
    pub sent: Option<Sent>,
    /// What is wrong with it: the field ([`GROUPS`] or [`ENDS_AT`]) and words.
    pub errors: Vec<(String, String)>,
    /// Whether the thing cannot end by itself, so that no end is asked for.
    pub without_end: bool,
    /// The moment that ends are told against: what ended before it is a thing of the past, and not ticked.
    pub now: Timestamp,
    /// The zone that ends are typed and told in.
    pub zone: Zone,
}

impl ScopeView {
    /// Whether the thing is wanted on the devices of a group now.
    pub fn has(&self, group_id: &str) -> bool {
        open(&self.assigned, self.now).any(|(id, _)| id == group_id)
    }

    /// The names of the groups on whose devices the thing is wanted now.
    pub fn names(&self) -> Vec<&str> {
        self.groups.iter().filter(|group| self.has(&group.id)).map(|group| group.name.as_str()).collect()
    }
}

/// The picker's part of a form as it was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Ids of the groups that are ticked.
    pub groups: Vec<String>,
    /// What stands in the field of the end.
    pub ends_at: String,
    /// Whether differing ends are to stay as they are.
    pub keep_ends: bool,
    /// Ids of the groups that were ticked when the form was made.
    pub before: Vec<String>,
}

/// What is to be done so that a thing is assigned as the form says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Groups that it is to be assigned to, or whose end changes.
    pub assign: Vec<Assigned>,
    /// Groups that it is to be taken back from.
    pub unassign: Vec<String>,
}

impl Changes {
    /// The groups that did not have the thing before, or have it no more at `now`.
    pub fn newly(&self, known: &[Assigned], now: Timestamp) -> Vec<String> {
        let is_new = |group: &&String| open(known, now).all(|(id, _)| id != *group);
        self.assign.iter().map(|(group, _)| group).filter(is_new).cloned().collect()
    }
}

/// Whether this end is over.
pub fn is_over(end: Option<Timestamp>, now: Timestamp) -> bool {
    end.is_some_and(|end| end <= now)
}

/// Where a thing is assigned and has not ended.
fn open(assigned: &[Assigned], now: Timestamp) -> impl Iterator<Item = &Assigned> {
    assigned.iter().filter(move |(_, end)| !is_over(*end, now))
}

impl Sent {
    /// Reads the picker's fields out of a form; what belongs to others is left alone.
    ///
    /// # Errors
    /// Names [`GROUPS`] when there are more than [`GROUPS_MAX`].
    pub fn read(form: &[(String, String)]) -> Result<Self> {
        let mut sent = Self::default();
        for (name, value) in form {
            match name.as_str() {
                GROUPS if !sent.groups.contains(value) => sent.groups.push(value.clone()),
                BEFORE if !sent.before.contains(value) => sent.before.push(value.clone()),
                ENDS_AT => value.trim().clone_into(&mut sent.ends_at),
                KEEP_ENDS => sent.keep_ends = true,
                _ => {}
            }
            if sent.groups.len().max(sent.before.len()) > GROUPS_MAX {
                return Err(Error::field(GROUPS, t!("at most {GROUPS_MAX} groups at once", GROUPS_MAX)));
            }
        }
        Ok(sent)
    }

    /// The end that was typed, in `zone`; nothing for none.
    ///
    /// # Errors
    /// Names [`ENDS_AT`] when it is not a day with a time, or not after `now`.
    pub fn end(&self, zone: &Zone, now: Timestamp) -> Result<Option<Timestamp>> {
        if self.ends_at.is_empty() {
            return Ok(None);
        }
        let Some(end) = zone.read(&self.ends_at).or_else(|| Timestamp::parse(&self.ends_at)) else {
            return Err(Error::field(ENDS_AT, t!("a day and a time, for example 2026-12-24T15:30, or nothing for no end")));
        };
        if end <= now {
            return Err(Error::field(ENDS_AT, t!("a moment that is still to come, or nothing for no end")));
        }
        Ok(Some(end))
    }

    /// Of the groups that have the thing now, those that are to lose it: not ticked any more.
    pub fn left<'a>(&self, assigned: impl Iterator<Item = &'a String>) -> Vec<String> {
        assigned.filter(|id| self.before.contains(id) && !self.groups.contains(id)).cloned().collect()
    }

    /// What has to be done to get from `assigned` to what the form says. Where it has ended it is as if it had not been assigned: ticked, it is
    /// assigned anew; not ticked, it stays a thing of the past. A group that was ticked, or not, when the form was made and is so still, and that
    /// somebody else has changed meanwhile, is left as they want it.
    ///
    /// # Errors
    /// As [`Sent::end`].
    pub fn changes(&self, assigned: &[Assigned], zone: &Zone, now: Timestamp) -> Result<Changes> {
        let known = |group: &str| open(assigned, now).find(|(id, _)| id == group).map(|(_, end)| *end);
        let end = if self.keep_ends && self.ends_at.is_empty() { None } else { self.end(zone, now)? };
        let mut changes = Changes::default();
        for group in &self.groups {
            match known(group) {
                // Somebody took it back while the form stood open, in which it was ticked already.
                None if self.before.contains(group) => {}
                Some(_) if self.keep_ends => {}
                Some(same) if same == end => {}
                _ => changes.assign.push((group.clone(), end)),
            }
        }
        changes.unassign = self.left(open(assigned, now).map(|(id, _)| id));
        Ok(changes)
    }
}

/// The picker, to be written into a form; the form has its own button.
pub fn scope(view: &ScopeView) -> Markup {
    if view.groups.is_empty() {
        return html! {
            p.quiet { (t!("There is no group yet. ")) a href="/groups/new" { (t!("Make a group")) } (t!(" of the devices that are to have this.")) }
        };
    }
    let error = |of: &str| view.errors.iter().find(|(name, _)| name == of).map(|(_, words)| words.as_str());
    let mut ends: Vec<_> = open(&view.assigned, view.now).map(|(_, end)| *end).collect();
    ends.sort_unstable();
    ends.dedup();
    let differ = ends.len() > 1;
    let end = match &view.sent {
        Some(sent) => sent.ends_at.clone(),
        None if differ => String::new(),
        None => ends.first().copied().flatten().map(|end| view.zone.typed(end)).unwrap_or_default(),
    };
    let keep = view.sent.as_ref().is_none_or(|sent| sent.keep_ends);
    let before: Vec<&String> = match &view.sent {
        Some(sent) => sent.before.iter().collect(),
        None => open(&view.assigned, view.now).map(|(group, _)| group).collect(),
    };
    html! {
        fieldset.stack {
            legend { (t!("On the devices of")) }
            @if let Some(error) = error(GROUPS) { p.error role="alert" { (error) } }
            @for group in before { input type="hidden" name=(BEFORE) value=(group); }
            div.choices { @for group in &view.groups { (choice(view, group, differ)) } }
        }
        @if !view.without_end {
            (field(ENDS_AT, &t!("Ends by itself at ({name})", name = view.zone.name())).kind("datetime-local").optional().value(&end).error(error(ENDS_AT))
                .help(t!("Empty for no end. Profiles, and restrictions that no other policy sets as well, end on the device itself then, also when it is not connected; all else when it connects next.")))
        }
        @if differ {
            (checkbox(KEEP_ENDS, t!("Leave the ends that are set as they are"), keep,
                t!("They differ from group to group. Then the moment above counts for newly ticked groups only.")))
        }
    }
}

fn choice(view: &ScopeView, group: &ScopeGroup, differ: bool) -> Markup {
    let assigned = view.assigned.iter().find(|(id, _)| *id == group.id);
    let ended = assigned.and_then(|(_, end)| end.filter(|_| is_over(*end, view.now)));
    let is_open = assigned.is_some() && ended.is_none();
    let ticked = view.sent.as_ref().map_or(is_open, |sent| sent.groups.contains(&group.id));
    let id = format!("f-{GROUPS}-{}", group.id);
    html! {
        div.choice {
            input type="checkbox" id=(id) name=(GROUPS) value=(group.id) checked[ticked];
            label for=(id) {
                (named(&group.name)) " " span.quiet {
                    (count(group.device_count, t!("device"), t!("devices")))
                    @if let Some(end) = ended { (t!(", ended ")) (language::date(view.zone.words(end))) }
                    @else if let Some((_, Some(end))) = assigned.filter(|_| differ) { (t!(", until ")) (language::date(view.zone.words(*end))) }
                }
            }
        }
    }
}

/// Groups to tick, for forms that ask for them more than once: each box sends `name=<id>`.
pub fn group_boxes(name: &str, groups: &[ScopeGroup], ticked: &[String]) -> Markup {
    html! {
        div.choices {
            @for group in groups {
                @let id = format!("f-{name}-{}", group.id);
                div.choice {
                    input type="checkbox" id=(id) name=(name) value=(group.id) checked[ticked.contains(&group.id)];
                    label for=(id) { (named(&group.name)) " " span.quiet { (count(group.device_count, t!("device"), t!("devices"))) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn sent(text: &str) -> Sent {
        let pairs: Vec<_> = text.split('&').filter_map(|pair| pair.split_once('=')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        Sent::read(&pairs).unwrap()
    }

    fn view() -> ScopeView {
        let group = |id: &str, name: &str, device_count| ScopeGroup { id: id.into(), name: name.into(), device_count };
        ScopeView { groups: vec![group("a", "Cart <A>", 30), group("b", "Year 5", 1)], ..ScopeView::default() }
    }

    fn at(text: &str) -> Option<Timestamp> {
        Timestamp::parse(text)
    }

    #[test]
    fn the_picker_shows_groups_with_what_is_ticked_and_the_end() {
        let view = ScopeView { assigned: vec![("b".into(), at("2026-12-24T15:30:00Z"))], ..view() };
        let html = scope(&view).into_string();
        for part in [
            "Cart &lt;A&gt; <span class=\"quiet\">30 devices",
            "1 device<",
            "value=\"b\" checked",
            "value=\"2026-12-24T15:30\"",
            "name=\"groups\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("value=\"a\" checked") && !html.contains("keep_ends"), "{html}");
        assert!(scope(&ScopeView::default()).into_string().contains("/groups/new"), "without a group there is a way to make one");
    }

    #[test]
    fn what_was_sent_and_refused_stands_there_again() {
        let before = vec![("b".to_owned(), None)];
        let view = ScopeView {
            assigned: before,
            sent: Some(sent("groups=a&ends_at=soon")),
            errors: vec![(ENDS_AT.into(), "A day and a time.".into())],
            ..view()
        };
        let html = scope(&view).into_string();
        assert!(html.contains("value=\"a\" checked") && !html.contains("value=\"b\" checked"), "{html}");
        assert!(html.contains("value=\"soon\"") && html.contains("A day and a time."), "{html}");
    }

    #[test]
    fn changes_are_what_differs_and_nothing_else() {
        let (christmas, easter) = (at("2026-12-24T15:30:00Z"), at("2027-03-28T08:00:00Z"));
        let assigned = vec![("a".to_owned(), None), ("b".to_owned(), christmas)];
        let changes = |text: &str| sent(text).changes(&assigned, &Zone::default(), NOW).unwrap();
        let ids = |changes: &Changes| (changes.assign.clone(), changes.unassign.clone());
        assert_eq!(ids(&changes("before=a&before=b&groups=a&groups=a&ends_at=&other=1")), (vec![], vec!["b".to_owned()]));
        assert_eq!(ids(&changes("before=a&before=b&groups=b&ends_at=2026-12-24T15:30")), (vec![], vec!["a".to_owned()]));
        assert_eq!(ids(&changes("groups=a&groups=b&ends_at=2027-03-28T08:00")), (vec![("a".into(), easter), ("b".into(), easter)], vec![]));
        assert_eq!(ids(&changes("groups=a&groups=b&groups=c&ends_at=&keep_ends=1")), (vec![("c".into(), None)], vec![]));
        assert_eq!(
            ids(&changes("before=a&before=b&groups=b&groups=c&ends_at=2027-03-28T08:00&keep_ends=1")),
            (vec![("c".into(), easter)], vec!["a".to_owned()])
        );
    }

    #[test]
    fn what_somebody_else_changed_while_the_form_stood_open_is_left_alone() {
        let assigned = vec![("b".to_owned(), None)];
        let changes = |text: &str| sent(text).changes(&assigned, &Zone::default(), NOW).unwrap();
        assert_eq!(changes("ends_at="), Changes::default(), "b came meanwhile");
        assert_eq!(changes("before=a&groups=a&ends_at="), Changes::default(), "a went meanwhile, and b came");
        assert_eq!(changes("before=a&groups=a&groups=c&ends_at=").assign, [("c".to_owned(), None)]);
        assert_eq!(changes("before=b&ends_at=").unassign, ["b"]);
        let html = scope(&ScopeView { assigned, ..view() }).into_string();
        assert!(html.contains("<input type=\"hidden\" name=\"before\" value=\"b\">"), "{html}");
    }

    #[test]
    fn ends_that_differ_are_told_and_stay_unless_somebody_says_otherwise() {
        let view = ScopeView { assigned: vec![("a".into(), None), ("b".into(), at("2026-12-24T15:30:00Z"))], ..view() };
        let html = scope(&view).into_string();
        assert!(html.contains("name=\"keep_ends\" value=\"1\" checked") && html.contains("until 24 Dec 2026, 15:30 UTC"), "{html}");
    }

    #[test]
    fn what_has_ended_is_not_ticked_and_saving_another_group_does_not_bring_it_back() {
        let past = at("2026-11-01T08:00:00Z");
        let assigned = vec![("a".to_owned(), past)];
        let html = scope(&ScopeView { assigned: assigned.clone(), now: NOW, ..view() }).into_string();
        assert!(html.contains("30 devices, ended 1 Nov 2026, 08:00 UTC"), "{html}");
        assert!(!html.contains("checked") && !html.contains("value=\"2026-11") && !html.contains("keep_ends"), "{html}");
        let changes = |text: &str| sent(text).changes(&assigned, &Zone::default(), NOW).unwrap();
        assert_eq!(changes("groups=b&ends_at="), Changes { assign: vec![("b".into(), None)], unassign: vec![] });
        assert_eq!(changes("ends_at="), Changes::default(), "what is over is nothing to take back");
        let again = changes("groups=a&ends_at=");
        assert_eq!(again, Changes { assign: vec![("a".into(), None)], unassign: vec![] });
        assert_eq!(again.newly(&assigned, NOW), ["a"], "it is asked about as if it were new");
        assert_eq!(changes("groups=a&ends_at=2026-12-24T15:30&keep_ends=1").assign, [("a".to_owned(), at("2026-12-24T15:30:00Z"))]);
    }

    #[test]
    fn an_end_that_is_none_or_is_over_is_refused_at_its_field() {
        for wrong in ["soon", "2026-12-24", "2026-13-24T15:30", "2020-01-01T00:00"] {
            assert_eq!(sent(&format!("ends_at={wrong}")).end(&Zone::default(), NOW).unwrap_err().fields[0].field, ENDS_AT, "{wrong}");
        }
        assert_eq!(sent("ends_at=2026-12-24T15:30:00Z").end(&Zone::default(), NOW).unwrap(), at("2026-12-24T15:30:00Z"));
        assert_eq!(sent("ends_at= ").end(&Zone::default(), NOW).unwrap(), None);
    }

    #[test]
    fn ends_are_typed_and_shown_in_the_zone_of_the_appliance() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let end = at("2026-12-24T15:30:00Z");
        assert_eq!(sent("ends_at=2026-12-24T16:30").end(&zone, NOW).unwrap(), end);
        let html = scope(&ScopeView { assigned: vec![("b".into(), end)], zone, ..view() }).into_string();
        assert!(html.contains("Ends by itself at (Europe/Berlin)") && html.contains("value=\"2026-12-24T16:30\""), "{html}");
    }

    #[test]
    fn no_form_has_more_groups_than_the_limit() {
        let pairs = |count: usize| (0..count).map(|id| (GROUPS.to_owned(), id.to_string())).collect::<Vec<_>>();
        assert_eq!(Sent::read(&pairs(GROUPS_MAX)).unwrap().groups.len(), GROUPS_MAX);
        assert_eq!(Sent::read(&pairs(GROUPS_MAX + 1)).unwrap_err().fields[0].field, GROUPS);
    }
}
