//! The picture of the catalogue on the Home Screen: four app-like squares on the colour that was chosen, drawn here as a PNG.

use std::io::Write as _;
use std::sync::OnceLock;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use super::Colour;
use crate::error::{Error, Result};

/// Its width and height: large enough for every iPhone and iPad, which scale it and round its corners.
const SIDE: u32 = 180;

/// Shades from the ground to white: as many as four bits tell apart.
const SHADES: u32 = 16;
/// Points that each pixel is looked at by, in each direction, for soft edges.
const POINTS: u32 = 4;
/// Where the two rows and columns of squares begin.
const BEGINS: [f32; 2] = [42.0, 96.0];
/// How wide the squares are.
const WIDTH: f32 = 42.0;
/// The radius of their corners.
const RADIUS: f32 = 10.0;

/// The icon in a colour, as a PNG.
pub(super) fn icon(colour: Colour) -> Result<&'static [u8]> {
    static DRAWN: [OnceLock<Vec<u8>>; Colour::ALL.len()] = [const { OnceLock::new() }; Colour::ALL.len()];
    let drawn = &DRAWN[colour as usize];
    if let Some(icon) = drawn.get() {
        return Ok(icon);
    }
    let icon = png(colour.rgb()).map_err(|error| Error::internal("the icon of the catalogue can be packed", error))?;
    Ok(drawn.get_or_init(|| icon))
}

fn png(ground: [u8; 3]) -> std::io::Result<Vec<u8>> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let side = SIDE.to_be_bytes();
    // Four bits for each pixel (its shade), of a palette, not interlaced.
    chunk(&mut file, *b"IHDR", &[&side[..], &side[..], &[4, 3, 0, 0, 0]].concat());
    chunk(&mut file, *b"PLTE", &palette(ground));
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    for y in 0..SIDE {
        let row: Vec<u8> = (0..SIDE / 2).map(|pair| (shade(pair * 2, y) << 4) | shade(pair * 2 + 1, y)).collect();
        packed.write_all(&[0])?;
        packed.write_all(&row)?;
    }
    chunk(&mut file, *b"IDAT", &packed.finish()?);
    chunk(&mut file, *b"IEND", &[]);
    Ok(file)
}

fn chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let mut crc = Crc::new();
    crc.update(&kind);
    crc.update(data);
    file.extend((data.len() as u32).to_be_bytes());
    file.extend(kind);
    file.extend(data);
    file.extend(crc.sum().to_be_bytes());
}

/// From the ground to white in equal steps.
fn palette(ground: [u8; 3]) -> Vec<u8> {
    let mix = |shade: u32, part: u8| (u32::from(part) + (255 - u32::from(part)) * shade / (SHADES - 1)) as u8;
    (0..SHADES).flat_map(|shade| ground.map(|part| mix(shade, part))).collect()
}

/// How much of a pixel lies in one of the squares.
fn shade(x: u32, y: u32) -> u8 {
    let point = |pixel: u32, step: u32| pixel as f32 + (step as f32 + 0.5) / POINTS as f32;
    let within = (0..POINTS * POINTS).filter(|step| is_in_a_square(point(x, step % POINTS), point(y, step / POINTS))).count() as u32;
    (within * (SHADES - 1) / (POINTS * POINTS)) as u8
}

fn is_in_a_square(x: f32, y: f32) -> bool {
    // How far beyond the middle part of a square, between its corners.
    let beyond = |at: f32, begin: f32| ((at - begin - WIDTH / 2.0).abs() - (WIDTH / 2.0 - RADIUS)).max(0.0);
    BEGINS.iter().any(|left| BEGINS.iter().any(|top| beyond(x, *left).hypot(beyond(y, *top)) <= RADIUS))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// The chunks of a PNG, each held against its checksum.
    fn chunks(mut png: &[u8]) -> Vec<([u8; 4], Vec<u8>)> {
        png = png.strip_prefix(b"\x89PNG\r\n\x1a\n").unwrap();
        let mut chunks = Vec::new();
        while !png.is_empty() {
            let length = u32::from_be_bytes(png[..4].try_into().unwrap()) as usize;
            let (kind, data) = (png[4..8].try_into().unwrap(), png[8..8 + length].to_vec());
            let mut crc = Crc::new();
            crc.update(&png[4..8 + length]);
            assert_eq!(png[8 + length..12 + length], crc.sum().to_be_bytes());
            chunks.push((kind, data));
            png = &png[12 + length..];
        }
        chunks
    }

    #[test]
    fn every_colour_has_an_icon_that_is_a_whole_picture_of_its_size_with_squares_on_the_ground() {
        for colour in Colour::ALL {
            let png = icon(colour).unwrap();
            assert!(png.len() < 10_000, "{} bytes", png.len());
            let chunks = chunks(png);
            assert_eq!(chunks.iter().map(|(kind, _)| kind).collect::<Vec<_>>(), [b"IHDR", b"PLTE", b"IDAT", b"IEND"]);
            assert_eq!((&chunks[0].1[..4], &chunks[0].1[4..8]), (&SIDE.to_be_bytes()[..], &SIDE.to_be_bytes()[..]));
            assert_eq!((&chunks[1].1[..3], &chunks[1].1[45..]), (&colour.rgb()[..], &[255, 255, 255][..]));
            let mut rows = Vec::new();
            flate2::read::ZlibDecoder::new(&chunks[2].1[..]).read_to_end(&mut rows).unwrap();
            assert_eq!(rows.len(), (SIDE * (SIDE / 2 + 1)) as usize);
            let pixel = |x: usize, y: usize| (rows[y * (SIDE as usize / 2 + 1) + 1 + x / 2] >> (4 * (1 - x % 2))) & 15;
            assert_eq!([pixel(0, 0), pixel(90, 90), pixel(63, 63), pixel(117, 63), pixel(117, 117)], [0, 0, 15, 15, 15]);
            assert!((1..15).contains(&pixel(44, 45)), "edges are soft: {}", pixel(44, 45));
        }
    }

    #[test]
    fn its_colours_are_those_of_the_page() {
        let style = include_str!("../../../static/app.css");
        for colour in Colour::ALL {
            let name = if colour == Colour::Green { "accent" } else { colour.as_str() };
            let light = style.split(&format!("--{name}: #")).nth(1).map(|rest| &rest[..6]);
            assert_eq!(light, Some(crate::pki::hex(&colour.rgb()).as_str()), "{colour:?}");
        }
    }
}
