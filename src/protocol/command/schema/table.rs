//! Reads the table of commands and their keys.

use std::sync::LazyLock;

/// One line of the table and what belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) required: bool,
    pub(super) allowed: Allowed,
    pub(super) children: Vec<Node>,
    pub(super) rules: Vec<Rule>,
}

/// Which values a key may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Allowed {
    Any,
    /// The names of DeviceInformation's queries.
    Query,
    OneOf(Vec<&'static str>),
    /// Of numbers.
    Within(i64, i64),
    /// Of text in characters, of data in bytes.
    Size(i64, i64),
}

/// What holds between keys of one dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) exactly: bool,
    pub(super) keys: Vec<&'static str>,
}

/// Every command of the table, in its order.
pub(super) static COMMANDS: LazyLock<Vec<Node>> = LazyLock::new(|| read_table(include_str!("table.txt")).unwrap_or_default());

/// Reads the table; none where a line is not written as its head says.
fn read_table(text: &'static str) -> Option<Vec<Node>> {
    let mut open: Vec<Node> = vec![Node::new("", "table")];
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words = line.trim_start();
        let depth = line.len() - words.len();
        if let Some(more) = words.strip_prefix("| ") {
            match &mut open.last_mut()?.allowed {
                Allowed::OneOf(values) => values.extend(more.split(" | ")),
                _ => return None,
            }
            continue;
        }
        while open.len() > depth + 1 {
            close(&mut open)?;
        }
        if let Some(rule) = words.strip_prefix('(') {
            open.last_mut()?.rules.push(read_rule(rule.strip_suffix(')')?)?);
        } else {
            open.push(if depth == 0 { Node::new(words, "dictionary") } else { read_node(words)? });
        }
    }
    while open.len() > 1 {
        close(&mut open)?;
    }
    open.pop().map(|table| table.children)
}

fn close(open: &mut Vec<Node>) -> Option<()> {
    let node = open.pop()?;
    open.last_mut()?.children.push(node);
    Some(())
}

fn read_rule(text: &'static str) -> Option<Rule> {
    let (how_many, keys) = text.split_once(": ")?;
    let exactly = match how_many {
        "exactly one" => true,
        "at least one" => false,
        _ => return None,
    };
    Some(Rule { exactly, keys: keys.split(' ').collect() })
}

fn read_node(words: &'static str) -> Option<Node> {
    let (name, rest) = words.split_once(' ')?;
    let (kind, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    if !["string", "https", "integer", "boolean", "data", "real", "date", "array", "dictionary", "any"].contains(&kind) {
        return None;
    }
    let allowed = match rest {
        "" => Allowed::Any,
        "= @query" => Allowed::Query,
        _ => match (rest.strip_prefix("= "), rest.strip_prefix("size ")) {
            (Some(values), _) => Allowed::OneOf(values.split(" | ").collect()),
            (_, Some(range)) => read_range(range).map(|(least, most)| Allowed::Size(least, most))?,
            _ => read_range(rest).map(|(least, most)| Allowed::Within(least, most))?,
        },
    };
    let required = name.ends_with('!');
    Some(Node { required, allowed, ..Node::new(name.trim_end_matches('!'), kind) })
}

fn read_range(text: &str) -> Option<(i64, i64)> {
    let (least, most) = text.split_once("..")?;
    let read = |text: &str, open: i64| if text.is_empty() { Some(open) } else { text.parse().ok() };
    Some((read(least, i64::MIN)?, read(most, i64::MAX)?))
}

impl Node {
    pub(super) fn allows_only(&self, value: &str) -> bool {
        matches!(&self.allowed, Allowed::OneOf(values) if *values == [value])
    }

    fn new(name: &'static str, kind: &'static str) -> Self {
        Self { name, kind, required: false, allowed: Allowed::Any, children: Vec::new(), rules: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_yaml_ng::Value as Yaml;

    use super::*;
    use crate::protocol::availability::{self, Request};

    /// Every key of a node by its path, with what the table says of it.
    fn flatten(node: &Node, path: &str, keys: &mut BTreeSet<String>) {
        for child in &node.children {
            let setting = child.children.iter().find(|inner| inner.name == "Item").and_then(|item| match &item.allowed {
                Allowed::OneOf(values) => values.first().copied(),
                _ => None,
            });
            let path = format!("{path}.{}", setting.unwrap_or(child.name));
            let kind = if child.kind == "https" { "string" } else { child.kind };
            keys.insert(format!("{path} {kind}{}", if child.required { " required" } else { "" }));
            flatten(child, &path, keys);
        }
    }

    fn flatten_yaml(parent: &Yaml, list: &str, path: &str, in_array: bool, keys: &mut BTreeSet<String>) {
        for child in parent.get(list).and_then(Yaml::as_sequence).into_iter().flatten() {
            let setting = path == "Settings.Settings";
            let name = if in_array && !setting { "*" } else { child["key"].as_str().unwrap() };
            let path = format!("{path}.{name}");
            let kind = child["type"].as_str().unwrap().trim_matches(['<', '>']);
            let required = child.get("presence").and_then(Yaml::as_str) == Some("required") && !in_array;
            keys.insert(format!("{path} {kind}{}", if required { " required" } else { "" }));
            if !path.starts_with("DeviceInformation.Queries.") {
                flatten_yaml(child, "subkeys", &path, kind == "array", keys);
            }
        }
    }

    #[test]
    fn the_table_has_the_keys_that_apples_schema_has() {
        let Some(shared) = crate::shared_for_tests() else { return };
        let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
        for command in COMMANDS.iter() {
            flatten(command, command.name, &mut ours);
        }
        for entry in std::fs::read_dir(shared.join("apple-schema-18.1/mdm/commands")).unwrap() {
            let schema: Yaml = serde_yaml_ng::from_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
            let command = schema["payload"]["requesttype"].as_str().unwrap();
            assert!(COMMANDS.iter().any(|known| known.name == command), "{command}");
            flatten_yaml(&schema, "payloadkeys", command, false, &mut theirs);
        }
        let added = [
            // Keys that OS 18.2, 18.4, 26 and 27 added.
            "EraseDevice.ReturnToService.BootstrapToken data",
            "EraseDevice.ReturnToService.ShouldRetryEnrollment boolean",
            "Settings.Settings.DefaultApplications dictionary",
            "Settings.Settings.DefaultApplications.Calling string",
            "Settings.Settings.DefaultApplications.Item string required",
            "Settings.Settings.DefaultApplications.Messaging string",
            "Settings.Settings.DefaultApplications.WebBrowser string",
            "Settings.Settings.MDMOptions.MDMOptions.IdleRebootAllowed boolean",
            "TriggerEnhancedLogCollection.AppleCareToken string required",
            // The schema says string here and integer everywhere else.
            "RemoveMedia.iTunesStoreID any",
        ];
        assert_eq!(ours.difference(&theirs).map(String::as_str).collect::<Vec<_>>(), {
            let mut added = added.to_vec();
            added.sort_unstable();
            added
        });
        assert_eq!(theirs.difference(&ours).collect::<Vec<_>>(), ["RemoveMedia.iTunesStoreID string"]);
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        assert!(COMMANDS.len() > 60, "{}", COMMANDS.len());
        assert!(read_table("Command\n Key nonsense\n").is_none());
        assert!(read_table("Command\n (some: A)\n").is_none());
    }

    #[test]
    fn availability_and_keys_know_the_same_commands() {
        let available = |name: &&str| availability::find(Request::Command(name)).is_some();
        assert_eq!(COMMANDS.iter().map(|command| command.name).filter(|name| !available(name)).collect::<Vec<_>>(), Vec::<&str>::new());
        let settings = &COMMANDS.iter().find(|command| command.name == "Settings").unwrap().children[0].children;
        for setting in settings {
            let Allowed::OneOf(item) = &setting.children[0].allowed else { panic!("an Item") };
            assert!(availability::find(Request::Setting(item[0])).is_some(), "{item:?}");
        }
    }
}
