//! What an app's maker says of its configuration: the AppConfig Community's specification file (`appconfig.xml`), read and held against values.
//!
//! Its root `managedAppConfiguration` has `version`, `bundleId`, `dict` with an element for each key, named by its kind, and `presentation`, which
//! says how a person is asked for them. Source: <https://www.appconfig.org>, its XML schema.

mod check;
mod read;
#[cfg(test)]
pub(crate) mod tests;

use serde::Serialize;
use utoipa::ToSchema;

pub use check::texts_of;
pub use read::read;

/// The largest file that is read, in bytes; one with a hundred keys in one language has about 60,000.
pub const MAX_BYTES: usize = 1 << 20;

/// The most keys of one file.
pub const MAX_FIELDS: usize = 1_000;

/// The most choices that one key may have.
pub const MAX_CHOICES: usize = 500;

/// How many elements may lie within one another; the format has seven.
pub const MAX_DEPTH: usize = 16;

/// How many elements one file may hold.
pub const MAX_ELEMENTS: usize = 50_000;

/// The longest key, in characters.
pub const MAX_KEY_CHARS: usize = 200;

/// How much of a label or a description is kept, in characters.
pub const MAX_TEXT_CHARS: usize = 2_000;

/// The longest pattern that values are held against, in characters.
pub const MAX_PATTERN_CHARS: usize = 1_000;

/// Why a file is not one that a form can be made from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// There are no bytes.
    #[error("The file is empty. Choose the app's specification file (appconfig.xml) again.")]
    Empty,
    /// Over [`MAX_BYTES`].
    #[error("The file is larger than {} KB, which no specification file is. Choose the app's appconfig.xml itself.", MAX_BYTES >> 10)]
    TooLarge,
    /// No XML, or broken.
    #[error("This is no XML, or it is broken. Take the app's specification file (appconfig.xml) from its maker again.")]
    NotXml,
    /// Bytes that are no UTF-8.
    #[error("The file is not written in UTF-8. Save it as UTF-8 and choose it again.")]
    NotUtf8,
    /// It declares entities, or uses others than XML's own.
    #[error("The file declares or uses entities of its own, which are not unfolded. Write their text instead.")]
    Entities,
    /// Over [`MAX_DEPTH`], [`MAX_ELEMENTS`] or the attributes that an element may have.
    #[error("The file holds far more than any specification file does.")]
    TooMuch,
    /// Another root.
    #[error("This is another kind of file: it begins with <{0}>, and the specification file of an app with <managedAppConfiguration>.")]
    WrongRoot(String),
    /// An element without which it says nothing is missing or empty.
    #[error("The file has no <{0}>, which every specification file has. Take it from the app's maker again.")]
    Missing(&'static str),
    /// A key without a name.
    #[error("A <{0}> in this file has no keyName. Take the file from the app's maker again.")]
    Unnamed(String),
    /// Over [`MAX_KEY_CHARS`].
    #[error("A keyName in this file is longer than {MAX_KEY_CHARS} characters, which no app's is.")]
    LongKey,
    /// Two elements for one key.
    #[error("The key “{0}” is there twice, so that it is not clear what it may be. Ask the app's maker for a file where it is there once.")]
    Twice(String),
    /// Over [`MAX_FIELDS`].
    #[error("The file has more than {MAX_FIELDS} keys, which is the most that a form can show.")]
    TooManyFields,
    /// Over [`MAX_CHOICES`].
    #[error("The key “{0}” has more than {MAX_CHOICES} choices, which is the most that a form can show.")]
    TooManyChoices(String),
}

impl From<SchemaError> for crate::error::Error {
    fn from(error: SchemaError) -> Self {
        match error {
            SchemaError::TooLarge => Self::new(crate::error::Kind::TooLarge, error.to_string()),
            other => Self::field("file", other.to_string()),
        }
    }
}

/// What an app's maker says of its configuration.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ConfigurationSchema)]
pub struct Schema {
    /// The maker's number of it, as it is written; may be empty.
    pub version: String,
    /// The app that it is for.
    pub bundle_id: String,
    /// The keys, in the order and the groups in which a person is asked.
    pub groups: Vec<Group>,
    /// Keys of kinds that are not known here: they are left out of the form, and can be set as a property list.
    pub unread: Vec<String>,
    /// Keys whose pattern cannot be used here: what is typed for them is not held against it.
    pub unheld: Vec<String>,
}

impl Schema {
    /// Whether it is for the app of this bundle identifier.
    pub fn is_for(&self, bundle_id: &str) -> bool {
        self.bundle_id.eq_ignore_ascii_case(bundle_id)
    }

    /// Every key, in the order of the form.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.groups.iter().flat_map(|group| &group.fields)
    }
}

/// Keys that belong together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = ConfigurationGroup)]
pub struct Group {
    /// What they are called; empty for keys in no group.
    pub name: String,
    /// The keys.
    pub fields: Vec<Field>,
}

/// What kind of value a key has, or each item of its list; in the words of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ConfigurationKind)]
pub enum Kind {
    /// Text; the only kind that variables can stand in.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// A moment.
    Date,
    /// Yes or no.
    Boolean,
}

/// A key of an app's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ConfigurationField)]
pub struct Field {
    /// The key.
    pub key: String,
    /// What kind of value it has.
    pub kind: Kind,
    /// Whether it has a list of them.
    pub is_list: bool,
    /// Whether the maker says that it must not be empty (`nullable="false"`).
    pub is_required: bool,
    /// Whether the maker would not show it to people.
    pub is_hidden: bool,
    /// What it is called; the key where the maker gives no label.
    pub label: String,
    /// What it is for; may be empty.
    pub description: String,
    /// The only values that it may have; empty for any.
    pub choices: Vec<Choice>,
    /// What the maker suggests, as one types it: one text, of a list one for each item. Variables of the file are written as ours.
    pub suggested: Vec<String>,
    /// The least: of a number itself, of a text its characters, of a list its items, of a moment its seconds since 1970.
    pub min: Option<f64>,
    /// The most, counted as the least is.
    pub max: Option<f64>,
    /// A regular expression that a text must match as a whole; empty for none. One that cannot be read here is left out.
    pub pattern: String,
}

/// One of the values that a key may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ConfigurationChoice)]
pub struct Choice {
    /// The value, as one types it.
    pub value: String,
    /// What it is called.
    pub label: String,
}
