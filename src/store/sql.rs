//! Statements that are written once: a text with constants in it is the same at each call.

/// SQL with constants of the file in it (`{COLUMNS}`), put together when it is first asked for and not again for each statement that runs.
macro_rules! sql {
    ($text:literal $(,)?) => {{
        static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!($text));
        SQL.as_str()
    }};
}
