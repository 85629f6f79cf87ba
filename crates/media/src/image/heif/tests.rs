//! Files made box by box.

use super::*;

fn boxed(name: &Name, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).expect("short");
    [&length.to_be_bytes()[..], name, content].concat()
}

fn versioned(name: &Name, version: u8, content: &[u8]) -> Vec<u8> {
    boxed(name, &[&[version, 0, 0, 0], content].concat())
}

fn size(width: u32, height: u32) -> Vec<u8> {
    versioned(b"ispe", 0, &[width.to_be_bytes(), height.to_be_bytes()].concat())
}

/// An item: its kind, its bytes, its properties by their number.
type Made<'a> = (&'a Name, &'a [u8], &'a [u8]);

/// A file whose items, numbered from 1, lie in the box for data; the first is the image.
fn file(items: &[Made], properties: &[Vec<u8>], references: &[(&Name, u8, &[u8])]) -> Vec<u8> {
    let count = u8::try_from(items.len()).expect("few");
    let (mut infos, mut places, mut links, mut data) =
        (vec![0, count], vec![0x44, 0, 0, count], Vec::new(), Vec::new());
    for (id, (kind, bytes, of)) in (1..).zip(items) {
        infos.extend(versioned(b"infe", 2, &[&[0, id, 0, 0][..], *kind, &[0]].concat()));
        let [offset, length] =
            [data.len(), bytes.len()].map(|at| u32::try_from(at).expect("short").to_be_bytes());
        places.extend([&[0, id, 0, 1, 0, 0, 0, 1][..], &offset, &length].concat());
        data.extend(*bytes);
        links.extend([&[0, id, u8::try_from(of.len()).expect("few")], *of].concat());
    }
    let references: Vec<u8> = references
        .iter()
        .flat_map(|(kind, from, to)| {
            let to = to.iter().flat_map(|id| [0, *id]).collect::<Vec<_>>();
            boxed(kind, &[&[0, *from, 0, u8::try_from(to.len() / 2).expect("few")][..], &to].concat())
        })
        .collect();
    let links = [&[0, 0, 0, count][..], &links].concat();
    let inside = [
        versioned(b"pitm", 0, &[0, 1]),
        versioned(b"iinf", 0, &infos),
        versioned(b"iloc", 1, &places),
        versioned(b"iref", 0, &references),
        boxed(b"iprp", &[boxed(b"ipco", &properties.concat()), versioned(b"ipma", 0, &links)].concat()),
        boxed(b"idat", &data),
    ];
    [boxed(b"ftyp", b"avif\0\0\0\0mif1avif"), versioned(b"meta", 0, &inside.concat())].concat()
}

fn read(file: &[u8]) -> Heif<'_> {
    Heif::read(file).expect("boxes")
}

#[test]
fn a_coded_image_becomes_a_bare_stream() {
    let colours = boxed(b"colr", b"nclx\0\x01\0\x0D\0\x06\x80");
    let bytes = file(&[(b"av01", b"coded", &[1, 2])], &[size(48, 32), colours], &[]);
    let coded = read(&bytes).image().expect("an image");
    assert_eq!((coded.format, coded.tiles, coded.tile, coded.size), ("ivf", (1, 1), (48, 32), (48, 32)));
    assert_eq!(coded.colours, ":in_color_matrix=bt601:in_range=pc");
    assert_eq!(coded.stream.len(), 32 + 12 + 5);
    assert!(coded.stream.starts_with(b"DKIF\0\0\x20\0AV01\x30\0\x20\0") && coded.stream.ends_with(b"coded"));

    // Parameter sets, each behind its kind, count and length; then units behind their lengths.
    let setup = [&[0; 21][..], &[3, 1, 0x20, 0, 1, 0, 2, b'V', b'P']].concat();
    let bytes =
        file(&[(b"hvc1", b"\0\0\0\x02ab\0\0\0\x01c", &[1, 2])], &[size(8, 8), boxed(b"hvcC", &setup)], &[]);
    let coded = read(&bytes).image().expect("an image");
    assert_eq!(
        (coded.format, coded.stream.as_slice()),
        ("hevc", b"\0\0\0\x01VP\0\0\0\x01ab\0\0\0\x01c".as_slice())
    );
}

#[test]
fn tiles_are_named_in_rows() {
    let grid = [0, 0, 0, 1, 0, 30, 0, 16];
    let items: [Made; 3] = [(b"grid", &grid, &[1]), (b"av01", b"left", &[2]), (b"av01", b"right", &[2])];
    let properties = [size(30, 16), size(16, 16)];
    let bytes = file(&items, &properties, &[(b"dimg", 1, &[2, 3])]);
    let coded = read(&bytes).image().expect("an image");
    assert_eq!((coded.tiles, coded.tile, coded.size), ((2, 1), (16, 16), (30, 16)));
    assert!(coded.stream.ends_with(b"right"));
    for too_few_or_many in [&[2][..], &[2, 3, 3]] {
        assert!(read(&file(&items, &properties, &[(b"dimg", 1, too_few_or_many)])).image().is_none());
    }
    let small = [size(40, 16), size(16, 16)];
    let wide = [0, 0, 0, 1, 0, 40, 0, 16];
    let items: [Made; 3] = [(b"grid", &wide, &[1]), items[1], items[2]];
    assert!(
        read(&file(&items, &small, &[(b"dimg", 1, &[2, 3])])).image().is_none(),
        "tiles that do not cover it"
    );
    assert!(read(&file(&[(b"iovl", b"x", &[1])], &small, &[])).image().is_none());
}

#[test]
fn alpha_is_an_image_beside_the_image() {
    let named = |name: &[u8]| versioned(b"auxC", 0, &[name, b"\0"].concat());
    let alpha = named(b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha");
    let items: [Made; 2] = [(b"av01", b"colour", &[1]), (b"av01", b"alpha", &[1, 2])];
    let bytes = file(&items, &[size(8, 8), alpha.clone()], &[(b"auxl", 2, &[1])]);
    let (coded, kind) = read(&bytes).alpha().expect("alpha");
    assert!(coded.stream.ends_with(b"alpha") && kind == Alpha::Straight);
    let bytes = file(&items, &[size(8, 8), alpha.clone()], &[(b"auxl", 2, &[1]), (b"prem", 1, &[2])]);
    assert_eq!(read(&bytes).alpha().map(|(_, kind)| kind), Some(Alpha::Premultiplied));
    assert!(read(&file(&items, &[size(8, 8), alpha], &[])).alpha().is_none(), "of no image");
    let depth = named(b"urn:mpeg:hevc:2015:auxid:2");
    assert!(read(&file(&items, &[size(8, 8), depth], &[(b"auxl", 2, &[1])])).alpha().is_none(), "depth");
}

#[test]
fn turns_and_cuts_stand_in_boxes_and_exif_does_not_turn_again() {
    // EXIF with an orientation of 6 and a model.
    let exif = [
        &[0, 0, 0, 0][..],
        b"MM\0*\0\0\0\x08\0\x02",
        b"\x01\x10\0\x02\0\0\0\x04CAM\0",
        b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0",
        &[0; 4],
    ];
    let exif = exif.concat();
    let found = |turns: &[(&Name, u8)]| {
        let mut properties = vec![size(8, 8)];
        properties.extend(turns.iter().map(|(name, value)| boxed(name, &[*value])));
        let of: Vec<u8> = (1..=u8::try_from(properties.len()).expect("few")).collect();
        let items: [Made; 2] = [(b"av01", b"x", &of), (b"Exif", &exif, &[])];
        let bytes = file(&items, &properties, &[(b"cdsc", 2, &[1])]);
        let exif = read(&bytes).exif();
        assert_eq!(exif.facts.get("camera"), Some(&"CAM".into()));
        exif.orientation
    };
    assert_eq!(found(&[]), 1, "EXIF alone turns nothing");
    assert_eq!(found(&[(b"irot", 1)]), 8);
    assert_eq!(found(&[(b"irot", 2)]), 3);
    assert_eq!(found(&[(b"irot", 3)]), 6);
    assert_eq!(found(&[(b"imir", 0)]), 4);
    assert_eq!(found(&[(b"imir", 1)]), 2);
    assert_eq!(found(&[(b"irot", 1), (b"imir", 0)]), 5);
    assert_eq!(found(&[(b"irot", 3), (b"imir", 0)]), 7);

    let aperture = |fields: [u32; 8]| {
        let clap = boxed(b"clap", &fields.map(u32::to_be_bytes).concat());
        read(&file(&[(b"av01", b"x", &[1, 2])], &[size(8, 4), clap], &[])).aperture()
    };
    assert_eq!(aperture([4, 1, 2, 1, 0, 1, 0, 1]), Some([0.25, 0.25, 0.5, 0.5]));
    assert_eq!(aperture([4, 1, 4, 2, (-4_i32).cast_unsigned(), 2, 1, 1]), Some([0.0, 0.5, 0.5, 0.5]));
    for wrong in [
        [9, 1, 2, 1, 0, 1, 0, 1],
        [4, 0, 2, 1, 0, 1, 0, 1],
        [4, 1, 2, 1, 9, 1, 0, 1],
        [0, 1, 2, 1, 0, 1, 0, 1],
    ] {
        assert_eq!(aperture(wrong), None, "{wrong:?}");
    }
}

#[test]
fn damage_is_told_by_none() {
    let alpha = versioned(b"auxC", 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0");
    let grid = [0, 0, 0, 0, 0, 8, 0, 8];
    let items: [Made; 3] = [(b"grid", &grid, &[1]), (b"av01", b"x", &[1]), (b"av01", b"a", &[1, 2])];
    let whole = file(&items, &[size(8, 8), alpha], &[(b"dimg", 1, &[2]), (b"auxl", 3, &[1])]);
    assert!(read(&whole).image().is_some() && read(&whole).alpha().is_some());
    for length in 0..whole.len() {
        assert!(Heif::read(whole.get(..length).expect("shorter")).is_none(), "cut to {length} bytes");
    }
    for at in 0..whole.len() {
        for value in [0, 1, 0x7F, 0xFF] {
            let mut changed = whole.clone();
            changed[at] = value;
            if let Some(heif) = Heif::read(&changed) {
                let (image, alpha, _, _) = (heif.image(), heif.alpha(), heif.exif(), heif.aperture());
                let lengths =
                    [image, alpha.map(|(coded, _)| coded)].map(|coded| coded.map_or(0, |c| c.stream.len()));
                assert!(lengths.iter().all(|length| *length < 2 * whole.len() + 100), "{at}: {lengths:?}");
            }
        }
    }
}
