//! How a language counts: which of its forms stands with a number, by the rule that gettext's files carry in `Plural-Forms`.

/// The longest rule that is read, in bytes; the longest in use, that of Irish or Arabic, has a fifth of this.
const MAX_BYTES: usize = 1_000;

/// How deep a rule may be nested.
const MAX_DEPTH: usize = 32;

/// Forms that a language has at most; gettext's files number them with one digit.
const MAX_FORMS: usize = 10;

/// Which form stands with a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    forms: usize,
    expression: Expression,
}

/// An expression in C's words over the number `n`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    Number(u64),
    N,
    Not(Box<Expression>),
    Both(Operator, Box<Expression>, Box<Expression>),
    Choice(Box<Expression>, Box<Expression>, Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    AtMost,
    AtLeast,
    Less,
    More,
    Plus,
    Minus,
    Times,
    Over,
    Rest,
}

/// Each operator with how strongly it binds; the longer ones first, which begin like shorter ones.
const OPERATORS: [(&str, Operator, u8); 13] = [
    ("||", Operator::Or, 1),
    ("&&", Operator::And, 2),
    ("==", Operator::Equal, 3),
    ("!=", Operator::Unequal, 3),
    ("<=", Operator::AtMost, 4),
    (">=", Operator::AtLeast, 4),
    ("<", Operator::Less, 4),
    (">", Operator::More, 4),
    ("+", Operator::Plus, 5),
    ("-", Operator::Minus, 5),
    ("*", Operator::Times, 6),
    ("/", Operator::Over, 6),
    ("%", Operator::Rest, 6),
];

impl Default for Rule {
    /// That of English: one form for one, the other for all else.
    fn default() -> Self {
        let expression = Expression::Both(Operator::Unequal, Box::new(Expression::N), Box::new(Expression::Number(1)));
        Self { forms: 2, expression }
    }
}

impl Rule {
    /// Reads a rule of so many forms, such as `n%10==1 && n%100!=11 ? 0 : 1`; none where it is not one.
    pub(super) fn read(forms: usize, expression: &str) -> Option<Self> {
        if expression.len() > MAX_BYTES || !(1..=MAX_FORMS).contains(&forms) {
            return None;
        }
        let mut reader = Reader { rest: expression, depth: 0 };
        let expression = reader.choice()?;
        reader.rest.trim_start().is_empty().then_some(Self { forms, expression })
    }

    /// How many forms there are.
    pub(super) fn forms(&self) -> usize {
        self.forms
    }

    /// The place of the form that stands with this number, below [`Rule::forms`].
    pub(super) fn form(&self, n: u64) -> usize {
        usize::try_from(self.expression.value(n)).unwrap_or(usize::MAX).min(self.forms - 1)
    }
}

impl Expression {
    fn value(&self, n: u64) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::N => n,
            Self::Not(one) => u64::from(one.value(n) == 0),
            Self::Choice(condition, yes, no) => {
                let chosen = if condition.value(n) == 0 { no } else { yes };
                chosen.value(n)
            }
            Self::Both(operator, one, other) => operator.value(one.value(n), other.value(n)),
        }
    }
}

impl Operator {
    /// What it makes of two numbers. Where C would fail, as it does when nothing divides, it is nothing.
    fn value(self, one: u64, other: u64) -> u64 {
        match self {
            Self::Or => u64::from(one != 0 || other != 0),
            Self::And => u64::from(one != 0 && other != 0),
            Self::Equal => u64::from(one == other),
            Self::Unequal => u64::from(one != other),
            Self::AtMost => u64::from(one <= other),
            Self::AtLeast => u64::from(one >= other),
            Self::Less => u64::from(one < other),
            Self::More => u64::from(one > other),
            Self::Plus => one.saturating_add(other),
            Self::Minus => one.saturating_sub(other),
            Self::Times => one.saturating_mul(other),
            Self::Over => one.checked_div(other).unwrap_or(0),
            Self::Rest => one.checked_rem(other).unwrap_or(0),
        }
    }
}

/// What is not read yet, and how deep this is in what was.
struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn deeper(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(())
    }

    fn choice(&mut self) -> Option<Expression> {
        self.deeper()?;
        let condition = self.both(1)?;
        let read = if self.takes("?") {
            let yes = self.choice()?;
            if !self.takes(":") {
                return None;
            }
            Expression::Choice(Box::new(condition), Box::new(yes), Box::new(self.choice()?))
        } else {
            condition
        };
        self.depth -= 1;
        Some(read)
    }

    /// Operators that bind as strongly as `least`, or more.
    fn both(&mut self, least: u8) -> Option<Expression> {
        let mut one = self.single()?;
        loop {
            let rest = self.rest.trim_start();
            let next = OPERATORS.iter().find_map(|(sign, operator, binds)| Some((rest.strip_prefix(*sign)?, *operator, *binds)));
            let Some((rest, operator, binds)) = next.filter(|(.., binds)| *binds >= least) else { return Some(one) };
            self.rest = rest;
            let other = self.both(binds + 1)?;
            one = Expression::Both(operator, Box::new(one), Box::new(other));
        }
    }

    fn single(&mut self) -> Option<Expression> {
        if self.takes("!") {
            self.deeper()?;
            let read = Expression::Not(Box::new(self.single()?));
            self.depth -= 1;
            return Some(read);
        }
        if self.takes("(") {
            let read = self.choice()?;
            return self.takes(")").then_some(read);
        }
        if self.takes("n") {
            return Some(Expression::N);
        }
        let rest = self.rest.trim_start();
        let (digits, rest) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
        self.rest = rest;
        digits.parse().ok().map(Expression::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(count: usize, rule: &str, numbers: &[u64]) -> Vec<usize> {
        let rule = Rule::read(count, rule).unwrap();
        numbers.iter().map(|n| rule.form(*n)).collect()
    }

    #[test]
    fn languages_count_by_their_rules() {
        let polish = "(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2)";
        assert_eq!(forms(3, polish, &[1, 2, 4, 5, 12, 22, 25, 112, 0]), [0, 1, 1, 2, 2, 1, 2, 2, 2]);
        let russian = "n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2";
        assert_eq!(forms(3, russian, &[1, 21, 11, 2, 23, 13, 5, 111, 101]), [0, 0, 2, 1, 1, 2, 2, 2, 0]);
        let czech = "(n==1) ? 0 : (n>=2 && n<=4) ? 1 : 2";
        assert_eq!(forms(3, czech, &[0, 1, 2, 4, 5, 22]), [2, 0, 1, 1, 2, 2]);
        let arabic = "n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5";
        assert_eq!(forms(6, arabic, &[0, 1, 2, 3, 110, 11, 99, 100, 102]), [0, 1, 2, 3, 3, 4, 4, 5, 5]);
        assert_eq!(forms(2, "n > 1", &[0, 1, 2]), [0, 0, 1]);
        assert_eq!(forms(1, "0", &[0, 1, 2]), [0, 0, 0]);
        assert_eq!([0, 1, 2].map(|n| Rule::default().form(n)), [1, 0, 1]);
    }

    #[test]
    fn a_rule_binds_as_c_does_and_never_fails() {
        assert_eq!(forms(10, "1 + 2 * 3 - n / 2 % 2", &[0, 2]), [7, 6]);
        assert_eq!(forms(3, "!(n == 1) + !n", &[0, 1, 2]), [2, 0, 1]);
        assert_eq!(forms(3, "n % 0", &[7]), [0], "nothing divides");
        assert_eq!(forms(3, "n * n", &[u64::MAX]), [2], "there are no more forms");
    }

    #[test]
    fn what_is_no_rule_is_none_however_deep_or_long() {
        for wrong in ["", "n ==", "(n", "n)", "n = 1", "x", "n ? 1", "n ? 1 : ", "1 2", "n; n", "99999999999999999999"] {
            assert_eq!(Rule::read(2, wrong), None, "{wrong}");
        }
        assert_eq!((Rule::read(0, "0"), Rule::read(MAX_FORMS + 1, "0")), (None, None));
        let deep = |depth: usize| format!("{}n{}", "(".repeat(depth), ")".repeat(depth));
        assert!(Rule::read(2, &deep(MAX_DEPTH - 1)).is_some());
        assert_eq!(Rule::read(2, &deep(MAX_DEPTH)), None);
        assert_eq!(Rule::read(2, &format!("{}n", "!".repeat(MAX_DEPTH))), None);
        assert_eq!(Rule::read(2, &"1+".repeat(MAX_BYTES)), None);
        let long = format!("{}n", "1+".repeat((MAX_BYTES - 1) / 2));
        assert_eq!(Rule::read(2, &long).unwrap().form(0), 1);
    }
}
