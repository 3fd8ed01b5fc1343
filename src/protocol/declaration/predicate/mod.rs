//! The predicates of activations: the part of Apple's predicate language that declarations have, read into a tree.
//!
//! Comparisons of `@status(…)`, `@property(…)`, literals, lists and `SUBQUERY(…)`, joined by AND, OR and NOT (Apple, "Integrating declarative
//! management"; the words are those of NSPredicate's format strings).

mod reader;

use serde_json::Value as Json;

/// How deep parentheses, lists and subqueries may lie within one another.
pub const DEPTH_MAX: usize = 32;

/// A predicate.
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    /// `TRUEPREDICATE`, `FALSEPREDICATE`.
    Always(bool),
    /// `NOT …`.
    Not(Box<Predicate>),
    /// `… AND …`.
    All(Vec<Predicate>),
    /// `… OR …`.
    Any(Vec<Predicate>),
    /// `left == right` and its like.
    Compare(Box<Comparison>),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Which parts of a list on the left must fit.
    pub parts: Parts,
    /// The left side.
    pub left: Expression,
    /// How both are compared.
    pub operator: Operator,
    /// `[c]`: capital and small letters are the same.
    pub ignores_case: bool,
    /// The right side.
    pub right: Expression,
}

/// Which parts of a list on the left must fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// The left side is compared as it is.
    Whole,
    /// `ANY` or `SOME`.
    Any,
    /// `ALL`.
    All,
    /// `NONE`.
    None,
}

/// How two sides are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `==`, `=`.
    Equal,
    /// `!=`, `<>`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`, `=<`.
    AtMost,
    /// `>`.
    Greater,
    /// `>=`, `=>`.
    AtLeast,
    /// `BETWEEN { low, high }`, both included.
    Between,
    /// The right side is one of the left list, or a part of the left text.
    Contains,
    /// The left side is one of the right list, or a part of the right text.
    In,
    /// A text begins with another.
    BeginsWith,
    /// A text ends with another.
    EndsWith,
    /// `*` stands for any letters, `?` for one.
    Like,
    /// A regular expression fits the whole text.
    Matches,
}

/// A side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// A text, a number, a truth, or null.
    Literal(Json),
    /// `{1, 2}`.
    List(Vec<Expression>),
    /// `@status(device.model.family)`.
    Status(String),
    /// `@property(shard)`.
    Property(String),
    /// `$a` of a subquery.
    Variable(String),
    /// `….@key(identifier)`: of an object, or of each object of a list.
    Key(Box<Expression>, String),
    /// `….@count`.
    Count(Box<Expression>),
    /// `SUBQUERY(list, $a, predicate)`: the parts of a list that fit.
    Subquery {
        /// The list.
        of: Box<Expression>,
        /// What each part is called, without the `$`.
        variable: String,
        /// What it must fit.
        predicate: Box<Predicate>,
    },
}

/// A text that is no predicate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot be read at character {at}, {}: {wanted} belongs there", .rest.as_deref().map_or_else(|| String::from("its end"), |rest| format!("“{rest}”")))]
pub struct Unreadable {
    /// The character where it goes wrong, counted from 1.
    pub at: usize,
    /// What stands there; none at the end of the text.
    pub rest: Option<String>,
    /// What would have to stand there.
    pub wanted: &'static str,
}

/// Reads a predicate.
///
/// # Errors
/// Tells the place, and what belongs there.
pub fn parse(text: &str) -> Result<Predicate, Unreadable> {
    reader::read(text)
}

#[cfg(test)]
mod tests;
