//! [`Places`]: the places of a field, so that those of an area are found without a look at the others.
//!
//! ```text
//! latitude ▲  ┌──────────────┐ a strip: the places of one stretch of latitude, in order of longitude; there are as many
//!          │  │ · ·  ·    · ·│ strips as a strip has places
//!          │  ├──────────────┤
//!          │  │·  ·[·( · )·]·│ of a strip, what lies between ( ) is in the circle; between [ and (, ) and ] it is compared
//! ```
//!
//! # Source
//! Strips are those of S. T. Leutenegger, M. A. Lopez and J. Edgington, "STR: A Simple and Efficient Algorithm for R-Tree
//! Packing" (ICDE 1997).

use std::f64::consts::{FRAC_PI_2, PI};
use std::ops::Range;

use sensorium_types::{Area, Circle, GeoBox, GeoPoint};

use super::bits::Bits;
use super::codec::{Reader, Stored};

/// Fewest places of a strip.
const MIN_STRIP: usize = 64;
/// Radians by which a circle is taken for larger, and for smaller, than it is: six centimetres. So rounding decides nothing.
const ANGLE_MARGIN: f64 = 1e-8;
/// Degrees by which stretches of longitude are widened, and narrowed, likewise.
const DEGREE_MARGIN: f64 = 1e-5;
/// Beyond this latitude longitudes say too little: every place is compared.
const CAP: f64 = 89.9;

/// Places, each with its asset.
#[derive(Debug, Default)]
pub(super) struct Places {
    lats: Vec<f64>,
    lons: Vec<f64>,
    assets: Vec<u32>,
    /// Places of each strip; the last may have fewer.
    step: usize,
    /// The least and the largest latitude of each strip.
    strips: Vec<(f64, f64)>,
}

/// Two stretches of longitude at most, each from west to east: a stretch that crosses the meridian of 180 degrees makes two.
type Ranges = [Option<(f64, f64)>; 2];

const NOWHERE: Ranges = [None; 2];
const EVERYWHERE: Ranges = [Some((-180.0, 180.0)), None];

/// Where places of an area are, within some latitudes.
struct Reach {
    /// They are nowhere else.
    outer: Ranges,
    /// What lies there is in the area.
    inner: Ranges,
}

impl Reach {
    /// Every place has to be compared.
    const UNKNOWN: Self = Self { outer: EVERYWHERE, inner: NOWHERE };
}

impl Places {
    /// Of these places, each with its asset.
    pub(super) fn new(mut places: Vec<(GeoPoint, u32)>) -> Self {
        places.sort_by(|(left, _), (right, _)| left.lat().total_cmp(&right.lat()));
        let step = places.len().isqrt().max(MIN_STRIP);
        let mut strips = Vec::new();
        for strip in places.chunks_mut(step) {
            strips.extend(strip.first().zip(strip.last()).map(|(low, high)| (low.0.lat(), high.0.lat())));
            strip.sort_by(|(left, _), (right, _)| left.lon().total_cmp(&right.lon()));
        }
        Self {
            lats: places.iter().map(|(place, _)| place.lat()).collect(),
            lons: places.iter().map(|(place, _)| place.lon()).collect(),
            assets: places.iter().map(|(_, asset)| *asset).collect(),
            step,
            strips,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.assets.len()
    }

    /// Puts the assets with a place of the area into a set.
    ///
    /// # Cost
    /// Some searches in each strip that the area meets; of its places, those near the border of a circle are compared.
    pub(super) fn take(&self, area: Area, into: &mut Bits) {
        self.stretches(area, |at, is_sure| {
            let assets = self.assets.get(at.clone()).unwrap_or_default().iter().copied();
            if is_sure {
                into.extend(assets);
            } else {
                let is_met = |at| self.place(at).is_some_and(|place| area.contains(place));
                into.extend(at.zip(assets).filter(|(at, _)| is_met(*at)).map(|(_, asset)| asset));
            }
        });
    }

    /// How many places are in the area for sure, and how many more may be.
    pub(super) fn count(&self, area: Area) -> (usize, usize) {
        let (mut sure, mut open) = (0, 0);
        self.stretches(area, |at, is_sure| *(if is_sure { &mut sure } else { &mut open }) += at.len());
        (sure, open)
    }

    /// These places without those of some assets, and with others.
    pub(super) fn merged(&self, gone: &Bits, fresh: &Self) -> Self {
        let kept = self.iter().filter(|(_, asset)| !gone.has(*asset));
        Self::new(kept.chain(fresh.iter()).collect())
    }

    fn iter(&self) -> impl Iterator<Item = (GeoPoint, u32)> {
        (0..).zip(&self.assets).filter_map(|(at, asset)| Some((self.place(at)?, *asset)))
    }

    fn place(&self, at: usize) -> Option<GeoPoint> {
        GeoPoint::new(*self.lats.get(at)?, *self.lons.get(at)?).ok()
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let numbers = self.lats.capacity() + self.lons.capacity() + 2 * self.strips.capacity();
        numbers * size_of::<f64>() + self.assets.capacity() * size_of::<u32>()
    }

    /// Gives stretches of places that have all of an area, and whether all of a stretch is in it.
    fn stretches(&self, area: Area, mut each: impl FnMut(Range<usize>, bool)) {
        for (number, strip) in self.strips.iter().enumerate() {
            let reach = match area {
                Area::Circle(circle) => of_circle(circle, *strip),
                Area::Box(sides) => of_box(sides, *strip),
            };
            let Some(Reach { outer, inner }) = reach else { continue };
            let start = number * self.step;
            let end = self.lons.len().min(start + self.step);
            let lons = self.lons.get(start..end).unwrap_or_default();
            let between = |west: f64, east: f64| {
                let from = start + lons.partition_point(|lon| *lon < west);
                from..from.max(start + lons.partition_point(|lon| *lon <= east))
            };
            for (west, east) in outer.into_iter().flatten() {
                let whole = between(west, east);
                // Of two inner stretches in one outer one, the other is compared.
                let inner =
                    inner.into_iter().flatten().map(|(from, to)| between(from.max(west), to.min(east)));
                let sure = inner.into_iter().find(|sure| !sure.is_empty()).unwrap_or(whole.end..whole.end);
                let parts =
                    [(whole.start..sure.start, false), (sure.clone(), true), (sure.end..whole.end, false)];
                parts
                    .into_iter()
                    .filter(|(part, _)| !part.is_empty())
                    .for_each(|(part, sure)| each(part, sure));
            }
        }
    }
}

impl Stored for Places {
    fn put(&self, into: &mut Vec<u8>) {
        self.lats.put(into);
        self.lons.put(into);
        self.assets.put(into);
        self.step.put(into);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (lats, lons, assets) =
            (Vec::<f64>::read(from)?, Vec::<f64>::read(from)?, Vec::<u32>::read(from)?);
        let step = usize::read(from)?;
        let ends = |strip: &[f64]| {
            strip.iter().fold((f64::MAX, f64::MIN), |(low, high), lat| (low.min(*lat), high.max(*lat)))
        };
        let strips = lats.chunks(step.max(1)).map(ends).collect();
        let fits = lats.len() == assets.len() && lons.len() == assets.len();
        fits.then_some(Self { lats, lons, assets, step, strips })
    }
}

/// Where a circle is within a strip; `None` if it is not there.
fn of_circle(circle: Circle, (low, high): (f64, f64)) -> Option<Reach> {
    let (angle, center) = (circle.angle(), circle.center());
    if angle >= PI {
        return Some(Reach { outer: EVERYWHERE, inner: EVERYWHERE });
    }
    let larger = angle + ANGLE_MARGIN;
    let band = larger.to_degrees();
    if high < center.lat() - band || low > center.lat() + band {
        return None;
    }
    if larger >= FRAC_PI_2 || low.abs().max(high.abs()).max(center.lat().abs()) > CAP {
        return Some(Reach::UNKNOWN);
    }
    // The width at a latitude grows up to one latitude and shrinks beyond. If a pole is inside, it grows up to there.
    let widest = (center.lat().to_radians().sin() / larger.cos()).asin().to_degrees();
    let peak = (low < widest && widest < high).then_some(widest);
    let widths = [Some(low), Some(high), peak].into_iter().flatten();
    let outer = widths.filter_map(|lat| half_width(center, lat, larger)).reduce(f64::max)?;
    let smaller = angle - ANGLE_MARGIN;
    let ends = half_width(center, low, smaller).zip(half_width(center, high, smaller));
    let inner = ends.filter(|_| smaller > 0.0).map(|(low, high)| low.min(high) - DEGREE_MARGIN);
    Some(Reach {
        outer: around(center.lon(), outer + DEGREE_MARGIN),
        inner: inner.filter(|inner| *inner > 0.0).map_or(NOWHERE, |inner| around(center.lon(), inner)),
    })
}

/// Degrees of longitude between the middle of a circle and its border, at a latitude; 180 if the circle goes all around, `None` if
/// it does not reach there.
fn half_width(center: GeoPoint, lat: f64, angle: f64) -> Option<f64> {
    let half_sine = |angle: f64| (angle / 2.0).sin().powi(2);
    // The haversine of the difference in longitude, from that of the angle.
    let left = half_sine(angle) - half_sine((lat - center.lat()).to_radians());
    let share = left / (center.lat().to_radians().cos() * lat.to_radians().cos());
    if left < 0.0 {
        None
    } else if share < 1.0 {
        Some((2.0 * share.sqrt().asin()).to_degrees())
    } else {
        Some(180.0)
    }
}

/// So many degrees to the west and to the east of a longitude.
fn around(lon: f64, half: f64) -> Ranges {
    let (west, east) = (lon - half, lon + half);
    if half >= 180.0 {
        EVERYWHERE
    } else if west < -180.0 {
        [Some((west + 360.0, 180.0)), Some((-180.0, east))]
    } else if east > 180.0 {
        [Some((west, 180.0)), Some((-180.0, east - 360.0))]
    } else {
        [Some((west, east)), None]
    }
}

/// Where a box is within a strip; `None` if it is not there.
fn of_box(sides: GeoBox, (low, high): (f64, f64)) -> Option<Reach> {
    let (south_west, north_east) = (sides.south_west(), sides.north_east());
    let (south, north) = (south_west.lat(), north_east.lat());
    if high < south || low > north {
        return None;
    }
    // A pole is on every meridian.
    if low == -90.0 || high == 90.0 {
        return Some(Reach::UNKNOWN);
    }
    let (west, east) = (south_west.lon(), north_east.lon());
    // -180 degrees is where 180 is.
    let outer = if west > east {
        [Some((west, 180.0)), Some((-180.0, east))]
    } else if east == 180.0 && west > -180.0 {
        [Some((west, east)), Some((-180.0, -180.0))]
    } else if west == -180.0 && east < 180.0 {
        [Some((west, east)), Some((180.0, 180.0))]
    } else {
        [Some((west, east)), None]
    };
    let inner = if south <= low && high <= north { outer } else { NOWHERE };
    Some(Reach { outer, inner })
}

#[cfg(test)]
mod tests {
    use sensorium_testkit::seed;

    use super::*;

    /// Numbers from 0 to 1, by SplitMix64.
    struct Random(u64);

    impl Random {
        fn share(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ z >> 31) >> 11) as f64 / (1_u64 << 53) as f64
        }

        fn is(&mut self, share: f64) -> bool {
            self.share() < share
        }

        /// Corners of the Earth come often, and so do neighbours.
        fn place(&mut self) -> GeoPoint {
            let corners = [-180.0_f64, -179.9999, -90.0, 0.0, -0.0, 90.0, 179.9999, 180.0, 2.35];
            let corner =
                |random: &mut Self| corners.into_iter().filter(|_| random.is(0.2)).last().unwrap_or(5.0);
            let near = |random: &mut Self, around: f64, most: f64| {
                (around + (random.share() - 0.5) * 0.2).clamp(-most, most)
            };
            let (lat, lon) = if self.is(0.2) {
                (corner(self).clamp(-90.0, 90.0), corner(self))
            } else if self.is(0.4) {
                (near(self, 48.85, 90.0), near(self, 2.35, 180.0))
            } else if self.is(0.3) {
                let (lat, lon) = (corner(self).clamp(-90.0, 90.0), corner(self));
                (near(self, lat, 90.0), near(self, lon, 180.0))
            } else {
                (self.share() * 180.0 - 90.0, self.share() * 360.0 - 180.0)
            };
            GeoPoint::new(lat, lon).expect("a place")
        }

        fn area(&mut self, places: &[(GeoPoint, u32)]) -> Area {
            let place = |random: &mut Self| {
                let at = (random.share() * places.len() as f64).floor();
                let chosen = (0..).zip(places).find(|(number, _)| f64::from(*number) == at);
                chosen.filter(|_| random.is(0.5)).map_or_else(|| random.place(), |(_, (place, _))| *place)
            };
            let (a, b) = (place(self), place(self));
            if self.is(0.5) {
                let exponent = self.share() * 8.5;
                let radius = if self.is(0.05) { 0.0 } else { 10_f64.powf(exponent) / 10.0 };
                Area::Circle(Circle::new(a, radius).expect("a circle"))
            } else {
                let (south, north) = if a.lat() <= b.lat() { (a, b) } else { (b, a) };
                Area::Box(GeoBox::new(south, north).expect("a box"))
            }
        }
    }

    #[test]
    fn places_of_an_area_are_those_that_it_contains() {
        let mut random = Random(seed("places", 7));
        let (mut found, mut sure_ones, mut all) = (0, 0, 0);
        for round in 0_u32..120 {
            let count = [0, 1, 5, 200, 3000].into_iter().cycle().nth(round as usize).expect("cycles");
            let mut places: Vec<_> = (0..count).map(|asset| (random.place(), asset / 2)).collect();
            let mut column = Places::new(places.clone());
            if round % 2 == 1 {
                let gone: Bits = (0..count).filter(|_| random.is(0.3)).collect();
                let fresh: Vec<_> = gone.iter().map(|asset| (random.place(), asset)).collect();
                places.retain(|(_, asset)| !gone.has(*asset));
                places.extend(fresh.iter().copied());
                column = column.merged(&gone, &Places::new(fresh));
            }
            for _ in 0..40 {
                let area = random.area(&places);
                let inside = || places.iter().filter(|(place, _)| area.contains(*place));
                let right: Bits = inside().map(|(_, asset)| *asset).collect();
                let mut given = Bits::default();
                column.take(area, &mut given);
                let list = |bits: &Bits| bits.iter().collect::<Vec<_>>();
                assert_eq!(list(&given), list(&right), "{area:?} of {count}");
                let (sure, open) = column.count(area);
                let met = inside().count();
                assert!(sure <= met && met <= sure + open, "{sure} {open} {met}: {area:?}");
                found += met;
                sure_ones += sure;
                all += places.len();
            }
        }
        assert!(found * 20 > all, "the areas have nothing: {found} of {all}");
        assert!(sure_ones * 2 > found, "nothing is sure: {sure_ones} of {found}");
    }

    #[test]
    fn a_small_area_looks_at_few_places() {
        let mut random = Random(1);
        let places: Vec<_> = (0..100_000).map(|asset| (random.place(), asset)).collect();
        let column = Places::new(places);
        let center = GeoPoint::new(-30.0, 100.0).expect("a place");
        let (sure, open) = column.count(Area::Circle(Circle::new(center, 300_000.0).expect("a circle")));
        assert!(sure + open < 200, "{sure} {open}");
    }
}
