//! What every page is made of: frame, table, badge, timeline, forms, bars, charts; typed in, escaped out.
//!
//! A page is a function from a view struct of plain data to [`Markup`]. Nothing here decides, asks or reads a clock: `now` is an argument.
//! All parts stand without script and without inline style; `static/app.js` finds what it makes live by the attributes set here.

pub mod address;
pub mod bars;
pub mod calendar;
pub mod charts;
pub mod facts;
pub mod fields;
pub mod forms;
pub mod frame;
pub mod icon;
mod mistakes;
pub mod named;
pub mod places;
pub mod qr;
pub mod roll;
mod said;
pub mod scope;
pub mod screens;
pub mod sections;
pub mod state;
pub mod streams;
pub mod table;
pub mod text;
pub mod time;
pub mod timeline;

pub use address::{Address, encode};
pub use bars::{Segment, Share, bar, progress};
pub use calendar::{Calendar, CalendarRing, calendar};
pub use charts::{BURN_SHORT, BurnDown, Sparkline, burn_down, sparkline};
pub use facts::{Fact, Live, Step, StepState, Tab, code, empty, facts, live, section, section_with, steps, tabs};
pub use fields::{Field, box_of, checkbox, checkbox_with, field, radio, select, wrong};
pub use forms::{Button, Confirm, Typed, confirm, copy_field, hidden, post, post_retold, search, upload, upload_up_to};
pub use frame::{Banner, Flash, Frame, Setup, Shell, Viewer, centred, frame, person};
pub use icon::{Icon, icon};
pub use maud::{Markup, PreEscaped, html};
pub use named::{all_named, direction, named};
pub use places::way;
pub use qr::qr;
pub use roll::{Roll, RollDevice, RollGroup, SQUARES_DRAWN, roll};
pub use scope::{ScopeGroup, ScopeView, group_boxes, scope};
pub use sections::Section;
pub use state::{State, badge, legend, note, practice, state_square, state_square_named};
pub use streams::{Band, Streams, streams};
pub use table::{Action, Cell, Column, Pager, Row, Selection, Sort, Table, pager, table};
pub use text::{count, thousands};
pub use time::{day, day_words, in_zone, moment, time_ago};
pub use timeline::{Entry, Wait, timeline, waits, what_was_said};

#[cfg(test)]
mod tokens;
