//! The XML inside packages as a tree, within bounds: no entities but XML's own, so many elements, so deep.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{Refusal, damaged};

/// How many elements may lie within one another; files in folders of a real package come to about 20.
pub(super) const MAX_DEPTH: usize = 64;

/// How many elements one document may hold.
pub(super) const MAX_ELEMENTS: usize = 200_000;

/// An element.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    /// Its own text, that of elements inside left out.
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// The elements of this name directly inside.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first element of this name directly inside.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first element of this name directly inside, trimmed; empty where there is none.
    pub(super) fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.trim())
    }

    /// The attribute of this name; empty where there is none.
    pub(super) fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// Every element of this name, however deep, this one included.
    pub(super) fn everywhere<'a>(&'a self, name: &str, found: &mut Vec<&'a Self>) {
        if self.name == name {
            found.push(self);
        }
        for child in &self.children {
            child.everywhere(name, found);
        }
    }
}

/// Reads a document; `what` names it where it is damaged.
pub(super) fn parse(bytes: &[u8], what: &str) -> Result<Element, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| damaged(what))?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut open: Vec<Element> = Vec::new();
    let mut elements = 0;
    loop {
        match reader.read_event().map_err(|_| damaged(what))? {
            Event::Start(tag) => {
                elements += 1;
                if open.len() == MAX_DEPTH || elements > MAX_ELEMENTS {
                    return Err(Refusal(format!("The {what} holds far more than any real one does.")));
                }
                open.push(element(&tag).ok_or_else(|| damaged(what))?);
            }
            Event::Empty(tag) => {
                elements += 1;
                let (Some(parent), true) = (open.last_mut(), elements <= MAX_ELEMENTS) else { return Err(damaged(what)) };
                parent.children.push(element(&tag).ok_or_else(|| damaged(what))?);
            }
            Event::End(_) => {
                let Some(done) = open.pop() else { return Err(damaged(what)) };
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return Ok(done),
                }
            }
            Event::Text(text) => {
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let letter = match reference.as_ref() {
                    "lt" => '<',
                    "gt" => '>',
                    "amp" => '&',
                    "quot" => '"',
                    "apos" => '\'',
                    _ => reference.resolve_char_ref().ok().flatten().ok_or_else(|| damaged(what))?,
                };
                if let Some(parent) = open.last_mut() {
                    parent.text.push(letter);
                }
            }
            Event::DocType(kind) if kind.contains('[') => return Err(damaged(what)),
            // Scripts of an installer stand in CDATA; nothing that is read here does.
            Event::CData(_) | Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::DocType(_) => {}
            Event::Eof => return Err(damaged(what)),
        }
    }
}

fn element(tag: &BytesStart<'_>) -> Option<Element> {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.ok()?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned();
        attributes.push((attribute.key.as_ref().to_owned(), value));
    }
    Some(Element { name: tag.name().as_ref().to_owned(), attributes, ..Element::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_attributes_and_text_are_found_and_nothing_unfolds() {
        let root =
            parse(b"<?xml version='1.0'?><a x='1 &amp; 2'><b> t&lt;<c/> </b><b/><script><![CDATA[<z>]]></script></a>", "list").unwrap();
        assert_eq!((root.attribute("x"), root.text_of("b"), root.all("b").count()), ("1 & 2", "t<", 2));
        let mut found = Vec::new();
        root.everywhere("c", &mut found);
        assert_eq!(found.len(), 1);
        for broken in ["", "<a>", "<a></b>", "<a>&x;</a>", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "text"] {
            assert!(parse(broken.as_bytes(), "list").is_err(), "{broken}");
        }
    }

    #[test]
    fn depth_and_number_have_their_limits() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes(), "list").is_ok());
        assert!(parse(nested(MAX_DEPTH + 1).as_bytes(), "list").is_err());
        let many = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count));
        assert!(parse(many(MAX_ELEMENTS - 1).as_bytes(), "list").is_ok());
        assert!(parse(many(MAX_ELEMENTS).as_bytes(), "list").is_err());
    }
}
