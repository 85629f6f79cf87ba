//! Places on the Earth, in degrees, and areas of it: circles and boxes. The Earth is a sphere here, so distances are right to
//! half a percent.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Mean radius of the Earth in metres.
///
/// # Source
/// IUGG, as in H. Moritz, "Geodetic Reference System 1980": (2 a + b) / 3.
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// What is wrong with a place or an area.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GeoError {
    /// Latitudes go from -90 to 90.
    #[error("a latitude is a number of degrees from -90 to 90, received {received}")]
    Latitude {
        /// What was received.
        received: String,
    },
    /// Longitudes go from -180 to 180.
    #[error("a longitude is a number of degrees from -180 to 180, received {received}")]
    Longitude {
        /// What was received.
        received: String,
    },
    /// A distance is finite and not negative.
    #[error("a distance is a number of metres from 0 on, received {received}")]
    Distance {
        /// What was received.
        received: String,
    },
    /// The corners of a box are the south-western and the north-eastern one.
    #[error(
        "a box goes from its south-western to its north-eastern corner: its latitudes were {south} and {north}"
    )]
    Upside {
        /// The latitude of the first corner.
        south: String,
        /// The latitude of the second corner.
        north: String,
    },
}

/// A place on the Earth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GeoPoint {
    lat: f64,
    lon: f64,
}

impl GeoPoint {
    /// The place at a latitude and a longitude.
    ///
    /// # Units
    /// Degrees, to the north and to the east.
    ///
    /// # Errors
    /// [`GeoError`] if they are out of range.
    pub fn new(lat: f64, lon: f64) -> Result<Self, GeoError> {
        if !(-90.0..=90.0).contains(&lat) {
            return Err(GeoError::Latitude { received: lat.to_string() });
        }
        if !(-180.0..=180.0).contains(&lon) {
            return Err(GeoError::Longitude { received: lon.to_string() });
        }
        Ok(Self { lat, lon })
    }

    /// Degrees to the north.
    pub const fn lat(self) -> f64 {
        self.lat
    }

    /// Degrees to the east.
    pub const fn lon(self) -> f64 {
        self.lon
    }

    /// The place that an object with the numbers `lat` and `lon` names.
    pub fn of_fields(fields: &Map<String, Value>) -> Option<Self> {
        Self::of_values(fields.get("lat")?, fields.get("lon")?)
    }

    /// The place of two numbers.
    pub fn of_values(lat: &Value, lon: &Value) -> Option<Self> {
        Self::new(lat.as_f64()?, lon.as_f64()?).ok()
    }

    /// The places that a value names: of an object, or of each object in a list. What names none counts for nothing.
    pub fn all_of(value: &Value) -> impl Iterator<Item = Self> {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                std::slice::from_ref(value)
            }
        };
        items.iter().filter_map(|item| Self::of_fields(item.as_object()?))
    }
}

/// A part of the surface of the Earth. Its border belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Area {
    /// What is no farther from a place than so much.
    Circle(Circle),
    /// What lies between two latitudes and two longitudes.
    Box(GeoBox),
}

/// What is no farther from a place than so much, along the surface.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Circle {
    center: GeoPoint,
    radius_m: f64,
}

/// What lies between two latitudes and two longitudes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GeoBox {
    south_west: GeoPoint,
    north_east: GeoPoint,
}

impl Circle {
    /// The circle around a place.
    ///
    /// # Errors
    /// [`GeoError`] if the radius is no distance.
    pub fn new(center: GeoPoint, radius_m: f64) -> Result<Self, GeoError> {
        if radius_m >= 0.0 && radius_m.is_finite() {
            Ok(Self { center, radius_m })
        } else {
            Err(GeoError::Distance { received: radius_m.to_string() })
        }
    }

    /// Its middle.
    pub const fn center(self) -> GeoPoint {
        self.center
    }

    /// Its radius in metres.
    pub const fn radius_m(self) -> f64 {
        self.radius_m
    }

    /// Its radius in radians, seen from the middle of the Earth.
    pub fn angle(self) -> f64 {
        self.radius_m / EARTH_RADIUS_M
    }

    /// Whether a place lies in it.
    pub fn contains(self, point: GeoPoint) -> bool {
        let angle = self.angle();
        angle >= PI || haversine(self.center, point) <= (angle / 2.0).sin().powi(2)
    }
}

impl GeoBox {
    /// The box from one corner to the other. Where the longitude of the first is the larger, it crosses the meridian of 180 degrees.
    ///
    /// # Errors
    /// [`GeoError`] if the first lies north of the second.
    pub fn new(south_west: GeoPoint, north_east: GeoPoint) -> Result<Self, GeoError> {
        if south_west.lat > north_east.lat {
            let (south, north) = (south_west.lat.to_string(), north_east.lat.to_string());
            return Err(GeoError::Upside { south, north });
        }
        Ok(Self { south_west, north_east })
    }

    /// Its first corner.
    pub const fn south_west(self) -> GeoPoint {
        self.south_west
    }

    /// Its second corner.
    pub const fn north_east(self) -> GeoPoint {
        self.north_east
    }

    /// Whether a place lies in it. All meridians meet in a pole, and -180 degrees is where 180 is.
    pub fn contains(self, point: GeoPoint) -> bool {
        let (south, north) = (self.south_west.lat, self.north_east.lat);
        let on_pole = point.lat.abs() == 90.0;
        let turned = if point.lon.abs() == 180.0 { -point.lon } else { point.lon };
        (south..=north).contains(&point.lat) && (on_pole || self.spans(point.lon) || self.spans(turned))
    }

    fn spans(self, lon: f64) -> bool {
        let (west, east) = (self.south_west.lon, self.north_east.lon);
        if west <= east { west <= lon && lon <= east } else { lon >= west || lon <= east }
    }
}

impl Area {
    /// Whether a place lies in it.
    pub fn contains(self, point: GeoPoint) -> bool {
        match self {
            Self::Circle(circle) => circle.contains(point),
            Self::Box(sides) => sides.contains(point),
        }
    }
}

/// The square of the sine of half the angle between two places.
///
/// # Source
/// R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68 (1984).
fn haversine(a: GeoPoint, b: GeoPoint) -> f64 {
    let half_sine = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
    let parallels = a.lat.to_radians().cos() * b.lat.to_radians().cos();
    half_sine(a.lat, b.lat) + parallels * half_sine(a.lon, b.lon)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat: f64, lon: f64) -> GeoPoint {
        GeoPoint::new(lat, lon).expect("a place")
    }

    fn meters(a: GeoPoint, b: GeoPoint) -> f64 {
        2.0 * EARTH_RADIUS_M * haversine(a, b).sqrt().asin()
    }

    #[test]
    fn distances_are_those_of_a_sphere() {
        let (paris, london) = (at(48.8566, 2.3522), at(51.5074, -0.1278));
        assert!((meters(paris, london) - 343_560.0).abs() < 100.0, "{}", meters(paris, london));
        let quarter = EARTH_RADIUS_M * PI / 2.0;
        for (a, b, expected) in [
            (at(0.0, 0.0), at(0.0, 90.0), quarter),
            (at(0.0, 0.0), at(90.0, 17.0), quarter),
            (at(90.0, 0.0), at(90.0, 120.0), 0.0),
            (at(0.0, 179.5), at(0.0, -179.5), quarter / 90.0),
            (at(30.0, 40.0), at(-30.0, -140.0), 2.0 * quarter),
        ] {
            assert!((meters(a, b) - expected).abs() < 1.0, "{a:?} {b:?}: {}", meters(a, b));
        }
    }

    #[test]
    fn circles_reach_across_the_meridian_of_180_degrees_and_over_poles() {
        let circle = |center, radius_m| Circle::new(center, radius_m).expect("a circle");
        let fiji = circle(at(-17.0, 179.9), 50_000.0);
        assert!(fiji.contains(at(-17.0, -179.9)) && !fiji.contains(at(-17.0, -179.0)));
        let pole = circle(at(89.9, 0.0), 50_000.0);
        assert!(pole.contains(at(89.9, 180.0)) && pole.contains(at(90.0, 77.0)));
        assert!(!pole.contains(at(89.0, 180.0)));
        assert!(circle(at(10.0, 10.0), 0.0).contains(at(10.0, 10.0)));
        assert!(circle(at(10.0, 10.0), 21e6).contains(at(-10.0, -170.0)), "all of the Earth");
        assert!(!circle(at(10.0, 10.0), 20.0e6).contains(at(-10.0, -170.0)));
    }

    #[test]
    fn boxes_cross_the_meridian_of_180_degrees_and_have_poles() {
        let sides = |south, west, north, east| GeoBox::new(at(south, west), at(north, east)).expect("a box");
        let pacific = sides(-20.0, 170.0, 20.0, -170.0);
        for (lon, inside) in [(175.0, true), (180.0, true), (-180.0, true), (-170.0, true), (0.0, false)] {
            assert_eq!(pacific.contains(at(0.0, lon)), inside, "{lon}");
        }
        assert!(!pacific.contains(at(20.1, 175.0)));
        let far_east = sides(0.0, 170.0, 10.0, 180.0);
        assert!(far_east.contains(at(5.0, -180.0)) && !far_east.contains(at(5.0, -179.0)));
        assert!(sides(80.0, 10.0, 90.0, 20.0).contains(at(90.0, -150.0)), "a pole is on every meridian");
        assert!(sides(-90.0, -180.0, 90.0, 180.0).contains(at(-90.0, 3.0)));
        assert!(!sides(80.0, 10.0, 90.0, 20.0).contains(at(89.9, -150.0)));
    }

    #[test]
    fn what_is_no_place_is_an_error_that_says_so() {
        for (lat, lon) in [(90.1, 0.0), (-91.0, 0.0), (f64::NAN, 0.0), (f64::INFINITY, 0.0)] {
            assert!(matches!(GeoPoint::new(lat, lon), Err(GeoError::Latitude { .. })), "{lat}");
        }
        for lon in [180.1, -200.0, f64::NAN, f64::NEG_INFINITY] {
            assert!(matches!(GeoPoint::new(0.0, lon), Err(GeoError::Longitude { .. })), "{lon}");
        }
        for radius in [-1.0, f64::NAN, f64::INFINITY] {
            let error = Circle::new(at(0.0, 0.0), radius).expect_err("no distance");
            assert_eq!(error, GeoError::Distance { received: radius.to_string() });
        }
        let error = GeoBox::new(at(10.0, 0.0), at(5.0, 1.0)).expect_err("upside down").to_string();
        assert!(error.ends_with("its latitudes were 10 and 5"), "{error}");
    }

    #[test]
    fn places_are_read_from_objects_and_lists_of_these() {
        let count = |value: Value| GeoPoint::all_of(&value).count();
        let here = || serde_json::json!({"lat": 1, "lon": -2.5, "name": "x"});
        assert_eq!(GeoPoint::all_of(&here()).next(), Some(at(1.0, -2.5)));
        assert_eq!(count(serde_json::json!([here(), 3, {"lat": 91, "lon": 0}, here()])), 2);
        for value in [
            serde_json::json!({"lat": "1", "lon": 2}),
            serde_json::json!({"lat": 1}),
            serde_json::json!({"lat": 1, "lon": 180.5}),
            serde_json::json!([[here()]]),
            serde_json::json!([1, 2]),
            Value::Null,
        ] {
            assert_eq!(count(value.clone()), 0, "{value}");
        }
    }
}
