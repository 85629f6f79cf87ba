//! Images of `samples/` and their captions, which are a part of the program: what a model is tried with, whatever machine
//! it is added on.

/// An image, and two ways to put it into words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// A file.
    pub(super) bytes: &'static [u8],
    /// The first is what the image is looked for by.
    pub(super) captions: [&'static str; 2],
}

macro_rules! sample {
    ($file:literal, $first:literal, $second:literal) => {
        Sample {
            bytes: include_bytes!(concat!("../../../../samples/images/", $file)),
            captions: [$first, $second],
        }
    };
}

/// The images.
pub(super) const SAMPLES: [Sample; 12] = [
    sample!(
        "dog_on_grass.jpg",
        "a brown dog with a red collar stands on green grass",
        "a dog in a garden with its tongue out"
    ),
    sample!("cat_on_sofa.webp", "an orange cat sits on a blue sofa", "a striped tabby cat on a couch"),
    sample!("red_car.jpg", "a red car on a road", "a red automobile drives past green hills"),
    sample!("daisies.jpg", "a meadow full of white daisies", "white flowers in green grass"),
    sample!("football.jpg", "a football on the pitch in front of the goal", "a soccer ball in a stadium"),
    sample!(
        "sailing_boat.jpg",
        "a sailing boat with white sails on the sea",
        "a small white sailboat on blue water"
    ),
    sample!("goldfish.jpg", "two goldfish swim under water", "orange fish in an aquarium"),
    sample!("pyramid.jpg", "a pyramid in the desert", "sand and pyramids under the hot sun"),
    sample!(
        "forest_path.jpg",
        "a path leads through a green forest",
        "a trail between tall trees in the woods"
    ),
    sample!(
        "palm_sunset.jpg",
        "a palm tree in front of the sun setting over the ocean",
        "an orange sunset at the sea"
    ),
    sample!(
        "snow_mountain.webp",
        "a snow covered mountain above a forest of fir trees",
        "a white peak under a blue sky in winter"
    ),
    sample!(
        "city_at_night.png",
        "the skyline of a city at night with lit windows under the moon",
        "skyscrapers in the dark"
    ),
];
