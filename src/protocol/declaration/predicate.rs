//! The predicates of activations: the part of Apple's predicate language that declarations have, read into a tree.
//!
//! Comparisons of `@status(…)`, `@property(…)`, literals, lists and `SUBQUERY(…)`, joined by AND, OR and NOT (Apple, "Integrating declarative
//! management"; the words are those of NSPredicate's format strings).

use serde_json::Value as Json;

/// How deep parentheses, lists and subqueries may lie within one another.
pub const DEPTH_MAX: usize = 32;

/// Characters of the text at which reading ended that are told.
const TOLD_CHARS: usize = 40;

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

const COMPARISON: &str = "a comparison such as == or IN";
const VALUE: &str = "@status(…), @property(…), a text in quotes, a number, TRUE or a list in {}";

/// Reads a predicate.
///
/// # Errors
/// Tells the place, and what belongs there.
pub fn parse(text: &str) -> Result<Predicate, Unreadable> {
    let mut reader = Reader { text, rest: text, depth: 0, variables: Vec::new() };
    let read = reader.any_of()?;
    let predicate = reader.predicate(read)?;
    if reader.rest.trim_start().is_empty() { Ok(predicate) } else { Err(reader.lacks("AND, OR or the end")) }
}

/// Reads from left to right.
struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    depth: usize,
    variables: Vec<String>,
}

/// What stands in parentheses shows only at its end whether it is one or the other.
enum Read {
    Predicate(Predicate),
    Expression(Expression),
}

type Outcome<T> = Result<T, Unreadable>;

impl<'a> Reader<'a> {
    fn lacks(&self, wanted: &'static str) -> Unreadable {
        let rest = self.rest.trim_start();
        let at = self.text[..self.text.len() - rest.len()].chars().count() + 1;
        Unreadable { at, rest: (!rest.is_empty()).then(|| rest.chars().take(TOLD_CHARS).collect()), wanted }
    }

    /// Takes `word` if it comes next; words of letters must end there.
    fn takes(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start();
        let Some(head) = rest.get(..word.len()) else { return false };
        let ends = !word.ends_with(|last: char| last.is_ascii_alphabetic())
            || !rest[word.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_');
        let taken = head.eq_ignore_ascii_case(word) && ends;
        if taken {
            self.rest = &rest[word.len()..];
        }
        taken
    }

    fn wants(&mut self, word: &str, wanted: &'static str) -> Outcome<()> {
        if self.takes(word) { Ok(()) } else { Err(self.lacks(wanted)) }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.lacks("something less deep"));
        }
        let found = read(self);
        self.depth -= 1;
        found
    }

    fn predicate(&self, read: Read) -> Outcome<Predicate> {
        match read {
            Read::Predicate(predicate) => Ok(predicate),
            Read::Expression(_) => Err(self.lacks(COMPARISON)),
        }
    }

    fn any_of(&mut self) -> Outcome<Read> {
        self.joined(["OR", "||"], Predicate::Any, |reader| reader.joined(["AND", "&&"], Predicate::All, Self::one))
    }

    fn joined(
        &mut self,
        words: [&str; 2],
        join: fn(Vec<Predicate>) -> Predicate,
        part: impl Fn(&mut Self) -> Outcome<Read>,
    ) -> Outcome<Read> {
        let first = part(self)?;
        if !words.iter().any(|word| self.takes(word)) {
            return Ok(first);
        }
        let mut parts = vec![self.predicate(first)?];
        loop {
            let next = part(self)?;
            parts.push(self.predicate(next)?);
            if !words.iter().any(|word| self.takes(word)) {
                return Ok(Read::Predicate(join(parts)));
            }
        }
    }

    fn one(&mut self) -> Outcome<Read> {
        let is_not = !self.rest.trim_start().starts_with("!=") && (self.takes("NOT") || self.takes("!"));
        if is_not {
            let inner = self.deeper(Self::one)?;
            return Ok(Read::Predicate(Predicate::Not(Box::new(self.predicate(inner)?))));
        }
        for (word, always) in [("TRUEPREDICATE", true), ("FALSEPREDICATE", false)] {
            if self.takes(word) {
                return Ok(Read::Predicate(Predicate::Always(always)));
            }
        }
        let quantities = [("ANY", Parts::Any), ("SOME", Parts::Any), ("ALL", Parts::All), ("NONE", Parts::None)];
        if let Some((_, parts)) = quantities.into_iter().find(|(word, _)| self.takes(word)) {
            let left = self.deeper(Self::value)?;
            return match self.comparison(parts, left)? {
                Read::Expression(_) => Err(self.lacks(COMPARISON)),
                read => Ok(read),
            };
        }
        match self.operand()? {
            Read::Expression(left) => self.comparison(Parts::Whole, left),
            read => Ok(read),
        }
    }

    /// Goes on from a left side; without a comparison it stays what it is.
    fn comparison(&mut self, parts: Parts, left: Expression) -> Outcome<Read> {
        let Some(operator) = self.operator() else { return Ok(Read::Expression(left)) };
        let ignores_case = self.options()?;
        let right = self.deeper(Self::value)?;
        let is_range = matches!(&right, Expression::List(ends) if ends.len() == 2);
        if operator == Operator::Between && !is_range {
            return Err(self.lacks("a list of two numbers, such as {1, 9}, after BETWEEN"));
        }
        Ok(Read::Predicate(Predicate::Compare(Box::new(Comparison { parts, left, operator, ignores_case, right }))))
    }

    fn operator(&mut self) -> Option<Operator> {
        const OPERATORS: [(&str, Operator); 18] = [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<>", Operator::NotEqual),
            ("<=", Operator::AtMost),
            ("=<", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("=>", Operator::AtLeast),
            ("<", Operator::Less),
            (">", Operator::Greater),
            ("=", Operator::Equal),
            ("BETWEEN", Operator::Between),
            ("CONTAINS", Operator::Contains),
            ("IN", Operator::In),
            ("BEGINSWITH", Operator::BeginsWith),
            ("ENDSWITH", Operator::EndsWith),
            ("LIKE", Operator::Like),
            ("MATCHES", Operator::Matches),
            ("EQUALS", Operator::Equal),
        ];
        OPERATORS.into_iter().find(|(word, _)| self.takes(word)).map(|(_, operator)| operator)
    }

    /// Reads `[c]`, `[d]`, `[cd]`; tells whether capital letters count.
    fn options(&mut self) -> Outcome<bool> {
        let rest = self.rest.trim_start();
        let Some(inside) = rest.strip_prefix('[') else { return Ok(false) };
        let letters =
            inside.split_once(']').filter(|(letters, _)| !letters.is_empty() && letters.chars().all(|letter| "cdnl".contains(letter)));
        let Some((letters, after)) = letters else { return Err(self.lacks("[c], [d] or [cd]")) };
        self.rest = after;
        Ok(letters.contains('c'))
    }

    /// A predicate in parentheses, or a value.
    fn operand(&mut self) -> Outcome<Read> {
        if !self.takes("(") {
            return self.value().map(Read::Expression);
        }
        let inner = self.deeper(Self::any_of)?;
        self.wants(")", "a closing parenthesis")?;
        Ok(match inner {
            Read::Expression(value) => Read::Expression(self.parts_of(value)?),
            predicate => predicate,
        })
    }

    fn value(&mut self) -> Outcome<Expression> {
        if self.takes("(") {
            let inner = self.deeper(Self::value)?;
            self.wants(")", "a closing parenthesis")?;
            return self.parts_of(inner);
        }
        let first = self.first_value()?;
        self.parts_of(first)
    }

    fn first_value(&mut self) -> Outcome<Expression> {
        if self.takes("@status") {
            return self.named().map(Expression::Status);
        }
        if self.takes("@property") {
            return self.named().map(Expression::Property);
        }
        if self.takes("SUBQUERY") {
            return self.deeper(Self::subquery);
        }
        for (word, value) in [("TRUE", true), ("YES", true), ("FALSE", false), ("NO", false)] {
            if self.takes(word) {
                return Ok(Expression::Literal(Json::Bool(value)));
            }
        }
        if self.takes("NULL") || self.takes("NIL") {
            return Ok(Expression::Literal(Json::Null));
        }
        if self.takes("{") {
            return self.deeper(Self::list);
        }
        match self.rest.trim_start().chars().next() {
            Some('$') => {
                let name = self.variable()?;
                if self.variables.contains(&name) {
                    Ok(Expression::Variable(name))
                } else {
                    Err(self.lacks("a SUBQUERY round its variable"))
                }
            }
            Some(quote @ ('\'' | '"')) => self.quoted(quote).map(|text| Expression::Literal(Json::from(text))),
            _ => self.number(),
        }
    }

    /// `.@key(…)` and `.@count` after a value.
    fn parts_of(&mut self, mut value: Expression) -> Outcome<Expression> {
        let mut steps = 0;
        while self.takes(".") {
            steps += 1;
            if steps > DEPTH_MAX {
                return Err(self.lacks("something less deep"));
            }
            if self.takes("@count") {
                value = Expression::Count(Box::new(value));
            } else if self.takes("@key") {
                value = Expression::Key(Box::new(value), self.named()?);
            } else {
                return Err(self.lacks("@key(…) or @count"));
            }
        }
        Ok(value)
    }

    /// A name in parentheses.
    fn named(&mut self) -> Outcome<String> {
        self.wants("(", "a name in parentheses")?;
        let is_name =
            |name: &&str| !name.is_empty() && !name.contains(|letter: char| letter.is_whitespace() || "('\"{},$@".contains(letter));
        let Some((name, after)) = self.rest.split_once(')').filter(|(name, _)| is_name(&name.trim())) else {
            return Err(self.lacks("a name such as device.model.family and a closing parenthesis"));
        };
        self.rest = after;
        Ok(name.trim().to_owned())
    }

    fn variable(&mut self) -> Outcome<String> {
        let rest: &'a str = self.rest.trim_start();
        let name = rest.strip_prefix('$').unwrap_or_default();
        let end = name.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(name.len());
        if end == 0 {
            return Err(self.lacks("a variable such as $item"));
        }
        self.rest = &name[end..];
        Ok(name[..end].to_owned())
    }

    fn subquery(&mut self) -> Outcome<Expression> {
        self.wants("(", "an opening parenthesis")?;
        let of = Box::new(self.value()?);
        self.wants(",", "a comma")?;
        let variable = self.variable()?;
        self.wants(",", "a comma")?;
        self.variables.push(variable.clone());
        let inner = self.any_of()?;
        let predicate = Box::new(self.predicate(inner)?);
        self.variables.pop();
        self.wants(")", "a closing parenthesis")?;
        Ok(Expression::Subquery { of, variable, predicate })
    }

    fn list(&mut self) -> Outcome<Expression> {
        let mut items = Vec::new();
        while !self.takes("}") {
            items.push(self.value()?);
            if !self.takes(",") && !self.rest.trim_start().starts_with('}') {
                return Err(self.lacks("a comma or a closing brace"));
            }
        }
        Ok(Expression::List(items))
    }

    /// A text in quotes; a backslash takes the next character as it is.
    fn quoted(&mut self, quote: char) -> Outcome<String> {
        let rest: &'a str = self.rest.trim_start();
        let (mut text, mut is_escaped) = (String::new(), false);
        for (at, letter) in rest.char_indices().skip(1) {
            match letter {
                'n' if is_escaped => text.push('\n'),
                't' if is_escaped => text.push('\t'),
                // In a regular expression the backslash is the expression's own.
                _ if is_escaped && letter != quote && letter != '\\' => text.extend(['\\', letter]),
                _ if is_escaped => text.push(letter),
                '\\' => {
                    is_escaped = true;
                    continue;
                }
                _ if letter == quote => {
                    self.rest = &rest[at + 1..];
                    return Ok(text);
                }
                _ => text.push(letter),
            }
            is_escaped = false;
        }
        Err(self.lacks("a text with a closing quote"))
    }

    fn number(&mut self) -> Outcome<Expression> {
        let rest: &'a str = self.rest.trim_start();
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && !"+-.".contains(letter)).unwrap_or(rest.len());
        let is_number = rest.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
        let number = rest[..end].parse::<f64>().ok().filter(|number| is_number && number.is_finite());
        let Some(number) = number else { return Err(self.lacks(VALUE)) };
        self.rest = &rest[end..];
        Ok(Expression::Literal(Json::from(number)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Apple, other servers and ddm.md write them.
    const GOOD: [&str; 14] = [
        "TRUEPREDICATE",
        "@status(device.model.family) == 'iPad'",
        "@status(device.operating-system.version) >= '18.2'",
        "(@status(passcode.is-present) == TRUE)",
        "@property(shard) <= 75",
        "SUBQUERY(@status(app.managed.list), $a, ($a.@key(identifier) == 'org.example.x') AND ($a.@key(state) == 'managed')).@count != 0",
        "(@property(shard) BETWEEN {1, 75}) AND NOT (@status(device.model.family) IN {'Mac', \"iPhone\"})",
        "ANY @status(app.managed.list).@key(identifier) BEGINSWITH[cd] 'org.example.'",
        "ALL {1, 2} > 0 || NONE {} == 1 && !FALSEPREDICATE",
        "@status(device.model.identifier) MATCHES 'iPad1[34],\\d+'",
        "@status(device.model.marketing-name) LIKE '*mini*' or @status(device.model.marketing-name) CONTAINS 'Pro'",
        "((@status(device.model.family))) != NULL",
        "NOT @property(room) == 'it\\'s'",
        "(@property(a) = 1 OR @property(b) =< -2.5) AND @property(c) <> 1",
    ];

    #[test]
    fn what_servers_write_is_read() {
        for text in GOOD {
            parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        let Predicate::Any(parts) = parse("@property(a) == 1 OR @property(b) == 2 AND @property(c) == 3").unwrap() else { panic!() };
        assert!(matches!(&parts[1], Predicate::All(both) if both.len() == 2), "AND binds closer than OR: {parts:?}");
        let Predicate::Compare(quote) = parse("@property(a) == 'it\\'s \\d'").unwrap() else { panic!() };
        assert_eq!(quote.right, Expression::Literal(Json::from("it's \\d")));
    }

    #[test]
    fn what_is_no_predicate_is_told_with_its_place() {
        for (text, at, wanted) in [
            ("", 1, VALUE),
            ("@status(device.model.family)", 29, COMPARISON),
            ("@status(device.model.family) == ", 33, VALUE),
            ("@status(device.model.family) LIKES 'x'", 30, COMPARISON),
            ("@status() == 1", 9, "a name such as device.model.family and a closing parenthesis"),
            ("@status(a == 1", 9, "a name such as device.model.family and a closing parenthesis"),
            ("@property(ä) == 'open", 17, "a text with a closing quote"),
            ("TRUEPREDICATE TRUEPREDICATE", 15, "AND, OR or the end"),
            ("{1,", 4, VALUE),
            ("1 == 1)", 7, "AND, OR or the end"),
            ("(1 == 1", 8, "a closing parenthesis"),
            ("$a.@key(x) == 1", 3, "a SUBQUERY round its variable"),
            ("@property(a) BETWEEN 3", 23, "a list of two numbers, such as {1, 9}, after BETWEEN"),
            ("1 == 1 AND 'x'", 15, COMPARISON),
            ("@property(a) ==[x] 1", 16, "[c], [d] or [cd]"),
            ("@property(a).length == 1", 14, "@key(…) or @count"),
            ("device.model.family == 'iPad'", 1, VALUE),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((error.at, error.wanted), (at, wanted), "{text}: {error}");
        }
        let told = parse("@property(a) === 1").unwrap_err().to_string();
        assert!(told.starts_with("cannot be read at character 16, “= 1”: ") && told.ends_with(" belongs there"), "{told}");
    }

    #[test]
    fn depth_has_an_end() {
        let nested = |depth: usize| format!("{}1 == 1{}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(&nested(DEPTH_MAX - 1)).is_ok());
        for deep in [nested(DEPTH_MAX + 1), "(".repeat(100_000), "NOT ".repeat(100_000), "{".repeat(100_000), "SUBQUERY(".repeat(100_000)] {
            assert!(parse(&deep).is_err());
        }
        assert!(parse(&format!("@property(a){} == 1", ".@count".repeat(DEPTH_MAX + 1))).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,80}") {
            drop(parse(&text));
        }

        #[test]
        fn no_row_of_its_own_words_makes_the_reader_panic(words in prop::collection::vec(prop::sample::select(vec![
            "(", ")", "{", "}", ",", "AND", "OR", "NOT", "!", "==", "<", "IN", "BETWEEN", "ANY", "ALL", "MATCHES", "[c]", "[", "@status(", "@status(a.b)",
            "@property(x)", ".@key(k)", ".@count", "$a", "SUBQUERY(", "'x'", "'", "\"", "\\", "1", "-", "1e999", "TRUE", "NULL", "TRUEPREDICATE", "ä",
        ]), 0..40)) {
            if let Err(error) = parse(&words.join(" ")) {
                prop_assert!(error.at >= 1);
            }
        }

        #[test]
        fn a_predicate_that_is_cut_or_damaged_never_makes_it_panic(which in 0..GOOD.len(), at in any::<prop::sample::Index>(), with in any::<char>()) {
            let mut letters: Vec<char> = GOOD[which].chars().collect();
            let at = at.index(letters.len());
            letters[at] = with;
            drop(parse(&letters.iter().collect::<String>()));
            drop(parse(&letters[..at].iter().collect::<String>()));
        }
    }
}
