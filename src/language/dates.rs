//! Days and times as `clock` writes them, said in the language of the appliance.

use super::{say, spoken};

/// The months as they are shortened, January first.
const MONTHS: [&str; 12] = [
    msg!("Jan"),
    msg!("Feb"),
    msg!("Mar"),
    msg!("Apr"),
    msg!("May"),
    msg!("Jun"),
    msg!("Jul"),
    msg!("Aug"),
    msg!("Sep"),
    msg!("Oct"),
    msg!("Nov"),
    msg!("Dec"),
];

/// The days of the week as they are shortened.
const SHORT_DAYS: [&str; 7] = [msg!("Mon"), msg!("Tue"), msg!("Wed"), msg!("Thu"), msg!("Fri"), msg!("Sat"), msg!("Sun")];

/// The days of the week.
const DAYS: [&str; 7] =
    [msg!("Monday"), msg!("Tuesday"), msg!("Wednesday"), msg!("Thursday"), msg!("Friday"), msg!("Saturday"), msg!("Sunday")];

/// A date in the language spoken now: `25 Nov 2026`, `25 Nov 2026, 04:29 CET` or `Wed 25 Nov 2026, 16:00`, in its words and its order. What is no such
/// date stays as it is.
pub fn date(text: String) -> String {
    if spoken().is_none() {
        return text;
    }
    told(&text).unwrap_or(text)
}

/// A day of the week in the language spoken now: `Monday`. What is none stays as it is.
pub fn weekday(english: &'static str) -> &'static str {
    if DAYS.contains(&english) { say(english) } else { english }
}

fn told(text: &str) -> Option<String> {
    let (day, time) = text.split_once(", ").map_or((text, None), |(day, time)| (day, Some(time)));
    let words: Vec<&str> = day.split(' ').collect();
    let (weekday, day, month, year) = match words.as_slice() {
        [day, month, year] => (None, *day, *month, *year),
        [weekday, day, month, year] => (Some(said_of(&SHORT_DAYS, weekday)?), *day, *month, *year),
        _ => return None,
    };
    day.parse::<u8>().ok()?;
    year.parse::<i32>().ok()?;
    let month = said_of(&MONTHS, month)?;
    let mut told = t!("{day} {month} {year}", day, month, year);
    if let Some(weekday) = weekday {
        told = t!("{weekday} {date}", weekday, date = told);
    }
    Some(match time {
        Some(time) => t!("{date}, {time}", date = told, time),
        None => told,
    })
}

/// The word, if it is one of these, as it is said now.
fn said_of(words: &[&'static str], word: &str) -> Option<&'static str> {
    words.iter().copied().find(|known| *known == word).map(say)
}
