//! Journeys: whole ways through the house, over real sockets.

fn main() {}
