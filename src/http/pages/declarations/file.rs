//! Files that devices are to have by a declaration: the form of a new one, the form of another one, and what a declaration's page shows of it.

use maud::{Markup, html};

use super::error_of;
use crate::http::pages::parts::{
    Button, Fact, Frame, Icon, Section, Shell, count, facts, field, frame, section_with, select, time_ago, upload_up_to,
};
use crate::language::say;
use crate::mdm::declarations::library::DATA_MAX_BYTES;
use crate::store::asset_data::AssetData;

/// What was typed into a form.
#[derive(Debug, Clone, Default)]
pub struct FileForm {
    /// Our id of the declaration, and its name; none for a new one.
    pub of: Option<(String, String)>,
    /// What people are to call it.
    pub name: String,
    /// Identifier.
    pub identifier: String,
    /// Type.
    pub declaration_type: String,
    /// Media type.
    pub content_type: String,
    /// What is wrong: field and message.
    pub errors: Vec<(String, String)>,
}

/// The types, as people choose them.
const KINDS: [(&str, &str); 6] = [
    ("com.apple.asset.data", msg!("A file")),
    ("com.apple.asset.credential.certificate", msg!("A certificate")),
    ("com.apple.asset.credential.userpassword", msg!("User name and password (JSON)")),
    ("com.apple.asset.credential.identity", msg!("Certificate with its key (JSON)")),
    ("com.apple.asset.credential.scep", msg!("Certificate from a SCEP server (JSON)")),
    ("com.apple.asset.credential.acme", msg!("Certificate from an ACME server (JSON)")),
];

/// The page of a form.
pub fn form(shell: &Shell, view: &FileForm) -> Markup {
    let wrong = |name: &str| error_of(&view.errors, name);
    let (file, content_type) = (wrong("file"), wrong("content_type"));
    let own = view.of.as_ref().map(|(id, _)| format!("/declarations/{id}"));
    let back = own.as_deref().unwrap_or("/declarations");
    let (title, action) = match &own {
        Some(own) => (t!("Upload its file"), format!("{own}/file")),
        None => (t!("Upload a file for devices"), String::from("/declarations/new/file")),
    };
    let parent = view.of.as_ref().map_or(t!("Declarations"), |(_, name)| name);
    let page = Frame { back: Some((back, parent)), ..Frame::new(Section::Profiles, title) };
    let content = upload_up_to(
        &action,
        DATA_MAX_BYTES,
        html! {
            p { (t!("Devices fetch the file here once a declaration for them names it. A new file reaches all that have the one before.")) }
            (field("file", t!("File")).kind("file").error(file.as_deref()))
            @if view.of.is_none() { (about(view)) }
            (field("content_type", t!("Media type")).optional().mono().value(&view.content_type).error(content_type.as_deref())
                .example("application/zip").help(t!("What the file is. Without one, what the browser says of it.")))
            div.form-foot { (Button::submit(t!("Check and keep")).main()) (Button::link(back, t!("Cancel"))) }
        },
    );
    frame(shell, &page, content)
}

fn about(view: &FileForm) -> Markup {
    let wrong = |name: &str| error_of(&view.errors, name);
    let (name, identifier, kind) = (wrong("name"), wrong("identifier"), wrong("type"));
    let kinds = KINDS.map(|(value, words)| (value.to_owned(), say(words).to_owned()));
    html! {
        (select("type", t!("What it is"), &kinds, &view.declaration_type, "", kind.as_deref()))
        (field("identifier", t!("Identifier")).mono().value(&view.identifier).error(identifier.as_deref()).example("school.example.printers")
            .help(t!("What other declarations name it by; it stays for good.")))
        (field("name", t!("Name")).optional().value(&view.name).error(name.as_deref()).help(t!("What people call it. Without one, its Identifier.")))
    }
}

/// What the page of a declaration shows of its file.
pub fn part(shell: &Shell, id: &str, data: Option<&AssetData>, may_change: bool) -> Markup {
    let own = format!("/declarations/{id}/file");
    let words = if data.is_some() { t!("Upload another file") } else { t!("Upload its file") };
    let change = html! { @if may_change { (Button::link(own.clone(), words).icon(Icon::Upload)) } };
    let content = if let Some(data) = data {
        let mut list = vec![
            Fact::text(t!("File"), if data.file_name.is_empty() { t!("without a name") } else { &data.file_name }),
            Fact::code(t!("Media type"), &data.content_type),
            Fact::text(t!("Size"), &count(data.size_bytes.unsigned_abs(), t!("byte"), t!("bytes"))),
            Fact::code("SHA-256", &data.sha256),
            Fact::new(t!("Uploaded"), time_ago(data.changed_at, shell.now)),
        ];
        if may_change {
            list.push(Fact::new(t!("Content"), html! { a href=(format!("{own}/content")) { (t!("Take it as a file")) } }));
        }
        facts(&list)
    } else {
        html! { p.quiet { (t!("No file is kept here.")) } }
    };
    section_with(t!("Its file"), change, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::protocol::declaration::ASSET_TYPES;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    #[test]
    fn every_type_whose_data_is_fetched_can_be_chosen() {
        let chosen: Vec<_> = KINDS.iter().map(|(value, _)| value.trim_start_matches("com.apple.")).collect();
        let mut known: Vec<_> = ASSET_TYPES.iter().map(|known| known.name).collect();
        known.sort_by_key(|name| chosen.iter().position(|chosen| chosen == name));
        assert_eq!(chosen, known);
    }

    #[test]
    fn what_was_typed_and_what_is_wrong_stand_in_the_form() {
        let errors = vec![(String::from("identifier"), String::from("Is taken <already>."))];
        let view = FileForm { identifier: "school.example.<x>".into(), content_type: "text/plain".into(), errors, ..FileForm::default() };
        let html = form(&Shell::for_tests(Section::Profiles, NOW), &view).into_string();
        for words in ["Is taken &lt;already&gt;.", "school.example.&lt;x&gt;", "value=\"text/plain\"", "/declarations/new/file"] {
            assert!(html.contains(words), "{words}: {html}");
        }
        let view = FileForm { of: Some(("1".into(), "Printers".into())), ..FileForm::default() };
        let html = form(&Shell::for_tests(Section::Profiles, NOW), &view).into_string();
        assert!(html.contains("/declarations/1/file") && !html.contains("name=\"identifier\""), "{html}");
    }

    #[test]
    fn a_file_is_told_by_name_type_and_size_and_taken_only_by_those_who_may() {
        let data = AssetData {
            declaration_id: "1".into(),
            content_type: "application/zip".into(),
            file_name: "a <b>.zip".into(),
            size_bytes: 2048,
            sha256: "00ff".into(),
            changed_at: NOW,
        };
        let shell = Shell::for_tests(Section::Profiles, NOW);
        let html = part(&shell, "1", Some(&data), true).into_string();
        for words in ["a &lt;b&gt;.zip", "application/zip", "00ff", "/declarations/1/file/content", "Upload another file"] {
            assert!(html.contains(words), "{words}: {html}");
        }
        let html = part(&shell, "1", Some(&data), false).into_string();
        assert!(!html.contains("href"), "{html}");
        assert!(part(&shell, "1", None, false).into_string().contains("No file is kept here"));
    }
}
