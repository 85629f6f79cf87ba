//! Images and sounds of `samples/` and their captions, which are a part of the program: what a model is tried with, whatever
//! machine it is added on.

/// How many there are of each kind.
pub(super) const COUNT: usize = 12;

/// An image or a sound, and two ways to put it into words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// A file.
    pub(super) bytes: &'static [u8],
    /// The first is what the sample is looked for by.
    pub(super) captions: [&'static str; 2],
}

macro_rules! sample {
    ($file:literal, $first:literal, $second:literal) => {
        Sample { bytes: include_bytes!(concat!("../../../../samples/", $file)), captions: [$first, $second] }
    };
}

/// The images.
pub(super) const IMAGES: [Sample; COUNT] = [
    sample!(
        "images/dog_on_grass.jpg",
        "a brown dog with a red collar stands on green grass",
        "a dog in a garden with its tongue out"
    ),
    sample!("images/cat_on_sofa.webp", "an orange cat sits on a blue sofa", "a striped tabby cat on a couch"),
    sample!("images/red_car.jpg", "a red car on a road", "a red automobile drives past green hills"),
    sample!("images/daisies.jpg", "a meadow full of white daisies", "white flowers in green grass"),
    sample!(
        "images/football.jpg",
        "a football on the pitch in front of the goal",
        "a soccer ball in a stadium"
    ),
    sample!(
        "images/sailing_boat.jpg",
        "a sailing boat with white sails on the sea",
        "a small white sailboat on blue water"
    ),
    sample!("images/goldfish.jpg", "two goldfish swim under water", "orange fish in an aquarium"),
    sample!("images/pyramid.jpg", "a pyramid in the desert", "sand and pyramids under the hot sun"),
    sample!(
        "images/forest_path.jpg",
        "a path leads through a green forest",
        "a trail between tall trees in the woods"
    ),
    sample!(
        "images/palm_sunset.jpg",
        "a palm tree in front of the sun setting over the ocean",
        "an orange sunset at the sea"
    ),
    sample!(
        "images/snow_mountain.webp",
        "a snow covered mountain above a forest of fir trees",
        "a white peak under a blue sky in winter"
    ),
    sample!(
        "images/city_at_night.png",
        "the skyline of a city at night with lit windows under the moon",
        "skyscrapers in the dark"
    ),
];

/// The sounds, none of which needs more than is a part of the program to be decoded.
pub(super) const SOUNDS: [Sample; COUNT] = [
    sample!("sounds/bird_chirps.wav", "birds chirping", "a bird sings"),
    sample!("sounds/rain.ogg", "rain falls", "the sound of raindrops"),
    sample!("sounds/engine.mp3", "the engine of a car running", "a motor hums"),
    sample!("sounds/church_bell.flac", "a church bell rings", "the chime of a large bell"),
    sample!("sounds/siren.ogg", "a siren wails", "the siren of an ambulance"),
    sample!("sounds/drum_rhythm.mp3", "a drum kit plays a rhythm", "drums and a hi-hat"),
    sample!("sounds/sine_sweep.flac", "a tone that rises from low to high", "a sine wave sweeps upwards"),
    sample!("sounds/clock_ticking.wav", "a clock ticking", "the tick-tock of a clock"),
    sample!("sounds/telephone_ringing.m4a", "a telephone rings", "the ringing of an old telephone bell"),
    sample!("sounds/thunder.ogg", "thunder rumbles", "a thunderstorm"),
    sample!("sounds/flute_melody.mp3", "a flute plays a melody", "a tune on a wind instrument"),
    sample!(
        "sounds/speech_numbers.mp3",
        "a voice says: One, two, three, four, five.",
        "a person counts aloud"
    ),
];
