//! Small XML documents as a tree, within bounds: no entities but XML's own, so many elements, so deep.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// How many attributes one element may have; no document that is read here comes to ten.
pub(super) const MAX_ATTRIBUTES: usize = 64;

/// How much a document may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How many elements may lie within one another.
    pub(super) depth: usize,
    /// How many elements there may be.
    pub(super) elements: usize,
}

/// Why a document is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum XmlError {
    /// Its bytes are no UTF-8.
    NotUtf8,
    /// It declares entities, or uses others than XML's own.
    Entities,
    /// Over the [`Bounds`], or over [`MAX_ATTRIBUTES`].
    TooMuch,
    /// It does not hold together, or ends before its root does.
    Broken,
}

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

/// Reads a document up to the end of its root; what follows is not looked at.
pub(super) fn parse(bytes: &[u8], bounds: Bounds) -> Result<Element, XmlError> {
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut open: Vec<Element> = Vec::new();
    let mut elements = 0;
    loop {
        match reader.read_event().map_err(|_| XmlError::Broken)? {
            Event::Start(tag) => {
                elements += 1;
                if open.len() >= bounds.depth || elements > bounds.elements {
                    return Err(XmlError::TooMuch);
                }
                open.push(element(&tag)?);
            }
            Event::Empty(tag) => {
                elements += 1;
                if open.len() >= bounds.depth || elements > bounds.elements {
                    return Err(XmlError::TooMuch);
                }
                let whole = element(&tag)?;
                let Some(parent) = open.last_mut() else { return Ok(whole) };
                parent.children.push(whole);
            }
            Event::End(_) => {
                let Some(done) = open.pop() else { return Err(XmlError::Broken) };
                let Some(parent) = open.last_mut() else { return Ok(done) };
                parent.children.push(done);
            }
            Event::Text(text) => add(&mut open, &text),
            Event::CData(text) => add(&mut open, &text),
            Event::GeneralRef(reference) => {
                let letter = match reference.as_ref() {
                    "lt" => '<',
                    "gt" => '>',
                    "amp" => '&',
                    "quot" => '"',
                    "apos" => '\'',
                    _ => reference.resolve_char_ref().ok().flatten().ok_or(XmlError::Entities)?,
                };
                add(&mut open, letter.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(kind) if kind.contains('[') => return Err(XmlError::Entities),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::DocType(_) => {}
            Event::Eof => return Err(XmlError::Broken),
        }
    }
}

/// Adds text to the element that it stands in; outside of the root it is none of it.
fn add(open: &mut [Element], text: &str) {
    if let Some(parent) = open.last_mut() {
        parent.text.push_str(text);
    }
}

fn element(tag: &BytesStart<'_>) -> Result<Element, XmlError> {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        // Each is compared with those before it, so their number is bounded first.
        if attributes.len() == MAX_ATTRIBUTES {
            return Err(XmlError::TooMuch);
        }
        let attribute = attribute.map_err(|_| XmlError::Broken)?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| XmlError::Entities)?.into_owned();
        attributes.push((attribute.key.as_ref().to_owned(), value));
    }
    Ok(Element { name: tag.name().as_ref().to_owned(), attributes, ..Element::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { depth: 5, elements: 20 };

    #[test]
    fn elements_attributes_and_text_are_found_and_nothing_unfolds() {
        let root = parse(b"<?xml version='1.0'?><a x='1 &amp; 2'><b> t&lt;<c/> </b><b/><d><![CDATA[<z>]]></d></a>", BOUNDS).unwrap();
        assert_eq!((root.attribute("x"), root.text_of("b"), root.text_of("d"), root.all("b").count()), ("1 & 2", "t<", "<z>", 2));
        let mut found = Vec::new();
        root.everywhere("c", &mut found);
        assert_eq!(found.len(), 1);
        assert_eq!(parse(b"<a/>", BOUNDS).unwrap().name, "a");
        for broken in ["", "<a>", "<a></b>", "text", "<a x='1' x='2'/>", "</a>"] {
            assert_eq!(parse(broken.as_bytes(), BOUNDS).unwrap_err(), XmlError::Broken, "{broken}");
        }
        for entities in ["<a>&x;</a>", "<a b='&x;'/>", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"] {
            assert_eq!(parse(entities.as_bytes(), BOUNDS).unwrap_err(), XmlError::Entities, "{entities}");
        }
        assert_eq!(parse(b"<a>\xff</a>", BOUNDS).unwrap_err(), XmlError::NotUtf8);
    }

    #[test]
    fn depth_and_numbers_have_their_limits() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(parse(nested(BOUNDS.depth).as_bytes(), BOUNDS).is_ok());
        assert_eq!(parse(nested(BOUNDS.depth + 1).as_bytes(), BOUNDS).unwrap_err(), XmlError::TooMuch);
        let many = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count));
        assert!(parse(many(BOUNDS.elements - 1).as_bytes(), BOUNDS).is_ok());
        assert_eq!(parse(many(BOUNDS.elements).as_bytes(), BOUNDS).unwrap_err(), XmlError::TooMuch);
        let name = |n: usize| format!("a{n}='' ");
        let attributes = |count: usize| format!("<a {}/>", (0..count).map(name).collect::<String>());
        assert!(parse(attributes(MAX_ATTRIBUTES).as_bytes(), BOUNDS).is_ok());
        assert_eq!(parse(attributes(MAX_ATTRIBUTES + 1).as_bytes(), BOUNDS).unwrap_err(), XmlError::TooMuch);
    }
}
