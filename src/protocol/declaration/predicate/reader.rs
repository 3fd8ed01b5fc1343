//! Reads predicates from left to right.

use crate::language::say;
use serde_json::Value as Json;

use super::{Comparison, DEPTH_MAX, Expression, Operator, Parts, Predicate, Unreadable};

/// Characters of the text at which reading ended that are told.
const TOLD_CHARS: usize = 40;

pub(super) const COMPARISON: &str = msg!("a comparison such as == or IN");
pub(super) const VALUE: &str = msg!("@status(…), @property(…), a text in quotes, a number, TRUE or a list in {}");

/// Reads a whole text.
pub(super) fn read(text: &str) -> Result<Predicate, Unreadable> {
    let mut reader = Reader { text, rest: text, depth: 0, variables: Vec::new() };
    let read = reader.any_of()?;
    let predicate = reader.predicate(read)?;
    if reader.rest.trim_start().is_empty() { Ok(predicate) } else { Err(reader.lacks(t!("AND, OR or the end"))) }
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
            return Err(self.lacks(t!("something less deep")));
        }
        let found = read(self);
        self.depth -= 1;
        found
    }

    fn predicate(&self, read: Read) -> Outcome<Predicate> {
        match read {
            Read::Predicate(predicate) => Ok(predicate),
            Read::Expression(_) => Err(self.lacks(say(COMPARISON))),
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
                Read::Expression(_) => Err(self.lacks(say(COMPARISON))),
                read @ Read::Predicate(_) => Ok(read),
            };
        }
        match self.operand()? {
            Read::Expression(left) => self.comparison(Parts::Whole, left),
            read @ Read::Predicate(_) => Ok(read),
        }
    }

    /// Goes on from a left side; without a comparison it stays what it is.
    fn comparison(&mut self, parts: Parts, left: Expression) -> Outcome<Read> {
        let Some(operator) = self.operator() else { return Ok(Read::Expression(left)) };
        let ignores_case = self.options()?;
        let right = self.deeper(Self::value)?;
        let is_range = matches!(&right, Expression::List(ends) if ends.len() == 2);
        if operator == Operator::Between && !is_range {
            return Err(self.lacks(t!("a list of two numbers, such as {1, 9}, after BETWEEN")));
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
        self.wants(")", t!("a closing parenthesis"))?;
        Ok(match inner {
            Read::Expression(value) => Read::Expression(self.parts_of(value)?),
            predicate @ Read::Predicate(_) => predicate,
        })
    }

    fn value(&mut self) -> Outcome<Expression> {
        if self.takes("(") {
            let inner = self.deeper(Self::value)?;
            self.wants(")", t!("a closing parenthesis"))?;
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
                    Err(self.lacks(t!("a SUBQUERY round its variable")))
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
                return Err(self.lacks(t!("something less deep")));
            }
            if self.takes("@count") {
                value = Expression::Count(Box::new(value));
            } else if self.takes("@key") {
                value = Expression::Key(Box::new(value), self.named()?);
            } else {
                return Err(self.lacks(t!("@key(…) or @count")));
            }
        }
        Ok(value)
    }

    /// A name in parentheses.
    fn named(&mut self) -> Outcome<String> {
        self.wants("(", t!("a name in parentheses"))?;
        let is_name =
            |name: &&str| !name.is_empty() && !name.contains(|letter: char| letter.is_whitespace() || "('\"{},$@".contains(letter));
        let Some((name, after)) = self.rest.split_once(')').filter(|(name, _)| is_name(&name.trim())) else {
            return Err(self.lacks(t!("a name such as device.model.family and a closing parenthesis")));
        };
        self.rest = after;
        Ok(name.trim().to_owned())
    }

    fn variable(&mut self) -> Outcome<String> {
        let rest: &'a str = self.rest.trim_start();
        let name = rest.strip_prefix('$').unwrap_or_default();
        let end = name.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(name.len());
        if end == 0 {
            return Err(self.lacks(t!("a variable such as $item")));
        }
        self.rest = &name[end..];
        Ok(name[..end].to_owned())
    }

    fn subquery(&mut self) -> Outcome<Expression> {
        self.wants("(", t!("an opening parenthesis"))?;
        let of = Box::new(self.value()?);
        self.wants(",", t!("a comma"))?;
        let variable = self.variable()?;
        self.wants(",", t!("a comma"))?;
        self.variables.push(variable.clone());
        let inner = self.any_of()?;
        let predicate = Box::new(self.predicate(inner)?);
        self.variables.pop();
        self.wants(")", t!("a closing parenthesis"))?;
        Ok(Expression::Subquery { of, variable, predicate })
    }

    fn list(&mut self) -> Outcome<Expression> {
        let mut items = Vec::new();
        while !self.takes("}") {
            items.push(self.value()?);
            if !self.takes(",") && !self.rest.trim_start().starts_with('}') {
                return Err(self.lacks(t!("a comma or a closing brace")));
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
        Err(self.lacks(t!("a text with a closing quote")))
    }

    fn number(&mut self) -> Outcome<Expression> {
        let rest: &'a str = self.rest.trim_start();
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && !"+-.".contains(letter)).unwrap_or(rest.len());
        let is_number = rest.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
        let number = rest[..end].parse::<f64>().ok().filter(|number| is_number && number.is_finite());
        let Some(number) = number else { return Err(self.lacks(say(VALUE))) };
        self.rest = &rest[end..];
        Ok(Expression::Literal(Json::from(number)))
    }
}
